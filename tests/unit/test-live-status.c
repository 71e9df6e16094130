/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Status lines of old and new kernels.
 */

#include "test.h"

#include <string.h>

#include "live-status.h"

static struct live_status parse(const char *target, const char *params)
{
	struct live_status status;
	char copy[128];

	strcpy(copy, params);
	live_status_parse(target, copy, &status);
	return status;
}

static void test_integrity(void **state)
{
	struct live_status s = parse("integrity", "0 3568 -");

	assert_true(s.has_mismatches);
	assert_int_equal(s.mismatches, 0);
	assert_false(s.recalculating);
	assert_false(s.has_verdict);

	s = parse("integrity", "12 3568 1024");
	assert_int_equal(s.mismatches, 12);
	assert_true(s.recalculating);
	assert_int_equal(s.recalculated_sectors, 1024);
}

static void test_verity(void **state)
{
	struct live_status s = parse("verity", "V");

	assert_true(s.has_verdict);
	assert_false(s.corrupted);
	assert_false(s.has_corrected);

	/* Linux 6.19 adds the number of blocks that the parity repaired, or "-". */
	s = parse("verity", "C 7");
	assert_true(s.corrupted);
	assert_true(s.has_corrected);
	assert_int_equal(s.corrected, 7);
	s = parse("verity", "V -");
	assert_true(s.has_verdict);
	assert_false(s.has_corrected);
}

static void test_tolerance(void **state)
{
	struct live_status s = parse("integrity", "3 100 - future words 9");

	assert_int_equal(s.mismatches, 3);
	s = parse("integrity", "");
	assert_false(s.has_mismatches);
	s = parse("verity", "X");
	assert_false(s.has_verdict);
	s = parse("crypt", "anything");
	assert_false(s.has_mismatches || s.has_verdict);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_integrity),
		cmocka_unit_test(test_verity),
		cmocka_unit_test(test_tolerance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
