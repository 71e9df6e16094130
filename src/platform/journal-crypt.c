/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The encryption of dm-integrity's journal. A block mode encrypts each section on its own, with an
 * IV made of its number. A stream mode has one key stream for
 *
 *	| section 0 | section 1 | ... | up to a whole page | 32 bytes for the commit ids |
 *
 * so that the ids depend on the page size of the machine. Source: the kernel's
 * drivers/md/dm-integrity.c.
 */

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "bytes.h"
#include "cleanup.h"
#include "journal-crypt.h"
#include "overflow.h"

#define SECTOR 512
#define BLOCK  16

struct journal_crypt {
	EVP_CIPHER_CTX *enc, *dec;
	uint64_t stream_end;   /* bytes of the journal in whole pages */
	uint64_t section_size; /* bytes */
	bool stream;
};

struct journal_crypt *journal_crypt_free(struct journal_crypt *jc)
{
	if (!jc)
		return NULL;
	EVP_CIPHER_CTX_free(jc->enc);
	EVP_CIPHER_CTX_free(jc->dec);
	free(jc);
	return NULL;
}

static const EVP_CIPHER *find_type(bool stream, size_t key_size)
{
	switch (key_size) {
	case 16:
		return stream ? EVP_aes_128_ctr() : EVP_aes_128_cbc();
	case 24:
		return stream ? EVP_aes_192_ctr() : EVP_aes_192_cbc();
	case 32:
		return stream ? EVP_aes_256_ctr() : EVP_aes_256_cbc();
	default:
		return NULL;
	}
}

static int init_evp(
	EVP_CIPHER_CTX **ret, const EVP_CIPHER *type, const struct secret *key, int encrypt)
{
	*ret = EVP_CIPHER_CTX_new();
	if (!*ret)
		return -ENOMEM;
	if (EVP_CipherInit_ex(*ret, type, NULL, secret_peek(key), NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(*ret, 0) != 1)
		return -EIO;
	return 0;
}

int journal_crypt_new(const char *alg, const struct secret *key,
	const struct integrity_geometry *geo, size_t page_size, struct journal_crypt **ret,
	struct diag *diag)
{
	bool stream = streq(alg, "ctr(aes)") || streq(alg, "ctr-aes");

	if (!stream && !streq(alg, "cbc(aes)") && !streq(alg, "cbc-aes"))
		return diag_set(diag, -EOPNOTSUPP,
			"journal crypt: '%s' is neither cbc(aes) nor ctr(aes)", alg);
	const EVP_CIPHER *type = find_type(stream, secret_size(key));
	if (!type)
		return diag_set(diag, -EINVAL,
			"journal crypt: a key has 16, 24 or 32 bytes, not %zu", secret_size(key));
	if (!is_pow2(page_size) || page_size < SECTOR)
		return diag_set(
			diag, -EINVAL, "journal crypt: %zu is not the size of a page", page_size);

	_cleanup_(journal_crypt_freep) struct journal_crypt *jc = calloc(1, sizeof(*jc));
	if (!jc)
		return -ENOMEM;
	jc->stream = stream;
	jc->section_size = (uint64_t)geo->section_sectors * SECTOR;
	jc->stream_end = align_up_u64(integrity_journal_sectors(geo) * SECTOR, page_size);
	int r = init_evp(&jc->enc, type, key, 1);
	if (r == 0)
		r = init_evp(&jc->dec, type, key, 0);
	if (r < 0)
		return r;
	*ret = take_ptr(jc);
	return 0;
}

/* The stream begins with a zero counter; offset is a multiple of a sector, and so of a block. */
static int xor_stream(struct journal_crypt *jc, uint64_t offset, uint8_t *data, size_t size)
{
	uint8_t counter[BLOCK] = {};
	int n = 0;

	if (size > INT32_MAX)
		return -EINVAL;
	put_be64(counter + 8, offset / BLOCK);
	if (EVP_CipherInit_ex(jc->enc, NULL, NULL, NULL, counter, -1) != 1 ||
		EVP_CipherUpdate(jc->enc, data, &n, data, (int)size) != 1 || n != (int)size)
		return -EIO;
	return 0;
}

int journal_crypt_commit_ids(struct journal_crypt *jc, uint64_t ret[INTEGRITY_COMMIT_IDS])
{
	uint8_t stream[INTEGRITY_COMMIT_STREAM_SIZE] = {};

	if (jc->stream) {
		int r = xor_stream(jc, jc->stream_end, stream, sizeof(stream));
		if (r < 0)
			return r;
	}
	integrity_journal_commit_ids(stream, ret);
	return 0;
}

/* One block of a CBC chain with a zero IV is the block cipher itself. */
static int section_iv(struct journal_crypt *jc, uint32_t section, uint8_t iv[BLOCK])
{
	static const uint8_t zero[BLOCK];
	int n = 0;

	memset(iv, 0, BLOCK);
	put_le32(iv, section);
	if (EVP_CipherInit_ex(jc->enc, NULL, NULL, NULL, zero, -1) != 1 ||
		EVP_CipherUpdate(jc->enc, iv, &n, iv, BLOCK) != 1 || n != BLOCK)
		return -EIO;
	return 0;
}

static int crypt_section(
	struct journal_crypt *jc, bool encrypt, uint32_t section, uint8_t *data, size_t size)
{
	EVP_CIPHER_CTX *ctx = encrypt ? jc->enc : jc->dec;
	uint8_t iv[BLOCK];
	int n = 0;

	if (size != jc->section_size)
		return -EINVAL;
	if (jc->stream)
		return xor_stream(jc, section * jc->section_size, data, size);

	int r = section_iv(jc, section, iv);
	if (r < 0)
		return r;
	if (EVP_CipherInit_ex(ctx, NULL, NULL, NULL, iv, -1) != 1 ||
		EVP_CipherUpdate(ctx, data, &n, data, (int)size) != 1 || n != (int)size)
		return -EIO;
	return 0;
}

int journal_crypt_encrypt(void *userdata, uint32_t section, uint8_t *data, size_t size)
{
	return crypt_section(userdata, true, section, data, size);
}

int journal_crypt_decrypt(struct journal_crypt *jc, uint32_t section, uint8_t *data, size_t size)
{
	return crypt_section(jc, false, section, data, size);
}
