/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The seal's device: the slots, and a mark beside them.
 *
 *	0		4096		65536		 69632		131072
 *	| slot A	| mark		| slot B	 |		| journal of a re-keying
 */

#include "devref.h"
#include "diag.h"
#include "seal-slot.h"

struct seal_store {
	int fd;	       /* owned */
	uint64_t size; /* bytes of the device */
};
#define SEAL_STORE_INIT                                                                            \
	{                                                                                          \
		.fd = -EBADF                                                                       \
	}
void seal_store_done(struct seal_store *store);

/* Waits for the device. -ENOSPC: it is too small. A file goes, too, for tests. */
int seal_store_open(const struct devref *device, bool write, uint64_t timeout_usec,
	struct seal_store *ret, struct diag *diag) _must_check_;
/* The bytes of slot 0 or 1. */
int seal_store_read(const struct seal_store *store, unsigned slot, uint8_t ret[SEAL_SLOT_SIZE],
	struct diag *diag) _must_check_;
/* How many slots of the device are whole; nobody waits, and nothing is written. */
int seal_store_count(const struct devref *device, unsigned *ret, struct diag *diag) _must_check_;
/* Returns when they are on the medium. */
int seal_store_write(const struct seal_store *store, unsigned slot,
	const uint8_t data[SEAL_SLOT_SIZE], struct diag *diag) _must_check_;
/*
 * The mark: the last epoch that booted well. It is not authentic: who sets it only makes the new
 * epoch final earlier. 0: there is none.
 */
int seal_store_get_good(
	const struct seal_store *store, uint64_t *ret, struct diag *diag) _must_check_;
int seal_store_set_good(
	const struct seal_store *store, uint64_t epoch, struct diag *diag) _must_check_;
