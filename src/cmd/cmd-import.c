/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * import: what the tables of a system would be in dmstack.conf, with every difference named.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "fd.h"
#include "log.h"
#include "root-open.h"
#include "tab-import.h"
#include "verbs.h"

struct import_opts {
	const char *root;
	const char *output;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct import_opts, root), "DIR",
		"look below this folder instead of /" },
	{ "output", 'o', OPTION_STRING, offsetof(struct import_opts, output), "FILE",
		"write this new file instead of standard output" },
};

static const char head[] =
	"# The layers of crypttab, integritytab and veritytab, as \"dmstack import\" reads them.\n"
	"# Take the lines out of the old tables when this is in use: each mapping has one owner.\n"
	"# fstab stays as it is: the mappings keep their names.\n";

struct tabs {
	int root_fd;
	char *texts[_TAB_MAX]; /* owned */
};

static void tabs_done(struct tabs *tabs)
{
	cleanup_close(&tabs->root_fd);
	for (size_t i = 0; i < _TAB_MAX; i++)
		free(tabs->texts[i]);
}

static bool exists(const char *path, void *userdata)
{
	const struct tabs *tabs = userdata;
	_cleanup_close_ int fd = root_open(tabs->root_fd, path, O_PATH);

	return fd >= 0;
}

static void on_refused(const char *where, const char *reason, void *userdata)
{
	log_warning("%s: not imported: %s", where, reason);
}

static int tabs_read(struct tabs *tabs, const char *root, size_t *ret_n, struct diag *diag)
{
	if (root) {
		tabs->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (tabs->root_fd < 0)
			return diag_set(diag, -errno, "cannot open %s: %m", root);
	}
	for (enum tab tab = 0; tab < _TAB_MAX; tab++) {
		_cleanup_close_ int fd = root_open(tabs->root_fd, tab_path(tab), O_RDONLY);

		if (fd == -ENOENT)
			continue;
		int r = fd < 0 ? fd : fd_read_file(fd, TAB_SIZE_MAX, &tabs->texts[tab], NULL);

		if (r < 0) {
			errno = -r;
			return diag_set(diag, r, "cannot read %s: %m", tab_path(tab));
		}
		*ret_n += tab != TAB_FSTAB;
	}
	return 0;
}

static int write_new(const char *path, const struct buf *text, struct diag *diag)
{
	_cleanup_(tmpfile_done) struct tmpfile file = TMPFILE_INIT;
	int r = tmpfile_open(AT_FDCWD, path, 0644, &file);

	if (r >= 0)
		r = fd_write_full(file.fd, text->data, text->size);
	if (r >= 0)
		r = tmpfile_publish(&file, false);
	errno = -r;
	return r < 0 ? diag_set(diag, r, "cannot write %s: %m", path) : 0;
}

static int import_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct import_opts *o = opts;
	_cleanup_(tabs_done) struct tabs tabs = { .root_fd = -EBADF };
	_cleanup_(buf_done) struct buf out = {};
	struct tab_import import = {
		.exists = exists, .on_refused = on_refused, .userdata = &tabs
	};
	size_t n = 0;
	int r = tabs_read(&tabs, o->root, &n, diag), refused;

	if (r < 0)
		return r;
	if (n == 0)
		return diag_set(diag, -ENOENT, "there is no %s, %s or %s", tab_path(TAB_CRYPT),
			tab_path(TAB_INTEGRITY), tab_path(TAB_VERITY));
	for (enum tab tab = 0; tab < _TAB_MAX; tab++)
		import.texts[tab] = tabs.texts[tab];
	buf_puts(&out, head);
	refused = tab_import(&import, &out);
	if (refused < 0)
		return refused;
	if (o->output)
		r = write_new(o->output, &out, diag);
	else
		(void)fputs(buf_str(&out), stdout);
	if (r < 0)
		return r;
	return refused > 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_import = {
	.name = "import",
	.summary = "Print dmstack.conf for crypttab, integritytab and veritytab",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct import_opts),
	.run = import_run,
};
