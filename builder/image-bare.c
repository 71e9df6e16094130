/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image of one layer without a manifest, such as integritysetup(8) or a kernel made it: what the
 * manifest would say comes from the command line and from the superblock.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "image-set.h"
#include "layer-integrity.h"
#include "layer-spec.h"
#include "probe.h"
#include "vdev-file.h"

#define NAME "image"

static int set_missing(struct layer *layer, const char *field, const char *value, struct diag *diag)
{
	return layer_is_set(layer, field) ? 0 : layer_set(layer, field, value, diag);
}

static int set_missing_number(
	struct layer *layer, const char *field, uint64_t value, struct diag *diag)
{
	char text[24];

	(void)snprintf(text, sizeof(text), "%ju", (uintmax_t)value);
	return set_missing(layer, field, text, diag);
}

/* What the kernel takes from the superblock, whatever the table says. */
static int fill_in(struct layer *layer, const struct integrity_sb *sb, struct diag *diag)
{
	int r;

	r = set_missing_number(layer, "tag-size", sb->tag_size, diag);
	if (r >= 0)
		r = set_missing_number(layer, "sector-size",
			(uint64_t)SECTOR_SIZE << sb->log2_sectors_per_block, diag);
	if (r >= 0 && sb->log2_interleave_sectors && !(sb->flags & INTEGRITY_SB_FIX_PADDING))
		r = set_missing(layer, "integrity-legacy-padding", "yes", diag);
	if (r >= 0 && !(sb->flags & INTEGRITY_SB_FIX_HMAC))
		r = set_missing(layer, "integrity-legacy-hmac", "yes", diag);
	if (r >= 0 && (sb->flags & INTEGRITY_SB_DIRTY_BITMAP))
		r = set_missing(layer, "mode", "bitmap", diag);
	return r;
}

static int fill_from_superblock(struct layer *layer, struct diag *diag)
{
	const struct layer_device *meta = layer_device(layer, "meta");
	const char *path = (meta ?: layer_device(layer, "data"))->ref.value;
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	struct probe probe;
	int r;

	r = vdev_file_open(AT_FDCWD, path, 0, &v, diag);
	if (r >= 0)
		r = probe_at(v, integrity_fields(layer)->offset * SECTOR_SIZE, &probe, diag);
	if (r < 0)
		return r;
	if (probe.kind != PROBE_INTEGRITY)
		return diag_set(diag, -ENODATA, "%s: there is no superblock of integrity", path);
	return fill_in(layer, &probe.integrity.sb, diag);
}

static int check_devices(const struct layer *layer, struct diag *diag)
{
	for (size_t i = 0; i < layer->n_devices; i++)
		if (layer->devices[i].ref.kind != DEVREF_PATH)
			return diag_set(diag, -EINVAL, "%s=: an absolute path is wanted",
				layer->type->roles[layer->devices[i].role].name);
	return 0;
}

static int make_layer(
	struct layer **ret, const char *spec_text, const char *image, struct diag *diag)
{
	_cleanup_(layer_spec_done) struct layer_spec spec = {};
	_cleanup_(layer_freep) struct layer *layer = NULL;
	_cleanup_free_ char *path = realpath(image, NULL);
	int r;

	if (!path)
		return diag_set(diag, -errno, "%s: %s", image, strerror(errno));
	r = layer_spec_parse(spec_text, &spec, diag);
	if (r < 0)
		return r;
	r = layer_new(NAME, spec.type, &layer, diag);
	for (size_t i = 0; r >= 0 && i < spec.n_options; i++)
		r = layer_set_option(layer, spec.options[i], diag);
	if (r >= 0)
		r = layer_set_device(layer, "data", path, diag);
	if (r >= 0)
		r = check_devices(layer, diag);
	if (r >= 0 && layer->type == &layer_type_integrity)
		r = fill_from_superblock(layer, diag);
	if (r < 0)
		return diag_at(diag, r, "--layer %s", spec_text);
	*ret = take_ptr(layer);
	return 0;
}

static int add_artifact(
	struct manifest *m, const struct layer *layer, size_t index, struct diag *diag)
{
	const struct layer_device *device = &layer->devices[index];
	const char *role = layer->type->roles[device->role].name;
	struct manifest_artifact *a = &m->artifacts[m->n_artifacts];
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	int r;

	r = vdev_file_open(AT_FDCWD, device->ref.value, 0, &v, diag);
	if (r < 0)
		return r;
	m->n_artifacts++;
	*a = (struct manifest_artifact){
		.file = strdup(device->ref.value),
		.layer = strdup(layer->name),
		.role = strdup(role),
		.bytes = v->size_bytes,
	};
	return a->file && a->layer && a->role ? 0 : -ENOMEM;
}

int image_set_describe(
	struct image_set *ret, const char *spec, const char *image, struct diag *diag)
{
	_cleanup_(image_set_done) struct image_set set = {};
	struct manifest *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return -ENOMEM;
	set.manifest = m;
	set.folder = strdup("/");
	m->name = strdup(NAME);
	m->layers = calloc(1, sizeof(*m->layers));
	m->artifacts = calloc(LAYER_ROLES_MAX, sizeof(*m->artifacts));
	if (!set.folder || !m->name || !m->layers || !m->artifacts)
		return -ENOMEM;
	r = make_layer(&m->layers[0], spec, image, diag);
	if (r < 0)
		return r;
	m->n_layers = 1;
	for (size_t i = 0; i < m->layers[0]->n_devices && r >= 0; i++)
		r = add_artifact(m, m->layers[0], i, diag);
	if (r >= 0)
		r = image_set_link(&set, image, diag);
	if (r < 0)
		return r;
	*ret = set;
	set = (struct image_set){};
	return 0;
}
