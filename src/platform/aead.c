/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Authenticated encryption of sectors. Ciphers that authenticate themselves come from libcrypto as
 * they are; the others are encrypted first, and a MAC covers sector number, IV and ciphertext.
 * Source: the kernel's dm-crypt and its crypto API (authenc, gcm, rfc4309, rfc7539).
 */

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "aead.h"
#include "bytes.h"
#include "cipher-evp.h"
#include "cipher.h"
#include "cleanup.h"
#include "digest.h"

#define SECTOR	      512U
#define NONCE_MAX     16U
#define CCM_SALT_SIZE 3U
/* Units that are worked on at once: as many as vector lanes want, in memory of the stack. */
#define BATCH 64U
/* What is authenticated beside the data: the sector number, and the IV. */
#define AAD_MAX (8U + NONCE_MAX)

struct aead {
	struct aead_params params;
	uint32_t auth_size; /* bytes that are kept */

	/* AUTHENC and RANDOM */
	struct cipher *cipher;
	struct digest *mac;

	/* The others */
	EVP_CIPHER_CTX *enc, *dec;
	uint8_t salt[CCM_SALT_SIZE]; /* CCM */
};

struct aead *aead_free(struct aead *a)
{
	if (!a)
		return NULL;
	a->cipher = cipher_free(a->cipher);
	a->mac = digest_free(a->mac);
	EVP_CIPHER_CTX_free(a->enc);
	EVP_CIPHER_CTX_free(a->dec);
	wipe(a, sizeof(*a));
	free(a);
	return NULL;
}

static const EVP_CIPHER *find_evp(enum aead_kind kind, size_t key_size)
{
	static const struct {
		enum aead_kind kind;
		size_t key_size;
		const EVP_CIPHER *(*get)(void);
	} rows[] = {
		{ AEAD_GCM, 16, EVP_aes_128_gcm },
		{ AEAD_GCM, 24, EVP_aes_192_gcm },
		{ AEAD_GCM, 32, EVP_aes_256_gcm },
		{ AEAD_CCM, 16 + CCM_SALT_SIZE, EVP_aes_128_ccm },
		{ AEAD_CCM, 24 + CCM_SALT_SIZE, EVP_aes_192_ccm },
		{ AEAD_CCM, 32 + CCM_SALT_SIZE, EVP_aes_256_ccm },
		{ AEAD_CHACHA20, 32, EVP_chacha20_poly1305 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == kind && rows[i].key_size == key_size)
			return rows[i].get();
	return NULL;
}

/* CCM's nonce begins with three bytes of the key. */
static uint32_t nonce_size(const struct aead *a)
{
	return a->params.spec.iv_size + (a->params.spec.kind == AEAD_CCM ? CCM_SALT_SIZE : 0);
}

static int init_evp(struct aead *a, EVP_CIPHER_CTX **ret, const EVP_CIPHER *type,
	const uint8_t *key, int encrypt)
{
	EVP_CIPHER_CTX *ctx = *ret = EVP_CIPHER_CTX_new();

	if (!ctx)
		return -ENOMEM;
	if (EVP_CipherInit_ex(ctx, type, NULL, NULL, NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)nonce_size(a), NULL) != 1)
		return -EIO;
	/* CCM mixes the tag's length into the first block, so it has to be known before. */
	if (a->params.spec.kind == AEAD_CCM &&
		EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)a->auth_size, NULL) != 1)
		return -EINVAL;
	return EVP_CipherInit_ex(ctx, NULL, NULL, key, NULL, encrypt) == 1 ? 0 : -EIO;
}

static int init_self(struct aead *a, const struct secret *key, struct diag *diag)
{
	const EVP_CIPHER *type = find_evp(a->params.spec.kind, secret_size(key));

	if (!type)
		return diag_set(diag, -EOPNOTSUPP,
			"cipher: libcrypto has no %s with a key of %zu bytes",
			a->params.spec.algorithm, secret_size(key));
	if (a->params.spec.kind == AEAD_CCM)
		memcpy(a->salt, secret_peek(key) + secret_size(key) - CCM_SALT_SIZE, CCM_SALT_SIZE);
	int r = init_evp(a, &a->enc, type, secret_peek(key), 1);
	if (r >= 0)
		r = init_evp(a, &a->dec, type, secret_peek(key), 0);
	return r < 0 ? diag_set(diag, r, "tag-size: %u bytes do not fit %s", a->params.tag_size,
			       a->params.spec.algorithm)
		     : 0;
}

