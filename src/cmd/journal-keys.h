/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The journal of a dm-integrity layer that is not active, with its keys.
 */

#include "digest.h"
#include "integrity-journal.h"
#include "journal-crypt.h"
#include "layer.h"

struct journal_keys {
	struct digest *mac;	     /* or NULL; owned */
	struct journal_crypt *crypt; /* or NULL; owned */
	struct integrity_journal_ops ops;
	struct integrity_journal journal; /* empty and fresh, as the superblock says */
};

/*
 * Of a layer with a superblock. A key that is NULL is not used. ret stays where it is, and is to be
 * done with after an error as well; geo is the caller's.
 */
int journal_keys_open(const struct layer *layer, const struct integrity_geometry *geo,
	const struct secret *mac, const struct secret *crypt, struct journal_keys *ret,
	struct diag *diag) _must_check_;
void journal_keys_done(struct journal_keys *keys);
/* Decrypts a section that was read, in place. */
int journal_keys_decrypt(struct journal_keys *keys, uint32_t section, uint8_t *data) _must_check_;
