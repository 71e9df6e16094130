/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-integrity, with tags of its own or with those of authenticated encryption above: opening and
 * finishing.
 */

#include <string.h>

#include "filter-integrity.h"
#include "filter-util.h"

const char *integrity_meta_role(const struct integrity_vdev *v)
{
	return v->meta == v->data ? "data" : "meta";
}

static int sink_emit(void *userdata, const void *data, uint64_t len, uint64_t offset)
{
	return vdev_write(((struct integrity_vdev *)userdata)->meta, data, len, offset);
}

/* Like the kernel, which reads a block of metadata before it changes a part of it. */
static int sink_fill(void *userdata, void *ret, uint64_t len, uint64_t offset)
{
	return vdev_read(((struct integrity_vdev *)userdata)->meta, ret, len, offset);
}

static int integrity_finish(struct vdev *vdev, struct diag *diag)
{
	struct integrity_vdev *v = integrity_vdev(vdev);
	int r;

	r = coverage_write_rest(&v->coverage, vdev);
	if (r >= 0)
		r = integrity_write_metadata(v);
	if (r >= 0)
		r = block_assembler_flush(v->sink);
	return r < 0 ? diag_set(diag, r, "%s: cannot complete the metadata: %s", vdev->name,
			       strerror(-r))
		     : 0;
}

static void integrity_free(struct vdev *vdev)
{
	struct integrity_vdev *v = integrity_vdev(vdev);

	context_pool_done(&v->pool);
	digest_free(v->digest);
	digest_free(v->journal_mac);
	journal_crypt_free(v->journal_crypt);
	block_assembler_free(v->sink);
	coverage_done(&v->coverage);
	integrity_overlay_done(&v->overlay);
	free(v);
}

/* What has not been read through the mapping, such as padding of a layer above. */
static int integrity_reader_finish(struct vdev *vdev, struct diag *diag)
{
	int r;

	r = coverage_read_rest(&integrity_vdev(vdev)->coverage, vdev);
	return r < 0 ? diag_set(diag, r, "%s: cannot be read: %s", vdev->name, strerror(-r)) : 0;
}

static const struct vdev_ops create_ops = {
	.write = integrity_write,
	.read = integrity_read,
	.finish = integrity_finish,
	.free = integrity_free,
};

static const struct vdev_ops read_ops = {
	.read = integrity_read,
	.finish = integrity_reader_finish,
	.free = integrity_free,
};

static const struct vdev_ops change_ops = {
	.write = integrity_rewrite,
	.read = integrity_read,
	.finish = integrity_reader_finish,
	.free = integrity_free,
};

static const struct vdev_ops store_create_ops = {
	.write = integrity_store_write,
	.read = integrity_store_read,
	.write_tagged = integrity_store_write_tagged,
	.read_tagged = integrity_store_read_tagged,
	.finish = integrity_finish,
	.free = integrity_free,
};

static const struct vdev_ops store_read_ops = {
	.read = integrity_store_read,
	.read_tagged = integrity_store_read_tagged,
	.free = integrity_free,
};

static const struct vdev_ops *integrity_ops(const struct filter_args *args)
{
	if (integrity_is_tag_store(args->layer))
		return args->mode == FILTER_CREATE ? &store_create_ops : &store_read_ops;
	if (args->mode == FILTER_CREATE)
		return &create_ops;
	return args->change ? &change_ops : &read_ops;
}

static int integrity_take_salt(struct integrity_vdev *v, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(v->layer);

	if (!(v->flags & INTEGRITY_SB_FIX_HMAC))
		return 0;
	if (f->salt.size != sizeof(v->salt))
		return diag_set(diag, -EINVAL, "salt: the format needs %zu bytes, there are %zu",
			sizeof(v->salt), f->salt.size);
	memcpy(v->salt, f->salt.data, sizeof(v->salt));
	return 0;
}

/* The flags of a new superblock, or those that were found. */
static uint32_t integrity_flags(const struct integrity_vdev *v)
{
	const struct integrity_fields *f = integrity_fields(v->layer);

	if (v->mode == FILTER_READ)
		return f->sb.flags;
	return (integrity_journal_mac_alg(v->layer) ? INTEGRITY_SB_HAVE_JOURNAL_MAC : 0U) |
	       (!f->legacy_padding && !v->geo.has_meta ? INTEGRITY_SB_FIX_PADDING : 0U) |
	       (integrity_has_salt(v->layer) ? INTEGRITY_SB_FIX_HMAC : 0U);
}

