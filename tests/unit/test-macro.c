/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The macros and string comparisons of the ground floor.
 */

#include "test.h"

#include "macro.h"

static void test_array_size(void **state)
{
	const int five[5] = { 0 };

	assert_int_equal(ARRAY_SIZE(five), 5);
}

static void test_min_max_evaluate_once(void **state)
{
	int n = 3;

	assert_int_equal(MIN(n++, 10), 3);
	assert_int_equal(n, 4);
	assert_int_equal(MAX(n++, 10), 10);
	assert_int_equal(n, 5);
}

static void test_take(void **state)
{
	const char *text = "text";
	const char *taken = take_ptr(text);
	int fd = 7;
	int taken_fd = take_fd(fd);

	assert_string_equal(taken, "text");
	assert_null(text);
	assert_int_equal(taken_fd, 7);
	assert_int_equal(fd, -EBADF);
}

static void test_powers(void **state)
{
	assert_false(is_pow2(0));
	assert_true(is_pow2(1));
	assert_false(is_pow2(3));
	assert_true(is_pow2(UINT64_C(1) << 63));
	assert_int_equal(log2_u64(1), 0);
	assert_int_equal(log2_u64(4095), 11);
	assert_int_equal(log2_u64(4096), 12);
}

static void test_strings(void **state)
{
	assert_true(streq_ptr(NULL, NULL));
	assert_false(streq_ptr(NULL, ""));
	assert_false(streq_ptr("", NULL));
	assert_true(streq_ptr("a", "a"));
	assert_string_equal(startswith("tpm2:data", "tpm2:"), "data");
	assert_null(startswith("tpm", "tpm2:"));
	assert_string_equal(endswith("a.conf", ".conf"), ".conf");
	assert_null(endswith("conf", ".conf"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_array_size),
		cmocka_unit_test(test_min_max_evaluate_once),
		cmocka_unit_test(test_take),
		cmocka_unit_test(test_powers),
		cmocka_unit_test(test_strings),
	};

	return cmocka_run_group_tests_name("macro", tests, NULL, NULL);
}