/* The kernel's ESSIV is a template around the whole of authenc, so it hashes the MAC's key too. */
static int init_parts(struct aead *a, const struct secret *key, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *cipher_key = NULL, *mac_key = NULL;
	size_t mac_size = a->params.spec.mac_key_size;
	size_t cipher_size = secret_size(key) - mac_size;
	struct cipher_params params = {
		.spec = a->params.spec.cipher,
		.sector_size = a->params.sector_size,
		.iv_large_sectors = a->params.iv_large_sectors,
		.iv_offset = a->params.iv_offset,
		.iv_key = key,
		.given_ivs = true,
	};

	/* Given with each unit, so there is nothing to compute. */
	if (a->params.spec.iv_stored)
		params.spec.iv = CIPHER_IV_NULL;
	int r = secret_new_from(secret_peek(key), cipher_size, false, &cipher_key);
	if (r >= 0)
		r = cipher_new(&params, cipher_key, &a->cipher, diag);
	if (r < 0 || a->params.spec.kind == AEAD_RANDOM)
		return r;
	r = secret_new_from(secret_peek(key) + cipher_size, mac_size, false, &mac_key);
	return r < 0 ? r : digest_new(a->params.spec.mac, mac_key, &a->mac);
}

static int check(const struct aead_params *p, const struct secret *key, struct diag *diag)
{
	uint32_t iv_size = p->spec.iv_stored ? p->spec.iv_size : 0;

	if (p->spec.kind == AEAD_AEGIS128)
		return diag_set(diag, -EOPNOTSUPP,
			"cipher: aegis128 is in the kernel only; neither libcrypto nor another library "
			"has it (AEGIS-128L is another cipher), so images of it are neither made nor "
			"read");
	if (!aead_spec_key_size_fits(&p->spec, secret_size(key)))
		return diag_set(diag, -EINVAL, "a key of %zu bytes does not fit %s",
			secret_size(key), p->spec.algorithm);
	if (p->tag_size > aead_spec_tag_size(&p->spec) ||
		p->tag_size < iv_size + (p->spec.kind != AEAD_RANDOM))
		return diag_set(diag, -EINVAL, "tag-size: %u bytes do not fit %s", p->tag_size,
			p->spec.algorithm);
	return 0;
}

int aead_new(const struct aead_params *params, const struct secret *key, struct aead **ret,
	struct diag *diag)
{
	int r = check(params, key, diag);
	if (r < 0)
		return r;

