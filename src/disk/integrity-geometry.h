/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where dm-integrity puts what. All sizes are in 512-byte sectors unless a name says bytes; devices
 * of up to 2^52 sectors are accepted.
 */

#include "diag.h"
#include "integrity-sb.h"
#include "macro.h"

#define INTEGRITY_DEVICE_SECTORS_MAX (UINT64_C(1) << 52)
#define INTEGRITY_BUFFER_SECTORS     128 /* the kernel's defaults */
#define INTEGRITY_INTERLEAVE_SECTORS 32768
#define INTEGRITY_SECTORS_PER_BIT    32768

/* What a format is made of: the sizes of the devices and the table's options. */
struct integrity_format {
	uint64_t data_sectors;	     /* whole data device, the start sector not subtracted */
	uint64_t meta_sectors;	     /* whole metadata device, if has_meta */
	uint64_t start_sector;	     /* of the superblock, on the device with the metadata */
	uint64_t journal_sectors;    /* 0: the kernel's default, which depends on data_sectors */
	uint32_t interleave_sectors; /* 0: default; rounded down to a power of two, at least 8 */
	uint32_t buffer_sectors;     /* 0: default */
	uint32_t sectors_per_bit;    /* 0: default; of the bitmap */
	uint32_t tag_size;	     /* bytes, 1..INTEGRITY_TAG_SIZE_MAX */
	uint32_t block_size;	     /* bytes: 512, 1024, 2048 or 4096 */
	bool has_meta;		     /* the metadata is on a device of its own */
	bool journal_mac;
	bool fix_padding; /* without a metadata device only; ignored with one, as the kernel does */
};

struct integrity_geometry {
	uint64_t start_sector;
	uint64_t provided_sectors; /* size of the mapped device, a multiple of the block size */
	uint64_t initial_sectors;  /* superblock and journal */
	uint64_t run_sectors;	   /* one area's tags; 0 with a metadata device */
	uint64_t
		meta_end_sector; /* first sector behind all that is used on the metadata's device */
	uint32_t tag_size;	 /* bytes */
	uint32_t block_size;	 /* bytes */
	uint32_t journal_sections;
	uint32_t section_sectors;
	uint32_t section_entries;
	uint32_t entry_size;		 /* bytes of one journal entry */
	uint32_t buffer_sectors;	 /* what the kernel uses; a power of two */
	uint8_t log2_interleave_sectors; /* 0 with a metadata device */
	uint8_t log2_sectors_per_block;
	uint8_t log2_blocks_per_bitmap_bit;
	bool has_meta;
};

/*
 * One stretch of data with its tags. Without a metadata device there are many, with one there is 1.
 */
struct integrity_area {
	uint64_t first_sector; /* of the mapped device */
	uint64_t sectors;      /* of the mapped device; the last area may be shorter */
	uint64_t data_sector;  /* absolute, on the data device */
	uint64_t tag_byte; /* absolute offset in bytes of the first tag, on the metadata's device */
	uint64_t tag_bytes; /* in use; what follows up to the run's end is padding */
	uint64_t run_bytes; /* reserved for tags */
};

/*
 * The geometry that the kernel chooses when it formats. -ENOSPC: a device is too small. -EINVAL: a
 * parameter is out of its range. -EOPNOTSUPP: legacy padding with an interleave below 128 sectors,
 * which no kernel handles without destroying data. -EOVERFLOW: too large.
 */
int integrity_geometry_format(const struct integrity_format *params, struct integrity_geometry *ret,
	struct diag *diag) _must_check_;

/*
 * The geometry that the kernel computes when it opens. Only the sizes of the devices, start_sector,
 * buffer_sectors and has_meta of the params count, the rest is the superblock's. provided_sectors
 * is recomputed: if it differs from sb->provided_sectors, the kernel would rewrite the superblock.
 * Errors as above, and -EINVAL where the superblock and has_meta do not agree. Inline mode
 * is -EOPNOTSUPP.
 */
int integrity_geometry_open(const struct integrity_format *params, const struct integrity_sb *sb,
	struct integrity_geometry *ret, struct diag *diag) _must_check_;

/*
 * The smallest data device, a multiple of align sectors, that provides at least want_sectors.
 * data_sectors of the params is ignored.
 */
int integrity_smallest_data_device(const struct integrity_format *params, uint64_t want_sectors,
	uint64_t align_sectors, uint64_t *ret_sectors, struct diag *diag) _must_check_;

/*
 * The smallest metadata device, a multiple of align sectors, that holds the whole journal asked for
 * and all tags of the data device. meta_sectors is ignored, data_sectors counts.
 */
int integrity_smallest_meta_device(const struct integrity_format *params, uint64_t align_sectors,
	uint64_t *ret_sectors, struct diag *diag) _must_check_;

/* Fills the superblock's fields from the geometry; the flags and the salt are the caller's. */
void integrity_geometry_sb(const struct integrity_geometry *geo, uint32_t flags,
	const uint8_t salt[INTEGRITY_SALT_SIZE], struct integrity_sb *ret);

/* Absolute sector on the data device of a sector of the mapped device (below provided_sectors). */
_pure_ uint64_t integrity_data_sector(const struct integrity_geometry *geo, uint64_t sector);
/* Absolute offset in bytes, on the device with the metadata, of the tag of the sector's block. */
_pure_ uint64_t integrity_tag_byte(const struct integrity_geometry *geo, uint64_t sector);

/* Sectors from that one on that lie in a row, and their tags too. */
_pure_ uint64_t integrity_run_sectors(const struct integrity_geometry *geo, uint64_t sector);

_pure_ uint64_t integrity_area_count(const struct integrity_geometry *geo);
/* index < integrity_area_count(). */
void integrity_area_get(
	const struct integrity_geometry *geo, uint64_t index, struct integrity_area *ret);

static inline uint64_t integrity_journal_sectors(const struct integrity_geometry *geo)
{
	return (uint64_t)geo->journal_sections * geo->section_sectors;
}