static int integrity_init_digest(
	struct integrity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(v->layer);
	const struct secret *key = NULL;
	int r = 0;

	if (integrity_is_tag_store(v->layer))
		return 0;
	if (integrity_is_keyed(v->layer))
		r = filter_key(args, &v->layer->key, &key, diag);
	if (r < 0)
		return r;
	if (key && f->key_size && f->key_size != secret_size(key))
		return diag_set(diag, -EINVAL, "the key has %zu bytes, but key-size=%ju",
			secret_size(key), (uintmax_t)f->key_size);
	r = digest_new(f->algorithm, key, &v->digest);
	if (r < 0)
		return diag_set(
			diag, r, "integrity-algorithm: %s cannot be computed here", f->algorithm);
	if (v->flags & INTEGRITY_SB_FIX_HMAC)
		r = digest_set_prefix(v->digest, v->salt, sizeof(v->salt));
	return r;
}

/* The data of an area must begin where a block of the device below does. */
static int integrity_check_devices(const struct integrity_vdev *v, struct diag *diag)
{
	int r;

	r = filter_check_alignment(
		v->data, integrity_data_sector(&v->geo, 0) * SECTOR_SIZE, v->vdev.block_size, diag);
	if (r >= 0)
		r = filter_check_alignment(
			v->data, v->geo.run_sectors * SECTOR_SIZE, v->vdev.block_size, diag);
	if (r >= 0)
		r = filter_check_alignment(v->meta, 0, v->vdev.block_size, diag);
	return r;
}

static int integrity_init(
	struct integrity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	struct block_assembler_args sink = {
		.block_size = v->meta->block_size,
		.emit = sink_emit,
		.fill = sink_fill,
		.userdata = v,
	};
	int r;

	r = integrity_layer_geometry(args->layer, v->data->size_bytes >> SECTOR_SHIFT,
		args->below[1] ? v->meta->size_bytes >> SECTOR_SHIFT : 0, &v->geo, diag);
	if (r < 0)
		return r;
	v->flags = integrity_flags(v);
	r = filter_size(args, &v->vdev.size_bytes, diag);
	if (r >= 0 && v->vdev.size_bytes != v->geo.provided_sectors * SECTOR_SIZE)
		r = diag_set(diag, -EINVAL, "device-size: %ju bytes, but the format provides %ju",
			(uintmax_t)v->vdev.size_bytes,
			(uintmax_t)v->geo.provided_sectors * SECTOR_SIZE);
	if (r >= 0)
		r = integrity_check_devices(v, diag);
	if (r >= 0)
		r = integrity_take_salt(v, diag);
	if (r >= 0)
		r = integrity_init_digest(v, args, diag);
	if (r >= 0)
		r = integrity_journal_init(v, args, diag);
	if (r >= 0)
		r = v->mode == FILTER_CREATE ? block_assembler_new(&sink, &v->sink)
					     : integrity_check_metadata(v, diag);
	return r;
}

static int integrity_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *vdev = NULL;
	struct integrity_vdev *v;
	int r;

	if (args->mode == FILTER_READ) {
		integrity_fields(args->layer)->finish_later = args->change;
		r = integrity_adopt_superblock(args, diag);
		if (r < 0)
			return r;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	vdev = &v->vdev;
	v->vdev = (struct vdev){
		.ops = integrity_ops(args),
		.block_size = (uint32_t)integrity_fields(args->layer)->sector_size,
		.name = args->layer->name,
	};
	if (integrity_is_tag_store(args->layer))
		v->vdev.tag_size = integrity_tag_size(args->layer);
	v->layer = args->layer;
	v->data = args->below[0];
	v->meta = args->below[1] ?: args->below[0];
	v->mode = args->mode;
	v->may_change = args->change;
	v->report = args->report;
	v->userdata = args->userdata;
	coverage_init(&v->coverage);
	v->overlay.lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	v->tags_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	context_pool_init(&v->pool, integrity_context_make, integrity_context_destroy, v);

	r = integrity_init(v, args, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(vdev);
	return 0;
}

const struct filter_type filter_type_integrity = {
	.type = &layer_type_integrity,
	.open = integrity_open,
};
