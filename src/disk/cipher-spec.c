/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cipher argument of a dm-crypt table. Reading follows the kernel: in the old notation the
 * first dashes separate, in the capi: notation the last colon and the last dash do, since names of
 * the crypto API may hold both.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cipher-spec.h"

#define CAPI "capi:"

static const struct {
	const char *name;
	enum cipher_mode mode;
} modes[] = {
	{ "ecb", CIPHER_MODE_ECB },
	{ "cbc", CIPHER_MODE_CBC },
	{ "xts", CIPHER_MODE_XTS },
	{ "adiantum", CIPHER_MODE_ADIANTUM },
};

static const struct {
	const char *name;
	enum cipher_iv iv;
} ivs[] = {
	{ "null", CIPHER_IV_NULL },
	{ "plain", CIPHER_IV_PLAIN },
	{ "plain64", CIPHER_IV_PLAIN64 },
	{ "plain64be", CIPHER_IV_PLAIN64BE },
	{ "essiv", CIPHER_IV_ESSIV },
	{ "benbi", CIPHER_IV_BENBI },
	{ "eboiv", CIPHER_IV_EBOIV },
	{ "random", CIPHER_IV_RANDOM },
};

/* Block sizes in bytes, and the sizes of keys where the kernel takes no others. */
static const struct cipher_row {
	const char *name;
	uint8_t block_size;
	uint8_t key_sizes[4];
} ciphers[] = {
	{ "aes", 16, { 16, 24, 32 } },
	{ "camellia", 16, { 16, 24, 32 } },
	{ "serpent", 16, {} },
	{ "twofish", 16, { 16, 24, 32 } },
	{ "sm4", 16, { 16 } },
	{ "aria", 16, { 16, 24, 32 } },
	{ "cast5", 8, {} },
	{ "blowfish", 8, {} },
	{ "des3_ede", 8, { 24 } },
};

static const struct cipher_row *find_cipher(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(ciphers); i++)
		if (streq(ciphers[i].name, name))
			return &ciphers[i];
	return NULL;
}

static bool is_adiantum_cipher(const char *cipher)
{
	return streq(cipher, "xchacha12,aes") || streq(cipher, "xchacha20,aes");
}

/* Finds the mode and the cipher in MODE(CIPHER). Leaves them alone in any other form. */
static void split_algorithm(struct cipher_spec *spec)
{
	const char *open = strchr(spec->algorithm, '(');
	const char *close = open ? strchr(open, ')') : NULL;
	size_t size = close ? (size_t)(close - open - 1) : 0;

	if (!close || close[1] != '\0' || size == 0 || size >= sizeof(spec->cipher) ||
		memchr(open + 1, '(', size))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
		const char *rest = startswith(spec->algorithm, modes[i].name);

		if (rest == open)
			spec->mode = modes[i].mode;
	}
	memcpy(spec->cipher, open + 1, size);
	spec->cipher[size] = '\0';
}

static void set_sizes(struct cipher_spec *spec)
{
	const struct cipher_row *row = find_cipher(spec->cipher);

	if (spec->mode == CIPHER_MODE_ADIANTUM) {
		if (!is_adiantum_cipher(spec->cipher)) {
			spec->mode = CIPHER_MODE_OTHER;
			return;
		}
		spec->block_size = 16;
		spec->iv_size = 32;
	} else if (row) {
		spec->block_size = row->block_size;
		if (spec->mode == CIPHER_MODE_CBC || spec->mode == CIPHER_MODE_XTS)
			spec->iv_size = row->block_size;
	}
}

static void set_iv(struct cipher_spec *spec)
{
	/* The kernel ignores an IV where the mode takes none. */
	if (spec->mode == CIPHER_MODE_ECB) {
		spec->iv = CIPHER_IV_NONE;
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(ivs); i++)
		if (streq(ivs[i].name, spec->iv_name))
			spec->iv = ivs[i].iv;
}

static int bad(const char *text, struct diag *diag)
{
	return diag_set(diag, -EINVAL, "'%s' is not a cipher of the form aes-xts-plain64", text);
}

/* Copies a part of size bytes; false if it is empty or does not fit. */
static bool copy_part(char *ret, size_t space, const char *begin, size_t size)
{
	if (size == 0 || size >= space)
		return false;
	memcpy(ret, begin, size);
	ret[size] = '\0';
	return true;
}

/* "plain64" or "essiv:sha256". */
static bool parse_iv(const char *text, struct cipher_spec *spec)
{
	const char *colon = strchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : strlen(text);

	if (!copy_part(spec->iv_name, sizeof(spec->iv_name), text, size))
		return false;
	return !colon ||
	       copy_part(spec->iv_opts, sizeof(spec->iv_opts), colon + 1, strlen(colon + 1));
}

