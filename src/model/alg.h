/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hash algorithms as rows. Names are written as cryptsetup writes them ("hmac-sha256"); the
 * kernel's crypto API spells some of them otherwise ("hmac(sha256)"), and both are read.
 */

#include "macro.h"

struct hash_alg {
	const char *name;   /* crc32c, sha256, hmac-sha256 ... */
	const char *kernel; /* the crypto API's name */
	uint32_t size;	    /* bytes of the digest */
	bool keyed;
	bool cryptographic; /* an attacker cannot forge it; a keyed one at that, if keyed */
};

/* By either name; NULL if it is not known. */
const struct hash_alg *hash_alg_find(const char *name);
