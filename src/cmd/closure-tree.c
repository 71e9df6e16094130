/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Units, rules, programs and certificates. What is there decides, not a list in here: a unit that
 * dmstack gets one day is taken along because it is called after it.
 */

#include "closure-tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "fd.h"
#include "root-open.h"

#define UNIT_TEXT_MAX (64U << 10)
/* Said by a unit that is of no use in an initrd. */
#define NOT_FOR_INITRD "\nConditionPathExists=!/etc/initrd-release\n"

static const char *const unit_dirs[] = { "/etc/systemd/system", UNIT_DIR };
static const char *const rule_dirs[] = { "/etc/udev/rules.d", UDEV_RULES_DIR,
	"/usr/lib/udev/rules.d" };
static const char *const program_dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin",
	"/usr/lib/systemd" };
static const char *const library_dirs[] = { LIBRARY_DIR, "/usr/lib64", "/usr/lib", "/lib64",
	"/lib" };
static const char *const certificate_dirs[] = { "/etc/dmstack/keys.d", "/usr/lib/dmstack/keys.d" };

/* Who pulls units in long after the initrd. */
static const char *const late_folders[] = { "multi-user.target.wants", "graphical.target.wants",
	"sleep.target.wants", "suspend.target.wants", "hibernate.target.wants",
	"hybrid-sleep.target.wants", "suspend-then-hibernate.target.wants" };

/*
 * What our own rule stands on: 60-persistent-storage.rules makes the links by which devices are
 * named, the others belong to device-mapper, under the names of its authors and of Debian.
 */
static const char *const foreign_rules[] = { "10-dm.rules", "13-dm-disk.rules", "55-dm.rules",
	"60-persistent-storage.rules", "60-persistent-storage-dm.rules", "95-dm-notify.rules" };

bool tree_has(const struct closure_tree *tree, const char *path)
{
	_cleanup_close_ int fd = root_open(tree->fd, path, O_PATH);

	return fd >= 0;
}

int tree_read(const struct closure_tree *tree, const char *path, size_t limit, char **ret,
	size_t *ret_size)
{
	_cleanup_close_ int fd = root_open(tree->fd, path, O_RDONLY);

	return fd < 0 ? fd : fd_read_file(fd, limit, ret, ret_size);
}

int tree_add_file(const struct closure_tree *tree, enum closure_kind kind, const char *path,
	struct diag *diag)
{
	int r;

	if (!tree_has(tree, path))
		return diag_set(diag, -ENOENT, "%s is not there", path);
	r = strset_add(&tree->closure->items[kind], path);
	return r < 0 ? r : 0;
}

