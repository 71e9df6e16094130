/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of the integrity filter share: filter-integrity.c opens, integrity-data.c moves
 * data and tags, integrity-store.c those whose tags come from above, integrity-metadata.c does
 * superblock and journal, integrity-overlay.c what is in the journal only, integrity-repair.c
 * changes images that are there.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "block-assembler.h"
#include "context-pool.h"
#include "coverage.h"
#include "digest.h"
#include "filter.h"
#include "integrity-replay.h"
#include "journal-crypt.h"
#include "layer-integrity.h"

/* A block whose newest content is in the journal. */
struct integrity_overlay_item {
	uint64_t sector; /* of the mapped device */
	uint32_t section, entry;
};

struct integrity_overlay {
	struct integrity_overlay_item *items; /* by sector, each one once; owned */
	size_t n;
	bool in_use;			   /* the journal is not empty */
	struct integrity_replay_plan plan; /* if in_use */
	uint8_t *section;		   /* the one that was read last, decrypted; owned */
	uint32_t section_index;		   /* UINT32_MAX: none */
	pthread_mutex_t lock;		   /* of the section */
};

/* integrity-repair.c: what happens to a tag that is wrong. */
struct integrity_change {
	bool (*accepts)(void *userdata, uint64_t sector); /* the tag may be computed anew */
	void *userdata;
	bool list; /* report each */
	atomic_uint_fast64_t n_tags;
};

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
	/* FILTER_READ */
	bool may_change;	   /* filter_args.change */
	pthread_mutex_t tags_lock; /* of integrity_change_tags(): neighbouring tags share a block */
	struct integrity_overlay overlay;
	struct integrity_change *change; /* while tags are computed anew; else NULL */
	/* FILTER_CREATE */
	struct block_assembler *sink; /* of blocks of the metadata's device */
};

/* Buffers for the blocks of one piece. */
struct integrity_context {
	struct digest *digest;
	uint8_t *heads;	  /* what is hashed in front of each block */
	uint8_t *digests; /* whole */
	uint8_t *tags;	  /* as they should be on the disk */
	uint8_t *found;	  /* FILTER_READ: as they are; or a block of the journal */
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
/* integrity-repair.c: data and tags of an image that is changed. -EBUSY: its journal is in use. */
int integrity_rewrite(struct vdev *v, const void *data, uint64_t len, uint64_t offset);

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
/*
 * Looks at superblock and journal; what is in the journal only goes to the overlay. -EILSEQ: the
 * superblock's MAC is wrong. -EUCLEAN: the journal is damaged, or the device was left with a bitmap
 * in its place.
 */
int integrity_check_metadata(struct integrity_vdev *v, struct diag *diag) _must_check_;
/* The superblock's bytes, with its MAC. */
int integrity_make_superblock(struct integrity_vdev *v, const struct integrity_sb *sb,
	uint8_t ret[INTEGRITY_SB_SIZE]) _must_check_;
/* Bytes on the metadata's device. */
uint64_t integrity_section_offset(const struct integrity_vdev *v, uint32_t section);
/* Reports it, and returns -EUCLEAN. what: static. */
int integrity_refuse_section(
	struct integrity_vdev *v, uint32_t section, const char *what, struct diag *diag);

/*
 * Finds what is in the journal and may not be written back. -EUCLEAN: the journal is damaged, and
 * the kernel would give an error for every block.
 */
int integrity_overlay_load(struct integrity_vdev *v, struct diag *diag) _must_check_;
void integrity_overlay_done(struct integrity_overlay *overlay);
/* Puts it over what was read from that range; either buffer may be NULL. */
int integrity_overlay_patch(struct integrity_vdev *v, uint8_t *data, uint8_t *tags, uint64_t len,
	uint64_t offset) _must_check_;
/* Data and tag of one of its blocks; either may be NULL. */
int integrity_overlay_get(struct integrity_vdev *v, const struct integrity_overlay_item *item,
	uint8_t *ret_data, uint8_t *ret_tag) _must_check_;

/* The tags of n blocks as they should be, to c->tags. data NULL: blocks of zeros. */
int integrity_make_tags(struct integrity_vdev *v, struct integrity_context *c, const uint8_t *data,
	uint64_t n, uint64_t sector) _must_check_;
/* Writes tags over those of an image that is there: len bytes at that offset of its device. */
int integrity_change_tags(
	struct integrity_vdev *v, const uint8_t *tags, uint64_t len, uint64_t offset) _must_check_;
