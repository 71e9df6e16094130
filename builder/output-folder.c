/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Several files that appear together. A folder is the only thing with several names in it that the
 * kernel replaces in one step.
 */

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "cleanup.h"
#include "fd.h"
#include "hex.h"
#include "log.h"
#include "output-folder.h"

#define STAGE_ATTEMPTS	16
#define REMOVE_ATTEMPTS 8
/* Where the old file with the last name is until the new one is there. */
#define OLD_NAME ".old"

static void dir_closep(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

static const struct output_name *find_name(const struct output_folder *f, const char *name)
{
	for (size_t i = 0; i < f->n_names; i++)
		if (streq(f->names[i].name, name))
			return &f->names[i];
	return NULL;
}

int output_folder_add(struct output_folder *f, const char *name, bool is_new)
{
	struct output_name *names;

	if (find_name(f, name))
		return 0;
	names = reallocarray(f->names, f->n_names + 1, sizeof(*names));
	if (!names)
		return -ENOMEM;
	f->names = names;
	names[f->n_names] = (struct output_name){ .name = strdup(name), .is_new = is_new };
	if (!names[f->n_names].name)
		return -ENOMEM;
	f->n_names++;
	return 0;
}

/* Calls each() for the entries of the folder until one call does not return 0. */
static int for_each_entry(int dir_fd,
	int (*each)(struct output_folder *f, int dir_fd, const char *name), struct output_folder *f)
{
	_cleanup_close_ int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_(dir_closep) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	int r = 0;

	if (!dir)
		return -errno;
	(void)take_fd(fd);
	while (r == 0 && (errno = 0, entry = readdir(dir)))
		if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
			r = each(f, dir_fd, entry->d_name);
	return r ? r : -errno;
}

static int is_foreign(struct output_folder *f, int dir_fd, const char *name)
{
	return !f->replace || !find_name(f, name);
}

static bool is_working_directory(const char *path)
{
	_cleanup_free_ char *cwd = getcwd(NULL, 0);
	const char *rest = cwd ? startswith(cwd, path) : NULL;

	return rest && (*rest == '\0' || *rest == '/');
}

static bool has_acl(int fd)
{
	return fgetxattr(fd, "system.posix_acl_access", NULL, 0) > 0 ||
	       fgetxattr(fd, "system.posix_acl_default", NULL, 0) > 0;
}

/*
 * Whether another folder can take the place of this one and nobody will miss anything: not that
 * other files are in it, nor who may enter it.
 */
static bool can_replace(struct output_folder *f, const char *path)
{
	struct statx st, parent;

	if (statx(f->dir_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) < 0 ||
		statx(f->parent_fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &parent) < 0 ||
		(st.stx_attributes & STATX_ATTR_MOUNT_ROOT) ||
		st.stx_dev_major != parent.stx_dev_major ||
		st.stx_dev_minor != parent.stx_dev_minor || st.stx_uid != geteuid() ||
		st.stx_gid != getegid() || (st.stx_mode & 07000))
		return false;
	return faccessat(f->dir_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 &&
	       faccessat(f->parent_fd, ".", W_OK | X_OK, AT_EACCESS) == 0 && !has_acl(f->dir_fd) &&
	       !is_working_directory(path) && for_each_entry(f->dir_fd, is_foreign, f) == 0;
}

static int open_dir(const char *path, int *ret, struct diag *diag)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? diag_set(diag, -errno, "%s: %s", path, strerror(errno)) : 0;
}

/* Opens the parent, and takes the last component of path, which has no slash at its end. */
static int open_parent(struct output_folder *f, char *path, struct diag *diag)
{
	char *slash = strrchr(path, '/');
	const char *parent = !slash ? "." : slash == path ? "/" : path;
	int r;

	f->name = strdup(slash ? slash + 1 : path);
	if (!f->name)
		return -ENOMEM;
	if (slash)
		*slash = '\0';
	r = mkdir_parents(AT_FDCWD, parent);
	if (r < 0)
		return diag_set(diag, r, "cannot make the folder %s: %s", parent, strerror(-r));
	return open_dir(parent, &f->parent_fd, diag);
}

static int open_existing(struct output_folder *f, struct diag *diag)
{
	_cleanup_free_ char *path = realpath(f->path, NULL);

	_cleanup_free_ char *copy = path ? strdup(path) : NULL;

	/* Below a folder that can only be passed through nothing is replaced. */
	if (!copy || streq(path, "/") || open_parent(f, copy, NULL) < 0)
		return 0;
	f->whole = can_replace(f, path);
	return 0;
}

static int open_new(struct output_folder *f, struct diag *diag)
{
	_cleanup_free_ char *path = strdup(f->path);
	struct stat st;

	if (!path)
		return -ENOMEM;
	for (char *end = path + strlen(path); end > path + 1 && end[-1] == '/';)
		*--end = '\0';
	if (lstat(path, &st) == 0)
		return diag_set(diag, -EEXIST, "%s is a link that leads nowhere", path);
	f->whole = true;
	return open_parent(f, path, diag);
}

static int refuse_existing(const struct output_folder *f, struct diag *diag)
{
	struct stat st;

	/* The last name says more than the others. */
	for (size_t i = f->n_names; !f->replace && i-- > 0;) {
		if (!f->names[i].is_new)
			continue;
		if (fstatat(f->dir_fd, f->names[i].name, &st, AT_SYMLINK_NOFOLLOW) == 0)
			return diag_set(diag, -EEXIST, "%s/%s exists (--force replaces it)",
				f->path, f->names[i].name);
		if (errno != ENOENT)
			return diag_set(diag, -errno, "%s/%s: %s", f->path, f->names[i].name,
				strerror(errno));
	}
	return 0;
}

int output_folder_open(struct output_folder *f, struct diag *diag)
{
	int r;

	f->dir_fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->dir_fd < 0)
		return errno == ENOENT ? open_new(f, diag)
				       : diag_set(diag, -errno, "%s: %s", f->path, strerror(errno));
	r = refuse_existing(f, diag);
	return r < 0 ? r : open_existing(f, diag);
}

