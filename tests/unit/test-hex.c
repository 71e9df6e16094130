/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * All bytes there and back, and every character that is no digit.
 */

#include "test.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "cleanup.h"
#include "hex.h"

static void test_all_bytes(void **state)
{
	for (unsigned n = 0; n < 256; n++) {
		uint8_t byte = (uint8_t)n, back = 0;
		char expected[3], text[3];

		(void)snprintf(expected, sizeof(expected), "%02x", n);
		hex_encode(&byte, 1, text);
		assert_string_equal(text, expected);
		assert_int_equal(hex_decode(text, &back, 1), 0);
		assert_int_equal(back, n);
		text[0] = (char)toupper(text[0]);
		assert_int_equal(hex_decode(text, &back, 1), 0);
		assert_int_equal(back, n);
	}
}

static void test_all_characters(void **state)
{
	for (int c = -128; c < 128; c++) {
		char text[2] = { '0', (char)c };
		uint8_t byte = 0xee;
		int expected = isxdigit((unsigned char)c) ? 0 : -EINVAL;

		assert_int_equal(hex_decode(text, &byte, 1), expected);
		if (expected < 0)
			assert_int_equal(byte, 0xee);
	}
}

static void test_parse(void **state)
{
	_cleanup_free_ uint8_t *bytes = NULL, *nothing = NULL;
	size_t size = 99;

	assert_int_equal(hex_parse("abc", &bytes, &size), -EINVAL);
	assert_int_equal(hex_parse("ag", &bytes, &size), -EINVAL);
	assert_null(bytes);
	assert_int_equal(size, 99);
	assert_int_equal(hex_parse("", &nothing, &size), 0);
	assert_non_null(nothing);
	assert_int_equal(size, 0);
	assert_int_equal(hex_parse("DeadBeef", &bytes, &size), 0);
	assert_int_equal(size, 4);
	assert_memory_equal(bytes, "\xde\xad\xbe\xef", 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_bytes),
		cmocka_unit_test(test_all_characters),
		cmocka_unit_test(test_parse),
	};

	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
