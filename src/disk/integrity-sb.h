/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The superblock of dm-integrity: bytes <-> struct. Source of the format: the kernel's
 * Documentation/admin-guide/device-mapper/dm-integrity.rst. "Sector" is always 512 bytes.
 */

#include "diag.h"
#include "macro.h"

#define INTEGRITY_SB_SIZE      4096 /* bytes that belong to it, at the start sector */
#define INTEGRITY_SB_SECTORS   8
#define INTEGRITY_SB_MAC_END   512 /* the MAC ends here */
#define INTEGRITY_SB_MAC_MAX   64
#define INTEGRITY_SALT_SIZE    16
#define INTEGRITY_TAG_SIZE_MAX 255 /* what kernels since 6.1 accept */

enum integrity_sb_flag {
	INTEGRITY_SB_HAVE_JOURNAL_MAC = 0x01,
	INTEGRITY_SB_RECALCULATING = 0x02,
	INTEGRITY_SB_DIRTY_BITMAP = 0x04,
	INTEGRITY_SB_FIX_PADDING = 0x08,
	INTEGRITY_SB_FIX_HMAC = 0x10,
	INTEGRITY_SB_INLINE = 0x20,
	INTEGRITY_SB_FLAGS = 0x3f,
};

struct integrity_sb {
	uint8_t version;		    /* 1..6, see integrity_sb_version() */
	uint8_t log2_interleave_sectors;    /* 3..31, or 0 with a metadata device */
	uint16_t tag_size;		    /* bytes */
	uint32_t journal_sections;	    /* 0 only in inline mode */
	uint64_t provided_sectors;	    /* size of the mapped device */
	uint32_t flags;			    /* enum integrity_sb_flag */
	uint8_t log2_sectors_per_block;	    /* 0..3 */
	uint8_t log2_blocks_per_bitmap_bit; /* written even if there is no bitmap */
	uint64_t recalc_sector;		    /* tags at and behind it are not computed yet */
	uint8_t salt[INTEGRITY_SALT_SIZE];  /* random with INTEGRITY_SB_FIX_HMAC, else zero */
};

/*
 * Strict. -ENODATA: all bytes are zero, so that the kernel would format the device. -EBADMSG: it
 * is not a superblock (magic). -EPROTONOSUPPORT: a version or flag that no known kernel writes.
 * -EINVAL: a field out of its range, or bytes set where none belong.
 * The MAC, if any, is not checked here: see integrity_sb_mac_offset().
 */
int integrity_sb_decode(const uint8_t data[INTEGRITY_SB_SIZE], struct integrity_sb *ret,
	struct diag *diag) _must_check_;

/* Writes all bytes; where a MAC goes there are zeros. */
void integrity_sb_encode(const struct integrity_sb *sb, uint8_t ret[INTEGRITY_SB_SIZE]);

/* The version that goes with the flags. bitmap: the table's mode is B when it is written. */
_const_ uint8_t integrity_sb_version(uint32_t flags, bool has_meta, bool bitmap);

/* True if the superblock carries a MAC: the journal MAC's algorithm over the bytes before it. */
static inline bool integrity_sb_has_mac(const struct integrity_sb *sb)
{
	return (sb->flags & INTEGRITY_SB_FIX_HMAC) && (sb->flags & INTEGRITY_SB_HAVE_JOURNAL_MAC);
}

/*
 * Offset in bytes of a MAC of mac_size bytes (at most INTEGRITY_SB_MAC_MAX); it covers the bytes
 * 0 .. offset - 1 and fills the bytes offset .. 511.
 */
static inline size_t integrity_sb_mac_offset(size_t mac_size)
{
	return INTEGRITY_SB_MAC_END - mac_size;
}
