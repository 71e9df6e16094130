/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hashes and MACs by the names that device-mapper tables use: crc32, crc32c, xxhash64, sha1,
 * sha224, sha256, sha384, sha512, sha3-224 .. sha3-512, blake2b-512, blake2s-256 and hmac(X) for X
 * of the sha families. As in the kernel, crc32 is the raw register (seed 0, no complement), not
 * zlib's. "hmac-sha256" is read as hmac(sha256), as integritysetup does.
 *
 * A struct digest may be used by one thread at a time; digest_clone() gives each thread its own.
 */

#include <sys/uio.h>

#include "macro.h"
#include "secret.h"

#define DIGEST_SIZE_MAX 64 /* bytes */
#define DIGEST_VEC_MAX	4

struct digest;

/* Bytes of the digest, or -EOPNOTSUPP for a name that is not known here. */
int digest_alg_size(const char *alg) _must_check_;

/*
 * key: required for a keyed algorithm, NULL for the others; it is not kept. -EOPNOTSUPP: unknown
 * or not in this libcrypto. -ENOKEY: keyed and no key. -EINVAL: a key where none belongs.
 */
int digest_new(const char *alg, const struct secret *key, struct digest **ret) _must_check_;
int digest_clone(const struct digest *digest, struct digest **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct digest *digest_free(struct digest *digest);
size_t digest_size(const struct digest *digest);

/*
 * Puts bytes before every message from now on (a verity salt, an integrity salt). Clones made
 * later have it too. At most 256 bytes; 0 takes it away.
 */
int digest_set_prefix(struct digest *digest, const void *data, size_t size) _must_check_;

/*
 * The digest of prefix and pieces in order; n <= DIGEST_VEC_MAX. Writes digest_size() bytes. -EIO:
 * libcrypto failed.
 */
int digest_vec(
	struct digest *digest, const struct iovec *iov, unsigned n, uint8_t *ret) _must_check_;
int digest_data(struct digest *digest, const void *data, size_t size, uint8_t *ret) _must_check_;

/*
 * The digests of n messages of one length at once: prefix || heads[i] || data[i], where the heads
 * (head_size bytes each, may be 0) and the data (data_size bytes each) lie one behind the other.
 * Digest i goes to ret + i * ret_stride. This is the fast way: SHA-256 and its HMAC run in the
 * lanes of the vector unit where the CPU has one that is worth it.
 */
struct digest_blocks {
	const void *heads;
	size_t head_size;
	const void *data;
	size_t data_size;
	size_t n;
};
int digest_blocks(struct digest *digest, const struct digest_blocks *blocks, uint8_t *ret,
	size_t ret_stride) _must_check_;

static inline void digest_freep(struct digest **p)
{
	if (*p)
		*p = digest_free(*p);
}
