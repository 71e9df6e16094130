/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What arrives on stderr, byte for byte.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"

struct capture {
	int fd;
	int saved;
};

static struct capture capture_start(void)
{
	struct capture c = { .fd = memfd_create("stderr", MFD_CLOEXEC) };

	assert_true(c.fd >= 0);
	c.saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(c.saved >= 0);
	assert_int_equal(dup2(c.fd, STDERR_FILENO), STDERR_FILENO);
	return c;
}

static void capture_expect(struct capture c, const char *expected)
{
	char text[4096] = "";
	ssize_t n = pread(c.fd, text, sizeof(text) - 1, 0);

	assert_int_equal(dup2(c.saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(c.saved);
	(void)close(c.fd);
	assert_true(n >= 0);
	assert_string_equal(text, expected);
}

static int setup(void **state)
{
	(void)unsetenv("JOURNAL_STREAM");
	log_setup("prog", LOG_TARGET_STDERR);
	log_set_max_level(LOG_LEVEL_INFO);
	return 0;
}

static void test_lines(void **state)
{
	struct capture c = capture_start();

	log_info("%s and %d", "text", 1);
	log_debug("too quiet");
	log_error("two\nlines\033[1m");
	capture_expect(c, "prog: text and 1\nprog: two lines [1m\n");
}

static void test_journal_prefix(void **state)
{
	struct capture c = capture_start();

	assert_int_equal(setenv("JOURNAL_STREAM", "8:1", 1), 0);
	log_warning("text");
	capture_expect(c, "<4>prog: text\n");
}

static void test_errors(void **state)
{
	struct capture c = capture_start();

	assert_int_equal(log_error_errno(-ENOENT, "cannot open %s", "x"), -ENOENT);
	assert_int_equal(log_oom(), -ENOMEM);
	capture_expect(c, "prog: cannot open x: No such file or directory\n"
			  "prog: out of memory\n");
}

static void test_diag(void **state)
{
	_cleanup_(diag_done) struct diag full = {}, empty = {}, place = {};
	struct capture c;

	(void)diag_set(&full, -EINVAL, "cipher is missing");
	(void)diag_at(&full, -EINVAL, "dmstack.conf:3");
	(void)diag_at(&place, -EINVAL, "dmstack.conf:4");
	c = capture_start();
	assert_int_equal(log_diag(-EINVAL, &full), -EINVAL);
	assert_int_equal(log_diag(-EIO, &empty), -EIO);
	assert_int_equal(log_diag(-EIO, &place), -EIO);
	capture_expect(c, "prog: dmstack.conf:3: cipher is missing\n"
			  "prog: Input/output error\n"
			  "prog: dmstack.conf:4: Input/output error\n");
}

static void test_errno_is_kept(void **state)
{
	struct capture c = capture_start();

	errno = EXDEV;
	log_info("x");
	assert_int_equal(errno, EXDEV);
	capture_expect(c, "prog: x\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_lines, setup),
		cmocka_unit_test_setup(test_journal_prefix, setup),
		cmocka_unit_test_setup(test_errors, setup),
		cmocka_unit_test_setup(test_diag, setup),
		cmocka_unit_test_setup(test_errno_is_kept, setup),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
