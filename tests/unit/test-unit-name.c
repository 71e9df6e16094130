/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Escaping, held against what systemd-escape(1) of systemd 252 and 257 prints.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "unit-name.h"

static void test_instance(void **state)
{
	static const char *const cases[][2] = {
		{ "root", "root" },
		{ "data-tags", "data\\x2dtags" },
		{ "a.b:c_d", "a.b:c_d" },
		{ ".hidden", "\\x2ehidden" },
		{ "a@b+c=d#e", "a\\x40b\\x2bc\\x3dd\\x23e" },
		{ "a/b", "a-b" },
		{ "\xc3\xa4", "\\xc3\\xa4" },
		{ "a\\b%c d", "a\\x5cb\\x25c\\x20d" },
		{ "", "" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf buf = {};

		unit_name_escape(&buf, cases[i][0]);
		assert_string_equal(buf_str(&buf), cases[i][1]);
		buf_done(&buf);
	}
}

static void test_path(void **state)
{
	static const char *const cases[][2] = {
		{ "/", "-" },
		{ "//", "-" },
		{ "/dev/sda", "dev-sda" },
		{ "//dev/./sda1//", "dev-sda1" },
		{ "/dev/disk/by-partlabel/my\\x20disk",
			"dev-disk-by\\x2dpartlabel-my\\x5cx20disk" },
		{ "/dev/mapper/.hidden", "dev-mapper-.hidden" },
		{ "/.hidden", "\\x2ehidden" },
		{ "/a..b/...", "a..b-..." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf buf = {};

		assert_int_equal(unit_name_escape_path(&buf, cases[i][0]), 0);
		assert_string_equal(buf_str(&buf), cases[i][1]);
		buf_done(&buf);
	}
}

static void test_path_refused(void **state)
{
	static const char *const cases[] = { "", "dev/sda", "/..", "/a/../b", "/a/.." };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf buf = {};

		buf_puts(&buf, "before");
		assert_int_equal(unit_name_escape_path(&buf, cases[i]), -EINVAL);
		assert_string_equal(buf_str(&buf), "before");
		buf_done(&buf);
	}
}

static void test_values(void **state)
{
	struct buf buf = {};

	unit_value_puts(&buf, "/a b/100%\\");
	buf_putc(&buf, '\n');
	unit_value_quote(&buf, "/a b/\"100%\"\\");
	assert_string_equal(buf_str(&buf), "/a b/100%%\\\n\"/a b/\\\"100%%\\\"\\\\\"");
	buf_done(&buf);
}

static void test_usec(void **state)
{
	static const struct {
		uint64_t usec;
		const char *text;
	} cases[] = {
		{ 0, "0s" },
		{ 1, "0.000001s" },
		{ 1500000, "1.500000s" },
		{ 90000000, "90s" },
		{ UINT64_MAX, "infinity" },
		{ UINT64_MAX - 1, "18446744073709.551614s" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct buf buf = {};

		unit_value_usec(&buf, cases[i].usec);
		assert_string_equal(buf_str(&buf), cases[i].text);
		buf_done(&buf);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_instance),
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_path_refused),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_usec),
	};

	return cmocka_run_group_tests_name("unit-name", tests, NULL, NULL);
}
