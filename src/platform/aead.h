/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The authenticated encryption of dm-crypt with integrity, offline. Each unit of sector_size bytes
 * has a tag of tag_size bytes:
 *
 *	| authentication tag | IV, if it is a random one |
 *
 * A struct aead may be used by one thread at a time; aead_clone() gives each thread its own.
 */

#include "aead-spec.h"
#include "diag.h"
#include "secret.h"

struct aead;

struct aead_params {
	struct aead_spec spec;
	uint32_t sector_size; /* bytes: 512, 1024, 2048 or 4096 */
	uint32_t tag_size;  /* bytes; at most aead_spec_tag_size(), less cuts the authentication */
	uint64_t iv_offset; /* sectors of 512 bytes; not part of what is authenticated */
	bool iv_large_sectors; /* the IV counts units of sector_size */
};

/*
 * key: cipher's, then MAC's; it is not kept. -EOPNOTSUPP: libcrypto does not have it.
 * -EINVAL: a size that the kernel would refuse too.
 */
int aead_new(const struct aead_params *params, const struct secret *key, struct aead **ret,
	struct diag *diag) _must_check_;
int aead_clone(const struct aead *aead, struct aead **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct aead *aead_free(struct aead *aead);

/* Units that lie one behind the other, and their tags, stride bytes from one to the next. */
struct aead_units {
	const uint8_t *src;
	uint8_t *dst; /* may be src */
	size_t n;
	uint64_t sector; /* of the first, in 512-byte units of the mapping */
	uint8_t *tags;
	size_t stride; /* at least tag_size; bytes behind that are not touched */
};

/*
 * Writes the tags; where IVs are random they must be in their place in the tags already. No nonce
 * may ever be used twice with one key. -EIO: libcrypto failed.
 */
int aead_encrypt(struct aead *aead, const struct aead_units *units) _must_check_;
/*
 * The index of each unit that is not authentic is told; its plaintext is zeroed. Returns their
 * number.
 */
int aead_decrypt(struct aead *aead, const struct aead_units *units,
	void (*bad)(void *userdata, size_t index), void *userdata) _must_check_;

static inline void aead_freep(struct aead **p)
{
	if (*p)
		*p = aead_free(*p);
}
