/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where data, tree and parity of a verity layer are, and how large their devices have to be.
 */

#include <errno.h>

#include "alg.h"
#include "layer-verity.h"
#include "overflow.h"

int verity_layer_tree(const struct layer *layer, struct verity_tree *ret, struct diag *diag)
{
	const struct verity_fields *f = verity_fields(layer);
	const struct hash_alg *alg = hash_alg_find(f->hash);

	if (f->data_blocks == 0)
		return diag_set(diag, -EINVAL,
			"data-blocks: not given, and there is no superblock that has it");

	struct verity_format params = {
		.data_blocks = f->data_blocks,
		.hash_offset = f->hash_offset,
		.data_block_size = (uint32_t)f->data_block_size,
		.hash_block_size = (uint32_t)f->hash_block_size,
		.digest_size = alg ? alg->size : 0,
		.hash_type = (uint32_t)f->format,
		.has_superblock = f->superblock,
	};
	return verity_tree_init(&params, ret, diag);
}

size_t verity_fec_role(const struct layer *layer)
{
	const struct layer_device *fec = layer_device(layer, "fec");
	const struct layer_device *hash = layer_device(layer, "hash");
	const struct layer_device *data = layer_device(layer, "data");

	if (fec && hash && devref_equal(&fec->ref, &hash->ref))
		return 1;
	return fec && data && devref_equal(&fec->ref, &data->ref) ? 0 : 2;
}

bool verity_fec_is_behind_tree(const struct layer *layer)
{
	return layer_device(layer, "fec") &&
	       verity_fec_role(layer) == (layer_device(layer, "hash") ? 1 : 0);
}

uint64_t verity_fec_least_offset(const struct layer *layer, const struct verity_tree *tree)
{
	uint32_t block_size = tree->params.data_block_size;

	if (!layer_device(layer, "fec") || verity_fec_role(layer) == 2)
		return 0;
	return align_up_u64(verity_fec_is_behind_tree(layer)
				    ? tree->end_byte
				    : tree->params.data_blocks * block_size,
		block_size);
}

static int check_device_sizes(const struct layer *layer, const struct verity_tree *tree,
	uint64_t data_sectors, const uint64_t below[LAYER_ROLES_MAX], struct diag *diag)
{
	bool has_hash = layer_device(layer, "hash");
	uint64_t hash_sectors = has_hash ? below[1] : below[0];

	if (data_sectors > below[0])
		return diag_set(diag, -ENOSPC,
			"data-blocks: %llu sectors are covered, but the device has %llu",
			(unsigned long long)data_sectors, (unsigned long long)below[0]);
	if (tree->end_byte > hash_sectors * SECTOR_SIZE)
		return diag_set(diag, -ENOSPC,
			"the tree ends at byte %llu, but its device has %llu bytes",
			(unsigned long long)tree->end_byte,
			(unsigned long long)(hash_sectors * SECTOR_SIZE));
	if (verity_fields(layer)->fec_offset < verity_fec_least_offset(layer, tree))
		return diag_set(diag, -EINVAL,
			"fec-offset: %llu is within what is before the parity on its device, which "
			"ends at byte %llu",
			(unsigned long long)verity_fields(layer)->fec_offset,
			(unsigned long long)verity_fec_least_offset(layer, tree));
	if (!has_hash && tree->tree_blocks &&
		tree->start_block * tree->params.hash_block_size < data_sectors * SECTOR_SIZE)
		return diag_set(diag, -EINVAL, "hash-offset: the tree would lie within the data");
	return 0;
}

int verity_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	struct verity_tree tree;
	uint64_t bytes;

	int r = verity_layer_tree(layer, &tree, diag);
	if (r < 0)
		return r;
	if (mul_overflows(tree.params.data_blocks, tree.params.data_block_size, &bytes))
		return diag_set(diag, -EOVERFLOW, "data-blocks: too many");
	r = check_device_sizes(layer, &tree, bytes / SECTOR_SIZE, below, diag);
	if (r < 0)
		return r;
	*ret_sectors = bytes / SECTOR_SIZE;
	return 0;
}

/* data_blocks follows from the wanted length, so it need not be set yet. */
int verity_below(const struct layer *layer, uint64_t sectors, uint64_t ret_below[LAYER_ROLES_MAX],
	struct diag *diag)
{
	const struct verity_fields *f = verity_fields(layer);
	uint64_t data_bytes, end;

	if (mul_overflows(sectors, SECTOR_SIZE, &data_bytes) ||
		align_up_overflows(data_bytes, f->data_block_size, &data_bytes))
		return diag_set(diag, -EOVERFLOW, "the device would be too large");

	struct verity_tree tree;
	struct verity_format params = {
		.data_blocks = data_bytes / f->data_block_size,
		.hash_offset = f->hash_offset,
		.data_block_size = (uint32_t)f->data_block_size,
		.hash_block_size = (uint32_t)f->hash_block_size,
		.digest_size = hash_alg_find(f->hash)->size,
		.hash_type = (uint32_t)f->format,
		.has_superblock = f->superblock,
	};
	int r = verity_tree_init(&params, &tree, diag);
	if (r < 0)
		return r;

	end = align_up_u64(tree.end_byte, f->hash_block_size);
	ret_below[0] = data_bytes / SECTOR_SIZE;
	if (layer_device(layer, "hash"))
		ret_below[1] = end / SECTOR_SIZE;
	else
		ret_below[0] = MAX(ret_below[0], end / SECTOR_SIZE);
	if (layer_device(layer, "fec")) {
		uint64_t begin = tree.start_block * f->hash_block_size;
		uint64_t area = tree.tree_blocks * f->hash_block_size;
		size_t role = verity_fec_role(layer);
		struct verity_fec fec;

		if (verity_fec_is_behind_tree(layer) && f->fec_offset > begin)
			area = f->fec_offset - begin;
		r = verity_fec_init(&tree, area, (uint32_t)f->fec_roots, &fec, diag);
		if (r < 0)
			return r;
		ret_below[role] = MAX(role == 2 ? 0 : ret_below[role],
			(f->fec_offset + fec.parity_bytes) / SECTOR_SIZE);
	}
	return 0;
}
