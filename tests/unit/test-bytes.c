/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Byte order, odd addresses, and the search for zeroes.
 */

#include "test.h"

#include "bytes.h"

static void test_byte_order(void **state)
{
	uint8_t bytes[9] = { 0xff };

	put_le32(bytes + 1, 0x01020304);
	assert_memory_equal(bytes + 1, "\x04\x03\x02\x01", 4);
	assert_int_equal(get_le32(bytes + 1), 0x01020304);
	assert_int_equal(get_be32(bytes + 1), 0x04030201);
	put_be64(bytes + 1, 0x0102030405060708);
	assert_memory_equal(bytes + 1, "\1\2\3\4\5\6\7\10", 8);
	assert_int_equal(get_le16(bytes + 1), 0x0201);
	assert_int_equal(get_be16(bytes + 1), 0x0102);
	assert_true(get_le64(bytes + 1) == 0x0807060504030201);
	assert_int_equal(bytes[0], 0xff);
}

/* Every length around the limit of the first 16 bytes, with the one at every place. */
static void test_zero(void **state)
{
	uint8_t bytes[80] = { 0 };

	for (size_t len = 0; len <= 64; len++) {
		assert_true(bytes_are_zero(bytes, len));
		for (size_t at = 0; at < sizeof(bytes); at++) {
			bytes[at] = 1;
			assert_int_equal(bytes_are_zero(bytes, len), at >= len);
			bytes[at] = 0;
		}
	}
}

/* What anybody writes is told from noise, of which each value of a byte has its share. */
static void test_noise(void **state)
{
	uint8_t bytes[BYTES_NOISE_SIZE] = {};
	uint32_t random = 1;

	assert_false(bytes_are_noise(bytes));
	for (unsigned round = 0; round < 1000; round++) {
		for (size_t i = 0; i < sizeof(bytes); i++) {
			random = random * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(random >> 24);
		}
		assert_true(bytes_are_noise(bytes));
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i / 27);
	assert_true(bytes_are_noise(bytes));
	bytes[511] = 0;
	assert_false(bytes_are_noise(bytes));
}

static void test_equal_secret(void **state)
{
	uint8_t a[33], b[33];

	for (size_t i = 0; i < sizeof(a); i++)
		a[i] = b[i] = (uint8_t)(7 * i);
	assert_true(bytes_are_equal_secret(a, b, 0));
	assert_true(bytes_are_equal_secret(a, b, sizeof(a)));
	for (size_t i = 0; i < sizeof(a); i++) {
		b[i] ^= 0x80;
		assert_false(bytes_are_equal_secret(a, b, sizeof(a)));
		assert_true(bytes_are_equal_secret(a, b, i));
		b[i] ^= 0x80;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_byte_order),
		cmocka_unit_test(test_zero),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_equal_secret),
	};

	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
