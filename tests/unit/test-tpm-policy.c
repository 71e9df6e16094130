/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Policy digests against values that an independent computation made. Each unseal of tests/tpm
 * holds the same functions against the session of a TPM.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "tpm-policy.h"

#define SIGNED_MASK (1U << 11 | 1U << 12 | 1U << 13 | 1U << 15)

static void assert_hex(const uint8_t *data, size_t size, const char *expected)
{
	char text[2 * TPM_NAME_SIZE + 1];

	assert_true(size <= TPM_NAME_SIZE);
	hex_encode(data, size, text);
	assert_string_equal(text, expected);
}

static void pcr_digest(uint8_t digest[TPM_DIGEST_SIZE])
{
	static const uint8_t numbers[] = { 11, 12, 13, 15 };
	uint8_t values[4 * 32];

	for (size_t i = 0; i < 4; i++)
		memset(values + 32 * i, numbers[i], 32);
	memset(digest, 0, TPM_DIGEST_SIZE);
	assert_int_equal(
		tpm_policy_pcr(digest, TPM_BANK_SHA256, SIGNED_MASK, values, sizeof(values)), 0);
}

static void key_name(uint8_t name[TPM_NAME_SIZE])
{
	uint8_t point[64];

	for (size_t i = 0; i < sizeof(point); i++)
		point[i] = (uint8_t)i;
	tpm_key_name(point, point + 32, name);
}

static void test_pcr(void **state)
{
	uint8_t digest[TPM_DIGEST_SIZE], value[48];

	pcr_digest(digest);
	assert_hex(digest, sizeof(digest),
		"da41c34e770a4431f9293d5d4425bdab0829c8a4eaba4b3d32cafb5d8eae9c6e");
	memset(digest, 0, sizeof(digest));
	memset(value, 7, sizeof(value));
	assert_int_equal(tpm_policy_pcr(digest, TPM_BANK_SHA384, 1U << 7, value, sizeof(value)), 0);
	assert_hex(digest, sizeof(digest),
		"b8ce3166fbd3548333db911491669ab8a4f051e9790707e141c1d4b9dc3a02c4");
}

static void test_pcr_refused(void **state)
{
	uint8_t digest[TPM_DIGEST_SIZE] = { 1 }, values[64] = {};

	assert_int_equal(tpm_policy_pcr(digest, TPM_BANK_SHA256, 0, values, 0), -EINVAL);
	assert_int_equal(tpm_policy_pcr(digest, TPM_BANK_SHA256, 1, values, 64), -EINVAL);
	assert_int_equal(tpm_policy_pcr(digest, TPM_BANK_SHA384, 1, values, 32), -EINVAL);
	assert_int_equal(tpm_policy_pcr(digest, TPM_BANK_SHA256, 1U << 24, values, 32), -EINVAL);
	assert_int_equal(tpm_policy_pcr(digest, (enum tpm_bank)4, 1, values, 20), -EINVAL);
	assert_int_equal(digest[0], 1);
}

static void test_names(void **state)
{
	struct tpm_nv nv = {
		.index = 0x01800d00, .attributes = 0x82044014 | TPM_NV_WRITTEN, .size = 8
	};
	uint8_t name[TPM_NAME_SIZE];

	key_name(name);
	assert_hex(name, sizeof(name),
		"000bf7dbf707289d1f424a6f89b2e67e9b9740d453a201f69b437e06e16730a52203");
	tpm_nv_name(&nv, name);
	assert_hex(name, sizeof(name),
		"000b6a195b8d611c4accdd4a1787e3b02f2e47c32c662189b2fbcc07506589463c57");
}

static void test_chain(void **state)
{
	struct tpm_nv nv = {
		.index = 0x01800d00, .attributes = 0x82044014 | TPM_NV_WRITTEN, .size = 8
	};
	uint8_t digest[TPM_DIGEST_SIZE], key[TPM_NAME_SIZE], name[TPM_NAME_SIZE], ref[TPM_REF_SIZE],
		approved[TPM_DIGEST_SIZE], hash[TPM_DIGEST_SIZE];

	pcr_digest(approved);
	key_name(key);
	tpm_policy_ref(3, ref);
	assert_hex(ref, sizeof(ref), "646d737461636b31000000010000000000000003");
	tpm_policy_signed(approved, ref, hash);
	assert_hex(hash, sizeof(hash),
		"eb0a7796eee2fff98edb6a1aefbbb02d7b72d47757d1bae8eb92a5e4b026a743");

	/* What was there before does not count. */
	memset(digest, 0x5a, sizeof(digest));
	tpm_policy_authorize(digest, key, ref);
	assert_hex(digest, sizeof(digest),
		"8b8c319712d39bdb5fbdd1a69a998d3e2fa4d7bd511a311e8f2b2d764b6d5871");
	tpm_nv_name(&nv, name);
	tpm_policy_nv(digest, 42, name);
	assert_hex(digest, sizeof(digest),
		"4e4abca06b122a2a60d692618aca8b79b4ee3d8a6ebf0a455201964ac06bdf9f");
	tpm_policy_authvalue(digest);
	assert_hex(digest, sizeof(digest),
		"606cf872c78f40220fca7b1a4124417db325b04fe5a51a3e8ccb54d67ed60846");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pcr),
		cmocka_unit_test(test_pcr_refused),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_chain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
