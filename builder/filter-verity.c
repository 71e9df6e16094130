/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-verity: opening, and what writing and reading share.
 */

#include <string.h>

#include "filter-util.h"
#include "filter-verity.h"
#include "overflow.h"
#include "verity-sb.h"

int verity_digest(
	struct verity_vdev *v, struct digest *digest, const void *block, size_t size, uint8_t *ret)
{
	/* Format 1 has the salt first, as the digest's prefix; format 0 has it behind. */
	struct iovec pieces[] = {
		{ .iov_base = (void *)(uintptr_t)block, .iov_len = size },
		{ .iov_base = (void *)(uintptr_t)v->salt, .iov_len = v->salt_size },
	};

	return digest_vec(
		digest, pieces, v->tree.params.hash_type == 0 && v->salt_size ? 2 : 1, ret);
}

void verity_report(struct verity_vdev *v, const struct damage *damage)
{
	if (v->report)
		v->report(v->userdata, damage);
}

static void verity_context_destroy(void *context)
{
	struct verity_context *c = context;

	if (!c)
		return;
	digest_free(c->digest);
	for (unsigned i = 0; i < c->n_cached; i++)
		free(c->cached[i].block);
	free(c->cached);
	free(c->digests);
	free(c->slots);
	free(c);
}

static int verity_context_make_cache(struct verity_vdev *v, struct verity_context *c)
{
	c->cached = calloc(v->tree.levels + 1U, sizeof(*c->cached));
	c->digests = malloc(verity_piece_items(v) * v->digest_size);
	if (!c->cached || !c->digests)
		return -ENOMEM;
	for (; c->n_cached < v->tree.levels; c->n_cached++) {
		struct verity_cached *cached = &c->cached[c->n_cached];

		cached->index = UINT64_MAX;
		cached->block = malloc(v->tree.params.hash_block_size);
		if (!cached->block)
			return -ENOMEM;
	}
	return 0;
}

/* Room for the digests of a chunk, in whole hash blocks; one more, since it may begin in one. */
static int verity_context_make_slots(struct verity_vdev *v, struct verity_context *c)
{
	c->slots_size = (div_round_up_u64(verity_piece_items(v), v->tree.hashes_per_block) + 1) *
			v->tree.params.hash_block_size;
	c->slots = malloc(c->slots_size);
	return c->slots ? 0 : -ENOMEM;
}

