/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cipher words of dm-crypt tables, in both notations, and what is none.
 */

#include "test.h"

#include <errno.h>

#include "cipher-spec.h"
#include "cleanup.h"

static void test_words(void **state)
{
	static const struct {
		const char *text, *algorithm, *cipher, *iv_name, *iv_opts;
		enum cipher_mode mode;
		enum cipher_iv iv;
		uint32_t iv_size;
		bool offline;
	} cases[] = {
		{ "aes-xts-plain64", "xts(aes)", "aes", "plain64", "", CIPHER_MODE_XTS,
			CIPHER_IV_PLAIN64, 16, true },
		{ "aes-cbc-essiv:sha256", "cbc(aes)", "aes", "essiv", "sha256", CIPHER_MODE_CBC,
			CIPHER_IV_ESSIV, 16, true },
		{ "aes", "cbc(aes)", "aes", "plain", "", CIPHER_MODE_CBC, CIPHER_IV_PLAIN, 16,
			true },
		{ "aes-plain", "cbc(aes)", "aes", "plain", "", CIPHER_MODE_CBC, CIPHER_IV_PLAIN, 16,
			true },
		{ "aes-ecb", "ecb(aes)", "aes", "", "", CIPHER_MODE_ECB, CIPHER_IV_NONE, 0, true },
		{ "aes-cbc-plain64be", "cbc(aes)", "aes", "plain64be", "", CIPHER_MODE_CBC,
			CIPHER_IV_PLAIN64BE, 16, true },
		{ "aes-cbc-eboiv", "cbc(aes)", "aes", "eboiv", "", CIPHER_MODE_CBC, CIPHER_IV_EBOIV,
			16, true },
		{ "aes-xts-eboiv", "xts(aes)", "aes", "eboiv", "", CIPHER_MODE_XTS, CIPHER_IV_EBOIV,
			16, false },
		{ "capi:xts(aes)-plain64", "xts(aes)", "aes", "plain64", "", CIPHER_MODE_XTS,
			CIPHER_IV_PLAIN64, 16, true },
		{ "capi:cbc(aes)-essiv:sha256", "cbc(aes)", "aes", "essiv", "sha256",
			CIPHER_MODE_CBC, CIPHER_IV_ESSIV, 16, true },
		{ "capi:authenc(hmac(sha256),xts(aes))-plain64", "authenc(hmac(sha256),xts(aes))",
			"", "plain64", "", CIPHER_MODE_OTHER, CIPHER_IV_PLAIN64, 0, false },
		{ "capi:gcm(aes)-random", "gcm(aes)", "aes", "random", "", CIPHER_MODE_OTHER,
			CIPHER_IV_RANDOM, 0, false },
		{ "xchacha12,aes-adiantum-plain64", "adiantum(xchacha12,aes)", "xchacha12,aes",
			"plain64", "", CIPHER_MODE_ADIANTUM, CIPHER_IV_PLAIN64, 32, true },
		{ "capi:adiantum(xchacha20,aes)-plain64", "adiantum(xchacha20,aes)",
			"xchacha20,aes", "plain64", "", CIPHER_MODE_ADIANTUM, CIPHER_IV_PLAIN64, 32,
			true },
		{ "xchacha8,aes-adiantum-plain64", "adiantum(xchacha8,aes)", "xchacha8,aes",
			"plain64", "", CIPHER_MODE_OTHER, CIPHER_IV_PLAIN64, 0, false },
		{ "serpent-xts-plain64", "xts(serpent)", "serpent", "plain64", "", CIPHER_MODE_XTS,
			CIPHER_IV_PLAIN64, 16, false },
		{ "aes:64-cbc-lmk", "cbc(aes:64)", "aes:64", "lmk", "", CIPHER_MODE_OTHER,
			CIPHER_IV_OTHER, 0, false },
		{ "aes-cbc-essiv", "cbc(aes)", "aes", "essiv", "", CIPHER_MODE_CBC, CIPHER_IV_ESSIV,
			16, false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct cipher_spec spec;

		assert_int_equal(cipher_spec_parse(cases[i].text, &spec, NULL), 0);
		assert_string_equal(spec.algorithm, cases[i].algorithm);
		assert_string_equal(spec.cipher, cases[i].cipher);
		assert_string_equal(spec.iv_name, cases[i].iv_name);
		assert_string_equal(spec.iv_opts, cases[i].iv_opts);
		assert_int_equal(spec.mode, cases[i].mode);
		assert_int_equal(spec.iv, cases[i].iv);
		assert_int_equal(spec.iv_size, cases[i].iv_size);
		assert_int_equal(spec.capi, startswith(cases[i].text, "capi:") != NULL);
		assert_int_equal(cipher_spec_is_offline(&spec), cases[i].offline);
	}
}

static void test_refusals(void **state)
{
	static const char *const words[] = { "", "-", "aes-", "aes-xts", "aes-xts-", "-xts-plain64",
		"aes--plain64", "aes-cbc-essiv:", "aes-cbc-:sha256", "xts(aes)-plain64",
		"aes-xts-plain64 ", " aes-xts-plain64", "aes xts-plain64", "aes-xts-plain64\n",
		"capi:", "capi:-plain64", "capi:xts(aes)-",
		"capi:xts(aes)-essiv:", "capi:xts(aes):sha256", "aes-xts-plain64plain64plain64",
		"aes-xts-\xc3\xa4", "aesaesaesaesaesaesaesaesaesaesaesaesaes-xts-plain64" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct cipher_spec spec;

		assert_int_equal(cipher_spec_parse(words[i], &spec, &diag), -EINVAL);
		assert_non_null(diag.what);
	}
}

static void check_key_sizes(const char *text, uint64_t allowed, const char *sizes)
{
	struct cipher_spec spec;

	assert_int_equal(cipher_spec_parse(text, &spec, NULL), 0);
	for (size_t size = 0; size < 64; size++)
		assert_int_equal(cipher_spec_key_size_fits(&spec, size + 1), allowed >> size & 1);
	if (sizes)
		assert_string_equal(cipher_spec_key_sizes(&spec), sizes);
	else
		assert_null(cipher_spec_key_sizes(&spec));
}

#define KEY(bytes) (UINT64_C(1) << ((bytes)-1))

static void test_key_sizes(void **state)
{
	check_key_sizes("aes-xts-plain64", KEY(32) | KEY(48) | KEY(64), "32, 48 or 64 bytes");
	check_key_sizes("aes-cbc-plain64", KEY(16) | KEY(24) | KEY(32), "16, 24 or 32 bytes");
	check_key_sizes("sm4-xts-plain64", KEY(32), "32 bytes");
	check_key_sizes("des3_ede-cbc-plain64", KEY(24), "24 bytes");
	check_key_sizes("xchacha12,aes-adiantum-plain64", KEY(32), "32 bytes");
	check_key_sizes("capi:gcm(aes)-random", UINT64_MAX, NULL);
	check_key_sizes("foo-cbc-plain64", UINT64_MAX, NULL);
	check_key_sizes("serpent-cbc-plain64", UINT64_MAX, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_key_sizes),
	};

	return cmocka_run_group_tests_name("cipher-spec", tests, NULL, NULL);
}
