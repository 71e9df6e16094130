/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sector encryption as dm-crypt does it. A context keeps its key schedule; from one sector to the
 * next only the IV is set anew.
 */

#include <errno.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "adiantum.h"
#include "aes-xts.h"
#include "bytes.h"
#include "cipher-evp.h"
#include "cipher.h"
#include "cleanup.h"
#include "digest.h"

#define SECTOR	  512
#define CBC_BLOCK 16
#define CBC_LANES 16 /* sectors encrypted side by side */
#define XTS_BATCH 16 /* sectors whose IVs are made before any is encrypted */

struct cipher {
	struct cipher_params params;
	EVP_CIPHER_CTX *enc, *dec;
	EVP_CIPHER_CTX *iv_enc;	   /* essiv and eboiv: what encrypts the IV */
	EVP_CIPHER_CTX *block_enc; /* cbc: the block cipher alone */
	struct aes_xts *xts;	   /* where the CPU has what it takes, in place of enc and dec */
	struct adiantum *adiantum;
	unsigned log2_sectors; /* of sector_size */
};

struct cipher *cipher_free(struct cipher *cipher)
{
	if (!cipher)
		return NULL;
	/* libcrypto wipes the key schedules that it frees. */
	EVP_CIPHER_CTX_free(cipher->enc);
	EVP_CIPHER_CTX_free(cipher->dec);
	EVP_CIPHER_CTX_free(cipher->iv_enc);
	EVP_CIPHER_CTX_free(cipher->block_enc);
	aes_xts_free(cipher->xts);
	adiantum_free(cipher->adiantum);
	free(cipher);
	return NULL;
}

static const EVP_CIPHER *find_evp(enum cipher_mode mode, size_t key_size)
{
	static const struct {
		enum cipher_mode mode;
		size_t key_size;
		const EVP_CIPHER *(*get)(void);
	} rows[] = {
		{ CIPHER_MODE_XTS, 32, EVP_aes_128_xts },
		{ CIPHER_MODE_XTS, 64, EVP_aes_256_xts },
		{ CIPHER_MODE_CBC, 16, EVP_aes_128_cbc },
		{ CIPHER_MODE_CBC, 24, EVP_aes_192_cbc },
		{ CIPHER_MODE_CBC, 32, EVP_aes_256_cbc },
		{ CIPHER_MODE_ECB, 16, EVP_aes_128_ecb },
		{ CIPHER_MODE_ECB, 24, EVP_aes_192_ecb },
		{ CIPHER_MODE_ECB, 32, EVP_aes_256_ecb },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].mode == mode && rows[i].key_size == key_size)
			return rows[i].get();
	return NULL;
}

