/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal of a device that was not closed: tag size, block size as a power of two, the commit id
 * of each of three sections, and then what is changed in these empty sections: le32 offset, length
 * (1), bytes. A plan stays within the ring, and an entry within its section.
 */

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fuzz.h"
#include "integrity-replay.h"

#define SECTIONS 3U
#define HEAD	 (2 + SECTIONS)
#define SECTOR	 512U

static void check(bool ok)
{
	if (!ok)
		abort();
}

static int find_geometry(const uint8_t *head, struct integrity_geometry *ret)
{
	struct integrity_format format = {
		.data_sectors = 1 << 16,
		.tag_size = head[0],
		.block_size = SECTOR << head[1] % 4,
		.fix_padding = true,
		.journal_sectors = 1,
	};
	int r;

	r = integrity_geometry_format(&format, ret, NULL);
	format.journal_sectors = (uint64_t)SECTIONS * ret->section_sectors;
	return r < 0 ? r : integrity_geometry_format(&format, ret, NULL);
}

static void change(uint8_t *journal, size_t journal_size, const uint8_t *data, size_t size)
{
	while (size >= 5) {
		size_t offset = get_le32(data), len = MIN((size_t)data[4], size - 5);

		if (offset < journal_size)
			memcpy(journal + offset, data + 5, MIN(len, journal_size - offset));
		data += 5 + len;
		size -= 5 + len;
	}
}

static void read_entries(const struct integrity_geometry *geo, const uint8_t *section)
{
	struct integrity_journal_entry entry;
	uint8_t block[4096];

	for (uint32_t i = 0; i < geo->section_entries; i++) {
		if (!integrity_journal_entry_get(geo, section, i, &entry))
			continue;
		check(entry.tag + geo->tag_size <= section + (size_t)geo->section_sectors * SECTOR);
		integrity_journal_entry_data(geo, section, i, block);
	}
}

static int scan(const struct integrity_geometry *geo, const struct integrity_journal *journal,
	const uint8_t *data, struct integrity_replay_plan *ret)
{
	struct integrity_scan scan;
	int r;

	r = integrity_scan_init(&scan, geo);
	check(r >= 0);
	for (uint32_t i = 0; i < geo->journal_sections && r >= 0; i++) {
		const uint8_t *section = data + (size_t)i * geo->section_sectors * SECTOR;

		read_entries(geo, section);
		r = integrity_scan_add(&scan, journal, section);
	}
	if (r >= 0)
		r = integrity_scan_plan(&scan, ret);
	integrity_scan_done(&scan);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct integrity_replay_plan plan;
	struct integrity_geometry geo = {};
	struct integrity_journal journal = { .geo = &geo };
	size_t section_size;
	uint8_t *bytes;

	if (size < HEAD || find_geometry(data, &geo) < 0)
		return 0;
	section_size = (size_t)geo.section_sectors * SECTOR;
	bytes = malloc(section_size * geo.journal_sections);
	check(bytes != NULL);
	integrity_journal_commit_ids(NULL, journal.commit_ids);
	for (uint32_t i = 0; i < geo.journal_sections; i++) {
		journal.commit_seq = data[2 + i % SECTIONS];
		check(integrity_journal_section(&journal, i, bytes + i * section_size) == 0);
	}
	change(bytes, section_size * geo.journal_sections, data + HEAD, size - HEAD);
	if (scan(&geo, &journal, bytes, &plan) >= 0)
		check(plan.first < geo.journal_sections && plan.count <= geo.journal_sections &&
			plan.erase_seq < INTEGRITY_COMMIT_IDS);
	free(bytes);
	return 0;
}
