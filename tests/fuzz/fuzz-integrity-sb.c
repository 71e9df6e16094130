/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A dm-integrity superblock, and behind it 8 bytes each of the sizes of data device and metadata
 * device and of the start sector. What decodes encodes to the same bytes; what opens stays on its
 * device.
 */

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "integrity-geometry.h"

static void check(bool ok)
{
	if (!ok)
		abort();
}

/* All bytes but those of a MAC, which the struct does not hold. */
static void check_round_trip(const struct integrity_sb *sb, const uint8_t *data)
{
	uint8_t again[INTEGRITY_SB_SIZE];
	size_t end = integrity_sb_has_mac(sb) ? integrity_sb_mac_offset(INTEGRITY_SB_MAC_MAX)
					      : INTEGRITY_SB_SIZE;

	integrity_sb_encode(sb, again);
	check(memcmp(again, data, end) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t sizes[24] = {}, block[INTEGRITY_SB_SIZE] = {};
	struct integrity_format format = {};
	struct integrity_geometry geo;
	struct integrity_sb sb;

	/* The tail first, so that a short input has one too. */
	memcpy(sizes, data + size - MIN(size, sizeof(sizes)), MIN(size, sizeof(sizes)));
	size -= MIN(size, sizeof(sizes));
	memcpy(block, data, MIN(size, sizeof(block)));
	if (integrity_sb_decode(block, &sb, NULL) < 0)
		return 0;
	check_round_trip(&sb, block);

	format.data_sectors = get_le64(sizes);
	format.meta_sectors = get_le64(sizes + 8);
	format.start_sector = get_le64(sizes + 16);
	format.has_meta = sb.log2_interleave_sectors == 0;
	if (integrity_geometry_open(&format, &sb, &geo, NULL) < 0)
		return 0;
	check(geo.provided_sectors > 0 && geo.provided_sectors <= format.data_sectors);
	check(integrity_data_sector(&geo, geo.provided_sectors - 1) < format.data_sectors);
	check(integrity_tag_byte(&geo, geo.provided_sectors - 1) / 512 <
		(geo.has_meta ? format.meta_sectors : format.data_sectors));
	return 0;
}
