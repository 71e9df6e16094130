/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a build leaves behind: which names, and how they appear.
 */

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "build-private.h"
#include "cleanup.h"
#include "fd.h"
#include "interrupt.h"
#include "vdev-file.h"

#define DEFINITION_SIZE_MAX 65536U /* bytes */

static bool is_same_file(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

/* NAME.ROLE.conf for NAME.ROLE.img; NULL when memory is out. */
static char *definition_name(const char *image)
{
	const char *end = endswith(image, ".img");
	char *name;

	return asprintf(&name, "%.*s.conf", (int)(end ? end - image : (ptrdiff_t)strlen(image)),
		       image) < 0
		       ? NULL
		       : name;
}

static int add_stale_definition(struct build *b, const char *image)
{
	_cleanup_free_ char *name = definition_name(image);
	_cleanup_free_ char *path = NULL, *text = NULL;
	size_t size;

	if (!name || asprintf(&path, "%s/%s", b->args->output, name) < 0)
		return -ENOMEM;
	if (file_read(AT_FDCWD, path, DEFINITION_SIZE_MAX, &text, &size) < 0 ||
		!startswith(text, PARTITION_REPART_HEAD))
		return 0;
	return output_folder_add(&b->output, name, false);
}

/*
 * Images of an older build of this stack that the new one does not have. Its manifest may say that
 * somebody's input is one, so only names that create gives count, and never today's input.
 */
static int add_stale(struct build *b, const char *manifest_path)
{
	_cleanup_(manifest_freep) struct manifest *old = NULL;
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r = 0;

	if (file_read(AT_FDCWD, manifest_path, MANIFEST_SIZE_MAX, &text, &size) < 0 ||
		manifest_parse(text, size, manifest_path, &old, NULL) < 0)
		return 0;
	for (size_t i = 0; r >= 0 && i < old->n_artifacts; i++) {
		const char *file = old->artifacts[i].file;
		const char *rest = startswith(file, b->recipe->name);
		_cleanup_free_ char *path = NULL;

		if (!rest || *rest != '.')
			continue;
		if (asprintf(&path, "%s/%s", b->args->output, file) < 0)
			return -ENOMEM;
		if (!is_same_file(path, b->args->input))
			r = output_folder_add(&b->output, file, false);
		if (r >= 0)
			r = add_stale_definition(b, file);
	}
	return r;
}

static int add_definition(struct build *b, const struct artifact *a)
{
	_cleanup_free_ char *name = definition_name(a->file);

	return name ? output_folder_add(&b->output, name, true) : -ENOMEM;
}

/* All names, the manifest last. */
int build_open_folder(struct build *b, struct diag *diag)
{
	_cleanup_free_ char *path = NULL;
	int r = 0;

	b->output.path = b->args->output;
	b->output.replace = b->args->force;
	if (asprintf(&path, "%s/%s.json", b->args->output, b->recipe->name) < 0)
		return -ENOMEM;
	b->manifest_name = strdup(strrchr(path, '/') + 1);
	if (!b->manifest_name)
		return -ENOMEM;
	for (size_t i = 0; r >= 0 && i < b->layout->n_artifacts; i++)
		if (!b->layout->artifacts[i].in_place)
			r = output_folder_add(&b->output, b->layout->artifacts[i].file, true);
	for (size_t i = 0; r >= 0 && b->args->repart && i < b->layout->n_artifacts; i++)
		r = add_definition(b, &b->layout->artifacts[i]);
	if (r >= 0 && b->args->force)
		r = add_stale(b, path);
	if (r >= 0)
		r = output_folder_add(&b->output, b->manifest_name, true);
	return r < 0 ? r : output_folder_open(&b->output, diag);
}

/* Of several in one disk image it is that, and once. */
static struct vdev *file_to_publish(const struct build *b, size_t artifact)
{
	if (b->layout->artifacts[artifact].in_place || (b->disk && artifact > 0))
		return NULL;
	return b->disk ?: b->files[artifact];
}

/* All bytes are on the disk before the first name is, so that the names come close together. */
static int sync_images(const struct build *b, struct diag *diag)
{
	for (size_t i = 0; i < b->layout->n_artifacts; i++)
		if (file_to_publish(b, i) && fsync(vdev_file_fd(b->files[i])) < 0)
			return diag_set(diag, -errno, "cannot write %s: %s",
				b->layout->artifacts[i].file, strerror(errno));
	return 0;
}

static int put(struct build *b, const char *name, const struct buf *text, struct diag *diag)
{
	int r = file_write_atomic(
		b->output.stage_fd, name, text->data, text->size, BUILD_FILE_MODE);

	return r < 0 ? diag_set(diag, r, "cannot write %s: %s", name, strerror(-r)) : 0;
}

static int put_definition(struct build *b, const struct partition *p, struct diag *diag)
{
	_cleanup_free_ char *name = definition_name(p->artifact->file);
	_cleanup_(buf_done) struct buf text = {};
	int r;

	if (!name)
		return -ENOMEM;
	r = partition_print_repart(p, b->args->repart, &text, diag);
	return r < 0 ? r : put(b, name, &text, diag);
}

int build_publish(struct build *b, const struct manifest *meta, struct diag *diag)
{
	_cleanup_(buf_done) struct buf text = {};
	int r;

	r = manifest_write(meta, &text);
	if (r < 0)
		return diag_set(diag, r, "the manifest cannot be written: %s", strerror(-r));
	r = sync_images(b, diag);
	if (r >= 0)
		r = output_folder_stage(&b->output, diag);
	for (size_t i = 0; r >= 0 && i < b->layout->n_artifacts; i++)
		if (file_to_publish(b, i))
			r = vdev_file_place(file_to_publish(b, i), b->output.stage_fd, diag);
	for (size_t i = 0; r >= 0 && b->args->repart && i < b->partitions.n; i++)
		r = put_definition(b, &b->partitions.items[i], diag);
	if (r >= 0)
		r = put(b, b->manifest_name, &text, diag);
	if (r < 0)
		return r;
	return interrupted ? -ECANCELED : output_folder_publish(&b->output, diag);
}
