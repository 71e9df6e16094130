/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the integrity filter share: filter-integrity.c opens, integrity-data.c moves
 * data and tags, integrity-store.c those whose tags come from above, integrity-metadata.c does
 * superblock and journal.
 */

#include "block-assembler.h"
#include "context-pool.h"
#include "coverage.h"
#include "digest.h"
#include "filter.h"
#include "integrity-journal.h"
#include "journal-crypt.h"
#include "layer-integrity.h"

struct integrity_vdev {
	struct vdev vdev;
	struct layer *layer;
	struct vdev *data, *meta; /* one and the same if tags and data are interleaved */
	enum filter_mode mode;
	void (*report)(void *userdata, const struct damage *damage);
	void *userdata;

	struct integrity_geometry geo;
	uint32_t flags; /* of the superblock */
	uint8_t salt[INTEGRITY_SALT_SIZE];
	struct digest *digest;	  /* of the tags, salt included; to clone from; NULL: tag store */
	struct context_pool pool; /* of struct integrity_context */

	struct integrity_journal journal;
	struct integrity_journal_ops journal_ops;
	struct digest *journal_mac;	     /* or NULL */
	struct journal_crypt *journal_crypt; /* or NULL */

	struct coverage coverage;
	/* FILTER_CREATE */
	struct block_assembler *sink; /* of blocks of the metadata's device */
};

/* Buffers for the blocks of one piece. */
struct integrity_context {
	struct digest *digest;
	uint8_t *heads;	  /* what is hashed in front of each block */
	uint8_t *digests; /* whole */
	uint8_t *tags;	  /* as they should be on the disk */
	uint8_t *found;	  /* FILTER_READ: as they are */
	uint8_t *zeros;
	uint8_t *block; /* of the metadata's device */
};

static inline struct integrity_vdev *integrity_vdev(struct vdev *v)
{
	return (struct integrity_vdev *)v;
}

/* How much data a thread handles in one go, in bytes. */
static inline uint64_t integrity_piece_size(const struct integrity_vdev *v)
{
	return MAX(VDEV_CHUNK_SIZE, v->vdev.block_size);
}

/* The role of the device with the metadata, for reports. */
const char *integrity_meta_role(const struct integrity_vdev *v);

/* How many of len bytes lie together in one area, and are no more than a context has room for. */
uint64_t integrity_piece_length(const struct integrity_vdev *v, uint64_t len, uint64_t offset);

int integrity_context_make(void *userdata, void **ret);
void integrity_context_destroy(void *context);
int integrity_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset);
int integrity_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset);

/* The same for a tag store. */
int integrity_store_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset);
int integrity_store_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset);
int integrity_store_write_tagged(
	struct vdev *v, const void *data, const uint8_t *tags, uint64_t len, uint64_t offset);
int integrity_store_read_tagged(
	struct vdev *v, void *ret, uint8_t *ret_tags, uint64_t len, uint64_t offset);

/* Reads the superblock and holds it against the layer, which takes over what it did not say. */
int integrity_adopt_superblock(const struct filter_args *args, struct diag *diag) _must_check_;
/* The keys of the journal, if it has any. */
int integrity_journal_init(
	struct integrity_vdev *v, const struct filter_args *args, struct diag *diag) _must_check_;
/* Writes journal and superblock. */
int integrity_write_metadata(struct integrity_vdev *v) _must_check_;
/* -EILSEQ: the superblock's MAC is wrong. -EUCLEAN: the journal is not empty, or damaged. */
int integrity_check_metadata(struct integrity_vdev *v, struct diag *diag) _must_check_;
