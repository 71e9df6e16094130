/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The journal of a re-keying at work. Where its bytes lie is in rekey-journal.h; why it is safe:
 *
 *	1. the new bytes of a piece and their header go to the journal, and are flushed;
 *	2. they go to the layer's device, and are flushed;
 *	3. only then the next piece overwrites the entry before this one.
 *
 * So of all pieces only that of the newest whole entry may be incomplete on the device, and it is
 * written again. The first entry has no piece, and is there before the slot says that a re-keying
 * is under way: then there is always a whole entry, and none means that somebody destroyed it.
 */

#include "digest.h"
#include "rekey-journal.h"
#include "seal-store.h"

/* Bytes that are summed up, and may be written, by one thread: at most, and at least half of it. */
#define SEAL_JOURNAL_SLICE 131072U
#define SEAL_JOURNAL_SUM   8U

struct seal_journal {
	const struct seal_store *store; /* the caller's */
	struct digest *hmac;		/* owned */
	struct digest *sum;		/* owned */
	struct rekey_entry entry;	/* the newest one */
	uint32_t slice;			/* bytes; the same whenever it goes on */
};

/*
 * What a re-keying is: id, layer and size of the entry are given. unit: bytes that are in one slice.
 * -ENOSPC: there is no room.
 */
int seal_journal_init(const struct seal_store *store, const struct secret *root,
	const struct rekey_entry *identity, uint32_t unit, struct seal_journal *ret,
	struct diag *diag) _must_check_;
void seal_journal_done(struct seal_journal *journal);

/* Writes the first entry. */
int seal_journal_begin(struct seal_journal *journal, struct diag *diag) _must_check_;
/*
 * The newest whole entry of this re-keying, whatever it is of, and its piece. Returns 1, or 0 if there
 * is none.
 */
int seal_journal_newest(
	struct seal_journal *journal, uint8_t *buffer, struct rekey_entry *ret) _must_check_;
/*
 * Finds the newest whole entry, and reads its piece into the buffer of at least REKEY_CAPACITY_MAX
 * bytes. -EUCLEAN: there is none of this re-keying.
 */
int seal_journal_resume(
	struct seal_journal *journal, uint8_t *buffer, struct diag *diag) _must_check_;
/*
 * A slice of the next piece, at that offset of it: its sum, and the bytes into the journal. Each
 * thread has a clone of sum.
 */
int seal_journal_put(const struct seal_journal *journal, struct digest *sum, const void *slice,
	size_t size, uint32_t offset, uint8_t ret_sum[SEAL_JOURNAL_SUM]) _must_check_;
/* The header of the next piece, which follows the present one, and a flush. */
int seal_journal_commit(struct seal_journal *journal, uint32_t length, const uint8_t *sums,
	struct diag *diag) _must_check_;
/* Zeros over all of it. */
int seal_journal_wipe(struct seal_journal *journal, struct diag *diag) _must_check_;
