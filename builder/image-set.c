/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens what create has built. The manifest is checked as strictly as on the target, the images
 * are only read.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fd.h"
#include "image-set.h"
#include "vdev-file.h"

void image_set_done(struct image_set *set)
{
	for (size_t i = set->n_layers; set->filters && i-- > 0;)
		vdev_free(set->filters[i]);
	for (size_t i = 0; set->files && i < set->manifest->n_artifacts; i++)
		vdev_free(set->files[i]);
	free(set->filters);
	free(set->files);
	free(set->layers);
	free(set->folder);
	stack_done(&set->stack);
	manifest_free(set->manifest);
	*set = (struct image_set){};
}

static int set_folder(struct image_set *set, const char *path, const char *folder)
{
	const char *slash = strrchr(path, '/');

	if (folder)
		set->folder = strdup(folder);
	else if (slash)
		set->folder = strndup(path, MAX((size_t)(slash - path), (size_t)1));
	else
		set->folder = strdup(".");
	return set->folder ? 0 : -ENOMEM;
}

int image_set_link(struct image_set *set, const char *path, struct diag *diag)
{
	int r;

	set->layers = calloc(set->manifest->n_layers + 1, sizeof(struct layer *));
	if (!set->layers)
		return -ENOMEM;
	set->n_layers = set->manifest->n_layers;
	memcpy(set->layers, set->manifest->layers, set->n_layers * sizeof(struct layer *));
	r = manifest_add_to_stack(set->manifest, path, &set->stack, diag);
	if (r >= 0)
		r = stack_link(&set->stack);
	if (r < 0)
		return r;
	for (size_t i = 0; i < set->n_layers; i++)
		if (set->layers[i]->broken) {
			diag_move(diag, &set->layers[i]->error);
			return -EINVAL;
		}
	return 0;
}

int image_set_load(struct image_set *ret, const char *path, const char *folder, struct diag *diag)
{
	_cleanup_(image_set_done) struct image_set set = {};
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	r = file_read(AT_FDCWD, path, MANIFEST_SIZE_MAX, &text, &size);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
	r = manifest_parse(text, size, path, &set.manifest, diag);
	if (r == -EPROTONOSUPPORT)
		return diag_set(diag, r,
			"%s is a manifest of device-mapper-tools, whose images are "
			"not read",
			path);
	if (r >= 0)
		r = image_set_link(&set, path, diag);
	if (r >= 0)
		r = set_folder(&set, path, folder);
	if (r < 0)
		return r;
	*ret = set;
	set = (struct image_set){};
	return 0;
}

int image_set_take_file(struct image_set *set, size_t index, struct vdev *whole, struct diag *diag)
{
	const struct manifest_artifact *a = &set->manifest->artifacts[index];
	struct vdev *part = whole;
	int r = 0;

	if (a->offset) {
		r = vdev_file_slice(whole, a->offset, a->bytes, &part, diag);
		vdev_free(whole);
	}
	if (r < 0)
		return r;
	vdev_free(set->files[index]);
	set->files[index] = part;
	return 0;
}

static int open_file(struct image_set *set, size_t index, int dir_fd, struct diag *diag)
{
	const struct manifest_artifact *a = &set->manifest->artifacts[index];
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	struct stat st;
	int r;

	r = vdev_file_open(dir_fd, a->file, 0, &v, diag);
	if (r < 0)
		return r;
	if (fstat(vdev_file_fd(v), &st) < 0)
		return diag_set(diag, -errno, "%s: %s", a->file, strerror(errno));
	/* A block device may be larger than what was written to it; the layers look at that. */
	if (S_ISREG(st.st_mode) && (a->offset ? (uint64_t)st.st_size < a->offset + a->bytes
					      : (uint64_t)st.st_size != a->bytes))
		return diag_set(diag, -EMEDIUMTYPE, "%s has %ju bytes, but the manifest says %s%ju",
			a->file, (uintmax_t)st.st_size, a->offset ? "at least " : "",
			(uintmax_t)(a->offset + a->bytes));
	return image_set_take_file(set, index, take_ptr(v), diag);
}

int image_set_open_files(struct image_set *set, struct diag *diag)
{
	_cleanup_close_ int dir_fd = open(set->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (dir_fd < 0)
		return diag_set(diag, -errno, "%s: %s", set->folder, strerror(errno));
	set->files = calloc(set->manifest->n_artifacts + 1, sizeof(struct vdev *));
	if (!set->files)
		return -ENOMEM;
	for (size_t i = 0; i < set->manifest->n_artifacts; i++) {
		r = open_file(set, i, dir_fd, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int find_key(
	void *userdata, const struct keyref *ref, const struct secret **ret, struct diag *diag)
{
	const struct image_set *set = userdata;

	return keystore_get(set->keys, ref, ret, diag);
}

static void forward_report(void *userdata, const struct damage *damage)
{
	const struct image_set *set = userdata;

	if (set->report)
		set->report(set->userdata, damage);
}

/* The file of another layer's device, where both have the same one: a header before tags. */
static struct vdev *find_shared(const struct image_set *set, const struct layer_device *device)
{
	for (size_t i = 0; i < set->manifest->n_artifacts; i++) {
		const struct manifest_artifact *a = &set->manifest->artifacts[i];

		for (size_t k = 0; k < set->n_layers; k++) {
			const struct layer_device *other =
				streq(set->layers[k]->name, a->layer)
					? layer_device(set->layers[k], a->role)
					: NULL;

			if (other && devref_equal(&other->ref, &device->ref))
				return set->files[i];
		}
	}
	return NULL;
}

/* What lies below a layer in a role: the filter of another layer, or the file of an artifact. */
static struct vdev *find_below(
	const struct image_set *set, const struct layer *layer, const struct layer_device *device)
{
	const char *role = layer->type->roles[device->role].name;

	for (size_t i = 0; device->layer && i < set->n_layers; i++)
		if (set->layers[i] == device->layer)
			return set->filters[i];
	for (size_t i = 0; i < set->manifest->n_artifacts; i++)
		if (streq(set->manifest->artifacts[i].layer, layer->name) &&
			streq(set->manifest->artifacts[i].role, role))
			return set->files[i];
	return find_shared(set, device);
}

int image_set_open_layer(struct image_set *set, size_t index, unsigned threads, struct diag *diag)
{
	struct layer *layer = set->layers[index];
	struct filter_args args = {
		.layer = layer,
		.mode = FILTER_READ,
		.threads = threads,
		.key = find_key,
		.change = set->change,
		.report = forward_report,
		.userdata = set,
	};

	if (!set->filters)
		set->filters = calloc(set->n_layers + 1, sizeof(struct vdev *));
	if (!set->filters)
		return -ENOMEM;
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer_device *device = &layer->devices[i];

		args.below[device->role] = find_below(set, layer, device);
		if (!args.below[device->role])
			return diag_set(diag, -ENOENT,
				"the manifest has no image for the device %s.%s", layer->name,
				layer->type->roles[device->role].name);
	}
	return filter_open(&args, &set->filters[index], diag);
}

int image_set_open_layers(struct image_set *set, unsigned threads, struct diag *diag)
{
	for (size_t i = 0; i < set->n_layers; i++) {
		int r = image_set_open_layer(set, i, threads, diag);

		if (r < 0)
			return diag_at(diag, r, "layer %s", set->layers[i]->name);
	}
	return 0;
}
