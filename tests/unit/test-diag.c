/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The first description wins, and places are put in front of each other.
 */

#include "test.h"

#include <errno.h>

#include "cleanup.h"
#include "diag.h"

static void test_first_text_wins(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(diag_set(&diag, -EINVAL, "%s is wrong", "this"), -EINVAL);
	assert_int_equal(diag_set(&diag, -EIO, "later"), -EIO);
	assert_string_equal(diag.what, "this is wrong");
	assert_null(diag.where);
}

static void test_places_nest(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(diag_at(&diag, -EINVAL, "$.layers[%d]", 1), -EINVAL);
	assert_string_equal(diag.where, "$.layers[1]");
	(void)diag_at(&diag, -EINVAL, "%s", "root.json");
	assert_string_equal(diag.where, "root.json: $.layers[1]");
}

static void test_null_takes_nothing(void **state)
{
	assert_int_equal(diag_set(NULL, -ENOENT, "x"), -ENOENT);
	assert_int_equal(diag_at(NULL, -ENOENT, "x"), -ENOENT);
}

static void test_move(void **state)
{
	_cleanup_(diag_done) struct diag from = {}, to = {};

	(void)diag_set(&from, -EINVAL, "what");
	(void)diag_at(&from, -EINVAL, "where");
	diag_move(&to, &from);
	assert_null(from.what);
	assert_null(from.where);
	assert_string_equal(to.what, "what");
	assert_string_equal(to.where, "where");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_text_wins),
		cmocka_unit_test(test_places_nest),
		cmocka_unit_test(test_null_takes_nothing),
		cmocka_unit_test(test_move),
	};

	return cmocka_run_group_tests_name("diag", tests, NULL, NULL);
}
