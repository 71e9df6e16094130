/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For a look at what a boot will find; it does not have to know all that systemd knows, but what it
 * does not know must not look better than it is.
 */

#include "unit-file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "dropins.h"
#include "fd.h"
#include "root-open.h"

#define UNIT_SIZE_MAX	((size_t)1 << 20)
#define GENERATOR_PLACE "/run/systemd/generator"

static const char *const folders[] = {
	"/etc/systemd/system.control",
	"/run/systemd/system.control",
	"/run/systemd/transient",
	"/run/systemd/generator.early",
	"/etc/systemd/system",
	"/run/systemd/system",
	GENERATOR_PLACE,
	"/usr/local/lib/systemd/system",
	"/usr/lib/systemd/system",
	"/lib/systemd/system",
	"/run/systemd/generator.late",
};

void unit_file_done(struct unit_file *unit)
{
	buf_done(&unit->text);
	free(unit->settings);
	*unit = (struct unit_file){};
}

/* Appends the path of what is in a folder; returns the root that it is below. */
static int place_path(const struct unit_places *places, size_t i, const char *sub, struct buf *ret)
{
	const bool outside = places->generator_dir && streq(folders[i], GENERATOR_PLACE);

	buf_printf(ret, "%s/%s", outside ? places->generator_dir : folders[i], sub);
	return outside ? -EBADF : places->root_fd;
}

static int place_open(const struct unit_places *places, size_t i, const char *sub, int flags)
{
	_cleanup_(buf_done) struct buf path = {};
	const int root_fd = place_path(places, i, sub, &path);

	return buf_error(&path) < 0 ? buf_error(&path) : root_open(root_fd, buf_str(&path), flags);
}

/* "dmstack@root.service" -> "dmstack@.service"; false: it is no instance. */
static bool template_of(const char *name, struct buf *ret)
{
	const char *at = strchr(name, '@'), *dot = strrchr(name, '.');

	if (!at || !dot || dot < at || dot == at + 1)
		return false;
	buf_printf(ret, "%.*s%s", (int)(at + 1 - name), name, dot);
	return true;
}

static int add_setting(struct unit_file *unit, const char *key, const char *value)
{
	struct unit_setting *settings =
		reallocarray(unit->settings, unit->n_settings + 1, sizeof(unit->settings[0]));

	if (!settings)
		return -ENOMEM;
	unit->settings = settings;
	settings[unit->n_settings].key = unit->text.size;
	buf_append(&unit->text, key, strlen(key) + 1);
	settings[unit->n_settings++].value = unit->text.size;
	buf_append(&unit->text, value, strlen(value) + 1);
	return buf_error(&unit->text);
}

static char *trim(char *text)
{
	text += strspn(text, " \t");
	for (size_t n = strlen(text); n > 0 && strchr(" \t\r", text[n - 1]); n--)
		text[n - 1] = '\0';
	return text;
}

/* One file: sections do not matter here, since no two have a setting of the same name. */
static int parse_text(struct unit_file *unit, char *text)
{
	/* A backslash at the end of a line joins the next one. */
	for (char *p = text; (p = strstr(p, "\\\n"));)
		p[0] = p[1] = ' ';
	while (text) {
		char *line = strsep(&text, "\n"), *equals;
		int r;

		line = trim(line);
		equals = strchr(line, '=');
		if (*line == '#' || *line == ';' || *line == '[' || !equals)
			continue;
		*equals = '\0';
		r = add_setting(unit, trim(line), trim(equals + 1));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_file(struct unit_file *unit, int fd, size_t *ret_size)
{
	_cleanup_free_ char *text = NULL;
	int r = fd_read_file(fd, UNIT_SIZE_MAX, &text, ret_size);

	return r < 0 ? r : parse_text(unit, text);
}

/* A link to the null device, which need not be in the tree. */
static bool is_null_link(const struct unit_places *places, size_t i, const char *name)
{
	_cleanup_close_ int fd = place_open(places, i, name, O_PATH | O_NOFOLLOW);
	char target[sizeof("/dev/null")];
	const ssize_t n = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target));

	return n == strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0;
}

