/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The images of one layer, or those below it, opened so that they can be changed. Layers above and
 * beside it are not touched.
 */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "fd.h"
#include "file-digest.h"
#include "image-change.h"
#include "interrupt.h"
#include "progress.h"
#include "vdev-file.h"

#define IMAGE_MODE 0644

void image_change_done(struct image_change *c)
{
	image_set_done(&c->set);
	damage_list_done(&c->reported);
	keystore_done(&c->keys);
	if (c->images_fd >= 0)
		(void)close(c->images_fd);
	if (c->output_fd >= 0)
		(void)close(c->output_fd);
}

int image_change_load(struct image_change *c, const char *verb,
	const struct image_change_opts *opts, const char *path, struct diag *diag)
{
	int r;

	if (!opts->output == !opts->in_place)
		return usage_error(diag, "%s: give either --output or --in-place", verb);
	if (opts->threads > 1024)
		return usage_error(
			diag, "--threads: %ju is not between 0 and 1024", (uintmax_t)opts->threads);
	if (opts->layer && (opts->images || opts->name))
		return usage_error(diag, "--layer: without a manifest there is no --images and no "
					 "--name");
	r = keystore_init(&c->keys, &opts->keys, diag);
	if (r < 0)
		return r == -ENOMEM ? r : EXIT_USAGE;
	c->opts = opts;
	c->path = path;
	c->pipeline.threads = (unsigned)opts->threads;
	c->pipeline.cancel = &interrupted;
	r = opts->layer ? image_set_describe(&c->set, opts->layer, path, diag)
			: image_set_load(&c->set, path, opts->images, diag);
	if (r < 0)
		return r;
	c->set.change = true;
	c->set.keys = &c->keys;
	c->set.report = damage_list_report;
	c->set.userdata = &c->reported;
	return 0;
}

/* It is this layer's or that of one below it. */
static bool is_below(const struct layer *layer, const char *name)
{
	if (streq(layer->name, name))
		return true;
	for (size_t k = 0; k < layer->n_devices; k++)
		if (layer->devices[k].layer && is_below(layer->devices[k].layer, name))
			return true;
	return false;
}

/* In the folder of the output. Without a manifest, a file is a path. */
static const char *copy_name(const struct manifest_artifact *a)
{
	const char *slash = strrchr(a->file, '/');

	return slash ? slash + 1 : a->file;
}

static bool is_of_layer(const struct image_change *c, const struct manifest_artifact *a)
{
	return is_below(image_change_layer(c), a->layer);
}

