/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looks at the signature of a manifest before anybody looks into the manifest.
 */

#include "trust.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "dropins.h"
#include "fd.h"
#include "manifest.h"
#include "root-open.h"
#include "signature.h"

#define CERTIFICATE_SIZE_MAX ((size_t)1 << 20)

void manifest_judge_done(struct manifest_judge *judge)
{
	trust_freep(&judge->trust);
	diag_done(&judge->trust_diag);
}

static int read_whole(int root_fd, const char *path, size_t limit, char **ret, size_t *ret_size,
	struct diag *diag)
{
	_cleanup_close_ int fd = root_open(root_fd, path, O_RDONLY);
	int r = fd;

	if (r >= 0)
		r = fd_read_file(fd, limit, ret, ret_size);
	if (r >= 0)
		return 0;
	(void)diag_at(diag, r, "%s", path);
	return diag_set(diag, r, "cannot be read: %s", strerror(-r));
}

static int add_certificate(struct trust *trust, int root_fd, const char *path, struct diag *diag)
{
	_cleanup_free_ char *data = NULL;
	size_t size;
	int r;

	r = read_whole(root_fd, path, CERTIFICATE_SIZE_MAX, &data, &size, diag);
	/* An empty file masks one of the same name, as everywhere. */
	if (r < 0 || size == 0)
		return r;
	return trust_add_data(trust, data, size, path, diag);
}

static int load_certificates(struct trust *trust, int root_fd, struct diag *diag)
{
	static const char *const suffixes[] = { ".pem", ".der" };
	_cleanup_(dropins_done) struct dropins dropins = {};
	int r = 0;

	for (size_t i = 0; config_dirs[i]; i++)
		for (size_t k = 0; k < ARRAY_SIZE(suffixes); k++) {
			char path[64];

			(void)snprintf(path, sizeof(path), "%s/dmstack/keys.d", config_dirs[i]);
			r = dropins_scan(&dropins, root_fd, path, suffixes[k]);
			if (r < 0)
				return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
		}
	dropins_sort(&dropins);
	for (size_t i = 0; r >= 0 && i < dropins.n_files; i++)
		r = add_certificate(trust, root_fd, dropins.files[i].path, diag);
	return r;
}

/* Reads the certificates once. A folder that cannot be used makes every answer a refusal. */
static int need_trust(struct manifest_judge *judge, int root_fd, struct diag *diag)
{
	if (!judge->trust && judge->trust_error == 0) {
		judge->trust_error = trust_new(&judge->trust);
		if (judge->trust_error >= 0)
			judge->trust_error =
				load_certificates(judge->trust, root_fd, &judge->trust_diag);
	}
	if (judge->trust_error < 0)
		return diag_set(diag, judge->trust_error, "no signature can be checked: %s%s%s",
			judge->trust_diag.where ?: "", judge->trust_diag.where ? ": " : "",
			judge->trust_diag.what ?: strerror(-judge->trust_error));
	return 0;
}

/*
 * True for a file of the initrd itself, and not of what was mounted there: /run, or a device. In a
 * tree that is going to be an initrd all files are.
 */
static bool is_in_initrd(const struct manifest_judge *judge, const struct load_text *text)
{
	struct statfs fs;
	struct stat st;

	if (!judge->in_initrd)
		return false;
	if (text->root_fd >= 0)
		return true;
	return stat("/", &st) == 0 && st.st_dev == text->device && statfs("/", &fs) == 0 &&
	       (fs.f_type == RAMFS_MAGIC || fs.f_type == TMPFS_MAGIC);
}

static int check_signature(const struct trust *trust, const struct load_text *text,
	const char *path, struct diag *diag)
{
	_cleanup_free_ char *signature = NULL;
	size_t size;
	int r;

	r = read_whole(text->root_fd, path, SIGNATURE_SIZE_MAX, &signature, &size, diag);
	if (r < 0)
		return r;
	r = signature_verify(trust, text->data, text->size, signature, size, diag);
	return r < 0 ? diag_at(diag, r, "%s", path) : 0;
}

static bool root_has(int root_fd, const char *path)
{
	_cleanup_close_ int fd = root_open(root_fd, path, O_PATH | O_NOFOLLOW);

	/* What cannot be looked at is there, and opening it says why it cannot. */
	return fd != -ENOENT && fd != -ENOTDIR;
}

int manifest_judge(struct manifest_judge *judge, const struct load_text *text, struct diag *diag)
{
	_cleanup_free_ char *path = NULL;
	bool in_initrd = is_in_initrd(judge, text);
	int r;

	if (!text->is_manifest)
		return in_initrd;
	path = manifest_signature_path(text->path);
	if (!path)
		return -ENOMEM;
	r = need_trust(judge, text->root_fd, diag);
	if (r < 0)
		return r == -ENOMEM ? r : diag_at(diag, r, "%s", text->path);
	if (trust_is_empty(judge->trust))
		return in_initrd;
	if (root_has(text->root_fd, path)) {
		r = check_signature(judge->trust, text, path, diag);
		return r < 0 ? r : 1;
	}
	if (in_initrd)
		return 1;
	(void)diag_at(diag, -ENOKEY, "%s", text->path);
	return diag_set(diag, -ENOKEY,
		"it has no signature, %s; with a certificate in dmstack/keys.d every manifest outside "
		"of the initrd needs one",
		path);
}
