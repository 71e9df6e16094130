/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Both notations of authenticated encryption, and what does not go together.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "aead-spec.h"
#include "cleanup.h"

static void test_rows(void **state)
{
	static const struct {
		const char *cipher, *integrity;
		uint32_t mac_key_size;
		const char *algorithm, *iv;
		uint32_t tag_size, iv_size;
		size_t key_size;
	} cases[] = {
		{ "aes-xts-plain64", "hmac-sha256", 0, "authenc(hmac(sha256),xts(aes))", "plain64",
			32, 16, 96 },
		{ "aes-xts-random", "hmac-sha256", 0, "authenc(hmac(sha256),xts(aes))", "random",
			48, 16, 96 },
		{ "aes-xts-random", "hmac-sha512", 0, "authenc(hmac(sha512),xts(aes))", "random",
			80, 16, 128 },
		{ "aes-xts-random", "hmac-sha256", 64, "authenc(hmac(sha256),xts(aes))", "random",
			48, 16, 128 },
		{ "aes-cbc-essiv:sha256", "hmac-sha256", 0, "authenc(hmac(sha256),cbc(aes))",
			"essiv:sha256", 32, 16, 64 },
		{ "aes-gcm-random", "aead", 0, "gcm(aes)", "random", 28, 12, 32 },
		{ "aes-ccm-random", "aead", 0, "rfc4309(ccm(aes))", "random", 24, 8, 35 },
		{ "chacha20-random", "poly1305", 0, "rfc7539(chacha20,poly1305)", "random", 28, 12,
			32 },
		{ "chacha20-plain64", "poly1305", 0, "rfc7539(chacha20,poly1305)", "plain64", 16,
			12, 32 },
		{ "aegis128-random", "aead", 0, "aegis128", "random", 32, 16, 16 },
		{ "aes-xts-random", "none", 0, "xts(aes)", "random", 16, 16, 64 },
		{ "capi:gcm(aes)-random", "aead", 0, "gcm(aes)", "random", 28, 12, 32 },
		{ "capi:rfc4309(ccm(aes))-random", "aead", 0, "rfc4309(ccm(aes))", "random", 24, 8,
			35 },
		{ "capi:authenc(hmac(sha256),xts(aes))-plain64", "aead", 0,
			"authenc(hmac(sha256),xts(aes))", "plain64", 32, 16, 96 },
		{ "capi:authenc(hmac(sha256),cbc(aes))-essiv:sha256", "aead", 0,
			"authenc(hmac(sha256),cbc(aes))", "essiv:sha256", 32, 16, 64 },
		{ "capi:xts(aes)-random", "none", 0, "xts(aes)", "random", 16, 16, 64 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct aead_spec spec;

		if (aead_spec_parse(cases[i].cipher, cases[i].integrity, cases[i].mac_key_size,
			    &spec, &diag) < 0)
			fail_msg("%s %s: %s", cases[i].cipher, cases[i].integrity, diag.what);
		assert_string_equal(spec.algorithm, cases[i].algorithm);
		assert_string_equal(spec.iv_words, cases[i].iv);
		assert_int_equal(aead_spec_tag_size(&spec), cases[i].tag_size);
		assert_int_equal(spec.iv_size, cases[i].iv_size);
		assert_int_equal(aead_spec_key_size(&spec), cases[i].key_size);
		assert_true(aead_spec_key_size_fits(&spec, cases[i].key_size));
		assert_false(aead_spec_key_size_fits(&spec, cases[i].key_size + 1));
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *cipher, *integrity;
		uint32_t mac_key_size;
	} cases[] = {
		{ "aes-gcm-random", "hmac-sha256", 0 },
		{ "aes-gcm-random", "poly1305", 0 },
		{ "aes-gcm-essiv:sha256", "aead", 0 },
		{ "aes-gcm-random", "aead", 32 },
		{ "chacha20-random", "aead", 0 },
		{ "aes-xts-plain64", "aead", 0 },
		{ "aes-xts-plain64", "none", 0 },
		{ "aes-xts-plain64", "hmac-md5", 0 },
		{ "capi:gcm(aes)-random", "hmac-sha256", 0 },
		{ "capi:xts(aes)-plain64", "aead", 0 },
		{ "capi:authenc(hmac(md5),xts(aes))-random", "aead", 0 },
		{ "capi:authenc(", "aead", 0 },
		{ "capi:authenc(hmac(sha256),-random", "aead", 0 },
		{ "", "aead", 0 },
		{ "aes-", "hmac-sha256", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		struct aead_spec spec;

		if (aead_spec_parse(cases[i].cipher, cases[i].integrity, cases[i].mac_key_size,
			    &spec, &diag) >= 0)
			fail_msg("%s %s was taken", cases[i].cipher, cases[i].integrity);
		assert_non_null(diag.what);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
