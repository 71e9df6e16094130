/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large a device must be for dm-integrity to provide so many sectors: the inverse of what
 * integrity-geometry.c computes.
 */

#include <errno.h>

#include "integrity-geometry.h"
#include "overflow.h"

#define DEFAULT_JOURNAL_SECTORS 131072
#define DEFAULT_JOURNAL_SHIFT	7 /* the device's size by 128 */
#define MIN_DATA_SECTORS	9 /* behind the journal, before the kernel looks any further */

static int check_request(uint64_t want, uint64_t align, struct diag *diag)
{
	if (want == 0 || align == 0)
		return diag_set(diag, -EINVAL, "integrity: a device without sectors");
	if (want > INTEGRITY_DEVICE_SECTORS_MAX || align > INTEGRITY_DEVICE_SECTORS_MAX)
		return diag_set(
			diag, -EOVERFLOW, "integrity: a device is larger than 2^52 sectors");
	return 0;
}

static int finish(uint64_t size, uint64_t align, uint64_t *ret, struct diag *diag)
{
	if (align_up_overflows(size, align, &size) || size > INTEGRITY_DEVICE_SECTORS_MAX)
		return diag_set(
			diag, -EOVERFLOW, "integrity: the device would exceed 2^52 sectors");
	*ret = size;
	return 0;
}

/* The size at which the last of the wanted sectors is the device's last. */
static uint64_t data_device_end(struct integrity_geometry *geo, uint32_t sections, uint64_t want)
{
	geo->journal_sections = sections;
	geo->initial_sectors = INTEGRITY_SB_SECTORS + integrity_journal_sectors(geo);
	return MAX(
		integrity_data_sector(geo, want - 1) + 1, geo->initial_sectors + MIN_DATA_SECTORS);
}

/*
 * The default journal grows with the device, so that a larger device may provide less. For every
 * number of sections the sizes that lead to it are one interval; the first interval that
 * holds a size large enough holds the smallest one.
 */
static uint64_t end_with_default_journal(
	struct integrity_geometry *geo, uint64_t want, uint64_t align)
{
	uint64_t step = (uint64_t)geo->section_sectors << DEFAULT_JOURNAL_SHIFT;
	uint32_t last = DEFAULT_JOURNAL_SECTORS / geo->section_sectors;

	for (uint32_t sections = 1; sections < last; sections++) {
		uint64_t low = sections == 1 ? 0 : step * sections;
		uint64_t size = MAX(data_device_end(geo, sections, want), low);

		if (!align_up_overflows(size, align, &size) && size < step * (sections + 1))
			return size;
	}
	return MAX(data_device_end(geo, last, want), step * last);
}

static uint64_t interleaved_end(
	struct integrity_geometry *geo, uint64_t journal_sectors, uint64_t want, uint64_t align)
{
	want = align_up_u64(want, 8);
	if (journal_sectors == 0)
		return end_with_default_journal(geo, want, align);

	uint64_t sections = MAX(journal_sectors / geo->section_sectors, UINT64_C(1));
	return data_device_end(geo, (uint32_t)sections, want);
}

int integrity_smallest_data_device(const struct integrity_format *params, uint64_t want_sectors,
	uint64_t align_sectors, uint64_t *ret_sectors, struct diag *diag)
{
	int r = check_request(want_sectors, align_sectors, diag);
	if (r < 0)
		return r;
	if (params->has_meta)
		return finish(align_up_u64(want_sectors, params->block_size / 512), align_sectors,
			ret_sectors, diag);

	/* The geometry of the largest device tells all that does not depend on the size. */
	struct integrity_format largest = *params;
	struct integrity_geometry geo;
	largest.data_sectors = INTEGRITY_DEVICE_SECTORS_MAX;
	r = integrity_geometry_format(&largest, &geo, diag);
	if (r < 0)
		return r;
	return finish(interleaved_end(&geo, params->journal_sectors, want_sectors, align_sectors),
		align_sectors, ret_sectors, diag);
}

int integrity_smallest_meta_device(const struct integrity_format *params, uint64_t align_sectors,
	uint64_t *ret_sectors, struct diag *diag)
{
	struct integrity_format largest = *params;
	largest.has_meta = true;
	largest.meta_sectors = INTEGRITY_DEVICE_SECTORS_MAX;

	struct integrity_geometry geo;
	int r = check_request(params->data_sectors, align_sectors, diag);
	if (r < 0)
		return r;
	r = integrity_geometry_format(&largest, &geo, diag);
	if (r < 0)
		return r;
	return finish(MAX(geo.meta_end_sector, geo.initial_sectors + MIN_DATA_SECTORS),
		align_sectors, ret_sectors, diag);
}
