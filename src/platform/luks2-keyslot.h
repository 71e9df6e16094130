/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keyslots of LUKS2: from a passphrase to the volume key and back. A keyslot's area holds the
 * volume key, split into stripes of which all are needed (anti-forensic splitting), and encrypted
 * with a key that is made of the passphrase:
 *
 *	passphrase -KDF-> area key -decrypt-> 4000 stripes -merge-> volume key = digest ?
 */

#include "diag.h"
#include "luks2.h"
#include "secret.h"

/* Reads the device with the header: 0 or a negative errno. offset in bytes. */
struct luks2_reader {
	int (*read)(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag);
	void *userdata;
};

/*
 * The volume key. only: the number of a keyslot, or LUKS2_ANY_KEYSLOT for all, by priority, or
 * LUKS2_NO_KEYSLOT if the passphrase is said to be the volume key. -EKEYREJECTED: the passphrase
 * opens none, or is another key; -ENOKEY: there is none.
 */
int luks2_unlock(const struct luks2 *header, const struct luks2_reader *reader,
	const struct secret *passphrase, int only, struct secret **ret,
	struct diag *diag) _must_check_;

/*
 * The encrypted area of a keyslot, luks2_area_bytes() of it. stripes: random bytes, key_size *
 * (stripes - 1) of them, which are secret until they are encrypted; overwritten.
 */
int luks2_seal_keyslot(const struct luks2_keyslot *slot, const struct secret *passphrase,
	const struct secret *volume_key, uint8_t *stripes, uint8_t *ret,
	struct diag *diag) _must_check_;
/* Fills in digest->digest of the volume key; the rest is given. */
int luks2_make_digest(struct luks2_digest *digest, const struct secret *volume_key,
	struct diag *diag) _must_check_;

/* The bytes of an area that are in use. */
static inline size_t luks2_area_bytes(const struct luks2_keyslot *slot)
{
	return ((size_t)slot->key_size * slot->stripes + 511) / 512 * 512;
}