static int check_devices(const struct image_change *c, const struct layer *layer, struct diag *diag)
{
	for (size_t k = 0; k < layer->n_devices; k++) {
		const struct layer *below = layer->devices[k].layer;
		int r;

		if (!below)
			continue;
		if (!c->through || !c->through(below))
			return diag_set(diag, -EOPNOTSUPP,
				"layer %s lies on layer %s, and cannot be changed through that",
				layer->name, below->name);
		r = check_devices(c, below, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

int image_change_pick(struct image_change *c, bool (*wanted)(const struct layer *layer),
	const char *none, struct diag *diag)
{
	const char *name = c->opts->name;
	size_t found = 0;

	for (size_t i = 0; i < c->set.n_layers; i++) {
		const struct layer *layer = c->set.layers[i];

		if ((name && !streq(layer->name, name)) || !wanted(layer))
			continue;
		c->layer = i;
		found++;
	}
	if (found == 0)
		return diag_set(diag, -ENODATA, "%s%s%s", name ? name : "the manifest",
			name ? " " : " ", none);
	if (found > 1)
		return diag_set(
			diag, -EINVAL, "more than one layer is possible: --name says which");
	return check_devices(c, image_change_layer(c), diag);
}

static int open_folder(const char *path, int *ret, struct diag *diag)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? diag_set(diag, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int open_folders(struct image_change *c, struct diag *diag)
{
	const char *output = c->opts->output;
	int r;

	r = open_folder(c->set.folder, &c->images_fd, diag);
	if (r < 0 || c->opts->in_place)
		return r;
	r = mkdir_parents(AT_FDCWD, output);
	if (r < 0)
		return diag_set(diag, r, "cannot make the folder %s: %s", output, strerror(-r));
	r = open_folder(output, &c->output_fd, diag);
	for (size_t i = 0; r >= 0 && i < c->set.manifest->n_artifacts; i++) {
		const struct manifest_artifact *a = &c->set.manifest->artifacts[i];

		if (a->offset)
			return diag_set(diag, -EOPNOTSUPP,
				"%s is a disk image: use --in-place, on a copy if need be",
				a->file);
		if (is_of_layer(c, a) && !c->opts->force &&
			faccessat(c->output_fd, copy_name(a), F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			r = diag_set(diag, -EEXIST, "%s/%s exists (--force replaces it)", output,
				copy_name(a));
	}
	return r;
}

/* A copy that has no name yet in place of the image. */
static int copy_image(struct image_change *c, size_t index, struct diag *diag)
{
	const struct manifest_artifact *a = &c->set.manifest->artifacts[index];
	_cleanup_(vdev_freep) struct vdev *copy = NULL;
	struct vdev *from = c->set.files[index];
	int r;

	r = vdev_file_create(c->output_fd, copy_name(a), a->bytes, IMAGE_MODE, &copy, diag);
	if (r >= 0)
		r = pipeline_extract(&c->pipeline, from, copy, a->bytes, diag);
	if (r < 0)
		return r;
	vdev_free(from);
	c->set.files[index] = take_ptr(copy);
	return 0;
}

static int change_image(struct image_change *c, size_t index, struct diag *diag)
{
	struct vdev *v;
	int r;

	r = vdev_file_change(c->images_fd, c->set.manifest->artifacts[index].file, &v, diag);
	return r < 0 ? r : image_set_take_file(&c->set, index, v, diag);
}

static int open_images(struct image_change *c, struct diag *diag)
{
	struct progress progress;
	int r;

	r = image_set_open_files(&c->set, diag);
	c->pipeline.progress = progress_update;
	c->pipeline.userdata = &progress;
	progress_begin(&progress, progress_choose(c->opts->json, c->opts->quiet), "copy");
	for (size_t i = 0; r >= 0 && i < c->set.manifest->n_artifacts; i++)
		if (is_of_layer(c, &c->set.manifest->artifacts[i]))
			r = c->opts->in_place ? change_image(c, i, diag) : copy_image(c, i, diag);
	progress_end(&progress);
	c->pipeline.progress = NULL;
	return r;
}

int image_change_open(struct image_change *c, struct diag *diag)
{
	int r;

	r = open_folders(c, diag);
	if (r >= 0)
		r = open_images(c, diag);
	for (size_t i = 0; r >= 0 && i <= c->layer; i++) {
		const char *name = c->set.layers[i]->name;

		if (!is_below(image_change_layer(c), name))
			continue;
		r = image_set_open_layer(&c->set, i, pipeline_threads(&c->pipeline), diag);
		if (r < 0)
			(void)diag_at(diag, r, "layer %s", name);
	}
	return r;
}

int image_change_publish(struct image_change *c, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < c->set.manifest->n_artifacts; i++) {
		if (!is_of_layer(c, &c->set.manifest->artifacts[i]))
			continue;
		r = vdev_finish(c->set.files[i], diag);
		if (r >= 0 && !c->opts->in_place)
			r = vdev_file_publish(c->set.files[i], c->opts->force, diag);
	}
	return r;
}

/* The manifest as it was read, but for the digests. */
static int rewrite_manifest(struct image_change *c, struct diag *diag)
{
	_cleanup_(manifest_freep) struct manifest *manifest = NULL;
	_cleanup_(buf_done) struct buf buf = {};
	_cleanup_free_ char *text = NULL;
	const char *slash = strrchr(c->path, '/');
	size_t size;
	int r;

	r = file_read(AT_FDCWD, c->path, MANIFEST_SIZE_MAX, &text, &size);
	if (r >= 0)
		r = manifest_parse(text, size, c->path, &manifest, diag);
	if (r >= 0 && manifest->n_artifacts != c->set.manifest->n_artifacts)
		r = -ESTALE;
	for (size_t i = 0; r >= 0 && i < manifest->n_artifacts; i++)
		memcpy(manifest->artifacts[i].sha256, c->set.manifest->artifacts[i].sha256,
			sizeof(manifest->artifacts[i].sha256));
	if (r >= 0)
		r = manifest_write(manifest, &buf);
	if (r >= 0)
		r = c->opts->in_place
			    ? file_write_atomic(AT_FDCWD, c->path, buf.data, buf.size, IMAGE_MODE)
			    : file_write_atomic(c->output_fd, slash ? slash + 1 : c->path, buf.data,
				      buf.size, IMAGE_MODE);
	return r < 0 ? diag_set(diag, r, "cannot write the new digests to a manifest: %s",
			       strerror(-r))
		     : 0;
}

int image_change_digests(struct image_change *c, bool rewrite, size_t *ret_wrong, struct diag *diag)
{
	size_t wrong = 0;

	for (size_t i = 0; i < c->set.manifest->n_artifacts; i++) {
		struct manifest_artifact *a = &c->set.manifest->artifacts[i];
		uint8_t digest[FILE_DIGEST_SIZE];
		int r;

		if (!is_of_layer(c, a) || !a->has_sha256)
			continue;
		r = vdev_file_sha256(c->set.files[i], a->bytes, &interrupted, digest);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s: %s", a->file, strerror(-r));
		if (memcmp(digest, a->sha256, sizeof(digest)) == 0)
			continue;
		wrong++;
		if (rewrite)
			memcpy(a->sha256, digest, sizeof(digest));
		else
			(void)diag_set(diag, -EILSEQ,
				"%s: the sha256 is still not that of the manifest", a->file);
	}
	*ret_wrong = wrong;
	return rewrite && wrong ? rewrite_manifest(c, diag) : 0;
}

void image_change_print_reported(struct image_change *c, struct buf *buf)
{
	damage_list_finish(&c->reported);
	for (size_t i = 0; i < c->reported.n; i++)
		damage_print(&c->reported.items[i], c->opts->json, buf);
}