/* Returns 1 if there is one. /dev/null, and a file without content, are masks. */
static int read_fragment(const struct unit_places *places, const char *name, struct unit_file *unit)
{
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		_cleanup_close_ int fd = place_open(places, i, name, O_RDONLY);
		size_t size = 0;
		int r;

		if (is_null_link(places, i, name)) {
			unit->exists = unit->masked = true;
			return 1;
		}
		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		r = read_file(unit, fd, &size);
		if (r < 0)
			return r;
		unit->masked = size == 0;
		unit->exists = true;
		return 1;
	}
	return 0;
}

static int find_dropins(const struct unit_places *places, const char *sub, struct dropins *d)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(folders); i++) {
		_cleanup_(buf_done) struct buf path = {};
		const int root_fd = place_path(places, i, sub, &path);

		r = buf_error(&path);
		if (r >= 0)
			r = dropins_scan(d, root_fd, buf_str(&path), ".conf");
	}
	return r;
}

/* One that leads nowhere, or to the null device, says nothing. */
static int read_dropin(const struct unit_places *places, const char *path, struct unit_file *unit)
{
	const bool outside = places->generator_dir && startswith(path, places->generator_dir);
	_cleanup_close_ int fd = root_open(outside ? -EBADF : places->root_fd, path, O_RDONLY);
	int r = fd < 0 ? 0 : read_file(unit, fd, NULL);

	return r == -EINVAL ? 0 : r;
}

static int read_dropins(const struct unit_places *places, const char *name, struct unit_file *unit)
{
	_cleanup_(dropins_done) struct dropins d = {};
	_cleanup_(buf_done) struct buf sub = {}, template = {};
	const char *dot = strrchr(name, '.');
	int r;

	buf_printf(&sub, "%s.d", name);
	r = find_dropins(places, buf_str(&sub), &d);
	if (r >= 0 && template_of(name, &template)) {
		buf_puts(&template, ".d");
		r = find_dropins(places, buf_str(&template), &d);
	}
	buf_reset(&sub);
	buf_printf(&sub, "%s.d", dot ? dot + 1 : name);
	if (r >= 0)
		r = find_dropins(places, buf_str(&sub), &d);
	dropins_sort(&d);
	for (size_t i = 0; r >= 0 && i < d.n_files; i++)
		r = read_dropin(places, d.files[i].path, unit);
	return r;
}

int unit_file_read(const struct unit_places *places, const char *name, struct unit_file *ret,
	struct diag *diag)
{
	_cleanup_(unit_file_done) struct unit_file unit = {};
	_cleanup_(buf_done) struct buf template = {};
	int r = read_fragment(places, name, &unit);

	if (r == 0 && template_of(name, &template))
		r = read_fragment(places, buf_str(&template), &unit);
	if (r >= 0)
		r = read_dropins(places, name, &unit);
	if (r < 0)
		return diag_set(diag, r, "%s: %s", name, strerror(-r));
	*ret = unit;
	unit = (struct unit_file){};
	return 0;
}

const char *unit_file_get(const struct unit_file *unit, const char *key)
{
	for (size_t i = unit->n_settings; i > 0; i--)
		if (streq(buf_str(&unit->text) + unit->settings[i - 1].key, key))
			return buf_str(&unit->text) + unit->settings[i - 1].value;
	return NULL;
}

bool unit_file_lists(const struct unit_file *unit, const char *key, const char *text)
{
	bool found = false;

	for (size_t i = 0; i < unit->n_settings; i++) {
		const char *value = buf_str(&unit->text) + unit->settings[i].value;

		if (!streq(buf_str(&unit->text) + unit->settings[i].key, key))
			continue;
		found = *value && (found || strstr(value, text));
	}
	return found;
}

bool unit_file_requires(const struct unit_places *places, const char *name, const char *other)
{
	_cleanup_(buf_done) struct buf sub = {};

	buf_printf(&sub, "%s.requires/%s", name, other);
	for (size_t i = 0; buf_error(&sub) >= 0 && i < ARRAY_SIZE(folders); i++) {
		_cleanup_close_ int fd = place_open(places, i, buf_str(&sub), O_PATH | O_NOFOLLOW);

		if (fd >= 0)
			return true;
	}
	return false;
}
