/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows of AEAD algorithms, and the two notations that lead to them.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "aead-spec.h"

#define CAPI "capi:"

static const struct {
	const char *word; /* of --integrity */
	const char *name; /* of the crypto API */
	uint32_t size;	  /* bytes of tag and of the usual key */
} macs[] = {
	{ "hmac-sha1", "hmac(sha1)", 20 },
	{ "hmac-sha256", "hmac(sha256)", 32 },
	{ "hmac-sha384", "hmac(sha384)", 48 },
	{ "hmac-sha512", "hmac(sha512)", 64 },
};

/* Ciphers that authenticate by themselves. */
static const struct aead_row {
	const char *cipher;    /* what stands before the IV in cryptsetup's notation */
	const char *integrity; /* the word that goes with it there */
	const char *algorithm; /* the crypto API's name */
	enum aead_kind kind;
	uint32_t iv_size, auth_size;
	uint8_t key_sizes[4]; /* bytes */
	uint8_t key_default;
} rows[] = {
	{ "aes-gcm", "aead", "gcm(aes)", AEAD_GCM, 12, 16, { 16, 24, 32 }, 32 },
	{ "aes-ccm", "aead", "rfc4309(ccm(aes))", AEAD_CCM, 8, 16, { 19, 27, 35 }, 35 },
	{ "chacha20", "poly1305", "rfc7539(chacha20,poly1305)", AEAD_CHACHA20, 12, 16, { 32 }, 32 },
	{ "aegis128", "aead", "aegis128", AEAD_AEGIS128, 16, 16, { 16 }, 16 },
};

static const struct aead_row *find_row(const struct aead_spec *spec)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].kind == spec->kind)
			return &rows[i];
	return NULL;
}

static int mismatch(const char *cipher, const char *integrity, struct diag *diag)
{
	return diag_set(
		diag, -EINVAL, "\"%s\" and integrity=%s do not go together", cipher, integrity);
}

static int copy_word(char *to, size_t space, const char *from, size_t size, struct diag *diag)
{
	if (size == 0 || size >= space)
		return diag_set(diag, -EINVAL, "the cipher has a part that is empty or too long");
	memcpy(to, from, size);
	to[size] = '\0';
	return 0;
}

static int set_iv(struct aead_spec *spec, const char *iv, struct diag *diag)
{
	spec->iv_stored = streq(iv, "random");
	return copy_word(spec->iv_words, sizeof(spec->iv_words), iv, strlen(iv), diag);
}

static int set_row(
	const struct aead_row *row, const char *iv, struct aead_spec *spec, struct diag *diag)
{
	if (!streq(iv, "random") && !streq(iv, "plain64") && !streq(iv, "plain"))
		return diag_set(diag, -EINVAL, "cipher: %s takes the IV random or plain64, not %s",
			row->cipher, iv);
	spec->kind = row->kind;
	spec->iv_size = row->iv_size;
	spec->auth_size = row->auth_size;
	(void)snprintf(spec->algorithm, sizeof(spec->algorithm), "%s", row->algorithm);
	return set_iv(spec, iv, diag);
}

/* The cipher inside, with the IV that goes with it. */
static int set_cipher(struct aead_spec *spec, const char *algorithm, size_t size, const char *iv,
	struct diag *diag)
{
	char text[sizeof(CAPI) + 64 + 1 + 32];
	int n = snprintf(text, sizeof(text), CAPI "%.*s-%s", (int)size, algorithm, iv);

	if (n < 0 || (size_t)n >= sizeof(text))
		return diag_set(diag, -EINVAL, "the cipher is too long");
	int r = cipher_spec_parse(text, &spec->cipher, diag);
	if (r < 0)
		return r;
	if (spec->cipher.iv_size == 0)
		return diag_set(
			diag, -EINVAL, "the IV size of %.*s is not known", (int)size, algorithm);
	spec->iv_size = spec->cipher.iv_size;
	return set_iv(spec, iv, diag);
}

static int set_mac(struct aead_spec *spec, size_t index, uint32_t key_size)
{
	(void)snprintf(spec->mac, sizeof(spec->mac), "%s", macs[index].name);
	spec->auth_size = macs[index].size;
	spec->mac_key_size = key_size ?: macs[index].size;
	spec->mac_key_is_default = spec->mac_key_size == macs[index].size;
	spec->kind = AEAD_AUTHENC;
	return 0;
}

/* authenc(hmac(sha256),xts(aes)) */
static int parse_authenc(const char *algorithm, const char *iv, uint32_t mac_key_size,
	struct aead_spec *spec, struct diag *diag)
{
	const char *mac = startswith(algorithm, "authenc(");
	size_t size = strlen(mac);

	for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
		const char *rest = startswith(mac, macs[i].name);

		if (!rest || *rest != ',' || mac[size - 1] != ')')
			continue;
		rest++;
		(void)snprintf(spec->algorithm, sizeof(spec->algorithm), "%s", algorithm);
		(void)set_mac(spec, i, mac_key_size);
		return set_cipher(spec, rest, (size_t)(mac + size - 1 - rest), iv, diag);
	}
	return diag_set(diag, -EINVAL, "cipher: the MAC of %s is not known", algorithm);
}