/* capi:ALGORITHM-IV[:OPTS]; a colon within the algorithm does not occur. */
static bool parse_capi(const char *text, struct cipher_spec *spec)
{
	const char *colon = strrchr(text, ':');
	size_t size = colon ? (size_t)(colon - text) : strlen(text);
	const char *dash = memrchr(text, '-', size);

	spec->capi = true;
	if (!dash)
		return copy_part(spec->algorithm, sizeof(spec->algorithm), text, size) && !colon;
	return copy_part(spec->algorithm, sizeof(spec->algorithm), text, (size_t)(dash - text)) &&
	       parse_iv(dash + 1, spec);
}

static bool has_key_count(const char *cipher)
{
	return strchr(cipher, ':') != NULL;
}

/* CIPHER[-MODE[-IV[:OPTS]]]; what is left out is the kernel's default of old, cbc-plain. */
static bool parse_old(const char *text, struct cipher_spec *spec)
{
	size_t cipher_size = strcspn(text, "-");
	const char *mode = text[cipher_size] ? text + cipher_size + 1 : "cbc-plain";
	size_t mode_size;
	char cipher[sizeof(spec->cipher)];

	if (strchr(text, '(') || !copy_part(cipher, sizeof(cipher), text, cipher_size))
		return false;
	if (streq(mode, "plain"))
		mode = "cbc-plain";
	mode_size = strcspn(mode, "-");
	if (mode[mode_size] ? !parse_iv(mode + mode_size + 1, spec) : !streq(mode, "ecb"))
		return false;

	int n = snprintf(
		spec->algorithm, sizeof(spec->algorithm), "%.*s(%s)", (int)mode_size, mode, cipher);
	return mode_size > 0 && n > 0 && (size_t)n < sizeof(spec->algorithm);
}

static bool characters_valid(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~')
			return false;
	return true;
}

int cipher_spec_parse(const char *text, struct cipher_spec *ret, struct diag *diag)
{
	struct cipher_spec spec = {};
	const char *capi = startswith(text, CAPI);

	if (!characters_valid(text) || !(capi ? parse_capi(capi, &spec) : parse_old(text, &spec)))
		return bad(text, diag);
	split_algorithm(&spec);
	/* Several keys in turn are loop-AES, whose keys are laid out in another way. */
	if (has_key_count(spec.cipher))
		spec.mode = CIPHER_MODE_OTHER;
	set_sizes(&spec);
	set_iv(&spec);
	*ret = spec;
	return 0;
}

static bool iv_is_offline(const struct cipher_spec *spec)
{
	switch (spec->iv) {
	case CIPHER_IV_NONE:
		return spec->mode == CIPHER_MODE_ECB;
	case CIPHER_IV_NULL:
	case CIPHER_IV_PLAIN:
	case CIPHER_IV_PLAIN64:
	case CIPHER_IV_PLAIN64BE:
	case CIPHER_IV_BENBI:
		return true;
	case CIPHER_IV_ESSIV:
		return spec->mode != CIPHER_MODE_ADIANTUM && spec->iv_opts[0] != '\0';
	case CIPHER_IV_EBOIV:
		return spec->mode == CIPHER_MODE_CBC;
	case CIPHER_IV_OTHER:
	case CIPHER_IV_RANDOM:
		break;
	}
	return false;
}

bool cipher_spec_is_offline(const struct cipher_spec *spec)
{
	if (spec->mode == CIPHER_MODE_OTHER)
		return false;
	if (spec->mode != CIPHER_MODE_ADIANTUM && !streq(spec->cipher, "aes"))
		return false;
	return iv_is_offline(spec);
}

bool cipher_spec_key_size_fits(const struct cipher_spec *spec, size_t size)
{
	const struct cipher_row *row = find_cipher(spec->cipher);

	if (spec->mode == CIPHER_MODE_ADIANTUM)
		return size == 32;
	if (spec->mode == CIPHER_MODE_OTHER || !row || row->key_sizes[0] == 0)
		return true;
	if (spec->mode == CIPHER_MODE_XTS) {
		if (size % 2 != 0)
			return false;
		size /= 2;
	}
	for (size_t i = 0; i < ARRAY_SIZE(row->key_sizes) && row->key_sizes[i]; i++)
		if (row->key_sizes[i] == size)
			return true;
	return false;
}

const char *cipher_spec_key_sizes(const struct cipher_spec *spec)
{
	const struct cipher_row *row = find_cipher(spec->cipher);
	bool xts = spec->mode == CIPHER_MODE_XTS;

	if (spec->mode == CIPHER_MODE_ADIANTUM)
		return "32 bytes";
	if (spec->mode == CIPHER_MODE_OTHER || !row || row->key_sizes[0] == 0)
		return NULL;
	if (row->key_sizes[1])
		return xts ? "32, 48 or 64 bytes" : "16, 24 or 32 bytes";
	if (row->key_sizes[0] == 16)
		return xts ? "32 bytes" : "16 bytes";
	return xts ? "48 bytes" : "24 bytes";
}
