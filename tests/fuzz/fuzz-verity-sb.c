/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A dm-verity superblock, and behind it the hash offset (8 bytes). What decodes encodes to the same
 * bytes; its tree lies behind it, in order.
 */

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "verity-sb.h"
#include "verity-tree.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

static void check_tree(const struct verity_tree *tree)
{
	uint64_t next = tree->start_block;

	check(next * tree->params.hash_block_size >= tree->params.hash_offset + VERITY_SB_SIZE);
	for (unsigned level = tree->levels; level > 0; level--) {
		check(tree->level[level - 1].first_block == next);
		next += tree->level[level - 1].blocks;
	}
	check(next * tree->params.hash_block_size == tree->end_byte);
	if (tree->levels > 0)
		check(verity_slot_byte(tree, 0, tree->params.data_blocks - 1) +
				tree->params.digest_size <=
			tree->end_byte);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t block[VERITY_SB_SIZE + 8] = {}, again[VERITY_SB_SIZE];
	struct verity_tree tree;
	struct verity_fec fec;
	struct verity_sb sb;

	memcpy(block, data, MIN(size, sizeof(block)));
	if (verity_sb_decode(block, &sb, NULL) < 0)
		return 0;
	verity_sb_encode(&sb, again);
	check(memcmp(again, block, VERITY_SB_SIZE) == 0);

	struct verity_format format = {
		.data_blocks = sb.data_blocks,
		.hash_offset = get_le64(block + VERITY_SB_SIZE),
		.data_block_size = sb.data_block_size,
		.hash_block_size = sb.hash_block_size,
		.digest_size = 32,
		.hash_type = sb.hash_type,
		.has_superblock = true,
	};
	if (verity_tree_init(&format, &tree, NULL) < 0)
		return 0;
	check_tree(&tree);
	if (verity_fec_init(&tree, tree.end_byte - tree.start_block * sb.hash_block_size,
		    2 + sb.salt[0] % 23, &fec, NULL) == 0)
		check(fec.rounds * fec.data_symbols >= fec.covered_blocks);
	return 0;
}