/* The first of the folders that has the name. *ret is NULL if none has. */
static int find(const struct closure_tree *tree, const char *const *dirs, size_t n,
	const char *name, char **ret)
{
	*ret = NULL;
	for (size_t i = 0; i < n; i++) {
		_cleanup_free_ char *path = NULL;

		if (asprintf(&path, "%s/%s", dirs[i], name) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		if (tree_has(tree, path)) {
			*ret = take_ptr(path);
			return 0;
		}
	}
	return 0;
}

static int add_found(const struct closure_tree *tree, enum closure_kind kind,
	const char *const *dirs, size_t n, const char *name)
{
	_cleanup_free_ char *path = NULL;
	int r = find(tree, dirs, n, name, &path);

	if (r < 0 || !path)
		return r;
	r = strset_add(&tree->closure->items[kind], path);
	return r < 0 ? r : 1;
}

int tree_add_program(const struct closure_tree *tree, enum closure_kind kind, const char *name,
	bool required, struct diag *diag)
{
	int r = add_found(tree, kind, program_dirs, ARRAY_SIZE(program_dirs), name);

	if (r == 0 && required)
		return diag_set(diag, -ENOENT, "the program %s is not there", name);
	return r < 0 ? r : 0;
}

int tree_add_library(const struct closure_tree *tree, const char *name)
{
	int r = add_found(tree, CLOSURE_LIBRARY, library_dirs, ARRAY_SIZE(library_dirs), name);

	return r < 0 ? r : 0;
}

int tree_list(const struct closure_tree *tree, const char *path, struct strset *ret)
{
	int fd = root_open(tree->fd, path, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int r = 0;

	if (!dir) {
		if (fd >= 0)
			(void)close(fd);
		return fd == -ENOENT || fd == -ENOTDIR ? 0 : fd < 0 ? fd : -ENOMEM;
	}
	while (r >= 0) {
		struct dirent *entry;

		errno = 0;
		entry = readdir(dir);
		if (!entry && errno != 0)
			r = -errno;
		if (!entry)
			break;
		if (entry->d_name[0] != '.')
			r = strset_add(ret, entry->d_name);
	}
	(void)closedir(dir);
	strset_sort(ret);
	return r < 0 ? r : 0;
}

/* Adds all names of a folder that the filter takes. */
static int add_folder(const struct closure_tree *tree, enum closure_kind kind, const char *dir,
	bool (*wanted)(const char *name))
{
	_cleanup_(strset_done) struct strset names = {};
	int r = tree_list(tree, dir, &names);

	for (size_t i = 0; r >= 0 && i < names.n; i++)
		if (wanted(names.items[i]))
			r = add_found(tree, kind, &dir, 1, names.items[i]);
	return r < 0 ? r : 0;
}

/* --- units --- */

static bool is_ours(const char *name)
{
	return strstr(name, "dmstack") != NULL;
}

static bool is_any(const char *name)
{
	return true;
}

static bool is_late(const char *folder)
{
	for (size_t i = 0; i < ARRAY_SIZE(late_folders); i++)
		if (streq(late_folders[i], folder))
			return true;
	return false;
}

/* The programs that a unit starts, from its lines Exec...=[-:+!@]PATH ARGUMENTS. */
static int add_unit_programs(const struct closure_tree *tree, const char *text)
{
	for (const char *p = text; (p = strstr(p, "\nExec"));) {
		_cleanup_free_ char *path = NULL;

		p += strcspn(p + 1, "=\n") + 1;
		if (*p != '=')
			continue;
		p += 1 + strspn(p + 1, "-:+!@");
		path = strndup(p, strcspn(p, " \t\n"));
		if (!path)
			return -ENOMEM;
		if (path[0] != '/' || strset_has(&tree->closure->items[CLOSURE_BINARY], path) ||
			!tree_has(tree, path))
			continue;
		int r = strset_add(&tree->closure->items[CLOSURE_SYSTEMD], path);

		if (r < 0)
			return r;
	}
	return 0;
}

/* One file; those that are not for an initrd go to the others. */
static int add_unit(const struct closure_tree *tree, const char *path, const char *name,
	struct strset *others, struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	int r = tree_read(tree, path, UNIT_TEXT_MAX, &text, NULL);

	if (r < 0) {
		(void)diag_at(diag, r, "%s", path);
		return diag_set(diag, r, "cannot be read: %s", strerror(-r));
	}
	if (strstr(text, NOT_FOR_INITRD)) {
		r = strset_add(others, name);
		return r < 0 ? r : 0;
	}
	r = strset_add(&tree->closure->items[CLOSURE_UNIT], path);
	return r < 0 ? r : add_unit_programs(tree, text);
}

/* The links by which units are pulled in, and drop-ins. */
static int add_unit_folder(const struct closure_tree *tree, const char *dir, const char *folder,
	const struct strset *others)
{
	_cleanup_(strset_done) struct strset names = {};
	_cleanup_free_ char *path = NULL;
	int r;

	if (asprintf(&path, "%s/%s", dir, folder) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (endswith(folder, ".d"))
		return add_folder(tree, CLOSURE_UNIT, path, is_ours(folder) ? is_any : is_ours);
	if (is_late(folder))
		return 0;
	r = tree_list(tree, path, &names);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		const char *const in_path = path;

		if (is_ours(names.items[i]) && !strset_has(others, names.items[i]))
			r = add_found(tree, CLOSURE_UNIT, &in_path, 1, names.items[i]);
	}
	return r < 0 ? r : 0;
}

static bool is_folder(const char *name)
{
	return endswith(name, ".d") || endswith(name, ".wants") || endswith(name, ".requires") ||
	       endswith(name, ".upholds");
}

/* The files of a folder of units. */
static int add_unit_files(const struct closure_tree *tree, const char *dir, struct strset *others,
	struct diag *diag)
{
	_cleanup_(strset_done) struct strset names = {};
	int r = tree_list(tree, dir, &names);

	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_free_ char *path = NULL;

		if (is_folder(names.items[i]) || !is_ours(names.items[i]))
			continue;
		if (asprintf(&path, "%s/%s", dir, names.items[i]) < 0) {
			path = NULL;
			return -ENOMEM;
		}
		r = add_unit(tree, path, names.items[i], others, diag);
	}
	return r < 0 ? r : 0;
}

/* The folders in it. */
static int add_unit_folders(
	const struct closure_tree *tree, const char *dir, const struct strset *others)
{
	_cleanup_(strset_done) struct strset names = {};
	int r = tree_list(tree, dir, &names);

	for (size_t i = 0; r >= 0 && i < names.n; i++)
		if (is_folder(names.items[i]))
			r = add_unit_folder(tree, dir, names.items[i], others);
	return r < 0 ? r : 0;
}

int tree_add_units(const struct closure_tree *tree, struct diag *diag)
{
	static const char *const foreign_dirs[] = { "/usr/lib/systemd/system" };
	_cleanup_(strset_done) struct strset others = {};
	int r = 0;

	/* All files come first: a link in /etc may pull in a unit from /usr. */
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(unit_dirs); i++)
		r = add_unit_files(tree, unit_dirs[i], &others, diag);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(unit_dirs); i++)
		r = add_unit_folders(tree, unit_dirs[i], &others);
	/* Wanted by ours, and not in every initrd with systemd. */
	if (r >= 0)
		r = add_found(tree, CLOSURE_UNIT, foreign_dirs, ARRAY_SIZE(foreign_dirs),
			"modprobe@.service");
	return r < 0 ? r : 0;
}

