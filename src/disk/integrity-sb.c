/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The superblock of dm-integrity, as the kernel writes it:
 *
 *	  0  magic "integrt" NUL           28  log2 sectors per block (1)
 *	  8  version (1)                   29  log2 blocks per bitmap bit (1)
 *	  9  log2 interleave sectors (1)   30  zero (2)
 *	 10  tag size (le16)               32  recalculation sector (le64)
 *	 12  journal sections (le32)       40  zero (8)
 *	 16  provided sectors (le64)       48  salt (16)
 *	 24  flags (le32)                  64  zero, up to 4096
 *
 * With fix_hmac and a journal MAC the last bytes before 512 are a MAC of what precedes them.
 */

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "integrity-sb.h"

#define MAGIC	    "integrt"
#define DEFINED_END 64

static int check_layout(const struct integrity_sb *sb, struct diag *diag)
{
	bool is_inline = sb->flags & INTEGRITY_SB_INLINE;

	if (sb->log2_interleave_sectors != 0 &&
		(sb->log2_interleave_sectors < 3 || sb->log2_interleave_sectors > 31))
		return diag_set(diag, -EINVAL,
			"integrity superblock: interleave 2^%u is out of range",
			sb->log2_interleave_sectors);
	if (sb->log2_sectors_per_block > 3)
		return diag_set(diag, -EINVAL,
			"integrity superblock: a block of 2^%u sectors is out of range",
			sb->log2_sectors_per_block);
	if (sb->tag_size == 0 || sb->tag_size > INTEGRITY_TAG_SIZE_MAX)
		return diag_set(diag, -EINVAL, "integrity superblock: tag size %u is out of range",
			sb->tag_size);
	if (is_inline != (sb->journal_sections == 0))
		return diag_set(diag, -EINVAL,
			"integrity superblock: %u journal sections do not go with the flags",
			sb->journal_sections);
	if (sb->log2_blocks_per_bitmap_bit > 63 - sb->log2_sectors_per_block)
		return diag_set(diag, -EINVAL,
			"integrity superblock: 2^%u blocks per bitmap bit are out of range",
			sb->log2_blocks_per_bitmap_bit);
	if (sb->provided_sectors == 0)
		return diag_set(diag, -EINVAL, "integrity superblock: it provides no sectors");
	return 0;
}

/* What no field covers must be zero, but for the place of a MAC, whose size is not known here. */
static int check_spare(const struct integrity_sb *sb, const uint8_t *data, struct diag *diag)
{
	size_t mac_begin = INTEGRITY_SB_MAC_END;

	if (integrity_sb_has_mac(sb))
		mac_begin -= INTEGRITY_SB_MAC_MAX;
	if (!bytes_are_zero(data + 30, 2) || !bytes_are_zero(data + 40, 8) ||
		!bytes_are_zero(data + DEFINED_END, mac_begin - DEFINED_END) ||
		!bytes_are_zero(
			data + INTEGRITY_SB_MAC_END, INTEGRITY_SB_SIZE - INTEGRITY_SB_MAC_END))
		return diag_set(diag, -EINVAL, "integrity superblock: reserved bytes are set");
	return 0;
}

static int check_magic(const uint8_t *data, struct diag *diag)
{
	if (memcmp(data, MAGIC, sizeof(MAGIC)) == 0)
		return 0;
	if (bytes_are_zero(data, INTEGRITY_SB_SIZE))
		return diag_set(diag, -ENODATA,
			"integrity superblock: all bytes are zero, the kernel would format the device");
	return diag_set(diag, -EBADMSG, "there is no integrity superblock");
}

/*
 * The kernel takes any version that it knows, but it writes only the one that goes with the rest.
 */
static int check_version(const struct integrity_sb *sb, struct diag *diag)
{
	bool has_meta = sb->log2_interleave_sectors == 0;

	if (sb->version == integrity_sb_version(sb->flags, has_meta, false) ||
		sb->version == integrity_sb_version(sb->flags, has_meta, true))
		return 0;
	return diag_set(diag, -EINVAL,
		"integrity superblock: version %u does not go with flags %#x", sb->version,
		sb->flags);
}

int integrity_sb_decode(
	const uint8_t data[INTEGRITY_SB_SIZE], struct integrity_sb *ret, struct diag *diag)
{
	int r = check_magic(data, diag);
	if (r < 0)
		return r;

	struct integrity_sb sb = {
		.version = data[8],
		.log2_interleave_sectors = data[9],
		.tag_size = get_le16(data + 10),
		.journal_sections = get_le32(data + 12),
		.provided_sectors = get_le64(data + 16),
		.flags = get_le32(data + 24),
		.log2_sectors_per_block = data[28],
		.log2_blocks_per_bitmap_bit = data[29],
		.recalc_sector = get_le64(data + 32),
	};
	memcpy(sb.salt, data + 48, sizeof(sb.salt));

	if (sb.version < 1 || sb.version > 6)
		return diag_set(diag, -EPROTONOSUPPORT, "integrity superblock: unknown version %u",
			sb.version);
	if (sb.flags & ~(uint32_t)INTEGRITY_SB_FLAGS)
		return diag_set(diag, -EPROTONOSUPPORT, "integrity superblock: unknown flags %#x",
			sb.flags & ~(uint32_t)INTEGRITY_SB_FLAGS);
	r = check_layout(&sb, diag);
	if (r < 0)
		return r;
	r = check_version(&sb, diag);
	if (r < 0)
		return r;
	r = check_spare(&sb, data, diag);
	if (r < 0)
		return r;
	*ret = sb;
	return 0;
}

void integrity_sb_encode(const struct integrity_sb *sb, uint8_t ret[INTEGRITY_SB_SIZE])
{
	memset(ret, 0, INTEGRITY_SB_SIZE);
	memcpy(ret, MAGIC, sizeof(MAGIC));
	ret[8] = sb->version;
	ret[9] = sb->log2_interleave_sectors;
	put_le16(ret + 10, sb->tag_size);
	put_le32(ret + 12, sb->journal_sections);
	put_le64(ret + 16, sb->provided_sectors);
	put_le32(ret + 24, sb->flags);
	ret[28] = sb->log2_sectors_per_block;
	ret[29] = sb->log2_blocks_per_bitmap_bit;
	put_le64(ret + 32, sb->recalc_sector);
	memcpy(ret + 48, sb->salt, sizeof(sb->salt));
}

uint8_t integrity_sb_version(uint32_t flags, bool has_meta, bool bitmap)
{
	if (flags & INTEGRITY_SB_INLINE)
		return 6;
	if (flags & INTEGRITY_SB_FIX_HMAC)
		return 5;
	if (flags & INTEGRITY_SB_FIX_PADDING)
		return 4;
	if (bitmap || (flags & INTEGRITY_SB_DIRTY_BITMAP))
		return 3;
	if (has_meta || (flags & INTEGRITY_SB_RECALCULATING))
		return 2;
	return 1;
}
