/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The sector encryption of dm-crypt without integrity, offline. Sectors are 512 bytes; the unit of
 * encryption is sector_size bytes.
 *
 * A struct cipher may be used by one thread at a time; cipher_clone() gives each thread its own.
 */

#include "cipher-spec.h"
#include "diag.h"
#include "secret.h"

struct cipher;

struct cipher_params {
	struct cipher_spec spec;
	uint32_t sector_size;  /* bytes: 512, 1024, 2048 or 4096 */
	bool iv_large_sectors; /* the IV counts units of sector_size */
	uint64_t iv_offset;    /* sectors; a multiple of sector_size / 512 */
	/* For authenticated encryption: */
	const struct secret *iv_key; /* what ESSIV hashes; NULL: the key. Not kept. */
	bool given_ivs;		     /* only the functions with ivs are called; any IV goes */
};

/*
 * The key is used as the table gives it and is not kept. -EOPNOTSUPP: not computable offline.
 * -EINVAL: a key size or parameter that the kernel would refuse too, or an XTS key of equal halves.
 */
int cipher_new(const struct cipher_params *params, const struct secret *key, struct cipher **ret,
	struct diag *diag) _must_check_;
int cipher_clone(const struct cipher *cipher, struct cipher **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct cipher *cipher_free(struct cipher *cipher);

/*
 * size is a multiple of sector_size, sector (512-byte units, relative to the mapping) of
 * sector_size / 512, else -EINVAL. src and dst may be equal, but not overlap otherwise.
 * -EIO: libcrypto failed.
 */
int cipher_encrypt(struct cipher *cipher, const void *src, void *dst, size_t size,
	uint64_t sector) _must_check_;
int cipher_decrypt(struct cipher *cipher, const void *src, void *dst, size_t size,
	uint64_t sector) _must_check_;

/* The IVs of n units from that sector on, each of iv_size bytes of the spec. */
int cipher_make_ivs(
	struct cipher *cipher, uint64_t sector, size_t n, uint8_t *ret, size_t stride) _must_check_;
/* As above, with the IV of each unit given. */
struct cipher_ivs {
	const uint8_t *first;
	size_t stride; /* bytes from one to the next */
};
int cipher_encrypt_ivs(struct cipher *cipher, const void *src, void *dst, size_t size,
	const struct cipher_ivs *ivs) _must_check_;
int cipher_decrypt_ivs(struct cipher *cipher, const void *src, void *dst, size_t size,
	const struct cipher_ivs *ivs) _must_check_;

static inline void cipher_freep(struct cipher **p)
{
	if (*p)
		*p = cipher_free(*p);
}
