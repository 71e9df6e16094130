/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SHA-256 (FIPS 180-4), for checksums that the lower floors look at, which have no libcrypto: a
 * LUKS2 header has one. It is neither fast nor for secrets; what authenticates data is in
 * platform's digest.h.
 */

#include "macro.h"

#define SHA256_SIZE 32 /* bytes */

struct sha256 {
	uint32_t state[8];
	uint8_t block[64];
	uint64_t size; /* bytes so far */
};

void sha256_init(struct sha256 *s);
void sha256_add(struct sha256 *s, const void *data, size_t size);
void sha256_finish(struct sha256 *s, uint8_t ret[SHA256_SIZE]);
