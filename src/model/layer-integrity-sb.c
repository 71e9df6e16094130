/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a superblock of dm-integrity means to a layer. The kernel believes more of it than is safe:
 * flags that recalculate tags, and sizes. Here it is held against the configuration first.
 */

#include "layer-integrity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int integrity_superblock(const struct layer *layer, struct superblock_place *ret)
{
	*ret = (struct superblock_place){
		.role = integrity_has_meta(layer) ? 1 : 0,
		.offset = integrity_fields(layer)->offset * SECTOR_SIZE,
		.size = INTEGRITY_SB_SIZE,
	};
	return 0;
}

/* What the layer's fields make of a flag of the superblock. */
static int adopt_flags(const struct layer *layer, const struct integrity_sb *sb, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	const char *mac = integrity_journal_mac_alg(layer);

	if (sb->flags & INTEGRITY_SB_INLINE)
		return diag_set(diag, -EOPNOTSUPP, "the superblock says inline mode");
	if (!(sb->flags & INTEGRITY_SB_HAVE_JOURNAL_MAC) != !mac)
		return diag_set(diag, -EMEDIUMTYPE,
			"the superblock %s a journal MAC, the configuration %s",
			sb->flags & INTEGRITY_SB_HAVE_JOURNAL_MAC ? "has" : "has not",
			mac ? "has" : "has not");
	if ((sb->flags & INTEGRITY_SB_RECALCULATING) && sb->recalc_sector < sb->provided_sectors &&
		!f->recalculate && !f->recalculate_reset && !f->finish_later)
		return diag_set(diag, -EMEDIUMTYPE,
			"the superblock asks to recalculate the tags, which would accept any data");
	if ((sb->flags & INTEGRITY_SB_DIRTY_BITMAP) && f->mode != INTEGRITY_BITMAP &&
		!f->finish_later)
		return diag_set(diag, -EMEDIUMTYPE,
			"the superblock has a dirty bitmap, but mode is not bitmap: the tags of "
			"marked blocks would be recalculated");
	if (!integrity_has_meta(layer) &&
		!(sb->flags & INTEGRITY_SB_FIX_PADDING) != f->legacy_padding)
		return diag_set(diag, -EMEDIUMTYPE, "the superblock %s integrity-legacy-padding",
			f->legacy_padding ? "has not" : "has");
	/* The flag is about tags and MACs, and a plain tag store has neither. */
	if (integrity_is_tag_store(layer) && !mac)
		return 0;
	if (!(sb->flags & INTEGRITY_SB_FIX_HMAC) != f->legacy_hmac)
		return diag_set(diag, -EMEDIUMTYPE, "the superblock %s integrity-legacy-hmac",
			f->legacy_hmac ? "has not" : "has");
	return 0;
}

static int adopt_sizes(const struct layer *layer, const struct integrity_sb *sb, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);
	uint32_t block_size = SECTOR_SIZE << sb->log2_sectors_per_block;
	uint64_t wanted = layer->common.device_size / SECTOR_SIZE;

	if (sb->tag_size != integrity_tag_size(layer))
		return diag_set(diag, -EMEDIUMTYPE,
			"tag-size: the superblock has %u bytes, the configuration %u", sb->tag_size,
			integrity_tag_size(layer));
	if (block_size != f->sector_size)
		return diag_set(diag, -EMEDIUMTYPE,
			"sector-size: the superblock has %u bytes, the configuration %llu",
			block_size, (unsigned long long)f->sector_size);
	if (wanted && wanted != sb->provided_sectors)
		return diag_set(diag, -EMEDIUMTYPE,
			"device-size: the superblock has %llu sectors, the configuration %llu",
			(unsigned long long)sb->provided_sectors, (unsigned long long)wanted);
	return 0;
}

static int adopt_salt(struct layer *layer, const struct integrity_sb *sb, struct diag *diag)
{
	struct integrity_fields *f = integrity_fields(layer);

	if (f->salt.size) {
		if (memcmp(f->salt.data, sb->salt, INTEGRITY_SALT_SIZE) != 0)
			return diag_set(diag, -EMEDIUMTYPE,
				"salt: the superblock has another one than the configuration");
		return 0;
	}
	if (!(sb->flags & INTEGRITY_SB_FIX_HMAC))
		return 0;
	f->salt.data = malloc(INTEGRITY_SALT_SIZE);
	if (!f->salt.data)
		return -ENOMEM;
	memcpy(f->salt.data, sb->salt, INTEGRITY_SALT_SIZE);
	f->salt.size = INTEGRITY_SALT_SIZE;
	return 0;
}

int integrity_adopt(struct layer *layer, const void *data, size_t size, struct diag *diag)
{
	struct integrity_fields *f = integrity_fields(layer);
	struct integrity_sb sb;

	if (size < INTEGRITY_SB_SIZE)
		return diag_set(diag, -ENODATA, "the device is too small for a superblock");
	int r = integrity_sb_decode(data, &sb, diag);
	if (r < 0)
		return r;
	r = adopt_flags(layer, &sb, diag);
	if (r < 0)
		return r;
	r = adopt_sizes(layer, &sb, diag);
	if (r < 0)
		return r;
	r = adopt_salt(layer, &sb, diag);
	if (r < 0)
		return r;
	f->sb = sb;
	f->has_sb = true;
	return 0;
}
