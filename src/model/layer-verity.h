/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of a "verity" layer (kernel: admin-guide/device-mapper/verity).
 * Roles: data, hash, fec. Without a hash device the tree lies on the data device.
 */

#include "layer.h"
#include "verity-tree.h"

enum verity_on_corruption {
	VERITY_EIO,
	VERITY_IGNORE,
	VERITY_RESTART,
	VERITY_PANIC,
	_VERITY_ON_CORRUPTION_MAX,
};

struct verity_fields {
	struct hexval root_hash;
	struct keyref signature; /* of the root hash; NONE: the kernel asks for none */
	char *hash;		 /* "sha256" */
	struct hexval salt;
	uint64_t format;	  /* 0 or 1 */
	uint64_t data_block_size; /* bytes */
	uint64_t hash_block_size; /* bytes */
	uint64_t data_blocks;	  /* 0: from the superblock */
	uint64_t hash_offset;	  /* bytes on the hash device */
	bool superblock;
	uint8_t uuid[16];
	uint64_t fec_offset; /* bytes on the FEC device */
	uint64_t fec_roots;
	uint64_t fec_blocks;	/* covered blocks; 0: derived from the hash device */
	unsigned on_corruption; /* enum verity_on_corruption */
	unsigned on_error;	/* 0 eio, 1 restart, 2 panic; kernel 6.12 */
	bool ignore_zero_blocks;
	bool check_at_most_once;
	bool has_sb; /* adopt() was done; not a field */
};

extern const struct layer_type layer_type_verity;

static inline struct verity_fields *verity_fields(const struct layer *layer)
{
	return layer->params;
}

/* The tree's geometry; data_blocks must be known. */
int verity_layer_tree(
	const struct layer *layer, struct verity_tree *ret, struct diag *diag) _must_check_;

/* The callbacks length and below of the type. */
int verity_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag) _must_check_;
int verity_below(const struct layer *layer, uint64_t sectors, uint64_t ret_below[LAYER_ROLES_MAX],
	struct diag *diag) _must_check_;
/* The role whose device holds the parity: 2 is that of its own, 1 the hash and 0 the data device. */
size_t verity_fec_role(const struct layer *layer);
/* True if it lies behind the tree; then it covers everything up to itself, as with veritysetup. */
bool verity_fec_is_behind_tree(const struct layer *layer);
/* The end in bytes of what is before the parity on its device. */
uint64_t verity_fec_least_offset(const struct layer *layer, const struct verity_tree *tree);
