/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the verity filter share: filter-verity.c opens, verity-writer.c makes tree and
 * superblock, verity-reader.c checks, verity-parity.c does the error correction's parity.
 */

#include <stdatomic.h>

#include "block-assembler.h"
#include "context-pool.h"
#include "coverage.h"
#include "digest.h"
#include "filter.h"
#include "layer-verity.h"

struct verity_vdev;

/* One level of the tree while it grows. */
struct verity_level_writer {
	struct verity_vdev *verity;
	unsigned level;
	struct block_assembler *blocks; /* offsets count from the begin of the level; owned */
	/* Above data of zeros all blocks of a level are equal. */
	uint8_t zero_digest[DIGEST_SIZE_MAX]; /* of what is below the level */
	uint8_t *zero_blocks;		      /* some blocks full of it; owned */
};

struct verity_vdev {
	struct vdev vdev;
	struct layer *layer;
	struct vdev *data, *hash, *parity; /* parity NULL: none */
	enum filter_mode mode;
	unsigned threads;
	void (*report)(void *userdata, const struct damage *damage);
	void *userdata;

	struct verity_tree tree;
	struct verity_fec fec;
	const uint8_t *salt; /* the layer's */
	size_t salt_size;
	size_t digest_size;
	struct digest *digest; /* to clone from */
	uint8_t root[DIGEST_SIZE_MAX];
	struct context_pool pool; /* of struct verity_context */

	struct coverage coverage;
	/* verity-repair.c: wrong parity is overwritten. */
	bool repair_parity;
	atomic_uint_fast64_t n_parity_repaired; /* blocks */
	/* FILTER_CREATE */
	struct block_assembler *sink;				  /* of blocks of the hash device */
	struct verity_level_writer levels[VERITY_LEVELS_MAX + 1]; /* the last for the root */
};

/* A tree block that a thread has looked at. */
struct verity_cached {
	uint64_t index; /* UINT64_MAX: none */
	bool good;
	uint8_t *block;
};

struct verity_context {
	struct digest *digest;
	uint8_t *slots;		      /* digests on their way into the tree, as they lie there */
	size_t slots_size;	      /* bytes */
	uint8_t *digests;	      /* FILTER_READ: of data blocks */
	struct verity_cached *cached; /* FILTER_READ: by level */
	unsigned n_cached;
};

static inline struct verity_vdev *verity_vdev(struct vdev *v)
{
	return (struct verity_vdev *)v;
}

/* How many data blocks a thread hashes in one go. */
static inline uint64_t verity_piece_items(const struct verity_vdev *v)
{
	return MAX(VDEV_CHUNK_SIZE / v->vdev.block_size, 1U);
}

/* Digest of one data or hash block, with the salt. Writes the digest's size only. */
int verity_digest(struct verity_vdev *v, struct digest *digest, const void *block, size_t size,
	uint8_t *ret) _must_check_;
void verity_report(struct verity_vdev *v, const struct damage *damage);

/* VERITY_SB_SIZE bytes, as the layer says them. */
void verity_make_superblock(const struct verity_vdev *v, uint8_t *ret);
int verity_writer_init(struct verity_vdev *v) _must_check_;
void verity_writer_done(struct verity_vdev *v);
int verity_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset);
int verity_writer_finish(struct vdev *v, struct diag *diag);

int verity_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset);

/* Covered blocks: data, then the tree and what follows it; those behind the end are zeros. */
int verity_read_covered(
	struct verity_vdev *v, uint8_t *ret, uint64_t first, uint64_t count) _must_check_;
/* FILTER_CREATE: writes the parity; FILTER_READ: compares and reports. */
int verity_parity_run(struct verity_vdev *v) _must_check_;
