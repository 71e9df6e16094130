/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The journal as a ring of sections. Whoever writes it goes round, and each round has the next of
 * four commit ids; writing begins again where it stopped:
 *
 *	section   0   1   2   3   4   5   6   7
 *	id        2   2   2   1   1   1   1   1
 *	          newer   ^ last  ^ the oldest, from here on it is replayed
 *
 * A commit that did not get to its end leaves sectors with the id of the round before, and the
 * replay ends there. An entry in use, at its place in the sectors of entries:
 *
 *	0       8                       8 + 8 * sectors of a block
 *	sector  last bytes of the data  tag
 *
 * The last 8 bytes of each sector of data are in the entry, since in the sector itself there is the
 * commit id. Source: the kernel's drivers/md/dm-integrity.c, by reading.
 */

#include "integrity-replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"

#define SECTOR	      512
#define ENTRY_SECTORS 8
#define COMMIT_OFFSET 504
#define LAST_BYTES    8
#define UNUSED_HIGH   UINT32_C(0xffffffff)
#define MIXED	      INTEGRITY_COMMIT_IDS

static uint8_t next_seq(unsigned seq)
{
	return (uint8_t)((seq + 1) % INTEGRITY_COMMIT_IDS);
}

static uint8_t previous_seq(unsigned seq)
{
	return (uint8_t)((seq + INTEGRITY_COMMIT_IDS - 1) % INTEGRITY_COMMIT_IDS);
}

int integrity_scan_init(struct integrity_scan *ret, const struct integrity_geometry *geo)
{
	*ret = (struct integrity_scan){ .geo = geo, .seq = calloc(geo->journal_sections, 1) };
	return ret->seq ? 0 : -ENOMEM;
}

void integrity_scan_done(struct integrity_scan *scan)
{
	free(scan->seq);
	*scan = (struct integrity_scan){};
}

static int find_seq(const struct integrity_journal *journal, uint32_t section, uint32_t index,
	const uint8_t *data)
{
	uint64_t id = get_le64(data + (size_t)index * SECTOR + COMMIT_OFFSET) ^
		      ((uint64_t)section << 32 | index);

	for (int i = 0; i < INTEGRITY_COMMIT_IDS; i++)
		if (journal->commit_ids[i] == id)
			return i;
	return -EUCLEAN;
}

int integrity_scan_add(
	struct integrity_scan *scan, const struct integrity_journal *journal, const uint8_t *data)
{
	struct integrity_journal_entry entry;
	uint32_t section = scan->n++;

	for (uint32_t i = 0; i < scan->geo->section_sectors; i++) {
		int seq = find_seq(journal, section, i, data);

		if (seq < 0)
			return seq;
		scan->used[seq] = true;
		scan->last[seq] = section;
		if (i == 0)
			scan->seq[section] = (uint8_t)seq;
		else if (scan->seq[section] != seq)
			scan->seq[section] = MIXED;
	}
	for (uint32_t i = 0; i < scan->geo->section_entries && !scan->has_entries; i++)
		scan->has_entries = integrity_journal_entry_get(scan->geo, data, i, &entry);
	return 0;
}

/* The id that comes after those in use; they are neighbours, round the end. */
static int find_unused(const struct integrity_scan *scan)
{
	int unused = INTEGRITY_COMMIT_IDS - 1;

	if (!scan->used[unused]) {
		while (unused > 0 && !scan->used[unused - 1])
			unused--;
		return unused;
	}
	for (unused = 0; unused < INTEGRITY_COMMIT_IDS; unused++)
		if (!scan->used[unused])
			return unused;
	return -EUCLEAN;
}

int integrity_scan_plan(const struct integrity_scan *scan, struct integrity_replay_plan *ret)
{
	uint32_t n = scan->geo->journal_sections, at;
	int unused = find_unused(scan);

	if (unused < 0)
		return unused;
	uint8_t last = previous_seq((unsigned)unused), want = previous_seq(last);
	struct integrity_replay_plan plan = {
		.erase_seq = previous_seq(want),
		.empty =
			!scan->has_entries || (!scan->used[want] && scan->used[previous_seq(want)]),
		.first = scan->last[last] + 1,
	};

	if (plan.first >= n) {
		plan.first = 0;
		want = next_seq(want);
	}
	for (at = plan.first; plan.count < n && scan->seq[at] == want; plan.count++) {
		if (++at < n)
			continue;
		at = 0;
		want = next_seq(want);
	}
	*ret = plan;
	return 0;
}

static const uint8_t *entry_at(
	const struct integrity_geometry *geo, const uint8_t *section, uint32_t index)
{
	return section + (size_t)(index % ENTRY_SECTORS) * SECTOR +
	       (size_t)(index / ENTRY_SECTORS) * geo->entry_size;
}

bool integrity_journal_entry_get(const struct integrity_geometry *geo, const uint8_t *section,
	uint32_t index, struct integrity_journal_entry *ret)
{
	const uint8_t *entry = entry_at(geo, section, index);

	if (get_le32(entry + 4) == UNUSED_HIGH)
		return false;
	*ret = (struct integrity_journal_entry){
		.sector = get_le64(entry),
		.tag = entry + 8 + ((size_t)LAST_BYTES << geo->log2_sectors_per_block),
	};
	return true;
}

void integrity_journal_entry_data(
	const struct integrity_geometry *geo, const uint8_t *section, uint32_t index, uint8_t *ret)
{
	const uint8_t *last = entry_at(geo, section, index) + 8;
	const uint8_t *from =
		section + (ENTRY_SECTORS + ((size_t)index << geo->log2_sectors_per_block)) * SECTOR;

	for (uint32_t done = 0; done < geo->block_size; done += SECTOR, last += LAST_BYTES) {
		memcpy(ret + done, from + done, COMMIT_OFFSET);
		memcpy(ret + done + COMMIT_OFFSET, last, LAST_BYTES);
	}
}
