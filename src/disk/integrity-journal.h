/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The empty journal of dm-integrity, as the kernel leaves it when it formats or closes a device.
 * The journal begins INTEGRITY_SB_SECTORS behind the start sector; section i is at
 * i * section_sectors in it.
 */

#include "integrity-geometry.h"

#define INTEGRITY_COMMIT_IDS	     4
#define INTEGRITY_COMMIT_STREAM_SIZE 32 /* key stream bytes that change the commit ids */
#define INTEGRITY_JOURNAL_MAC_SIZE   64 /* bytes kept of a section's MAC, zero padded */

/*
 * What needs keys, done by the caller (platform's journal-crypt.h and digest.h fit). Either may be
 * NULL. Both return 0 or a negative errno.
 */
struct integrity_journal_ops {
	/* MAC of data, zero padded or cut to INTEGRITY_JOURNAL_MAC_SIZE bytes. */
	int (*mac)(void *userdata, const void *data, size_t size,
		uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE]);
	/* Encrypts one whole section in place. */
	int (*encrypt)(void *userdata, uint32_t section, uint8_t *data, size_t size);
	void *userdata;
};

struct integrity_journal {
	const struct integrity_geometry *geo;	   /* not owned */
	const struct integrity_journal_ops *ops;   /* not owned; NULL: neither MAC nor encryption */
	uint64_t commit_ids[INTEGRITY_COMMIT_IDS]; /* integrity_journal_commit_ids() */
	uint32_t free_section; /* {0, 0} is fresh. After a close, sections from free_section on */
	uint8_t commit_seq;    /* carry commit id commit_seq, those before it commit_seq + 1 */
	bool fix_hmac;	       /* salt and section number are in the MAC */
	uint8_t salt[INTEGRITY_SALT_SIZE];
};

/*
 * The commit ids. stream: the last 32 bytes of the key stream if the journal is encrypted with a
 * stream mode such as ctr(aes), else NULL.
 */
void integrity_journal_commit_ids(
	const uint8_t stream[INTEGRITY_COMMIT_STREAM_SIZE], uint64_t ret[INTEGRITY_COMMIT_IDS]);

/*
 * The MAC of a section, decrypted, as it belongs into its first sectors; ops->mac must be there.
 * The error is that function's, or -ENOMEM.
 */
int integrity_journal_mac(const struct integrity_journal *journal, uint32_t section,
	const uint8_t *data, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE]) _must_check_;
/* True if a section, decrypted, carries this MAC. */
bool integrity_journal_has_mac(const uint8_t *data, const uint8_t mac[INTEGRITY_JOURNAL_MAC_SIZE]);

/* Fills section_sectors * 512 bytes. The error is that of an ops function, or -ENOMEM. */
int integrity_journal_section(
	const struct integrity_journal *journal, uint32_t section, uint8_t *ret) _must_check_;