static int init_evp(EVP_CIPHER_CTX **ret, const EVP_CIPHER *type, const uint8_t *key, int encrypt)
{
	*ret = EVP_CIPHER_CTX_new();
	if (!*ret)
		return -ENOMEM;
	if (EVP_CipherInit_ex(*ret, type, NULL, key, NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(*ret, 0) != 1)
		return -EIO;
	return 0;
}

/* ESSIV encrypts the IV under a hash of the volume key. */
static int init_essiv(struct cipher *c, const struct secret *key, struct diag *diag)
{
	const char *hash = c->params.spec.iv_opts;
	_cleanup_(digest_freep) struct digest *digest = NULL;
	uint8_t salt[DIGEST_SIZE_MAX];
	int r = digest_new(hash, NULL, &digest);
	if (r < 0)
		return diag_set(diag, r == -ENOMEM ? r : -EOPNOTSUPP,
			"cipher: no hash '%s' for essiv", hash);

	const EVP_CIPHER *type = find_evp(CIPHER_MODE_ECB, digest_size(digest));
	if (!type)
		return diag_set(diag, -EINVAL, "cipher: a digest of %s is no key for essiv", hash);
	r = digest_data(digest, secret_peek(key), secret_size(key), salt);
	if (r == 0)
		r = init_evp(&c->iv_enc, type, salt, 1);
	wipe(salt, sizeof(salt));
	return r;
}

static int init_iv(struct cipher *c, const struct secret *key, struct diag *diag)
{
	if (c->params.spec.iv == CIPHER_IV_ESSIV)
		return init_essiv(c, c->params.iv_key ?: key, diag);
	if (c->params.spec.iv == CIPHER_IV_EBOIV)
		return init_evp(&c->iv_enc, find_evp(CIPHER_MODE_ECB, secret_size(key)),
			secret_peek(key), 1);
	return 0;
}

static int init_adiantum(struct cipher *c, const struct secret *key)
{
	unsigned rounds = startswith(c->params.spec.cipher, "xchacha12,") ? 12 : 20;

	return adiantum_new(secret_peek(key), rounds, &c->adiantum);
}

static int init_cipher(struct cipher *c, const struct secret *key, struct diag *diag)
{
	const struct cipher_spec *spec = &c->params.spec;
	size_t size = secret_size(key);

	if (spec->mode == CIPHER_MODE_ADIANTUM)
		return init_adiantum(c, key);

	const EVP_CIPHER *type = find_evp(spec->mode, size);
	if (!type)
		return diag_set(diag, -EOPNOTSUPP,
			"cipher: libcrypto has no %s with a key of %zu bytes", spec->algorithm,
			size);
	if (spec->mode == CIPHER_MODE_XTS &&
		CRYPTO_memcmp(secret_peek(key), secret_peek(key) + size / 2, size / 2) == 0)
		return diag_set(diag, -EINVAL, "cipher: the two halves of the XTS key are equal");

	if (spec->mode == CIPHER_MODE_XTS && aes_xts_usable())
		return aes_xts_new(secret_peek(key), size, &c->xts);

	int r = init_evp(&c->enc, type, secret_peek(key), 1);
	if (r == 0)
		r = init_evp(&c->dec, type, secret_peek(key), 0);
	if (r == 0 && spec->mode == CIPHER_MODE_CBC)
		r = init_evp(&c->block_enc, find_evp(CIPHER_MODE_ECB, size), secret_peek(key), 1);
	return r;
}

static int check_params(const struct cipher_params *p, const struct secret *key, struct diag *diag)
{
	const char *sizes = cipher_spec_key_sizes(&p->spec);

	if (!cipher_spec_is_offline(&p->spec))
		return diag_set(diag, -EOPNOTSUPP,
			"cipher: %s with IV '%s' cannot be computed offline", p->spec.algorithm,
			p->spec.iv_name);
	if (!cipher_spec_key_size_fits(&p->spec, secret_size(key)))
		return diag_set(diag, -EINVAL, "cipher: %s takes a key of %s, not %zu",
			p->spec.algorithm, sizes ?: "another size", secret_size(key));
	if (!is_pow2(p->sector_size) || p->sector_size < CIPHER_SECTOR_SIZE_MIN ||
		p->sector_size > CIPHER_SECTOR_SIZE_MAX)
		return diag_set(diag, -EINVAL,
			"cipher: sector size %u is not 512, 1024, 2048 or 4096", p->sector_size);
	if (p->iv_offset % (p->sector_size / SECTOR) != 0)
		return diag_set(diag, -EINVAL,
			"cipher: IV offset %llu is not a multiple of the sector size",
			(unsigned long long)p->iv_offset);
	return 0;
}

int cipher_new(const struct cipher_params *params, const struct secret *key, struct cipher **ret,
	struct diag *diag)
{
	int r = check_params(params, key, diag);
	if (r < 0)
		return r;

	_cleanup_(cipher_freep) struct cipher *c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->params = *params;
	c->log2_sectors = log2_u64(params->sector_size / SECTOR);
	r = init_cipher(c, key, diag);
	if (r < 0)
		return r;
	r = init_iv(c, key, diag);
	if (r < 0)
		return r;
	c->params.iv_key = NULL;
	*ret = take_ptr(c);
	return 0;
}

int cipher_clone(const struct cipher *cipher, struct cipher **ret)
{
	_cleanup_(cipher_freep) struct cipher *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->params = cipher->params;
	c->log2_sectors = cipher->log2_sectors;
	r = cipher_evp_clone(&c->enc, cipher->enc);
	if (r == 0)
		r = cipher_evp_clone(&c->dec, cipher->dec);
	if (r == 0)
		r = cipher_evp_clone(&c->iv_enc, cipher->iv_enc);
	if (r == 0)
		r = cipher_evp_clone(&c->block_enc, cipher->block_enc);
	if (r == 0 && cipher->xts)
		r = aes_xts_clone(cipher->xts, &c->xts);
	if (r == 0 && cipher->adiantum)
		r = adiantum_clone(cipher->adiantum, &c->adiantum);
	if (r < 0)
		return r;
	*ret = take_ptr(c);
	return 0;
}

static int encrypt_iv(struct cipher *c, uint8_t *iv)
{
	int n = 0;

	if (!c->iv_enc)
		return 0;
	return EVP_CipherUpdate(c->iv_enc, iv, &n, iv, 16) == 1 && n == 16 ? 0 : -EIO;
}

/* sector: with the offset, and shifted if the IVs count large sectors. */
static int make_iv(struct cipher *c, uint64_t sector, uint8_t iv[CIPHER_IV_SIZE_MAX])
{
	const struct cipher_spec *spec = &c->params.spec;

	memset(iv, 0, CIPHER_IV_SIZE_MAX);
	switch (spec->iv) {
	case CIPHER_IV_PLAIN:
		put_le32(iv, (uint32_t)sector);
		break;
	case CIPHER_IV_PLAIN64:
	case CIPHER_IV_ESSIV:
		put_le64(iv, sector);
		break;
	case CIPHER_IV_EBOIV:
		put_le64(iv, sector * c->params.sector_size);
		break;
	case CIPHER_IV_PLAIN64BE:
		put_be64(iv + spec->iv_size - 8, sector);
		break;
	case CIPHER_IV_BENBI:
		put_be64(iv + spec->iv_size - 8, (sector << (9 - log2_u64(spec->block_size))) + 1);
		break;
	case CIPHER_IV_NULL:
	case CIPHER_IV_NONE:
	case CIPHER_IV_RANDOM:
	case CIPHER_IV_OTHER:
		break;
	}
	return encrypt_iv(c, iv);
}

static void crypt_xts(const struct cipher *c, bool encrypt, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t n)
{
	if (encrypt)
		aes_xts_encrypt(c->xts, ivs, src, dst, c->params.sector_size, n);
	else
		aes_xts_decrypt(c->xts, ivs, src, dst, c->params.sector_size, n);
}

static int crypt_unit(
	struct cipher *c, bool encrypt, const uint8_t *iv, const uint8_t *src, uint8_t *dst)
{
	size_t size = c->params.sector_size;

	if (c->xts) {
		crypt_xts(c, encrypt, iv, src, dst, 1);
		return 0;
	}
	if (c->adiantum)
		return encrypt ? adiantum_encrypt(c->adiantum, iv, src, dst, size)
			       : adiantum_decrypt(c->adiantum, iv, src, dst, size);

	EVP_CIPHER_CTX *ctx = encrypt ? c->enc : c->dec;
	int n = 0;
	if (c->params.spec.iv != CIPHER_IV_NONE &&
		EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1)
		return -EIO;
	return EVP_CipherUpdate(ctx, dst, &n, src, (int)size) == 1 && n == (int)size ? 0 : -EIO;
}

static uint64_t iv_sector(const struct cipher *c, uint64_t sector)
{
	sector += c->params.iv_offset;
	return c->params.iv_large_sectors ? sector >> c->log2_sectors : sector;
}

static void xor_block(uint8_t *to, const uint8_t *from)
{
	for (size_t i = 0; i < CBC_BLOCK; i++)
		to[i] ^= from[i];
}

/*
 * CBC encryption waits for each block before it begins the next, so that the processor's pipeline
 * stays empty. Sectors do not wait for one another: the n-th blocks of all lanes go together.
 */
static int encrypt_cbc_lanes(struct cipher *c, const uint8_t *src, uint8_t *dst, uint64_t sector)
{
	size_t step = c->params.sector_size;
	uint8_t chain[CBC_LANES * CBC_BLOCK], iv[CIPHER_IV_SIZE_MAX];
	int n = 0;

	for (size_t lane = 0; lane < CBC_LANES; lane++) {
		int r = make_iv(c, iv_sector(c, sector + lane * (step / SECTOR)), iv);
		if (r < 0)
			return r;
		memcpy(chain + lane * CBC_BLOCK, iv, CBC_BLOCK);
	}
	for (size_t block = 0; block < step; block += CBC_BLOCK) {
		for (size_t lane = 0; lane < CBC_LANES; lane++)
			xor_block(chain + lane * CBC_BLOCK, src + lane * step + block);
		if (EVP_CipherUpdate(c->block_enc, chain, &n, chain, sizeof(chain)) != 1 ||
			n != (int)sizeof(chain))
			return -EIO;
		for (size_t lane = 0; lane < CBC_LANES; lane++)
			memcpy(dst + lane * step + block, chain + lane * CBC_BLOCK, CBC_BLOCK);
	}
	return 0;
}

static ssize_t crypt_xts_batch(struct cipher *c, bool encrypt, const uint8_t *src, uint8_t *dst,
	size_t size, uint64_t sector)
{
	size_t step = c->params.sector_size, n = MIN(size / step, (size_t)XTS_BATCH);
	uint8_t ivs[XTS_BATCH * CIPHER_IV_SIZE_MAX];

	for (size_t i = 0; i < n; i++) {
		int r = make_iv(
			c, iv_sector(c, sector + i * (step / SECTOR)), ivs + i * AES_XTS_IV_SIZE);
		if (r < 0)
			return r;
	}
	crypt_xts(c, encrypt, ivs, src, dst, n);
	return (ssize_t)(n * step);
}

/* The next sector or sectors; returns the bytes done. */
static ssize_t crypt_step(struct cipher *c, bool encrypt, const uint8_t *src, uint8_t *dst,
	size_t size, uint64_t sector)
{
	size_t step = c->params.sector_size;
	uint8_t iv[CIPHER_IV_SIZE_MAX];
	int r;

	if (c->xts)
		return crypt_xts_batch(c, encrypt, src, dst, size, sector);
	if (encrypt && c->block_enc && size >= CBC_LANES * step) {
		step *= CBC_LANES;
		r = encrypt_cbc_lanes(c, src, dst, sector);
	} else {
		r = make_iv(c, iv_sector(c, sector), iv);
		if (r == 0)
			r = crypt_unit(c, encrypt, iv, src, dst);
	}
	return r < 0 ? r : (ssize_t)step;
}

static int crypt_range(struct cipher *c, bool encrypt, const uint8_t *src, uint8_t *dst,
	size_t size, uint64_t sector)
{
	if (size % c->params.sector_size != 0 || sector % (c->params.sector_size / SECTOR) != 0 ||
		c->params.given_ivs)
		return -EINVAL;
	while (size > 0) {
		ssize_t done = crypt_step(c, encrypt, src, dst, size, sector);

		if (done < 0)
			return (int)done;
		src += done;
		dst += done;
		size -= (size_t)done;
		sector += (uint64_t)done / SECTOR;
	}
	return 0;
}

int cipher_encrypt(struct cipher *cipher, const void *src, void *dst, size_t size, uint64_t sector)
{
	return crypt_range(cipher, true, src, dst, size, sector);
}

int cipher_decrypt(struct cipher *cipher, const void *src, void *dst, size_t size, uint64_t sector)
{
	return crypt_range(cipher, false, src, dst, size, sector);
}

int cipher_make_ivs(struct cipher *c, uint64_t sector, size_t n, uint8_t *ret, size_t stride)
{
	uint8_t iv[CIPHER_IV_SIZE_MAX];

	for (size_t i = 0; i < n; i++, sector += c->params.sector_size / SECTOR) {
		int r = make_iv(c, iv_sector(c, sector), iv);
		if (r < 0)
			return r;
		memcpy(ret + i * stride, iv, c->params.spec.iv_size);
	}
	return 0;
}

static int crypt_ivs(struct cipher *c, bool encrypt, const uint8_t *src, uint8_t *dst, size_t size,
	const struct cipher_ivs *ivs)
{
	size_t step = c->params.sector_size;
	const uint8_t *iv = ivs->first;

	if (size % step != 0)
		return -EINVAL;
	for (size_t done = 0; done < size; done += step, iv += ivs->stride) {
		int r = crypt_unit(c, encrypt, iv, src + done, dst + done);
		if (r < 0)
			return r;
	}
	return 0;
}

int cipher_encrypt_ivs(struct cipher *cipher, const void *src, void *dst, size_t size,
	const struct cipher_ivs *ivs)
{
	return crypt_ivs(cipher, true, src, dst, size, ivs);
}

int cipher_decrypt_ivs(struct cipher *cipher, const void *src, void *dst, size_t size,
	const struct cipher_ivs *ivs)
{
	return crypt_ivs(cipher, false, src, dst, size, ivs);
}
