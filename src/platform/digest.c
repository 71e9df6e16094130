/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hashes and MACs under the kernel's names. What begins every message (a MAC's inner pad, a salt)
 * is hashed once and its state copied for each message, which is cheaper than hashing it again.
 */

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <xxhash.h>

#include "alg.h"
#include "bytes.h"
#include "cleanup.h"
#include "crc.h"
#include "digest.h"
#include "sha256-lanes.h"

#define PREFIX_MAX     256
#define HMAC_BLOCK_MAX 256

enum digest_kind { KIND_MD, KIND_CRC32, KIND_CRC32C, KIND_XXHASH64 };

/* How an algorithm of the model is computed. */
struct digest_alg {
	const char *name;
	const char *md; /* libcrypto's name */
	enum digest_kind kind;
	bool hmac; /* can be keyed this way */
};

static const struct digest_alg algs[] = {
	{ "crc32", NULL, KIND_CRC32, false },
	{ "crc32c", NULL, KIND_CRC32C, false },
	{ "xxhash64", NULL, KIND_XXHASH64, false },
	{ "sha1", "SHA1", KIND_MD, true },
	{ "sha224", "SHA2-224", KIND_MD, true },
	{ "sha256", "SHA2-256", KIND_MD, true },
	{ "sha384", "SHA2-384", KIND_MD, true },
	{ "sha512", "SHA2-512", KIND_MD, true },
	{ "sha3-224", "SHA3-224", KIND_MD, true },
	{ "sha3-256", "SHA3-256", KIND_MD, true },
	{ "sha3-384", "SHA3-384", KIND_MD, true },
	{ "sha3-512", "SHA3-512", KIND_MD, true },
	{ "blake2b-256", "BLAKE2B-512", KIND_MD, false },
	{ "blake2b-512", "BLAKE2B-512", KIND_MD, false },
	{ "blake2s-256", "BLAKE2S-256", KIND_MD, false },
};

struct digest {
	const struct digest_alg *alg;
	size_t size; /* bytes */
	EVP_MD *md;
	EVP_MD_CTX *start; /* before any prefix; keyed: behind the inner pad */
	EVP_MD_CTX *base;  /* behind the prefix: where every message begins */
	EVP_MD_CTX *outer; /* keyed: behind the outer pad */
	EVP_MD_CTX *work;
	XXH64_state_t *xxh_base, *xxh_work;
	uint32_t crc_base;
	bool keyed;
	/* For many messages side by side; only of SHA-256. The states are as secret as the key. */
	unsigned lanes; /* 0: this algorithm or CPU has none */
	struct sha256_start lanes_start, lanes_outer;
	uint8_t prefix[PREFIX_MAX];
	size_t prefix_size;
};

/* hmac(X) or hmac-X gives X and true. */
static const struct digest_alg *find_alg(const char *name, bool *ret_keyed)
{
	const char *inner = startswith(name, "hmac(") ?: startswith(name, "hmac-");
	bool keyed = inner != NULL;
	size_t size;

	if (keyed) {
		bool parenthesis = inner[-1] == '(';

		name = inner;
		size = strlen(name);
		if (parenthesis && (size == 0 || name[--size] != ')'))
			return NULL;
	} else {
		size = strlen(name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(algs); i++) {
		if (strlen(algs[i].name) != size || memcmp(algs[i].name, name, size) != 0)
			continue;
		*ret_keyed = keyed;
		return !keyed || algs[i].hmac ? &algs[i] : NULL;
	}
	return NULL;
}

/* The model says how long it is; a MAC is as long as its hash. */
static int alg_size(const struct digest_alg *alg)
{
	const struct hash_alg *hash = hash_alg_find(alg->name);

	return hash ? (int)hash->size : -EOPNOTSUPP;
}

int digest_alg_size(const char *alg)
{
	bool keyed;
	const struct digest_alg *found = find_alg(alg, &keyed);

	return found ? alg_size(found) : -EOPNOTSUPP;
}

struct digest *digest_free(struct digest *digest)
{
	if (!digest)
		return NULL;
	/* libcrypto wipes the states that it frees. */
	EVP_MD_CTX_free(digest->start);
	EVP_MD_CTX_free(digest->base);
	EVP_MD_CTX_free(digest->outer);
	EVP_MD_CTX_free(digest->work);
	EVP_MD_free(digest->md);
	(void)XXH64_freeState(digest->xxh_base);
	(void)XXH64_freeState(digest->xxh_work);
	wipe(digest, sizeof(*digest));
	free(digest);
	return NULL;
}

size_t digest_size(const struct digest *digest)
{
	return digest->size;
}

/*
 * A digest shorter than libcrypto's own (blake2b-256) is a parameter that older ones do not have.
 */
static int start_md(struct digest *d)
{
	size_t size = d->size;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_DIGEST_PARAM_SIZE, &size),
		OSSL_PARAM_construct_end(),
	};
	bool shorter = (size_t)EVP_MD_get_size(d->md) != size;

	if (shorter) {
		const OSSL_PARAM *settable = EVP_MD_settable_ctx_params(d->md);

		if (!settable || !OSSL_PARAM_locate_const(settable, OSSL_DIGEST_PARAM_SIZE))
			return -EOPNOTSUPP;
	}
	return EVP_DigestInit_ex2(d->start, d->md, shorter ? params : NULL) == 1 ? 0 : -EOPNOTSUPP;
}

