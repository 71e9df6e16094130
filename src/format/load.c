/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and reading the configuration.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "conf.h"
#include "dropins.h"
#include "fd.h"
#include "load.h"
#include "load-files.h"
#include "manifest-override.h"
#include "manifest-v1.h"
#include "root-open.h"

struct loader {
	const struct load_request *request;
	int root_fd;
	struct stack *stack;
	struct load_files *files;
	int n_errors;
};

/* Counts an error and passes it on; -ENOMEM ends the loader. */
static int loader_report(
	struct loader *loader, int r, const char *name, enum phase phase, struct diag *diag)
{
	struct load_error error = { .name = name, .phase = phase };

	if (r == -ENOMEM)
		return r;
	if (!diag->what)
		(void)diag_set(diag, r, "%s", strerror(-r));
	diag_move(&error.diag, diag);
	loader->n_errors++;
	if (loader->request->on_error)
		loader->request->on_error(loader->request->userdata, &error);
	diag_done(&error.diag);
	return 0;
}

/*
 * -ENOENT: there is no such file. -ENODATA: it is masked. A link to /dev/null is one by its text,
 * since a tree for an image may have no such device.
 */
static int root_read(
	const struct loader *loader, const char *path, size_t limit, struct load_text *ret)
{
	_cleanup_close_ int link_fd = root_open(loader->root_fd, path, O_PATH | O_NOFOLLOW);
	_cleanup_close_ int fd = -EBADF;
	char target[sizeof("/dev/null") + 1];
	ssize_t n;

	if (link_fd < 0)
		return link_fd;
	n = readlinkat(link_fd, "", target, sizeof(target));
	if (n == (ssize_t)strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0)
		return -ENODATA;

	fd = root_open(loader->root_fd, path, O_RDONLY);
	if (fd == -ENOENT)
		/* It is there and leads nowhere: this is an error and not an absent file. */
		return -ENOLINK;
	if (fd < 0)
		return fd;

	struct load_text text = {
		.path = path,
		.root_fd = loader->root_fd,
		.is_manifest = ret->is_manifest,
	};
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	r = fd_read_file(fd, limit, &text.data, &text.size);
	if (r < 0)
		return r;
	if (text.size == 0) {
		free(text.data);
		return -ENODATA;
	}
	text.device = st.st_dev;
	*ret = text;
	return 0;
}

static void load_text_done(struct load_text *text)
{
	free(text->data);
}

/* What kept a file from being read, in words. */
static const char *unread_reason(int r)
{
	switch (r) {
	case -EFBIG:
		return "the file is too large";
	case -ENOLINK:
		return "the symbolic link leads nowhere";
	case -EINVAL:
	case -EISDIR:
		return "not a regular file";
	default:
		return strerror(-r);
	}
}

/* Reports what kept a file from being read, unless it is masked. Returns 0 or -ENOMEM. */
static int loader_report_unread(struct loader *loader, int r, const char *path)
{
	_cleanup_(diag_done) struct diag diag = {};

	if (r == -ENODATA)
		return 0;
	(void)diag_at(&diag, r, "%s", path);
	(void)diag_set(&diag, r, "cannot be read: %s", unread_reason(r));
	return loader_report(loader, r, NULL, PHASE_SEALED, &diag);
}

static int loader_judge(
	const struct loader *loader, const struct load_text *text, struct diag *diag)
{
	const struct load_request *request = loader->request;

	return request->judge ? request->judge(request->userdata, text, diag) : 0;
}

/* --- manifests --- */

/* A manifest of device-mapper-tools has no name: the line gives it one. */
static int parse_v1(const char *text, size_t size, const char *path,
	const struct conf_manifest *line, struct manifest **ret, struct diag *diag)
{
	if (line)
		return manifest_v1_parse(text, size, path, line->name, ret, diag);
	(void)diag_at(diag, -EINVAL, "%s", path);
	return diag_set(diag, -EINVAL,
		"a manifest of device-mapper-tools names neither its device nor its key; a line "
		"of type manifest in dmstack.conf has to");
}

/* The manifest of the text, which is believed or not. */
static int parse_manifest(struct loader *loader, const struct load_text *text,
	const struct conf_manifest *line, enum phase *ret_phase, struct diag *diag)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	bool is_v1 = false;
	int trusted, r;

	trusted = loader_judge(loader, text, diag);
	if (trusted < 0)
		return trusted;
	r = manifest_parse(text->data, text->size, text->path, &m, diag);
	if (r == -EPROTONOSUPPORT) {
		is_v1 = true;
		r = parse_v1(text->data, text->size, text->path, line, &m, diag);
	}
	if (r >= 0)
		m->trusted = trusted > 0;
	if (r >= 0 && line)
		r = manifest_override(m, line, diag);
	if (r >= 0)
		r = manifest_add_to_stack(m, text->path, loader->stack, diag);
	/* The predecessor's manifests know no phase, so that the line alone has a say. */
	if (r < 0)
		*ret_phase = is_v1 && line ? PHASE_BOOTSTRAP
					   : manifest_guess_phase(text->data, text->size);
	return r;
}

/*
 * Reads one manifest into the stack. line is the line of dmstack.conf that names it, or NULL.
 * Errors come back with a diag; *ret_phase is the phase to assume then.
 */
static int read_manifest(struct loader *loader, const char *path, const struct conf_manifest *line,
	enum phase *ret_phase, struct diag *diag)
{
	_cleanup_(load_text_done) struct load_text text = {};
	int r;

