/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON that is taken, and JSON that is refused with its place.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "buf.h"
#include "json-scan.h"

static void test_good(void **state)
{
	static const char *const good[] = {
		"{}",
		" [ ] ",
		"[1, 2,3]\n",
		"{\"a\":{\"b\":[true,false,null,\"\"]}}",
		"[18446744073709551615, 0]",
		"\"\\\"\\\\\\/\\u00e4\xc3\xa4\"",
		"[[[[[[[[1]]]]]]]]",
		"{\"a\": {\"x\": 1}, \"b\": {\"x\": 1}}",
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		_cleanup_(diag_done) struct diag diag = {};

		if (json_scan(good[i], strlen(good[i]), "f", &diag) < 0)
			fail_msg("%s: %s: %s", good[i], diag.where, diag.what);
	}
}

struct bad_case {
	const char *text;
	const char *where;
	const char *what;
};

static const struct bad_case bad[] = {
	{ "", "f:1", "the text ends too early" },
	{ "\n\n{", "f:3", "a member name in quotes is expected" },
	{ "{} x", "f:1", "text behind the end of the value" },
	{ "{}{}", "f:1", "text behind the end of the value" },
	{ "[1,]", "f:1", "a value is expected" },
	{ "[1 2]", "f:1", "\",\" or \"]\" is expected" },
	{ "{\"a\" 1}", "f:1", "\":\" is expected behind a member name" },
	{ "{\"a\":1,}", "f:1", "a member name in quotes is expected" },
	{ "{'a':1}", "f:1", "a member name in quotes is expected" },
	{ "{\"a\":1", "f:1", "\",\" or \"}\" is expected" },
	{ "[tru]", "f:1", "a value is expected" },
	{ "[nulls]", "f:1", "a value is expected" },
	{ "[NaN]", "f:1", "a value is expected" },
	{ "[/* */1]", "f:1", "a value is expected" },
	{ "\"abc", "f:1", "a string does not end" },
	{ "\"a\nb\"", "f:1", "a control character in a string" },
	{ "\"\\x41\"", "f:1", "unknown escape in a string" },
	{ "\"\\u12g4\"", "f:1", "\\u needs four hexadecimal digits" },
	{ "\"\\u12", "f:1", "\\u needs four hexadecimal digits" },
	{ "[\"\\n\"]", "f: $[0]", "a control character in a string" },
	{ "[\"\\u0000\"]", "f: $[0]", "a control character in a string" },
	{ "[\"\\u007f\"]", "f: $[0]", "a control character in a string" },
	{ "[\"\\ud834\\udd1e\"]", "f: $[0]", "an escaped surrogate in a string; write UTF-8" },
	{ "{\"a\":[0,-1]}", "f: $.a[1]", "not an unsigned integer: \"-1\"" },
	{ "{\"a\":1.5}", "f: $.a", "not an unsigned integer: \"1.5\"" },
	{ "{\"a\":1e3}", "f: $.a", "not an unsigned integer: \"1e3\"" },
	{ "{\"a\":01}", "f: $.a", "a number with a leading zero: \"01\"" },
	{ "[18446744073709551616]", "f: $[0]",
		"a number of more than 64 bits: \"18446744073709551616\"" },
	{ "{\"x\":{\"a\":1,\"b\":2,\"a\":3}}", "f: $.x", "duplicate member \"a\"" },
	{ "[{\"\\u0061\":1}]", "f: $[0]", "a member name with an escape: \"\\u0061\"" },
	{ "{\"\":1}", "f: $", "a member without a name" },
	{ "[[[[[[[[[1]]]]]]]]]", "f: $[0][0][0][0][0][0][0][0]", "nested too deeply" },
	{ "\"\xff\"", "f", "the text is not UTF-8" },
};

static void test_bad(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_(diag_done) struct diag diag = {};
		int r = json_scan(bad[i].text, strlen(bad[i].text), "f", &diag);

		if (r != -EINVAL || !streq_ptr(diag.where, bad[i].where) ||
			!streq_ptr(diag.what, bad[i].what))
			fail_msg("%s gave %d, %s: %s", bad[i].text, r, diag.where, diag.what);
	}
}

/* Bytes behind the end must not count, even where they would complete the text. */
static void test_size(void **state)
{
	assert_int_equal(json_scan("[12]", 3, "f", NULL), -EINVAL);
	assert_int_equal(json_scan("\"a\"", 2, "f", NULL), -EINVAL);
	assert_int_equal(json_scan("12", 1, "f", NULL), 0);
	assert_int_equal(json_scan("[1]]", 3, "f", NULL), 0);
	assert_int_equal(json_scan("[1\0]", 4, "f", NULL), -EINVAL);
}

static void test_many_members(void **state)
{
	_cleanup_(buf_done) struct buf buf = {};

	buf_putc(&buf, '{');
	for (unsigned i = 0; i < JSON_MEMBERS_MAX; i++)
		buf_printf(&buf, "%s\"m%u\":0", i > 0 ? "," : "", i);
	buf_putc(&buf, '}');
	assert_int_equal(json_scan(buf_str(&buf), buf.size, "f", NULL), 0);
	buf.size--;
	buf_puts(&buf, ",\"x\":0}");
	assert_int_equal(json_scan(buf_str(&buf), buf.size, "f", NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_many_members),
	};

	return cmocka_run_group_tests_name("json-scan", tests, NULL, NULL);
}
