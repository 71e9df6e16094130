/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which part of a journal of dm-integrity was committed and may not have been written back, and
 * what is in it. The sections are told one by one, in order, decrypted.
 */

#include "integrity-journal.h"

struct integrity_scan {
	const struct integrity_geometry *geo; /* not owned */
	uint8_t *seq; /* by section: its commit id, or INTEGRITY_COMMIT_IDS: more than one; owned */
	uint32_t n;   /* sections told so far */
	bool used[INTEGRITY_COMMIT_IDS];
	uint32_t last[INTEGRITY_COMMIT_IDS]; /* the last section that has a sector with this id */
	bool has_entries;
};

int integrity_scan_init(
	struct integrity_scan *ret, const struct integrity_geometry *geo) _must_check_;
void integrity_scan_done(struct integrity_scan *scan);
/* -EUCLEAN: a commit id that is none of the journal's. */
int integrity_scan_add(struct integrity_scan *scan, const struct integrity_journal *journal,
	const uint8_t *data) _must_check_;

struct integrity_replay_plan {
	bool empty;	   /* there is nothing that the kernel would write back */
	uint32_t first;	   /* the oldest section to write back; the others follow, round the end */
	uint32_t count;	   /* sections */
	uint8_t erase_seq; /* the commit id of an empty journal that takes this one's place */
};

/* After all sections. -EUCLEAN: all commit ids are in use, which no kernel leaves. */
int integrity_scan_plan(
	const struct integrity_scan *scan, struct integrity_replay_plan *ret) _must_check_;

/* One block in the journal. */
struct integrity_journal_entry {
	uint64_t sector;    /* of the mapped device */
	const uint8_t *tag; /* tag_size bytes, within the section */
};

/* False if the entry is unused. index < geo->section_entries. */
bool integrity_journal_entry_get(const struct integrity_geometry *geo, const uint8_t *section,
	uint32_t index, struct integrity_journal_entry *ret);
/* The data of an entry in use: geo->block_size bytes. */
void integrity_journal_entry_data(
	const struct integrity_geometry *geo, const uint8_t *section, uint32_t index, uint8_t *ret);
