/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signatures in DER: there and back, and each other form refused.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "ecdsa-der.h"

static void expect_round_trip(uint8_t first_r, uint8_t first_s, size_t zeros, size_t size)
{
	struct ecdsa_signature signature = {}, again = {};
	uint8_t der[ECDSA_DER_MAX];

	for (size_t i = zeros; i < ECDSA_NUMBER_SIZE; i++) {
		signature.r[i] = (uint8_t)(i == zeros ? first_r : i);
		signature.s[i] = (uint8_t)(i == zeros ? first_s : 0xff - i);
	}
	assert_int_equal(ecdsa_der_write(&signature, der), size);
	assert_int_equal(ecdsa_der_read(der, size, &again), 0);
	assert_memory_equal(&signature, &again, sizeof(again));
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(ecdsa_der_read(der, cut, &again), -EBADMSG);
}

static void test_round_trip(void **state)
{
	expect_round_trip(0x01, 0x7f, 0, 70);
	expect_round_trip(0x80, 0x7f, 0, 71);
	expect_round_trip(0x80, 0xff, 0, 72);
	expect_round_trip(0x01, 0x01, 31, 8);
	expect_round_trip(0x80, 0x01, 1, 69);
}

static void test_refused(void **state)
{
	static const struct {
		const char *why;
		size_t size;
		uint8_t der[ECDSA_DER_MAX + 2];
	} cases[] = {
		{ "another tag", 8, { 0x31, 6, 2, 1, 1, 2, 1, 1 } },
		{ "a length that is too large", 8, { 0x30, 7, 2, 1, 1, 2, 1, 1 } },
		{ "a length that is too small", 8, { 0x30, 5, 2, 1, 1, 2, 1, 1 } },
		{ "a byte behind", 9, { 0x30, 7, 2, 1, 1, 2, 1, 1, 0 } },
		{ "no integer", 8, { 0x30, 6, 4, 1, 1, 2, 1, 1 } },
		{ "an empty integer", 7, { 0x30, 5, 2, 0, 2, 1, 1 } },
		{ "a zero", 8, { 0x30, 6, 2, 1, 0, 2, 1, 1 } },
		{ "a negative number", 8, { 0x30, 6, 2, 1, 0x80, 2, 1, 1 } },
		{ "a leading zero", 9, { 0x30, 7, 2, 2, 0, 1, 2, 1, 1 } },
		{ "a long form of the length", 9, { 0x30, 0x81, 6, 2, 1, 1, 2, 1, 1 } },
		{ "one number", 5, { 0x30, 3, 2, 1, 1 } },
		{ "a number that reaches over the end", 8, { 0x30, 6, 2, 1, 1, 2, 2, 1 } },
		{ "34 bytes", 41, { 0x30, 39, 2, 34, 1 } },
		{ "33 bytes without a zero", 40, { 0x30, 38, 2, 33, 1 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ecdsa_signature signature;

		if (ecdsa_der_read(cases[i].der, cases[i].size, &signature) != -EBADMSG)
			fail_msg("%s is taken", cases[i].why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("ecdsa-der", tests, NULL, NULL);
}
