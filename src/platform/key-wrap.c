/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * AES-256-GCM by libcrypto. The additional data: the kind (1 byte) and the label with its NUL.
 */

#include "key-wrap.h"

#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

#include "cleanup.h"

static void context_freep(EVP_CIPHER_CTX **p)
{
	EVP_CIPHER_CTX_free(*p);
}

/* A context that has seen key, nonce and additional data. */
static int context_new(const struct secret *wrapping, const struct seal_record *record,
	bool encrypt, EVP_CIPHER_CTX **ret)
{
	_cleanup_(context_freep) EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int n;

	if (!context)
		return -ENOMEM;
	if (secret_size(wrapping) != KEY_WRAP_SIZE)
		return -EINVAL;
	if (EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, secret_peek(wrapping),
		    record->nonce, encrypt) != 1 ||
		EVP_CipherUpdate(context, NULL, &n, &record->kind, 1) != 1 ||
		EVP_CipherUpdate(context, NULL, &n, (const uint8_t *)record->label,
			(int)strlen(record->label) + 1) != 1)
		return -EIO;
	*ret = take_ptr(context);
	return 0;
}

int key_wrap(const struct secret *wrapping, const struct secret *key, struct seal_record *record,
	uint8_t ciphertext[SEAL_KEY_MAX])
{
	_cleanup_(context_freep) EVP_CIPHER_CTX *context = NULL;
	size_t size = secret_size(key);
	int n, rest, r;

	if (size == 0 || size > SEAL_KEY_MAX)
		return -EINVAL;
	if (getrandom(record->nonce, sizeof(record->nonce), 0) != sizeof(record->nonce))
		return -EIO;
	r = context_new(wrapping, record, true, &context);
	if (r < 0)
		return r;
	if (EVP_CipherUpdate(context, ciphertext, &n, secret_peek(key), (int)size) != 1 ||
		EVP_CipherFinal_ex(context, ciphertext + n, &rest) != 1 ||
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG_SIZE, record->tag) !=
			1)
		return -EIO;
	record->ciphertext = ciphertext;
	record->size = (uint16_t)size;
	return 0;
}

int key_unwrap(const struct secret *wrapping, const struct seal_record *record, struct secret **ret)
{
	_cleanup_(context_freep) EVP_CIPHER_CTX *context = NULL;
	_cleanup_(secret_freep) struct secret *key = NULL;
	uint8_t tag[SEAL_TAG_SIZE];
	int n, rest, r;

	r = secret_new(record->size, true, &key);
	if (r < 0)
		return r;
	r = context_new(wrapping, record, false, &context);
	if (r < 0)
		return r;
	memcpy(tag, record->tag, sizeof(tag));
	if (EVP_CipherUpdate(context, secret_bytes(key), &n, record->ciphertext, record->size) !=
			1 ||
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG_SIZE, tag) != 1)
		return -EIO;
	if (EVP_CipherFinal_ex(context, secret_bytes(key) + n, &rest) != 1)
		return -EKEYREJECTED;
	*ret = take_ptr(key);
	return 0;
}
