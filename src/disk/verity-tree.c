/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The shape of a dm-verity hash tree on its device:
 *
 *	hash_offset   start_block
 *	| superblock  | level L-1 (one block) | level L-2 | ... | level 0 |
 *
 * With h digests in a hash block, level i has ceil(data blocks / h^(i+1)) blocks. Type 1 gives
 * each digest a slot of a power of two, type 0 packs them; both count h as a power of two. The
 * tail of a block is zero. A single data block has no tree.
 */

#include <errno.h>

#include "overflow.h"
#include "verity-sb.h"
#include "verity-tree.h"

static int check_params(const struct verity_format *p, struct diag *diag)
{
	uint32_t sizes[] = { p->data_block_size, p->hash_block_size };

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
		if (!is_pow2(sizes[i]) || sizes[i] < VERITY_BLOCK_SIZE_MIN ||
			sizes[i] > VERITY_BLOCK_SIZE_MAX)
			return diag_set(diag, -EINVAL,
				"verity: %s block size %u is not a power of two within 512 and 524288",
				i == 0 ? "data" : "hash", sizes[i]);
	if (p->hash_type > 1)
		return diag_set(
			diag, -EINVAL, "verity: hash type %u is neither 0 nor 1", p->hash_type);
	if (p->digest_size == 0 || p->digest_size > p->hash_block_size / 2)
		return diag_set(diag, -EINVAL,
			"verity: a digest of %u bytes does not fit twice into a hash block of %u",
			p->digest_size, p->hash_block_size);
	if (p->data_blocks == 0)
		return diag_set(diag, -EINVAL, "verity: there are no data blocks");
	if (p->hash_offset % 512 != 0)
		return diag_set(diag, -EINVAL, "verity: hash offset %llu is not a multiple of 512",
			(unsigned long long)p->hash_offset);
	if (!p->has_superblock && p->hash_offset % p->hash_block_size != 0)
		return diag_set(diag, -EINVAL,
			"verity: without a superblock hash offset %llu must be a multiple of the hash block size",
			(unsigned long long)p->hash_offset);
	return 0;
}

static void set_slots(struct verity_tree *tree)
{
	const struct verity_format *p = &tree->params;

	tree->hashes_per_block = UINT32_C(1) << log2_u64(p->hash_block_size / p->digest_size);
	tree->slot_size =
		p->hash_type == 1 ? p->hash_block_size / tree->hashes_per_block : p->digest_size;
}

static bool start_overflows(struct verity_tree *tree)
{
	const struct verity_format *p = &tree->params;
	uint64_t begin = p->hash_offset;

	if (p->has_superblock && (add_overflows(begin, VERITY_SB_SIZE, &begin) ||
					 align_up_overflows(begin, p->hash_block_size, &begin)))
		return true;
	tree->start_block = begin / p->hash_block_size;
	return false;
}

/* Sizes from the leaves up, places from the top down. */
static void set_levels(struct verity_tree *tree)
{
	uint64_t items = tree->params.data_blocks;

	for (; items > 1; tree->levels++) {
		items = div_round_up_u64(items, tree->hashes_per_block);
		tree->level[tree->levels].blocks = items;
	}
	for (unsigned i = tree->levels; i > 0; i--) {
		tree->level[i - 1].first_block = tree->start_block + tree->tree_blocks;
		tree->tree_blocks += tree->level[i - 1].blocks;
	}
}

int verity_tree_init(const struct verity_format *params, struct verity_tree *ret, struct diag *diag)
{
	int r = check_params(params, diag);
	if (r < 0)
		return r;

	struct verity_tree tree = { .params = *params };
	uint64_t data_bytes, end_block;
	set_slots(&tree);
	if (mul_overflows(params->data_blocks, params->data_block_size, &data_bytes) ||
		data_bytes > INT64_MAX || start_overflows(&tree))
		return diag_set(diag, -EOVERFLOW, "verity: the device is too large");
	/* The data fit, so do the sums: a tree has fewer blocks than the data. */
	set_levels(&tree);
	if (add_overflows(tree.start_block, tree.tree_blocks, &end_block) ||
		mul_overflows(end_block, params->hash_block_size, &tree.end_byte) ||
		tree.end_byte > INT64_MAX)
		return diag_set(diag, -EOVERFLOW, "verity: the hash device is too large");
	*ret = tree;
	return 0;
}

uint64_t verity_slot_byte(const struct verity_tree *tree, unsigned level, uint64_t index)
{
	uint64_t block = tree->level[level].first_block + index / tree->hashes_per_block;

	return block * tree->params.hash_block_size +
	       index % tree->hashes_per_block * tree->slot_size;
}

int verity_fec_init(const struct verity_tree *tree, uint64_t hash_area_bytes, uint32_t roots,
	struct verity_fec *ret, struct diag *diag)
{
	const struct verity_format *p = &tree->params;

	if (roots < VERITY_FEC_ROOTS_MIN || roots > VERITY_FEC_ROOTS_MAX)
		return diag_set(diag, -EINVAL, "verity: %u FEC roots are not within %d and %d",
			roots, VERITY_FEC_ROOTS_MIN, VERITY_FEC_ROOTS_MAX);
	if (p->data_block_size != p->hash_block_size)
		return diag_set(diag, -EINVAL, "verity: FEC needs equal data and hash block sizes");

	struct verity_fec fec = {
		.roots = roots,
		.block_size = p->data_block_size,
		.data_symbols = VERITY_FEC_RSN - roots,
	};
	uint64_t parity_blocks;
	if (add_overflows(p->data_blocks, hash_area_bytes / fec.block_size, &fec.covered_blocks))
		return diag_set(diag, -EOVERFLOW, "verity: the device is too large for FEC");
	fec.rounds = div_round_up_u64(fec.covered_blocks, fec.data_symbols);
	if (mul_overflows(fec.rounds, roots, &parity_blocks) ||
		mul_overflows(parity_blocks, fec.block_size, &fec.parity_bytes))
		return diag_set(diag, -EOVERFLOW, "verity: the device is too large for FEC");
	*ret = fec;
	return 0;
}
