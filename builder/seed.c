/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Random or derived bytes for salts and UUIDs. They are public: they end up in superblocks.
 */

#include <string.h>

#include "cleanup.h"
#include "digest.h"
#include "hex.h"
#include "random.h"
#include "seed.h"

#define HASH_SIZE 32U

static const char extract_salt[] = "dmstack-build seed, version 1";

static int hmac_sha256(const void *key, size_t key_size, const struct iovec *iov, unsigned n,
	uint8_t ret[HASH_SIZE])
{
	_cleanup_(digest_freep) struct digest *digest = NULL;
	_cleanup_(secret_freep) struct secret *secret = NULL;
	int r;

	r = secret_new_from(key, key_size, false, &secret);
	if (r < 0)
		return r;
	r = digest_new("hmac(sha256)", secret, &digest);
	if (r < 0)
		return r;
	return digest_vec(digest, iov, n, ret);
}

int seed_init(struct seed *ret, const char *text, struct diag *diag)
{
	_cleanup_free_ uint8_t *bytes = NULL;
	struct seed seed = {};
	size_t size;
	int r;

	if (!text) {
		*ret = seed;
		return 0;
	}
	r = hex_parse(text, &bytes, &size);
	if (r == -EINVAL)
		return diag_set(diag, r, "--seed: \"%s\" is not hexadecimal", text);
	if (r < 0)
		return r;
	if (size < SEED_SIZE_MIN || size > SEED_SIZE_MAX)
		return diag_set(diag, -EINVAL, "--seed: %zu bytes, but %u to %u are needed", size,
			SEED_SIZE_MIN, SEED_SIZE_MAX);

	struct iovec iov = { bytes, size };

	r = hmac_sha256(extract_salt, sizeof(extract_salt) - 1, &iov, 1, seed.prk);
	if (r < 0)
		return diag_set(diag, r, "--seed: libcrypto has no HMAC-SHA256");
	seed.given = true;
	*ret = seed;
	return 0;
}

/* T(n) = HMAC(prk, T(n - 1) | label | n), as RFC 5869 says; the result is T(1) | T(2) | ... */
static int seed_expand(const struct seed *seed, const char *label, uint8_t *ret, size_t size)
{
	uint8_t block[HASH_SIZE];
	uint8_t count = 0;

	while (size > 0) {
		struct iovec iov[] = {
			{ block, count ? HASH_SIZE : 0 },
			{ (void *)label, strlen(label) },
			{ &count, 1 },
		};
		size_t n = MIN(size, (size_t)HASH_SIZE);
		uint8_t next[HASH_SIZE];
		int r;

		if (++count == 0)
			return -E2BIG;
		r = hmac_sha256(seed->prk, sizeof(seed->prk), iov, ARRAY_SIZE(iov), next);
		if (r < 0)
			return r;
		memcpy(block, next, HASH_SIZE);
		memcpy(ret, block, n);
		ret += n;
		size -= n;
	}
	return 0;
}

int seed_bytes(const struct seed *seed, const char *label, void *ret, size_t size)
{
	return seed->given ? seed_expand(seed, label, ret, size) : random_bytes(ret, size);
}

int seed_uuid(const struct seed *seed, const char *label, uint8_t ret[16])
{
	uint8_t uuid[16];
	int r;

	r = seed_bytes(seed, label, uuid, sizeof(uuid));
	if (r < 0)
		return r;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	memcpy(ret, uuid, sizeof(uuid));
	return 0;
}
