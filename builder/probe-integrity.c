/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a superblock of dm-integrity and the journal behind it say, without a key. A journal that is
 * encrypted cannot be told from a broken one.
 */

#include <string.h>

#include "cleanup.h"
#include "integrity-replay.h"
#include "probe.h"

#define SECTOR 512U

/*
 * Journal and tags lie where they lie whatever the size of the device is; what the device provides
 * follows from it. With a metadata device only that one is here.
 */
static int find_geometry(struct vdev *v, struct probe *p, struct diag *diag)
{
	const struct integrity_sb *sb = &p->integrity.sb;
	struct integrity_format format = {
		.start_sector = p->offset / SECTOR,
		.data_sectors = v->size_bytes / SECTOR,
		.has_meta = sb->log2_interleave_sectors == 0,
	};
	struct integrity_geometry here;
	int r;

	if (format.has_meta) {
		format.meta_sectors = format.data_sectors;
		format.data_sectors = sb->provided_sectors;
	}
	r = integrity_geometry_open(&format, sb, &here, NULL);
	if (r >= 0)
		p->integrity.fits_sectors = here.provided_sectors;
	if (format.has_meta)
		format.meta_sectors = INTEGRITY_DEVICE_SECTORS_MAX;
	else
		format.data_sectors = INTEGRITY_DEVICE_SECTORS_MAX;
	r = integrity_geometry_open(&format, sb, &p->integrity.geo, diag);
	p->integrity.has_geo = r >= 0;
	return r;
}

static uint64_t count_entries(const struct integrity_geometry *geo, const uint8_t *data)
{
	struct integrity_journal_entry entry;
	uint64_t n = 0;

	for (uint32_t i = 0; i < geo->section_entries; i++)
		n += integrity_journal_entry_get(geo, data, i, &entry);
	return n;
}

static int read_section(struct vdev *v, const struct probe *p, uint32_t section, uint8_t *ret)
{
	uint64_t size = (uint64_t)p->integrity.geo.section_sectors * SECTOR;

	return vdev_read_bytes(v, ret, size, p->offset + INTEGRITY_SB_SIZE + section * size);
}

/* *ret_entries: by section. */
static int scan_journal(
	struct vdev *v, struct probe *p, struct integrity_scan *scan, uint64_t *ret_entries)
{
	const struct integrity_geometry *geo = &p->integrity.geo;
	struct integrity_journal journal = { .geo = geo };
	_cleanup_free_ uint8_t *data = malloc((size_t)geo->section_sectors * SECTOR);
	int r = data ? 0 : -ENOMEM;

	integrity_journal_commit_ids(NULL, journal.commit_ids);
	for (uint32_t i = 0; i < geo->journal_sections && r >= 0; i++) {
		r = read_section(v, p, i, data);
		if (r >= 0)
			r = integrity_scan_add(scan, &journal, data);
		ret_entries[i] = count_entries(geo, data);
	}
	return r;
}

static int probe_journal(struct vdev *v, struct probe *p)
{
	const struct integrity_geometry *geo = &p->integrity.geo;
	_cleanup_(integrity_scan_done) struct integrity_scan scan = {};
	_cleanup_free_ uint64_t *entries = calloc(geo->journal_sections, sizeof(*entries));
	struct integrity_replay_plan plan;
	int r = entries ? 0 : -ENOMEM;

	if (r >= 0)
		r = integrity_scan_init(&scan, geo);
	if (r >= 0)
		r = scan_journal(v, p, &scan, entries);
	if (r >= 0)
		r = integrity_scan_plan(&scan, &plan);
	if (r == -EUCLEAN) {
		p->integrity.journal = JOURNAL_UNKNOWN;
		return 0;
	}
	if (r < 0 || !scan.has_entries)
		return r;
	p->integrity.journal = JOURNAL_IN_USE;
	p->integrity.replay_sections = plan.empty ? 0 : plan.count;
	for (uint32_t i = 0; i < p->integrity.replay_sections; i++)
		p->integrity.replay_blocks += entries[(plan.first + i) % geo->journal_sections];
	return 0;
}

static int probe_bitmap(struct vdev *v, struct probe *p)
{
	const struct integrity_sb *sb = &p->integrity.sb;
	unsigned log2_bit = sb->log2_sectors_per_block + sb->log2_blocks_per_bitmap_bit;
	uint64_t size = (sb->provided_sectors >> log2_bit) / 8 + 1;
	uint8_t chunk[SECTOR];

	p->integrity.journal = JOURNAL_BITMAP;
	size = MIN(size, integrity_journal_sectors(&p->integrity.geo) * SECTOR);
	for (uint64_t done = 0; done < size; done += sizeof(chunk)) {
		size_t n = MIN(size - done, sizeof(chunk));
		int r = vdev_read_bytes(v, chunk, n, p->offset + INTEGRITY_SB_SIZE + done);

		if (r < 0)
			return r;
		for (size_t i = 0; i < n; i++)
			p->integrity.bitmap_bits_set += (unsigned)__builtin_popcount(chunk[i]);
	}
	return 0;
}

int probe_integrity(struct vdev *v, const uint8_t *head, struct probe *p, struct diag *diag)
{
	const struct integrity_geometry *geo = &p->integrity.geo;
	int r;

	p->kind = PROBE_INTEGRITY;
	r = integrity_sb_decode(head, &p->integrity.sb, diag);
	if (r < 0 || p->integrity.sb.flags & INTEGRITY_SB_INLINE)
		return r;
	r = find_geometry(v, p, diag);
	if (r < 0)
		return r;
	if ((geo->start_sector + geo->initial_sectors) * SECTOR > v->size_bytes) {
		p->integrity.journal = JOURNAL_CUT;
		return 0;
	}
	return p->integrity.sb.flags & INTEGRITY_SB_DIRTY_BITMAP ? probe_bitmap(v, p)
								 : probe_journal(v, p);
}
