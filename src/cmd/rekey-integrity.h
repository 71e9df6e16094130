/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What re-keying the tags and the journal of an integrity layer have in common.
 */

#include "integrity-journal.h"
#include "layer-integrity.h"
#include "rekey-convert.h"

/* The descriptor of the device with superblock, journal and tags. */
int rekey_integrity_fd(const struct rekey_source *source);
/* What is possible with both keys. */
int rekey_integrity_check(const struct layer *layer, struct diag *diag) _must_check_;
/*
 * The geometry; and unless this goes on, that all tags are there and the journal has nothing to be
 * written back. mac: of the journal's sections, to be checked as well; or NULL.
 */
int rekey_integrity_prepare(const struct rekey_source *source, struct digest *mac,
	struct integrity_geometry *ret, struct diag *diag) _must_check_;
/* The journal as the superblock says that it is; the ops are the caller's. */
void rekey_integrity_journal(const struct rekey_source *source,
	const struct integrity_geometry *geo, const struct integrity_journal_ops *ops,
	struct integrity_journal *ret);
/*
 * Reads the superblock. -EBADMSG: it should have a MAC, and has not that of this digest.
 */
int rekey_integrity_superblock(const struct rekey_source *source, struct digest *mac,
	uint8_t ret[INTEGRITY_SB_SIZE]) _must_check_;
/* For the ops: userdata is a struct digest. */
int rekey_integrity_mac(
	void *userdata, const void *data, size_t size, uint8_t ret[INTEGRITY_JOURNAL_MAC_SIZE]);
