/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of an "integrity" layer: standalone dm-integrity (kernel:
 * admin-guide/device-mapper/dm-integrity). Roles: data, meta.
 */

#include "integrity-geometry.h"
#include "layer.h"

enum integrity_mode {
	INTEGRITY_JOURNAL,
	INTEGRITY_BITMAP,
	INTEGRITY_DIRECT,
	INTEGRITY_RECOVERY,
	_INTEGRITY_MODE_MAX,
};

struct integrity_fields {
	unsigned mode;	       /* enum integrity_mode */
	char *algorithm;       /* "crc32c", "sha256", "hmac-sha256" ...; "none" keeps tags only */
	uint64_t tag_size;     /* bytes; 0: that of the algorithm */
	uint64_t sector_size;  /* bytes */
	uint64_t offset;       /* sectors before the superblock */
	uint64_t journal_size; /* bytes; 0: the kernel's default */
	uint64_t interleave_sectors;
	uint64_t buffer_sectors;
	uint64_t journal_watermark; /* percent */
	uint64_t journal_commit_usec;
	uint64_t bitmap_sectors_per_bit;
	uint64_t bitmap_flush_usec;
	char *journal_integrity; /* "hmac-sha256"; see integrity_journal_mac_alg() */
	struct keyref journal_integrity_key;
	char *journal_crypt; /* "ctr-aes", "cbc-aes"; NULL: none */
	struct keyref journal_crypt_key;
	bool legacy_padding;
	bool legacy_hmac;
	bool recalculate;
	bool recalculate_reset;
	bool legacy_recalculate;
	struct hexval salt;	/* 16 bytes, or none */
	uint64_t key_size;	/* bytes of the data key; 0: any */
	struct integrity_sb sb; /* what adopt() found; not a field */
	bool has_sb;
	bool finish_later; /* what the superblock calls unfinished is let through; not a field */
};

extern const struct layer_type layer_type_integrity;

static inline struct integrity_fields *integrity_fields(const struct layer *layer)
{
	return layer->params;
}

/* The tag size in bytes, of the field or of the algorithm. */
uint32_t integrity_tag_size(const struct layer *layer);
/* True if the tags are those of a layer above, which are stored and not looked at. */
bool integrity_is_tag_store(const struct layer *layer);
/* True if the format has a salt: a hash or a MAC uses it, and it is not the legacy form. */
bool integrity_has_salt(const struct layer *layer);
/* True if superblock, journal and tags have a device of their own. */
bool integrity_has_meta(const struct layer *layer);
/* The algorithm of the MAC of journal and superblock; NULL: none, or "none". */
const char *integrity_journal_mac_alg(const struct layer *layer);
/* True if the data tags are keyed. */
bool integrity_is_keyed(const struct layer *layer);
/*
 * The geometry on a data device and a metadata device (0: none) of those lengths in sectors.
 */
int integrity_layer_geometry(const struct layer *layer, uint64_t data_sectors,
	uint64_t meta_sectors, struct integrity_geometry *ret, struct diag *diag) _must_check_;

/* Callbacks of the type, see struct layer_type. */
int integrity_superblock(const struct layer *layer, struct superblock_place *ret);
int integrity_adopt(struct layer *layer, const void *data, size_t size, struct diag *diag);