	*ret_phase = PHASE_SEALED;
	text.is_manifest = true;
	r = root_read(loader, path, MANIFEST_SIZE_MAX, &text);
	if (r < 0) {
		(void)diag_at(diag, r, "%s", path);
		return r == -ENODATA ? r
				     : diag_set(diag, r, "cannot be read: %s", unread_reason(r));
	}
	r = load_files_add(loader->files, path, text.data, text.size);
	if (r < 0)
		return r;
	return parse_manifest(loader, &text, line, ret_phase, diag);
}

/* A line of type "manifest". The parser of dmstack.conf reports the error. */
static int on_manifest_line(
	void *userdata, const struct conf_manifest *line, enum phase *ret_phase, struct diag *diag)
{
	int r = read_manifest(userdata, line->path, line, ret_phase, diag);

	if (r == -ENODATA)
		return diag_set(diag, -EINVAL, "%s: the manifest is empty or masked", line->name);
	return r;
}

static int load_manifest(struct loader *loader, const char *path)
{
	_cleanup_(diag_done) struct diag diag = {};
	enum phase phase;
	int r;

	if (load_files_contain(loader->files, path))
		return 0;
	r = read_manifest(loader, path, NULL, &phase, &diag);
	if (r >= 0 || r == -ENODATA)
		return 0;
	return loader_report(loader, r, NULL, phase, &diag);
}

/* --- dmstack.conf --- */

static void on_conf_error(void *userdata, const struct load_error *error)
{
	struct loader *loader = userdata;

	loader->n_errors++;
	if (loader->request->on_error)
		loader->request->on_error(loader->request->userdata, error);
}

/* Returns 1 if the file is there (masked, perhaps), 0 if not. */
static int load_conf(struct loader *loader, const char *path)
{
	struct conf_sink sink = {
		.stack = loader->stack,
		.on_error = on_conf_error,
		.on_manifest = on_manifest_line,
		.userdata = loader,
	};
	_cleanup_(load_text_done) struct load_text text = {};
	int r;

	r = root_read(loader, path, CONF_SIZE_MAX, &text);
	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0) {
		r = loader_report_unread(loader, r, path);
		return r < 0 ? r : 1;
	}
	r = load_files_add(loader->files, path, text.data, text.size);
	if (r < 0)
		return r;
	r = loader_judge(loader, &text, NULL);
	if (r < 0)
		return r;
	sink.trusted = r > 0;
	r = conf_parse(text.data, text.size, path, &sink);
	return r < 0 ? r : 1;
}

/* --- folders --- */

static int loader_scan(
	struct loader *loader, struct dropins *dropins, const char *folder, const char *suffix)
{
	int r = dropins_scan(dropins, loader->root_fd, folder, suffix);

	return r < 0 ? loader_report_unread(loader, r, folder) : 0;
}

static int load_confs(struct loader *loader)
{
	_cleanup_(dropins_done) struct dropins dropins = {};
	char path[64];
	int r = 0;

	for (size_t i = 0; r == 0 && config_dirs[i]; i++) {
		(void)snprintf(path, sizeof(path), "%s/dmstack.conf", config_dirs[i]);
		r = load_conf(loader, path);
	}
	for (size_t i = 0; r >= 0 && config_dirs[i]; i++) {
		(void)snprintf(path, sizeof(path), "%s/dmstack.conf.d", config_dirs[i]);
		r = loader_scan(loader, &dropins, path, ".conf");
	}
	dropins_sort(&dropins);
	for (size_t i = 0; r >= 0 && i < dropins.n_files; i++)
		r = load_conf(loader, dropins.files[i].path);
	return r < 0 ? r : 0;
}

/* path is a list of folders separated by colons. */
static int load_manifests(struct loader *loader, const char *path)
{
	_cleanup_(dropins_done) struct dropins dropins = {};
	_cleanup_free_ char *copy = strdup(path);
	int r = 0;

	if (!copy)
		return -ENOMEM;
	for (char *rest = copy, *dir; r >= 0 && (dir = strsep(&rest, ":"));)
		if (*dir != '\0')
			r = loader_scan(loader, &dropins, dir, ".json");
	dropins_sort(&dropins);
	for (size_t i = 0; r >= 0 && i < dropins.n_files; i++)
		r = load_manifest(loader, dropins.files[i].path);
	return r;
}

static int load_all(struct loader *loader)
{
	const char *conf = NULL, *manifest_path = NULL;
	int r;

	if (!loader->request->root) {
		conf = secure_getenv("DMSTACK_CONF");
		manifest_path = secure_getenv("DMSTACK_MANIFEST_PATH");
	}

	r = conf ? load_conf(loader, conf) : load_confs(loader);
	if (r < 0)
		return r;
	if (!manifest_path)
		manifest_path = "/etc/dmstack.d:/run/dmstack.d:/usr/lib/dmstack.d";
	return load_manifests(loader, manifest_path);
}

int load_stack(
	const struct load_request *request, struct stack *stack, struct load_files *ret_files)
{
	_cleanup_(load_files_done) struct load_files files = {};
	_cleanup_close_ int root_fd = -EBADF;
	struct loader loader = { .request = request, .stack = stack, .files = &files };
	int r;

	if (request->root) {
		root_fd = open(request->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (root_fd < 0)
			return -errno;
	}
	loader.root_fd = root_fd;

	r = load_all(&loader);
	if (r < 0)
		return r;
	if (ret_files) {
		*ret_files = files;
		files = (struct load_files){};
	}
	return loader.n_errors;
}
