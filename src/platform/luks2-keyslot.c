/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens and makes keyslots. Whatever has been a key or a part of one is wiped.
 */

#include "luks2-keyslot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cipher.h"
#include "cleanup.h"
#include "digest.h"
#include "kdf.h"

/* Up to 512 bytes of key in 4000 stripes is more than a struct secret is for. */
struct area {
	uint8_t *data; /* wiped and freed */
	size_t size;
};

static void area_done(struct area *area)
{
	if (area->data)
		wipe(area->data, area->size);
	free(area->data);
}

static int area_init(struct area *area, size_t size)
{
	area->data = calloc(1, size);
	area->size = size;
	return area->data ? 0 : -ENOMEM;
}

/* Every piece of a digest's size is replaced by the digest of its number and itself. */
static int diffuse(struct digest *digest, uint8_t *block, size_t size)
{
	uint8_t out[DIGEST_SIZE_MAX], number[4];
	size_t step = digest_size(digest);

	for (size_t at = 0, i = 0; at < size; at += step, i++) {
		size_t n = MIN(step, size - at);
		const struct iovec iov[] = { { number, sizeof(number) }, { block + at, n } };
		int r;

		put_be32(number, (uint32_t)i);
		r = digest_vec(digest, iov, ARRAY_SIZE(iov), out);
		if (r < 0)
			return r;
		memcpy(block + at, out, n);
	}
	wipe(out, sizeof(out));
	return 0;
}

static void mix(uint8_t *block, const uint8_t *other, size_t size)
{
	for (size_t i = 0; i < size; i++)
		block[i] ^= other[i];
}

/*
 * The sum of all stripes but the last: what the key is masked with in that one.
 */
static int stripes_mask(
	const struct luks2_keyslot *slot, const uint8_t *stripes, uint8_t *ret, struct diag *diag)
{
	_cleanup_(digest_freep) struct digest *digest = NULL;
	int r;

	r = digest_new(slot->af_hash, NULL, &digest);
	if (r < 0)
		return diag_set(
			diag, r, "keyslot %u: there is no hash \"%s\"", slot->id, slot->af_hash);
	memset(ret, 0, slot->key_size);
	for (uint32_t i = 0; r >= 0 && i + 1 < slot->stripes; i++) {
		mix(ret, stripes + (size_t)i * slot->key_size, slot->key_size);
		r = diffuse(digest, ret, slot->key_size);
	}
	return r < 0 ? diag_set(diag, r, "libcrypto failed at a hash") : 0;
}

static int area_cipher(const struct luks2_keyslot *slot, const struct secret *passphrase,
	struct cipher **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct cipher_params params = { .sector_size = 512 };
	int r;

	r = cipher_spec_parse(slot->area_cipher, &params.spec, diag);
	if (r >= 0)
		r = secret_new(slot->area_key_size, false, &key);
	if (r >= 0)
		r = kdf_derive(
			&slot->kdf, passphrase, secret_bytes(key), slot->area_key_size, diag);
	if (r >= 0)
		r = cipher_new(&params, key, ret, diag);
	return r < 0 ? diag_at(diag, r, "keyslot %u", slot->id) : 0;
}

static int read_stripes(const struct luks2_keyslot *slot, const struct luks2_reader *reader,
	const struct secret *passphrase, struct area *area, struct diag *diag)
{
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	int r;

	r = area_init(area, luks2_area_bytes(slot));
	if (r >= 0)
		r = reader->read(reader->userdata, area->data, area->size, slot->area_offset, diag);
	if (r >= 0)
		r = area_cipher(slot, passphrase, &cipher, diag);
	if (r >= 0)
		r = cipher_decrypt(cipher, area->data, area->data, area->size, 0);
	return r;
}

/* 1: it is the key; 0: it is not. */
static int digest_fits(
	const struct luks2_digest *digest, const struct secret *volume_key, struct diag *diag)
{
	struct luks2_digest made = *digest;
	int r = luks2_make_digest(&made, volume_key, diag);

	return r < 0 ? r : bytes_are_equal_secret(made.digest, digest->digest, digest->digest_size);
}

/* The digest that says what the key of that keyslot is; NULL if it is not that of the data. */
static const struct luks2_digest *keyslot_digest(
	const struct luks2 *header, const struct luks2_keyslot *slot)
{
	for (size_t i = 0; i < header->n_digests; i++)
		if (header->digests[i].has_segment &&
			header->digests[i].keyslots & UINT32_C(1) << slot->id)
			return &header->digests[i];
	return NULL;
}

