/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The rows of hash algorithms.
 */

#include "alg.h"

static const struct hash_alg hash_algs[] = {
	{ "crc32", "crc32", 4, false, false },
	{ "crc32c", "crc32c", 4, false, false },
	{ "xxhash64", "xxhash64", 8, false, false },
	{ "sha1", "sha1", 20, false, false },
	{ "sha224", "sha224", 28, false, true },
	{ "sha256", "sha256", 32, false, true },
	{ "sha384", "sha384", 48, false, true },
	{ "sha512", "sha512", 64, false, true },
	{ "sha3-224", "sha3-224", 28, false, true },
	{ "sha3-256", "sha3-256", 32, false, true },
	{ "sha3-384", "sha3-384", 48, false, true },
	{ "sha3-512", "sha3-512", 64, false, true },
	{ "blake2b-256", "blake2b-256", 32, false, true },
	{ "blake2b-512", "blake2b-512", 64, false, true },
	{ "blake2s-256", "blake2s-256", 32, false, true },
	{ "hmac-sha1", "hmac(sha1)", 20, true, true },
	{ "hmac-sha224", "hmac(sha224)", 28, true, true },
	{ "hmac-sha256", "hmac(sha256)", 32, true, true },
	{ "hmac-sha384", "hmac(sha384)", 48, true, true },
	{ "hmac-sha512", "hmac(sha512)", 64, true, true },
};

const struct hash_alg *hash_alg_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(hash_algs); i++)
		if (streq(hash_algs[i].name, name) || streq(hash_algs[i].kernel, name))
			return &hash_algs[i];
	return NULL;
}
