/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * QR codes are those that the qrencode program draws.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "qr.h"

#define PEER "qrencode -t UTF8 -m 2 -l M -8 -r "

/* What the program draws of the text. */
static size_t peer_draw(const char *text, size_t size, char *ret, size_t space)
{
	char path[] = "/tmp/dmstack-test-qr-XXXXXX", command[sizeof(PEER) + sizeof(path)];
	int fd = mkstemp(path);
	FILE *pipe;
	size_t n;

	assert_true(fd >= 0 && write(fd, text, size) == (ssize_t)size && close(fd) == 0);
	(void)snprintf(command, sizeof(command), PEER "%s", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	n = fread(ret, 1, space, pipe);
	assert_int_equal(pclose(pipe), 0);
	assert_int_equal(unlink(path), 0);
	return n;
}

static void test_peer(void **state)
{
	static char text[1024], drawn[1 << 17];
	const size_t sizes[] = { 1, 17, 80, 200, 1024 };

	if (!qr_is_supported() || system("qrencode --version >/dev/null 2>&1") != 0)
		test_skip("qrencode is missing");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = "0123456789abcdef-"[i * 7 % 17];
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		_cleanup_(secret_freep) struct secret *from = NULL, *code = NULL;
		size_t n = peer_draw(text, sizes[i], drawn, sizeof(drawn));

		assert_int_equal(secret_new_from(text, sizes[i], false, &from), 0);
		assert_int_equal(qr_make(from, &code, NULL), 0);
		assert_int_equal(secret_size(code), n);
		assert_memory_equal(secret_peek(code), drawn, n);
	}
}

static void test_too_long(void **state)
{
	_cleanup_(secret_freep) struct secret *from = NULL, *code = NULL;

	if (!qr_is_supported())
		test_skip("built without libqrencode");
	assert_int_equal(secret_new(1025, false, &from), 0);
	assert_int_equal(qr_make(from, &code, NULL), -EFBIG);
	assert_null(code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
