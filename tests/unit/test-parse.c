/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tables of words, the wrong ones in greater number.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "parse.h"

#define UNTOUCHED UINT64_C(0x5555)

struct word_case {
	const char *word;
	int r;
	uint64_t value;
};

static void run_cases(
	const struct word_case *cases, size_t n, int (*parse)(const char *word, uint64_t *ret))
{
	for (size_t i = 0; i < n; i++) {
		uint64_t value = UNTOUCHED;
		int r = parse(cases[i].word, &value);

		if (r != cases[i].r || value != (r < 0 ? UNTOUCHED : cases[i].value))
			fail_msg("\"%s\" gave %d and %llu", cases[i].word, r,
				(unsigned long long)value);
	}
}

static void test_u64(void **state)
{
	static const struct word_case cases[] = {
		{ "0", 0, 0 },
		{ "1", 0, 1 },
		{ "0x10", 0, 16 },
		{ "0XfF", 0, 255 },
		{ "0x00000000000000000001", 0, 1 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE },
		{ "0x10000000000000000", -ERANGE },
		{ "99999999999999999999999999999999999999", -ERANGE },
		{ "99999999999999999999999999999999999999x", -EINVAL },
		{ "", -EINVAL },
		{ "0x", -EINVAL },
		{ "x", -EINVAL },
		{ "010", -EINVAL },
		{ "00", -EINVAL },
		{ "+1", -EINVAL },
		{ "-1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "1.0", -EINVAL },
		{ "1e3", -EINVAL },
		{ "12a", -EINVAL },
		{ "0x1g", -EINVAL },
	};

	run_cases(cases, ARRAY_SIZE(cases), parse_u64);
}

static void test_size(void **state)
{
	static const struct word_case cases[] = {
		{ "0", 0, 0 },
		{ "4096", 0, 4096 },
		{ "1K", 0, 1024 },
		{ "3M", 0, 3 << 20 },
		{ "2G", 0, UINT64_C(2) << 30 },
		{ "16777215T", 0, UINT64_C(16777215) << 40 },
		{ "16777216T", -ERANGE },
		{ "99999999999999999999K", -ERANGE },
		{ "", -EINVAL },
		{ "K", -EINVAL },
		{ "1k", -EINVAL },
		{ "1KB", -EINVAL },
		{ "1 K", -EINVAL },
		{ "0x10", -EINVAL },
		{ "-1K", -EINVAL },
		{ "1.5G", -EINVAL },
		{ "1P", -EINVAL },
	};

	run_cases(cases, ARRAY_SIZE(cases), parse_size);
}

static void test_usec(void **state)
{
	static const struct word_case cases[] = {
		{ "0", 0, 0 },
		{ "30", 0, 30000000 },
		{ "30s", 0, 30000000 },
		{ "500ms", 0, 500000 },
		{ "2min", 0, 120000000 },
		{ "1h", 0, 3600000000 },
		{ "1min 30s", 0, 90000000 },
		{ "1min30s", 0, 90000000 },
		{ "1 min", 0, 60000000 },
		{ "1d", 0, 86400000000 },
		{ "infinity", 0, UINT64_MAX },
		{ "18446744073709551614us", 0, UINT64_MAX - 1 },
		{ "18446744073709551615us", -ERANGE },
		{ "18446744073709551615", -ERANGE },
		{ "18446744073709551615us 1us", -ERANGE },
		{ "", -EINVAL },
		{ "s", -EINVAL },
		{ "-1s", -EINVAL },
		{ "30sec ", -EINVAL },
		{ " 30s", -EINVAL },
		{ "1.5s", -EINVAL },
		{ "1fortnight", -EINVAL },
		{ "infinity 1s", -EINVAL },
		{ "010s", -EINVAL },
	};

	run_cases(cases, ARRAY_SIZE(cases), parse_usec);
}

static void test_bool(void **state)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };
	static const char *const neither[] = { "", "y", "Yes", "2", "yes ", "maybe" };
	bool b;

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		b = false;
		assert_int_equal(parse_bool(yes[i], &b), 0);
		assert_true(b);
		assert_int_equal(parse_bool(no[i], &b), 0);
		assert_false(b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(neither); i++)
		assert_int_equal(parse_bool(neither[i], &b), -EINVAL);
}

static void test_uuid(void **state)
{
	static const char *const wrong[] = {
		"",
		"01234567-89ab-cdef-0123-456789abcde",
		"01234567-89ab-cdef-0123-456789abcdef0",
		"0123456789abcdef0123456789abcdef",
		"01234567089ab-cdef-0123-456789abcdef",
		"01234567-89ab-cdef-0123-456789abcdeg",
		"{1234567-89ab-cdef-0123-456789abcde}",
		"0123456-789ab-cdef-0123-456789abcdef",
	};
	uint8_t uuid[16] = { 0 };
	char text[37];

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(parse_uuid(wrong[i], uuid), -EINVAL);
	assert_int_equal(uuid[0], 0);
	assert_int_equal(parse_uuid("01234567-89AB-cdef-0123-456789abcdef", uuid), 0);
	assert_memory_equal(uuid, "\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23", 10);
	format_uuid(uuid, text);
	assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
}

static void test_words(void **state)
{
	_cleanup_free_ char *line = strdup(" \tone  two\tthree ");
	char *p = line, *word = NULL;

	assert_int_equal(parse_next_word(&p, &word), 1);
	assert_string_equal(word, "one");
	assert_int_equal(parse_next_word(&p, &word), 1);
	assert_string_equal(word, "two");
	assert_int_equal(parse_next_word(&p, &word), 1);
	assert_string_equal(word, "three");
	assert_int_equal(parse_next_word(&p, &word), 0);
	assert_int_equal(parse_next_word(&p, &word), 0);
}

static void test_commas(void **state)
{
	_cleanup_free_ char *list = strdup("a,,b=c,");
	char *p = list, *element = NULL;
	static const char *const expected[] = { "a", "", "b=c", "" };

	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(parse_next_comma(&p, &element), 1);
		assert_string_equal(element, expected[i]);
	}
	assert_int_equal(parse_next_comma(&p, &element), 0);
	assert_int_equal(parse_next_comma(&p, &element), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_usec),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_uuid),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_commas),
	};

	return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
