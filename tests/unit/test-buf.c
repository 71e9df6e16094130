/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Growth, the NUL at the end, and errors that stick.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"

static void test_appends(void **state)
{
	_cleanup_(buf_done) struct buf buf = {};

	assert_string_equal(buf_str(&buf), "");
	buf_puts(&buf, "a");
	buf_putc(&buf, ' ');
	buf_printf(&buf, "%d:%s", 42, "x");
	buf_hex(&buf, "\x00\xff", 2);
	buf_append(&buf, "\0z", 2);
	assert_int_equal(buf_error(&buf), 0);
	assert_int_equal(buf.size, 12);
	assert_memory_equal(buf.data, "a 42:x00ff\0z", 13);
}

static void test_growth(void **state)
{
	_cleanup_(buf_done) struct buf buf = {};
	char block[1000];

	memset(block, 'b', sizeof(block));
	for (int i = 0; i < 100; i++) {
		buf_append(&buf, block, sizeof(block));
		buf_printf(&buf, "%.*s", (int)sizeof(block), block);
	}
	assert_int_equal(buf_error(&buf), 0);
	assert_int_equal(buf.size, 200000);
	assert_int_equal(strspn(buf_str(&buf), "b"), 200000);
}

static void test_errors_stick(void **state)
{
	_cleanup_(buf_done) struct buf buf = {};
	char *text = NULL;

	buf_puts(&buf, "kept");
	buf_append(&buf, "", SIZE_MAX);
	buf_puts(&buf, "lost");
	assert_int_equal(buf_error(&buf), -EOVERFLOW);
	assert_string_equal(buf_str(&buf), "");
	assert_int_equal(buf_steal(&buf, &text), -EOVERFLOW);
	assert_null(text);

	buf_reset(&buf);
	buf_puts(&buf, "new");
	assert_string_equal(buf_str(&buf), "new");
}

static void test_steal(void **state)
{
	_cleanup_(buf_done) struct buf buf = {};
	_cleanup_free_ char *empty = NULL, *text = NULL;

	assert_int_equal(buf_steal(&buf, &empty), 0);
	assert_string_equal(empty, "");
	buf_puts(&buf, "mine");
	assert_int_equal(buf_steal(&buf, &text), 0);
	assert_string_equal(text, "mine");
	assert_null(buf.data);
	assert_int_equal(buf.size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_appends),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_errors_stick),
		cmocka_unit_test(test_steal),
	};

	return cmocka_run_group_tests_name("buf", tests, NULL, NULL);
}
