/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 at its limits.
 */

#include "test.h"

#include <string.h>

#include "utf8.h"

static void test_valid(void **state)
{
	static const char *const valid[] = { "", "plain", "\x7f", "\xc2\x80", "\xdf\xbf",
		"\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80", "\xef\xbf\xbf", "\xf0\x90\x80\x80",
		"\xf4\x8f\xbf\xbf", "a\xc3\xa4z" };

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++)
		if (!utf8_is_valid(valid[i], strlen(valid[i])))
			fail_msg("number %zu was refused", i);
}

static void test_invalid(void **state)
{
	static const char *const invalid[] = { "\x80", "\xbf", "\xc0\xaf", "\xc1\xbf", "\xc2",
		"\xc2\x41", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xe1\x80", "\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
		"\xf5\x80\x80\x80", "\xff", "a\xc3", "\xf0\x90\x80\x41" };

	for (size_t i = 0; i < ARRAY_SIZE(invalid); i++)
		if (utf8_is_valid(invalid[i], strlen(invalid[i])))
			fail_msg("number %zu was taken", i);
	assert_false(utf8_is_valid("a\0b", 3));
}

static void test_control_characters(void **state)
{
	static const char text[] = "a b\x1b[1m";

	assert_null(find_control_character("plain \xc3\xa4"));
	assert_ptr_equal(find_control_character(text), text + 3);
	assert_non_null(find_control_character("\x7f"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_valid),
		cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_control_characters),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