int tree_add_measuring(const struct closure_tree *tree)
{
	static const struct {
		const char *dir, *name;
		enum closure_kind kind;
	} files[] = {
		{ "/usr/lib/systemd", "systemd-pcrextend", CLOSURE_SYSTEMD },
		{ "/usr/lib/systemd", "systemd-pcrphase", CLOSURE_SYSTEMD },
		{ "/usr/lib/systemd/system-generators", "systemd-tpm2-generator", CLOSURE_SYSTEMD },
		{ "/usr/lib/systemd/system", "tpm2.target", CLOSURE_UNIT },
		{ "/usr/lib/systemd/system", "systemd-pcrphase-initrd.service", CLOSURE_UNIT },
		{ "/usr/lib/systemd/system/initrd.target.wants", "systemd-pcrphase-initrd.service",
			CLOSURE_UNIT },
	};
	/* Beside those that dmstack has as well; all are opened. */
	int r = tree_add_library(tree, "libtss2-rc.so.0");

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(files); i++)
		r = add_found(tree, files[i].kind, &files[i].dir, 1, files[i].name);
	return r < 0 ? r : 0;
}

/* --- udev, certificates --- */

static bool is_our_rule(const char *name)
{
	return is_ours(name) && endswith(name, ".rules");
}

int tree_add_udev(const struct closure_tree *tree, struct diag *diag)
{
	int r = add_folder(tree, CLOSURE_UDEV_RULE, UDEV_RULES_DIR, is_our_rule);

	if (r >= 0 && tree->closure->items[CLOSURE_UDEV_RULE].n == 0)
		return diag_set(diag, -ENOENT, "there is no rule of dmstack in %s", UDEV_RULES_DIR);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(foreign_rules); i++)
		r = add_found(tree, CLOSURE_UDEV_RULE, rule_dirs, ARRAY_SIZE(rule_dirs),
			foreign_rules[i]);
	return r < 0 ? r : tree_add_file(tree, CLOSURE_BINARY, SOURCE_PATH, diag);
}

static bool is_certificate(const char *name)
{
	return endswith(name, ".pem") || endswith(name, ".der");
}

int tree_add_certificates(const struct closure_tree *tree, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(certificate_dirs); i++)
		r = add_folder(tree, CLOSURE_CERTIFICATE, certificate_dirs[i], is_certificate);
	return r < 0 ? diag_set(diag, r, "the certificates cannot be listed: %s", strerror(-r)) : 0;
}