struct pad {
	EVP_MD_CTX *ctx;
	struct sha256_start *lanes;
	uint8_t byte;
};

static int start_pad(
	const struct digest *d, const struct pad *pad, const uint8_t *block, size_t size)
{
	EVP_MD_CTX *ctx = pad->ctx;
	uint8_t padded[HMAC_BLOCK_MAX];
	int r = 0;

	for (size_t i = 0; i < size; i++)
		padded[i] = block[i] ^ pad->byte;
	if (d->lanes)
		sha256_start_block(pad->lanes, padded);
	if (EVP_DigestInit_ex2(ctx, d->md, NULL) != 1 || EVP_DigestUpdate(ctx, padded, size) != 1)
		r = -EIO;
	wipe(padded, sizeof(padded));
	return r;
}

/* RFC 2104: a key longer than a block is hashed first. */
static int start_hmac(struct digest *d, const struct secret *key)
{
	uint8_t block[HMAC_BLOCK_MAX] = {};
	size_t size = (size_t)EVP_MD_get_block_size(d->md);
	const struct pad inner = { d->start, &d->lanes_start, 0x36 };
	const struct pad outer = { d->outer, &d->lanes_outer, 0x5c };
	int r = 0;

	if (size == 0 || size > sizeof(block))
		return -EOPNOTSUPP;
	if (secret_size(key) <= size)
		memcpy(block, secret_peek(key), secret_size(key));
	else if (EVP_Digest(secret_peek(key), secret_size(key), block, NULL, d->md, NULL) != 1)
		r = -EIO;
	if (r == 0)
		r = start_pad(d, &inner, block, size);
	if (r == 0)
		r = start_pad(d, &outer, block, size);
	wipe(block, sizeof(block));
	return r;
}

static bool alloc_states(struct digest *d)
{
	switch (d->alg->kind) {
	case KIND_MD:
		d->start = EVP_MD_CTX_new();
		d->base = EVP_MD_CTX_new();
		d->work = EVP_MD_CTX_new();
		d->outer = d->keyed ? EVP_MD_CTX_new() : NULL;
		return d->start && d->base && d->work && (d->outer || !d->keyed);
	case KIND_XXHASH64:
		d->xxh_base = XXH64_createState();
		d->xxh_work = XXH64_createState();
		return d->xxh_base && d->xxh_work;
	case KIND_CRC32:
	case KIND_CRC32C:
		break;
	}
	return true;
}

static int start_states(struct digest *d, const struct secret *key)
{
	if (d->alg->kind != KIND_MD)
		return 0;
	d->md = EVP_MD_fetch(NULL, d->alg->md, NULL);
	if (!d->md)
		return -EOPNOTSUPP;
	return d->keyed ? start_hmac(d, key) : start_md(d);
}

