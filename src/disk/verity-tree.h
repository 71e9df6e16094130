/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The shape of a dm-verity hash tree and of its forward error correction. The hashing itself is the
 * caller's. Source of the format: the kernel's Documentation/admin-guide/device-mapper/verity.rst.
 */

#include "diag.h"
#include "macro.h"

#define VERITY_LEVELS_MAX    63
#define VERITY_FEC_ROOTS_MIN 2
#define VERITY_FEC_ROOTS_MAX 24
#define VERITY_FEC_RSN	     255 /* bytes of a Reed-Solomon code word */

struct verity_format {
	uint64_t data_blocks;	  /* at least 1 */
	uint64_t hash_offset;	  /* bytes: of the superblock, or of the tree if there is none */
	uint32_t data_block_size; /* bytes, a power of two */
	uint32_t hash_block_size; /* bytes, a power of two */
	uint32_t digest_size;	  /* bytes */
	uint32_t hash_type;	  /* 1 or 0 */
	bool has_superblock;
};

struct verity_level {
	uint64_t first_block; /* absolute, in hash blocks from the begin of the hash device */
	uint64_t blocks;
};

struct verity_tree {
	struct verity_format params;
	uint32_t hashes_per_block; /* a power of two */
	uint32_t slot_size;	   /* bytes from one digest to the next in a hash block */
	uint64_t start_block;	   /* of the tree, in hash blocks: the table's hash start */
	uint64_t tree_blocks;	   /* all levels together; 0 for a single data block */
	uint64_t end_byte;	   /* first byte behind the tree on the hash device */
	unsigned levels;	   /* 0 for a single data block: the root is its digest */
	/*
	 * level[0] holds the digests of the data blocks, level[levels - 1] is the one block whose
	 * digest is the root. On disk the top comes first.
	 */
	struct verity_level level[VERITY_LEVELS_MAX];
};

/* -EINVAL: a parameter is out of its range or the digest too large. -EOVERFLOW: too large. */
int verity_tree_init(const struct verity_format *params, struct verity_tree *ret,
	struct diag *diag) _must_check_;

/*
 * Where the digest of item index goes (a data block for level 0): offset in bytes on the hash
 * device.
 */
_pure_ uint64_t verity_slot_byte(const struct verity_tree *tree, unsigned level, uint64_t index);

/*
 * Forward error correction RS(255, 255 - roots) over the data blocks followed by the hash area from
 * the tree's start to the end of the hash device (or to where the parity begins on the same
 * device). Code word (round, b): symbol i is byte b of covered block round + i * rounds; blocks
 * behind the end are zero. Its parity of `roots` bytes is at (round * block_size + b) * roots.
 */
struct verity_fec {
	uint32_t roots;
	uint32_t block_size;	 /* bytes; of data and hash blocks, which must be equal */
	uint32_t data_symbols;	 /* of one code word: 255 - roots */
	uint64_t covered_blocks; /* the table's fec_blocks */
	uint64_t rounds;
	uint64_t parity_bytes; /* size of the parity area */
};

/* hash_area_bytes: see above; a part of a block at its end is not covered. */
int verity_fec_init(const struct verity_tree *tree, uint64_t hash_area_bytes, uint32_t roots,
	struct verity_fec *ret, struct diag *diag) _must_check_;
