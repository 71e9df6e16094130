/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * ECDSA signatures over P-256: SEQUENCE { INTEGER r, INTEGER s } in DER (RFC 3279, X.690), as files
 * have them, and two numbers of 32 bytes, as a TPM takes them.
 */

#include "macro.h"

#define ECDSA_NUMBER_SIZE 32 /* bytes of r and of s */
#define ECDSA_DER_MAX	  72 /* bytes: two numbers with the highest bit set */

struct ecdsa_signature {
	uint8_t r[ECDSA_NUMBER_SIZE]; /* big endian */
	uint8_t s[ECDSA_NUMBER_SIZE];
};

/* -EBADMSG: not such a signature, in another than the shortest form, or with a zero in it. */
int ecdsa_der_read(const uint8_t *der, size_t size, struct ecdsa_signature *ret) _must_check_;
/* Returns the number of bytes. */
size_t ecdsa_der_write(const struct ecdsa_signature *signature, uint8_t ret[ECDSA_DER_MAX]);