int digest_new(const char *alg, const struct secret *key, struct digest **ret)
{
	bool keyed = false;
	const struct digest_alg *found = find_alg(alg, &keyed);

	if (!found)
		return -EOPNOTSUPP;
	if (keyed && (!key || secret_size(key) == 0))
		return -ENOKEY;
	if (!keyed && key)
		return -EINVAL;

	_cleanup_(digest_freep) struct digest *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->alg = found;
	d->keyed = keyed;
	int r = alg_size(found);
	if (r < 0)
		return r;
	d->size = (size_t)r;
	r = streq(found->name, "sha256") ? sha256_lanes(&d->lanes) : 0;
	if (r < 0)
		return r;
	sha256_start_init(&d->lanes_start);
	sha256_start_init(&d->lanes_outer);
	if (!alloc_states(d))
		return -ENOMEM;
	r = start_states(d, key);
	if (r < 0)
		return r;
	r = digest_set_prefix(d, NULL, 0);
	if (r < 0)
		return r;
	*ret = take_ptr(d);
	return 0;
}

int digest_clone(const struct digest *digest, struct digest **ret)
{
	_cleanup_(digest_freep) struct digest *d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->alg = digest->alg;
	d->size = digest->size;
	d->keyed = digest->keyed;
	d->crc_base = digest->crc_base;
	d->lanes = digest->lanes;
	d->lanes_start = digest->lanes_start;
	d->lanes_outer = digest->lanes_outer;
	d->prefix_size = digest->prefix_size;
	memcpy(d->prefix, digest->prefix, digest->prefix_size);
	if (!alloc_states(d))
		return -ENOMEM;
	if (digest->xxh_base)
		XXH64_copyState(d->xxh_base, digest->xxh_base);
	if (digest->md) {
		if (EVP_MD_up_ref(digest->md) != 1)
			return -EIO;
		d->md = digest->md;
		if (EVP_MD_CTX_copy_ex(d->start, digest->start) != 1 ||
			EVP_MD_CTX_copy_ex(d->base, digest->base) != 1 ||
			(d->keyed && EVP_MD_CTX_copy_ex(d->outer, digest->outer) != 1))
			return -EIO;
	}
	*ret = take_ptr(d);
	return 0;
}

int digest_set_prefix(struct digest *digest, const void *data, size_t size)
{
	if (size > PREFIX_MAX)
		return -EINVAL;
	if (size > 0)
		memcpy(digest->prefix, data, size);
	digest->prefix_size = size;
	switch (digest->alg->kind) {
	case KIND_MD:
		if (EVP_MD_CTX_copy_ex(digest->base, digest->start) != 1 ||
			(size > 0 && EVP_DigestUpdate(digest->base, data, size) != 1))
			return -EIO;
		break;
	case KIND_XXHASH64:
		(void)XXH64_reset(digest->xxh_base, 0);
		if (size > 0)
			(void)XXH64_update(digest->xxh_base, data, size);
		break;
	case KIND_CRC32:
		digest->crc_base = crc32_update(0, data, size);
		break;
	case KIND_CRC32C:
		digest->crc_base = crc32c_update(UINT32_MAX, data, size);
		break;
	}
	return 0;
}

static int vec_md(struct digest *d, const struct iovec *iov, unsigned n, uint8_t *ret)
{
	if (EVP_MD_CTX_copy_ex(d->work, d->base) != 1)
		return -EIO;
	for (unsigned i = 0; i < n; i++)
		if (EVP_DigestUpdate(d->work, iov[i].iov_base, iov[i].iov_len) != 1)
			return -EIO;
	if (!d->keyed)
		return EVP_DigestFinal_ex(d->work, ret, NULL) == 1 ? 0 : -EIO;

	uint8_t inner[EVP_MAX_MD_SIZE];
	if (EVP_DigestFinal_ex(d->work, inner, NULL) != 1 ||
		EVP_MD_CTX_copy_ex(d->work, d->outer) != 1 ||
		EVP_DigestUpdate(d->work, inner, d->size) != 1 ||
		EVP_DigestFinal_ex(d->work, ret, NULL) != 1)
		return -EIO;
	return 0;
}