static int verity_context_make(void *userdata, void **ret)
{
	struct verity_vdev *v = userdata;
	struct verity_context *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	r = digest_clone(v->digest, &c->digest);
	if (r >= 0)
		r = v->mode == FILTER_CREATE ? verity_context_make_slots(v, c)
					     : verity_context_make_cache(v, c);
	if (r < 0) {
		verity_context_destroy(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int verity_make_digest(struct verity_vdev *v, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(v->layer);
	int r;

	r = digest_new(f->hash, NULL, &v->digest);
	if (r < 0)
		return diag_set(diag, r, "hash: %s cannot be computed here", f->hash);
	v->digest_size = digest_size(v->digest);
	v->salt = f->salt.data;
	v->salt_size = f->salt.size;
	if (v->tree.params.hash_type == 1 && v->salt_size) {
		r = digest_set_prefix(v->digest, v->salt, v->salt_size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int verity_take_root(struct verity_vdev *v, struct diag *diag)
{
	const struct hexval *root = &verity_fields(v->layer)->root_hash;

	if (root->size != v->digest_size)
		return diag_set(diag, -EINVAL, "root-hash: %s, a digest has %zu bytes",
			root->size ? "wrong size" : "not given", v->digest_size);
	memcpy(v->root, root->data, root->size);
	return 0;
}

/* The layer says all that a superblock does, so that it can be done without. */
static bool knows_superblock(const struct layer *layer)
{
	for (size_t i = 0; i < layer->type->n_fields; i++)
		if (layer->type->fields[i].flags & FIELD_FROM_DISK &&
			!layer_is_set(layer, layer->type->fields[i].name))
			return false;
	return true;
}

/* Takes from the superblock what the layer does not say. */
static int verity_adopt_superblock(const struct filter_args *args, struct diag *diag)
{
	struct superblock_place place;
	uint8_t data[VERITY_SB_SIZE];
	struct vdev *v;
	int r;

	r = layer_type_verity.superblock(args->layer, &place);
	if (r == -ENODATA)
		return 0;
	if (r < 0)
		return r;
	v = args->below[place.role];
	r = vdev_read_bytes(v, data, sizeof(data), place.offset);
	if (r < 0)
		return diag_set(diag, r, "cannot read the superblock on %s", v->name);
	/* It is repaired too: the root hash tells whether the layer is right. */
	if (args->change && knows_superblock(args->layer))
		return 0;
	return layer_type_verity.adopt(args->layer, data, sizeof(data), diag);
}

static int verity_check_devices(const struct verity_vdev *v, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(v->layer);
	int r;

	r = filter_check_alignment(v->data, 0, (uint32_t)f->data_block_size, diag);
	if (r >= 0 && v->hash->block_size > v->hash->size_bytes)
		r = -EINVAL;
	if (r >= 0)
		r = filter_check_alignment(v->hash,
			v->tree.start_block * v->tree.params.hash_block_size,
			(uint32_t)f->hash_block_size, diag);
	if (r >= 0 && v->parity)
		r = filter_check_alignment(
			v->parity, f->fec_offset, (uint32_t)f->data_block_size, diag);
	return r;
}

/* The parity covers the hash area up to the end of its device, or up to the parity itself. */
static int verity_init_fec(struct verity_vdev *v, struct diag *diag)
{
	struct verity_fields *f = verity_fields(v->layer);
	uint64_t begin = v->tree.start_block * v->tree.params.hash_block_size;
	uint64_t end = v->parity == v->hash ? f->fec_offset : v->hash->size_bytes;
	int r;

	if (end < v->tree.end_byte)
		return diag_set(diag, -EINVAL, "fec-offset: the parity would lie within the tree");
	if (f->fec_blocks)
		/* A device may have grown since. */
		end = begin +
		      (f->fec_blocks - MIN(f->fec_blocks, f->data_blocks)) * f->hash_block_size;
	r = verity_fec_init(&v->tree, end - begin, (uint32_t)f->fec_roots, &v->fec, diag);
	if (r < 0)
		return r;
	if (end > v->hash->size_bytes || (f->fec_blocks && f->fec_blocks != v->fec.covered_blocks))
		return diag_set(diag, -EINVAL, "fec-blocks: %ju do not fit the devices",
			(uintmax_t)f->fec_blocks);
	if (f->fec_offset > v->parity->size_bytes ||
		v->fec.parity_bytes > v->parity->size_bytes - f->fec_offset)
		return diag_set(diag, -ENOSPC, "the parity needs %ju bytes at byte %ju of %s",
			(uintmax_t)v->fec.parity_bytes, (uintmax_t)f->fec_offset, v->parity->name);
	f->fec_blocks = v->fec.covered_blocks;
	return 0;
}

static void verity_free(struct vdev *vdev)
{
	struct verity_vdev *v = verity_vdev(vdev);

	verity_writer_done(v);
	context_pool_done(&v->pool);
	digest_free(v->digest);
	free(v);
}

/* What has not been read through the mapping, and the parity, which never is. */
static int verity_reader_finish(struct vdev *vdev, struct diag *diag)
{
	struct verity_vdev *v = verity_vdev(vdev);
	int r;

	r = coverage_read_rest(&v->coverage, vdev);
	if (r >= 0 && v->parity)
		r = verity_parity_run(v);
	return r < 0 ? diag_set(diag, r, "%s: cannot be read: %s", vdev->name, strerror(-r)) : 0;
}

static const struct vdev_ops create_ops = {
	.write = verity_write,
	.read = verity_read,
	.finish = verity_writer_finish,
	.free = verity_free,
};

static const struct vdev_ops read_ops = {
	.read = verity_read,
	.finish = verity_reader_finish,
	.free = verity_free,
};

static int verity_init(struct verity_vdev *v, const struct filter_args *args, struct diag *diag)
{
	int r;

	r = verity_layer_tree(args->layer, &v->tree, diag);
	if (r >= 0)
		r = filter_size(args, &v->vdev.size_bytes, diag);
	if (r >= 0 && v->vdev.size_bytes != v->tree.params.data_blocks * v->vdev.block_size)
		r = diag_set(diag, -EINVAL, "device-size: %ju bytes, but the tree covers %ju",
			(uintmax_t)v->vdev.size_bytes,
			(uintmax_t)v->tree.params.data_blocks * v->vdev.block_size);
	if (r >= 0)
		r = verity_check_devices(v, diag);
	if (r >= 0)
		r = verity_make_digest(v, diag);
	if (r >= 0 && v->parity)
		r = verity_init_fec(v, diag);
	if (r >= 0)
		r = v->mode == FILTER_CREATE ? verity_writer_init(v) : verity_take_root(v, diag);
	return r;
}

static int verity_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(args->layer);
	_cleanup_(vdev_freep) struct vdev *vdev = NULL;
	struct verity_vdev *v;
	int r;

	if (args->mode == FILTER_READ) {
		r = verity_adopt_superblock(args, diag);
		if (r < 0)
			return r;
	}
	v = calloc(1, sizeof(*v));
	if (!v)
		return -ENOMEM;
	vdev = &v->vdev;
	v->vdev = (struct vdev){
		.ops = args->mode == FILTER_CREATE ? &create_ops : &read_ops,
		.block_size = (uint32_t)f->data_block_size,
		.name = args->layer->name,
	};
	v->layer = args->layer;
	v->data = args->below[0];
	v->hash = args->below[1] ?: args->below[0];
	v->parity = args->below[2];
	v->mode = args->mode;
	v->threads = args->threads;
	v->report = args->report;
	v->userdata = args->userdata;
	coverage_init(&v->coverage);
	context_pool_init(&v->pool, verity_context_make, verity_context_destroy, v);

	r = verity_init(v, args, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(vdev);
	return 0;
}

const struct filter_type filter_type_verity = {
	.type = &layer_type_verity,
	.open = verity_open,
};