/* 1 and the key; 0 if the passphrase is another one. */
static int try_keyslot(const struct luks2_keyslot *slot, const struct luks2_digest *digest,
	const struct luks2_reader *reader, const struct secret *passphrase, struct secret **ret,
	struct diag *diag)
{
	_cleanup_(area_done) struct area area = {};
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r;

	r = secret_new(slot->key_size, false, &key);
	if (r >= 0)
		r = read_stripes(slot, reader, passphrase, &area, diag);
	if (r >= 0)
		r = stripes_mask(slot, area.data, secret_bytes(key), diag);
	if (r < 0)
		return r;
	mix(secret_bytes(key), area.data + (size_t)(slot->stripes - 1) * slot->key_size,
		slot->key_size);
	r = digest_fits(digest, key, diag);
	if (r > 0)
		*ret = take_ptr(key);
	return r;
}

/* Only the digest knows it. */
static int take_volume_key(const struct luks2 *header, const struct secret *key,
	struct secret **ret, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < header->n_digests; i++) {
		if (!header->digests[i].has_segment)
			continue;
		r = digest_fits(&header->digests[i], key, diag);
		if (r == 0)
			return diag_set(diag, -EKEYREJECTED,
				"the key is not the volume key of this header");
		return r < 0 ? r : secret_new_from(secret_peek(key), secret_size(key), false, ret);
	}
	return diag_set(diag, -ENOKEY, "the header has no digest of the volume key");
}

int luks2_unlock(const struct luks2 *header, const struct luks2_reader *reader,
	const struct secret *passphrase, int only, struct secret **ret, struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	size_t tried = 0;
	int failed = 0;

	if (only == LUKS2_NO_KEYSLOT)
		return take_volume_key(header, passphrase, ret, diag);
	for (unsigned priority = 3; priority-- > 0;)
		for (size_t i = 0; i < header->n_keyslots; i++) {
			const struct luks2_keyslot *slot = &header->keyslots[i];
			const struct luks2_digest *digest = keyslot_digest(header, slot);
			int r;

			if (slot->priority != priority || !digest ||
				(only < 0 ? priority == 0 : slot->id != (unsigned)only))
				continue;
			tried++;
			r = try_keyslot(slot, digest, reader, passphrase, ret, &why);
			if (r > 0)
				return 0;
			/* Another keyslot may be one that can be computed. */
			if (r < 0)
				failed = r;
		}
	if (failed < 0) {
		diag_move(diag, &why);
		return failed;
	}
	if (tried == 0)
		return diag_set(diag, -ENOKEY, "the header has no keyslot %s",
			only < 0 ? "for the data" : "of that number for the data");
	return diag_set(diag, -EKEYREJECTED, "the key opens none of %zu keyslots", tried);
}

int luks2_seal_keyslot(const struct luks2_keyslot *slot, const struct secret *passphrase,
	const struct secret *volume_key, uint8_t *stripes, uint8_t *ret, struct diag *diag)
{
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	size_t size = luks2_area_bytes(slot), head = (size_t)slot->key_size * (slot->stripes - 1);
	int r;

	if (secret_size(volume_key) != slot->key_size)
		return diag_set(diag, -EINVAL, "the volume key has another size than its keyslot");
	r = area_cipher(slot, passphrase, &cipher, diag);
	if (r < 0)
		return r;
	memset(ret, 0, size);
	memcpy(ret, stripes, head);
	wipe(stripes, head);
	r = stripes_mask(slot, ret, ret + head, diag);
	if (r < 0)
		return r;
	mix(ret + head, secret_peek(volume_key), slot->key_size);
	r = cipher_encrypt(cipher, ret, ret, size, 0);
	if (r < 0)
		wipe(ret, size);
	return r;
}

int luks2_make_digest(
	struct luks2_digest *digest, const struct secret *volume_key, struct diag *diag)
{
	struct luks2_kdf kdf = {
		.type = LUKS2_PBKDF2,
		.iterations = digest->iterations,
		.salt_size = digest->salt_size,
	};

	memcpy(kdf.hash, digest->hash, sizeof(kdf.hash));
	memcpy(kdf.salt, digest->salt, digest->salt_size);
	return kdf_derive(&kdf, volume_key, digest->digest, digest->digest_size, diag);
}
