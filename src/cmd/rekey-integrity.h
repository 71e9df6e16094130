/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What re-keying the tags and the journal of an integrity layer have in common.
 */

#include "journal-keys.h"
#include "layer-integrity.h"
#include "rekey-convert.h"

/* The descriptor of the device with superblock, journal and tags. */
int rekey_integrity_fd(const struct rekey_source *source);
/* What is possible with all keys. */
int rekey_integrity_check(const struct layer *layer, struct diag *diag) _must_check_;
int rekey_integrity_geometry(const struct rekey_source *source, struct integrity_geometry *ret,
	struct diag *diag) _must_check_;
/*
 * Unless this goes on: that all tags are there, that superblock and journal have the MAC of the
 * keys, if that is among them, and that the journal has nothing to be written back.
 */
int rekey_integrity_closed(const struct rekey_source *source, struct journal_keys *keys,
	struct diag *diag) _must_check_;
/* Both, for those to whom the journal's keys do not matter. */
int rekey_integrity_prepare(const struct rekey_source *source, struct integrity_geometry *ret,
	struct diag *diag) _must_check_;
/* Reads the superblock. -EBADMSG: it should have a MAC, and has not that of this digest. */
int rekey_integrity_superblock(const struct rekey_source *source, struct digest *mac,
	uint8_t ret[INTEGRITY_SB_SIZE]) _must_check_;
