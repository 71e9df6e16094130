/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 *	PRK = HMAC(zeros, key)		T(n) = HMAC(PRK, T(n - 1) | info | n)
 */

#include "hkdf.h"

#include <string.h>

#include "cleanup.h"
#include "digest.h"

#define SIZE_MAX_BYTES (255 * HKDF_PRK_SIZE)

static int expand(
	struct digest *hmac, const char *info, const char *label, uint8_t *ret, size_t size)
{
	uint8_t block[HKDF_PRK_SIZE], number = 0;
	int r = 0;

	for (size_t done = 0; r == 0 && done < size; done += sizeof(block)) {
		struct iovec parts[] = {
			{ block, number ? sizeof(block) : 0 },
			{ (void *)info, strlen(info) + (label ? 1 : 0) },
			{ (void *)label, label ? strlen(label) : 0 },
			{ &number, 1 },
		};

		number++;
		r = digest_vec(hmac, parts, ARRAY_SIZE(parts), block);
		if (r == 0)
			memcpy(ret + done, block, MIN(sizeof(block), size - done));
	}
	wipe(block, sizeof(block));
	return r;
}

int hkdf_expand(const struct secret *prk, const char *info, const char *label, size_t size,
	struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	_cleanup_(digest_freep) struct digest *hmac = NULL;
	int r;

	if (size > SIZE_MAX_BYTES)
		return -EINVAL;
	r = digest_new("hmac(sha256)", prk, &hmac);
	if (r < 0)
		return r;
	r = secret_new(size, true, &key);
	if (r < 0)
		return r;
	r = expand(hmac, info, label, secret_bytes(key), size);
	if (r < 0)
		return r;
	*ret = take_ptr(key);
	return 0;
}

int hkdf_derive(const struct secret *key, const char *info, const char *label, size_t size,
	struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *salt = NULL, *prk = NULL;
	_cleanup_(digest_freep) struct digest *hmac = NULL;
	int r;

	r = secret_new(HKDF_PRK_SIZE, true, &salt);
	if (r < 0)
		return r;
	r = secret_new(HKDF_PRK_SIZE, true, &prk);
	if (r < 0)
		return r;
	r = digest_new("hmac(sha256)", salt, &hmac);
	if (r < 0)
		return r;
	r = digest_data(hmac, secret_peek(key), secret_size(key), secret_bytes(prk));
	if (r < 0)
		return r;
	return hkdf_expand(prk, info, label, size, ret);
}