static int parse_capi(const char *cipher, const char *integrity, uint32_t mac_key_size,
	struct aead_spec *spec, struct diag *diag)
{
	struct cipher_spec whole;
	const char *iv;
	char iv_words[sizeof(spec->iv_words)];

	int r = cipher_spec_parse(cipher, &whole, diag);
	if (r < 0)
		return r;
	(void)snprintf(iv_words, sizeof(iv_words), "%.15s%s%.14s", whole.iv_name,
		*whole.iv_opts ? ":" : "", whole.iv_opts);
	iv = iv_words;

	if (streq(integrity, "none")) {
		spec->kind = AEAD_RANDOM;
		(void)snprintf(spec->algorithm, sizeof(spec->algorithm), "%s", whole.algorithm);
		return set_cipher(spec, whole.algorithm, strlen(whole.algorithm), iv, diag);
	}
	if (!streq(integrity, "aead"))
		return mismatch(cipher, integrity, diag);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (streq(rows[i].algorithm, whole.algorithm))
			return set_row(&rows[i], iv, spec, diag);
	if (startswith(whole.algorithm, "authenc("))
		return parse_authenc(whole.algorithm, iv, mac_key_size, spec, diag);
	return mismatch(cipher, integrity, diag);
}

/* aes-xts-plain64: the part before the IV becomes mode(cipher). */
static int parse_plain(const char *cipher, const char *integrity, uint32_t mac_key_size,
	struct aead_spec *spec, struct diag *diag)
{
	struct cipher_spec inner;
	char iv[sizeof(spec->iv_words)];

	int r = cipher_spec_parse(cipher, &inner, diag);
	if (r < 0)
		return r;
	(void)snprintf(iv, sizeof(iv), "%.15s%s%.14s", inner.iv_name, *inner.iv_opts ? ":" : "",
		inner.iv_opts);
	if (streq(integrity, "none")) {
		spec->kind = AEAD_RANDOM;
		(void)snprintf(spec->algorithm, sizeof(spec->algorithm), "%s", inner.algorithm);
		return set_cipher(spec, inner.algorithm, strlen(inner.algorithm), iv, diag);
	}
	for (size_t i = 0; i < ARRAY_SIZE(macs); i++) {
		if (!streq(macs[i].word, integrity))
			continue;
		if ((size_t)snprintf(spec->algorithm, sizeof(spec->algorithm), "authenc(%s,%s)",
			    macs[i].name, inner.algorithm) >= sizeof(spec->algorithm))
			return diag_set(diag, -EINVAL, "the cipher is too long");
		(void)set_mac(spec, i, mac_key_size);
		return set_cipher(spec, inner.algorithm, strlen(inner.algorithm), iv, diag);
	}
	return mismatch(cipher, integrity, diag);
}

static int parse(const char *cipher, const char *integrity, uint32_t mac_key_size,
	struct aead_spec *spec, struct diag *diag)
{
	if (startswith(cipher, CAPI))
		return parse_capi(cipher, integrity, mac_key_size, spec, diag);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *rest = startswith(cipher, rows[i].cipher);

		if (rest && *rest == '-')
			return streq(rows[i].integrity, integrity)
				       ? set_row(&rows[i], rest + 1, spec, diag)
				       : mismatch(cipher, integrity, diag);
	}
	return parse_plain(cipher, integrity, mac_key_size, spec, diag);
}

int aead_spec_parse(const char *cipher, const char *integrity, uint32_t mac_key_size,
	struct aead_spec *ret, struct diag *diag)
{
	struct aead_spec spec = {};

	int r = parse(cipher, integrity, mac_key_size, &spec, diag);
	if (r < 0)
		return r;
	if (mac_key_size && spec.kind != AEAD_AUTHENC)
		return diag_set(diag, -EINVAL,
			"integrity-key-size: %s has no MAC with a key of its own", cipher);
	if (spec.kind == AEAD_RANDOM && !spec.iv_stored)
		return diag_set(diag, -EINVAL,
			"integrity=none is there to store a random IV, and %s has none", cipher);
	*ret = spec;
	return 0;
}

bool aead_spec_key_size_fits(const struct aead_spec *spec, size_t size)
{
	const struct aead_row *row = find_row(spec);

	if (!row)
		return size > spec->mac_key_size &&
		       cipher_spec_key_size_fits(&spec->cipher, size - spec->mac_key_size);
	for (size_t i = 0; i < ARRAY_SIZE(row->key_sizes); i++)
		if (row->key_sizes[i] && row->key_sizes[i] == size)
			return true;
	return false;
}

size_t aead_spec_key_size(const struct aead_spec *spec)
{
	const struct aead_row *row = find_row(spec);

	if (row)
		return row->key_default;
	return (spec->cipher.mode == CIPHER_MODE_XTS ? 64U : 32U) + spec->mac_key_size;
}