static int stage_name(const struct output_folder *f, char **ret)
{
	uint8_t random[8];
	char hex[2 * sizeof(random) + 1];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	hex_encode(random, sizeof(random), hex);
	return asprintf(ret, ".%.200s.%s", f->name ?: "dmstack-build", hex) < 0 ? -ENOMEM : 0;
}

int output_folder_stage(struct output_folder *f, struct diag *diag)
{
	int fd = output_folder_work_fd(f);
	struct stat st;
	int r = -EEXIST;

	for (int i = 0; r == -EEXIST && i < STAGE_ATTEMPTS; i++) {
		_cleanup_free_ char *stage = NULL;

		r = stage_name(f, &stage);
		if (r < 0)
			return r;
		r = mkdirat(fd, stage, 0755) < 0 ? -errno : 0;
		if (r >= 0)
			f->stage = take_ptr(stage);
	}
	if (r < 0)
		return diag_set(diag, r, "cannot make a folder beside the files of %s: %s", f->path,
			strerror(-r));
	f->stage_fd = openat(fd, f->stage, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (f->stage_fd < 0)
		return diag_set(diag, -errno, "%s: %s", f->stage, strerror(errno));
	/* What takes the place of a folder is as open as that was. */
	if (f->whole && f->dir_fd >= 0 &&
		(fstat(f->dir_fd, &st) < 0 || fchmod(f->stage_fd, st.st_mode & 0777) < 0))
		return diag_set(diag, -errno, "%s: %s", f->stage, strerror(errno));
	return 0;
}

static int remove_entry(struct output_folder *f, int dir_fd, const char *name)
{
	(void)unlinkat(dir_fd, name, 0);
	return 0;
}

/* Of an old folder: what is known goes, and what somebody put there meanwhile goes back. */
static int remove_or_return(struct output_folder *f, int dir_fd, const char *name)
{
	if (find_name(f, name))
		(void)unlinkat(dir_fd, name, 0);
	else
		(void)renameat2(dir_fd, name, f->stage_fd, name, RENAME_NOREPLACE);
	return 0;
}

/* After the exchange the hidden name is that of the old folder, and stage_fd is the new one. */
static void remove_old(struct output_folder *f)
{
	for (int i = 0; i < REMOVE_ATTEMPTS; i++) {
		(void)for_each_entry(f->dir_fd, remove_or_return, f);
		if (unlinkat(f->parent_fd, f->stage, AT_REMOVEDIR) == 0 || errno != ENOTEMPTY)
			return;
	}
	log_warning("%s: what was in it is now in %s beside it", f->path, f->stage);
}

/* 0 if the hidden folder is in place; an error: it is where it was. */
static int publish_whole(struct output_folder *f)
{
	bool exchange = f->dir_fd >= 0 && f->replace;

	if (exchange) {
		if (renameat2(f->parent_fd, f->stage, f->parent_fd, f->name, RENAME_EXCHANGE) < 0)
			return -errno;
		remove_old(f);
		/* This replaces a folder that is not there or empty, and no other. */
	} else if (renameat(f->parent_fd, f->stage, f->parent_fd, f->name) < 0) {
		return -errno;
	}
	free(f->stage);
	f->stage = NULL;
	return 0;
}

/*
 * One name from the hidden folder into the other; what had that name goes the opposite way, so that
 * it can come back. File systems that lack such a rename(2) say EINVAL.
 */
static int move_in(const struct output_folder *f, struct output_name *n)
{
	if (f->replace) {
		if (renameat2(f->stage_fd, n->name, f->dir_fd, n->name, RENAME_EXCHANGE) >= 0) {
			n->state = OUTPUT_EXCHANGED;
			return 0;
		}
		if (errno != ENOENT && errno != EINVAL)
			return -errno;
	}
	if (renameat2(f->stage_fd, n->name, f->dir_fd, n->name, RENAME_NOREPLACE) < 0) {
		if (errno != EINVAL)
			return -errno;
		if (f->replace)
			return renameat(f->stage_fd, n->name, f->dir_fd, n->name) < 0 ? -errno : 0;
		if (linkat(f->stage_fd, n->name, f->dir_fd, n->name, 0) < 0)
			return -errno;
	}
	n->state = OUTPUT_MOVED_IN;
	return 0;
}

static int move_out(const struct output_folder *f, struct output_name *n, const char *to)
{
	if (renameat(f->dir_fd, n->name, f->stage_fd, to) < 0)
		return errno == ENOENT ? 0 : -errno;
	n->state = OUTPUT_MOVED_OUT;
	return 0;
}

static void move_back(const struct output_folder *f, struct output_name *n, const char *from)
{
	if (n->state == OUTPUT_EXCHANGED)
		(void)renameat2(f->stage_fd, n->name, f->dir_fd, n->name, RENAME_EXCHANGE);
	else if (n->state == OUTPUT_MOVED_IN)
		(void)unlinkat(f->dir_fd, n->name, 0);
	else if (n->state == OUTPUT_MOVED_OUT)
		(void)renameat(f->stage_fd, from, f->dir_fd, n->name);
	n->state = OUTPUT_UNTOUCHED;
}

/* The last name, which speaks for the others, goes before they change and comes after them. */
static int publish_each(struct output_folder *f, struct diag *diag)
{
	struct output_name *last = &f->names[f->n_names - 1];
	struct output_name old = { .name = last->name };
	int r = 0;

	if (f->replace)
		r = move_out(f, &old, OLD_NAME);
	if (r < 0)
		return diag_set(
			diag, r, "cannot replace %s/%s: %s", f->path, last->name, strerror(-r));
	for (size_t i = 0; r >= 0 && i < f->n_names; i++) {
		struct output_name *n = &f->names[i];

		r = n->is_new ? move_in(f, n) : move_out(f, n, n->name);
		if (r < 0)
			(void)diag_set(diag, r, "cannot publish %s/%s: %s", f->path, n->name,
				strerror(-r));
	}
	if (r >= 0)
		return 0;
	for (size_t i = f->n_names; i-- > 0;)
		move_back(f, &f->names[i], f->names[i].name);
	move_back(f, &old, OLD_NAME);
	return r;
}

/* Some file systems cannot, and say EINVAL. */
static int sync_folder(const struct output_folder *f, int fd, struct diag *diag)
{
	if (fsync(fd) < 0 && errno != EINVAL)
		return diag_set(diag, -errno, "%s: %s", f->path, strerror(errno));
	return 0;
}

int output_folder_publish(struct output_folder *f, struct diag *diag)
{
	int r = -EINVAL;

	if (f->whole) {
		r = sync_folder(f, f->stage_fd, diag);
		if (r < 0)
			return r;
		r = publish_whole(f);
		if (r >= 0)
			return sync_folder(f, f->parent_fd, diag);
	}
	/* There is a folder now that was not, or it cannot be replaced. */
	if (r != -EEXIST && r != -ENOTEMPTY && r != -EINVAL && r != -EBUSY && r != -EXDEV)
		return diag_set(diag, r, "cannot publish %s: %s", f->path, strerror(-r));
	if (f->dir_fd < 0) {
		f->dir_fd = openat(f->parent_fd, f->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (f->dir_fd < 0)
			return diag_set(diag, -errno, "%s: %s", f->path, strerror(errno));
	}
	r = publish_each(f, diag);
	return r < 0 ? r : sync_folder(f, f->dir_fd, diag);
}

void output_folder_done(struct output_folder *f)
{
	if (f->stage) {
		if (f->stage_fd >= 0)
			(void)for_each_entry(f->stage_fd, remove_entry, f);
		(void)unlinkat(output_folder_work_fd(f), f->stage, AT_REMOVEDIR);
	}
	for (size_t i = 0; i < f->n_names; i++)
		free(f->names[i].name);
	cleanup_close(&f->stage_fd);
	cleanup_close(&f->dir_fd);
	cleanup_close(&f->parent_fd);
	free(f->names);
	free(f->name);
	free(f->stage);
	*f = (struct output_folder)OUTPUT_FOLDER_INIT;
}