static void vec_xxhash64(struct digest *d, const struct iovec *iov, unsigned n, uint8_t *ret)
{
	XXH64_copyState(d->xxh_work, d->xxh_base);
	for (unsigned i = 0; i < n; i++)
		if (iov[i].iov_len > 0)
			(void)XXH64_update(d->xxh_work, iov[i].iov_base, iov[i].iov_len);
	put_le64(ret, XXH64_digest(d->xxh_work));
}

static void vec_crc(const struct digest *d, const struct iovec *iov, unsigned n, uint8_t *ret)
{
	bool castagnoli = d->alg->kind == KIND_CRC32C;
	uint32_t state = d->crc_base;

	for (unsigned i = 0; i < n; i++)
		state = castagnoli ? crc32c_update(state, iov[i].iov_base, iov[i].iov_len)
				   : crc32_update(state, iov[i].iov_base, iov[i].iov_len);
	put_le32(ret, castagnoli ? ~state : state);
}

int digest_vec(struct digest *digest, const struct iovec *iov, unsigned n, uint8_t *ret)
{
	if (n > DIGEST_VEC_MAX)
		return -EINVAL;
	switch (digest->alg->kind) {
	case KIND_MD:
		return vec_md(digest, iov, n, ret);
	case KIND_XXHASH64:
		vec_xxhash64(digest, iov, n, ret);
		break;
	case KIND_CRC32:
	case KIND_CRC32C:
		vec_crc(digest, iov, n, ret);
		break;
	}
	return 0;
}

int digest_data(struct digest *digest, const void *data, size_t size, uint8_t *ret)
{
	const struct iovec iov = { .iov_base = (void *)data, .iov_len = size };

	return digest_vec(digest, &iov, 1, ret);
}

/* The outer hashes of an HMAC are many messages of one length again. */
static void lanes_outer(const struct digest *d, size_t n, uint8_t *ret, size_t ret_stride)
{
	uint8_t inner[SHA256_LANES_MAX * SHA256_SIZE];

	for (size_t i = 0; i < n; i++)
		memcpy(inner + i * SHA256_SIZE, ret + i * ret_stride, SHA256_SIZE);
	sha256_lanes_run(d->lanes, &d->lanes_outer,
		&(struct sha256_messages){
			.prefix = d->prefix, /* of size 0 */
			.heads = d->prefix,
			.data = inner,
			.data_size = SHA256_SIZE,
			.n = n,
		},
		ret, ret_stride);
}

static void blocks_lanes(
	const struct digest *d, const struct digest_blocks *b, uint8_t *ret, size_t ret_stride)
{
	struct sha256_messages m = {
		.prefix = d->prefix,
		.prefix_size = d->prefix_size,
		.heads = b->head_size ? b->heads : d->prefix,
		.head_size = b->head_size,
		.data = b->data,
		.data_size = b->data_size,
		.n = b->n,
	};

	sha256_lanes_run(d->lanes, &d->lanes_start, &m, ret, ret_stride);
	for (size_t i = 0; d->keyed && i < b->n; i += d->lanes)
		lanes_outer(d, MIN((size_t)d->lanes, b->n - i), ret + i * ret_stride, ret_stride);
}

int digest_blocks(
	struct digest *digest, const struct digest_blocks *b, uint8_t *ret, size_t ret_stride)
{
	/* A few messages are not worth idle lanes. */
	if (digest->lanes && b->n >= digest->lanes / 4 && b->data_size >= SHA256_BLOCK_SIZE &&
		digest->prefix_size + b->head_size <= PREFIX_MAX) {
		blocks_lanes(digest, b, ret, ret_stride);
		return 0;
	}
	for (size_t i = 0; i < b->n; i++) {
		const struct iovec iov[] = {
			{ (void *)((const uint8_t *)b->heads + i * b->head_size), b->head_size },
			{ (void *)((const uint8_t *)b->data + i * b->data_size), b->data_size },
		};
		bool headless = b->head_size == 0;
		int r = digest_vec(digest, iov + headless, headless ? 1 : 2, ret + i * ret_stride);

		if (r < 0)
			return r;
	}
	return 0;
}
