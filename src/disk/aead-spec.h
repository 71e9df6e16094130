/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Authenticated encryption of dm-crypt above a dm-integrity that stores its tags: what the two
 * words of cryptsetup (--cipher, --integrity) mean to the kernel, and how large keys and tags are.
 * Source: the kernel's admin-guide/device-mapper/dm-crypt.rst, drivers' behaviour, and
 * cryptsetup(8).
 *
 * What is stored with each sector:
 *
 *	| authentication tag | IV, if random | zeros up to the tag size of dm-integrity |
 *
 * The key is the cipher's key, then the key of the MAC.
 */

#include "cipher-spec.h"
#include "diag.h"
#include "macro.h"

enum aead_kind {
	AEAD_AUTHENC, /* encrypt, then a MAC over sector, IV and ciphertext */
	AEAD_GCM,
	AEAD_CCM,      /* rfc4309: the last 3 bytes of the key are a salt of the nonce */
	AEAD_CHACHA20, /* rfc7539 with poly1305 */
	AEAD_AEGIS128,
	AEAD_RANDOM, /* no authentication, only room for a random IV */
};

struct aead_spec {
	enum aead_kind kind;
	char algorithm[96];	   /* the crypto API's name, without "capi:" and the IV */
	char iv_words[32];	   /* plain64, random, essiv:sha256 ... */
	struct cipher_spec cipher; /* AUTHENC and RANDOM: the cipher without authentication */
	char mac[32];		   /* AUTHENC: hmac(sha256) ... */
	uint32_t iv_size;	   /* bytes */
	bool iv_stored;		   /* random, so kept beside the tag */
	uint32_t auth_size;	   /* bytes of the whole authentication tag; it can be cut */
	uint32_t mac_key_size;	   /* bytes; 0 without a MAC */
	bool mac_key_is_default;   /* of the size of its digest; others need Linux 6.12 */
};

/*
 * integrity: hmac-sha1, hmac-sha256, hmac-sha384, hmac-sha512, aead, poly1305 or none, as
 * cryptsetup has it; with a cipher in the capi: notation aead or none. mac_key_size in bytes, 0 for
 * the default. -EINVAL: the words do not go together.
 */
int aead_spec_parse(const char *cipher, const char *integrity, uint32_t mac_key_size,
	struct aead_spec *ret, struct diag *diag) _must_check_;

/* Bytes that a sector needs in dm-integrity. */
static inline uint32_t aead_spec_tag_size(const struct aead_spec *spec)
{
	return spec->auth_size + (spec->iv_stored ? spec->iv_size : 0);
}

/* True if a volume key of so many bytes, the MAC's included, fits. */
_pure_ bool aead_spec_key_size_fits(const struct aead_spec *spec, size_t size);
/* The usual size of the whole key in bytes. */
_pure_ size_t aead_spec_key_size(const struct aead_spec *spec);