	_cleanup_(aead_freep) struct aead *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->params = *params;
	a->auth_size = params->tag_size - (params->spec.iv_stored ? params->spec.iv_size : 0);
	bool parts = params->spec.kind == AEAD_AUTHENC || params->spec.kind == AEAD_RANDOM;
	r = parts ? init_parts(a, key, diag) : init_self(a, key, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(a);
	return 0;
}

int aead_clone(const struct aead *aead, struct aead **ret)
{
	_cleanup_(aead_freep) struct aead *a = calloc(1, sizeof(*a));
	int r = 0;

	if (!a)
		return -ENOMEM;
	a->params = aead->params;
	a->auth_size = aead->auth_size;
	memcpy(a->salt, aead->salt, sizeof(a->salt));
	if (aead->cipher)
		r = cipher_clone(aead->cipher, &a->cipher);
	if (r >= 0 && aead->mac)
		r = digest_clone(aead->mac, &a->mac);
	if (r >= 0)
		r = cipher_evp_clone(&a->enc, aead->enc);
	if (r >= 0)
		r = cipher_evp_clone(&a->dec, aead->dec);
	if (r < 0)
		return r;
	*ret = take_ptr(a);
	return 0;
}

/* A part of the units, with what is computed for them. */
struct batch {
	size_t n;
	const uint8_t *src;
	uint8_t *dst;
	uint8_t *tags;
	uint64_t sector;
	uint8_t aads[BATCH * AAD_MAX]; /* sector number and IV of each, one behind the other */
	size_t aad_size;
};

/* plain and plain64 of ciphers that have no struct cipher to ask. */
static void plain_ivs(const struct aead *a, struct batch *b)
{
	const struct aead_params *p = &a->params;
	bool wide = streq(p->spec.iv_words, "plain64");

	for (size_t i = 0; i < b->n; i++) {
		uint8_t *iv = b->aads + i * b->aad_size + 8;
		uint64_t sector = b->sector + i * (p->sector_size / SECTOR) + p->iv_offset;

		if (p->iv_large_sectors)
			sector /= p->sector_size / SECTOR;
		memset(iv, 0, p->spec.iv_size);
		if (wide)
			put_le64(iv, sector);
		else
			put_le32(iv, (uint32_t)sector);
	}
}

static int fill_aads(struct aead *a, const struct aead_units *u, struct batch *b)
{
	const struct aead_params *p = &a->params;

	b->aad_size = 8 + p->spec.iv_size;
	for (size_t i = 0; i < b->n; i++) {
		uint8_t *aad = b->aads + i * b->aad_size;

		/* Neither iv_offset nor large sectors count here. */
		put_le64(aad, b->sector + i * (p->sector_size / SECTOR));
		if (p->spec.iv_stored)
			memcpy(aad + 8, b->tags + i * u->stride + a->auth_size, p->spec.iv_size);
	}
	if (p->spec.iv_stored)
		return 0;
	if (a->cipher)
		return cipher_make_ivs(a->cipher, b->sector, b->n, b->aads + 8, b->aad_size);
	plain_ivs(a, b);
	return 0;
}

/* The whole MACs of the ciphertext, digest_size() bytes each. */
static int make_macs(struct aead *a, const struct batch *b, const uint8_t *ciphertext, uint8_t *ret)
{
	const struct digest_blocks blocks = {
		.heads = b->aads,
		.head_size = b->aad_size,
		.data = ciphertext,
		.data_size = a->params.sector_size,
		.n = b->n,
	};

	return digest_blocks(a->mac, &blocks, ret, digest_size(a->mac));
}

static int encrypt_parts(struct aead *a, const struct aead_units *u, struct batch *b)
{
	const struct cipher_ivs ivs = { b->aads + 8, b->aad_size };
	uint8_t macs[BATCH * DIGEST_SIZE_MAX];

	int r = cipher_encrypt_ivs(a->cipher, b->src, b->dst, b->n * a->params.sector_size, &ivs);
	if (r < 0 || !a->mac)
		return r;
	r = make_macs(a, b, b->dst, macs);
	for (size_t i = 0; i < b->n && r >= 0; i++)
		memcpy(b->tags + i * u->stride, macs + i * digest_size(a->mac), a->auth_size);
	return r;
}

struct bad {
	void (*tell)(void *userdata, size_t index);
	void *userdata;
	size_t first; /* index of the batch's first unit */
	int n;
};

static void tell_bad(struct bad *bad, const struct aead *a, struct batch *b, size_t i)
{
	memset(b->dst + i * a->params.sector_size, 0, a->params.sector_size);
	bad->n++;
	if (bad->tell)
		bad->tell(bad->userdata, bad->first + i);
}

static int decrypt_parts(
	struct aead *a, const struct aead_units *u, struct batch *b, struct bad *bad)
{
	const struct cipher_ivs ivs = { b->aads + 8, b->aad_size };
	uint8_t macs[BATCH * DIGEST_SIZE_MAX];
	int r = 0;

