/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Arithmetic at its limits.
 */

#include "test.h"

#include "overflow.h"

static void test_builtin_operations(void **state)
{
	uint64_t n;
	uint32_t small;

	assert_false(add_overflows(UINT64_MAX, 0U, &n));
	assert_true(add_overflows(UINT64_MAX, 1U, &n));
	assert_true(sub_overflows(UINT64_C(1), UINT64_C(2), &n));
	assert_true(mul_overflows(UINT64_C(1) << 33, UINT64_C(1) << 31, &n));
	assert_true(mul_overflows(UINT64_C(1) << 16, UINT64_C(1) << 16, &small));
}

static void test_align_up(void **state)
{
	uint64_t n;

	assert_false(align_up_overflows(0, 512, &n));
	assert_int_equal(n, 0);
	assert_false(align_up_overflows(513, 512, &n));
	assert_int_equal(n, 1024);
	assert_false(align_up_overflows(10, 7, &n));
	assert_int_equal(n, 14);
	assert_true(align_up_overflows(UINT64_MAX, 512, &n));
	assert_false(align_up_overflows(UINT64_MAX, 1, &n));
	assert_true(n == UINT64_MAX);
	assert_int_equal(align_up_u64(1, 4096), 4096);
	assert_int_equal(align_up_u64(4096, 4096), 4096);
}

static void test_align_down_and_divide(void **state)
{
	assert_int_equal(align_down_u64(4097, 4096), 4096);
	assert_int_equal(align_down_u64(13, 7), 7);
	assert_int_equal(div_round_up_u64(0, 8), 0);
	assert_int_equal(div_round_up_u64(9, 8), 2);
	assert_true(div_round_up_u64(UINT64_MAX, 2) == UINT64_C(1) << 63);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_builtin_operations),
		cmocka_unit_test(test_align_up),
		cmocka_unit_test(test_align_down_and_divide),
	};

	return cmocka_run_group_tests_name("overflow", tests, NULL, NULL);
}