	/* The MAC is of the ciphertext, which decryption may overwrite. */
	if (a->mac)
		r = make_macs(a, b, b->src, macs);
	if (r >= 0)
		r = cipher_decrypt_ivs(
			a->cipher, b->src, b->dst, b->n * a->params.sector_size, &ivs);
	for (size_t i = 0; a->mac && i < b->n && r >= 0; i++)
		if (CRYPTO_memcmp(b->tags + i * u->stride, macs + i * digest_size(a->mac),
			    a->auth_size) != 0)
			tell_bad(bad, a, b, i);
	return r;
}

/* Key schedule and salt stay; each unit has its own nonce. */
static int start_unit(
	const struct aead *a, EVP_CIPHER_CTX *ctx, const struct batch *b, size_t i, uint8_t *tag)
{
	const uint8_t *aad = b->aads + i * b->aad_size;
	bool ccm = a->params.spec.kind == AEAD_CCM;
	uint8_t nonce[CCM_SALT_SIZE + NONCE_MAX];
	size_t salt_size = ccm ? CCM_SALT_SIZE : 0;
	int n;

	memcpy(nonce, a->salt, salt_size);
	memcpy(nonce + salt_size, aad + 8, a->params.spec.iv_size);
	if (tag && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)a->auth_size, tag) != 1)
		return -EIO;
	if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, nonce, -1) != 1)
		return -EIO;
	if (ccm && EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)a->params.sector_size) != 1)
		return -EIO;
	/* rfc4309 leaves the IV out of what is authenticated beside the data. */
	return EVP_CipherUpdate(ctx, NULL, &n, aad, ccm ? 8 : (int)b->aad_size) == 1 ? 0 : -EIO;
}

static int encrypt_self(struct aead *a, const struct aead_units *u, struct batch *b)
{
	int size = (int)a->params.sector_size, n = 0;

	for (size_t i = 0; i < b->n; i++) {
		uint8_t *to = b->dst + i * a->params.sector_size, rest[16];
		uint8_t *tag = b->tags + i * u->stride;

		int r = start_unit(a, a->enc, b, i, NULL);
		if (r < 0)
			return r;
		if (EVP_CipherUpdate(a->enc, to, &n, b->src + i * a->params.sector_size, size) !=
				1 ||
			n != size || EVP_CipherFinal_ex(a->enc, rest, &n) != 1 ||
			EVP_CIPHER_CTX_ctrl(
				a->enc, EVP_CTRL_AEAD_GET_TAG, (int)a->auth_size, tag) != 1)
			return -EIO;
	}
	return 0;
}

/* 1: authentic, 0: not. */
static int decrypt_unit(struct aead *a, struct batch *b, size_t i, uint8_t *tag)
{
	int size = (int)a->params.sector_size, n = 0;
	uint8_t rest[16];

	int r = start_unit(a, a->dec, b, i, tag);
	if (r < 0)
		return r;
	if (EVP_CipherUpdate(a->dec, b->dst + i * a->params.sector_size, &n,
		    b->src + i * a->params.sector_size, size) != 1)
		return 0;
	/* CCM has decided by now, and has no final step. */
	return a->params.spec.kind == AEAD_CCM || EVP_CipherFinal_ex(a->dec, rest, &n) == 1;
}

static int decrypt_self(
	struct aead *a, const struct aead_units *u, struct batch *b, struct bad *bad)
{
	for (size_t i = 0; i < b->n; i++) {
		int r = decrypt_unit(a, b, i, b->tags + i * u->stride);

		if (r < 0)
			return r;
		if (r == 0)
			tell_bad(bad, a, b, i);
	}
	return 0;
}

/* bad NULL: encrypt. */
static int run(struct aead *a, const struct aead_units *u, struct bad *bad)
{
	struct batch b;

	for (size_t done = 0; done < u->n; done += b.n) {
		size_t bytes = done * a->params.sector_size;

		b.n = MIN(u->n - done, (size_t)BATCH);
		b.src = u->src + bytes;
		b.dst = u->dst + bytes;
		b.tags = u->tags + done * u->stride;
		b.sector = u->sector + bytes / SECTOR;
		int r = fill_aads(a, u, &b);
		if (r < 0)
			return r;
		if (!bad) {
			r = a->cipher ? encrypt_parts(a, u, &b) : encrypt_self(a, u, &b);
		} else {
			bad->first = done;
			r = a->cipher ? decrypt_parts(a, u, &b, bad) : decrypt_self(a, u, &b, bad);
		}
		if (r < 0)
			return r;
	}
	return 0;
}

int aead_encrypt(struct aead *aead, const struct aead_units *units)
{
	return run(aead, units, NULL);
}

int aead_decrypt(struct aead *aead, const struct aead_units *units,
	void (*bad)(void *userdata, size_t index), void *userdata)
{
	struct bad state = { .tell = bad, .userdata = userdata };
	int r = run(aead, units, &state);

	return r < 0 ? r : state.n;
}
