/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets: their limits, and what the kernel was told about their pages.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "secret.h"

static void test_copy(void **state)
{
	_cleanup_(secret_freep) struct secret *a = NULL, *b = NULL, *c = NULL;

	assert_int_equal(secret_new_from("sesame", 6, false, &a), 0);
	assert_int_equal(secret_new_from("sesamE", 6, false, &b), 0);
	assert_int_equal(secret_new(0, false, &c), 0);
	assert_int_equal(secret_size(a), 6);
	assert_memory_equal(secret_peek(a), "sesame", 6);
	assert_non_null(secret_bytes(c));
	secret_bytes(b)[5] = 'e';
	assert_memory_equal(secret_peek(a), secret_peek(b), 6);
}

static void test_truncate_wipes(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;

	assert_int_equal(secret_new_from("sesame", 6, false, &s), 0);
	secret_truncate(s, 2);
	assert_int_equal(secret_size(s), 2);
	assert_memory_equal(secret_peek(s), "se\0\0\0\0", 6);
	secret_truncate(s, 6);
	assert_int_equal(secret_size(s), 2);
}

static void test_size_limit(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;

	assert_int_equal(secret_new(1024 * 1024 + 1, false, &s), -EFBIG);
	assert_null(s);
	assert_int_equal(secret_new(1024 * 1024, false, &s), 0);
}

static void test_read(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	_cleanup_close_ int from = pipe_fds[0];

	assert_int_equal(write(pipe_fds[1], "0123456789", 10), 10);
	assert_int_equal(close(pipe_fds[1]), 0);
	assert_int_equal(secret_read(from, 9, false, &s), -EFBIG);
	assert_int_equal(secret_read(from, 9, false, &s), -ENODATA);
	assert_null(s);
	assert_int_equal(secret_read(-1, 9, false, &s), -EBADF);
}

static void test_read_all(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	int pipe_fds[2];

	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	_cleanup_close_ int from = pipe_fds[0];

	assert_int_equal(write(pipe_fds[1], "012345678", 9), 9);
	assert_int_equal(close(pipe_fds[1]), 0);
	assert_int_equal(secret_read(from, 9, false, &s), 0);
	assert_int_equal(secret_size(s), 9);
	assert_memory_equal(secret_peek(s), "012345678", 9);
}

/* The flags of the mapping as /proc/self/smaps shows them, such as "rd wr mr mw me lo dd wf". */
static bool mapping_flags(const void *address, char *ret, size_t size)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/smaps", "re");
	char start[32], line[512];
	bool found = false;

	if (!f)
		return false;
	(void)snprintf(start, sizeof(start), "%08lx-", (unsigned long)(uintptr_t)address);
	while (fgets(line, sizeof(line), f)) {
		if (startswith(line, start))
			found = true;
		if (!found || !startswith(line, "VmFlags:"))
			continue;
		(void)snprintf(ret, size, "%s", line);
		return true;
	}
	fail_msg("no mapping starts at %s", start);
	return false;
}

static void test_pages(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	char flags[512];

	assert_int_equal(secret_new(32, false, &s), 0);
	if (!mapping_flags(secret_peek(s), flags, sizeof(flags)))
		test_skip("no /proc/self/smaps");
	assert_non_null(strstr(flags, " dd"));
	assert_non_null(strstr(flags, " wf"));
}

/*
 * In a child, since the limit must not stay; root is above it and would lock all the same. The
 * address sanitizer makes of mlock() an empty function, so that is tried first.
 */
static int lock_without_limit(void)
{
	static uint8_t page[4096];
	const struct rlimit none = { 0, 0 };
	struct secret *s = NULL;
	int r;

	if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
		return 77;
	if (setrlimit(RLIMIT_MEMLOCK, &none) < 0)
		return 77;
	if (mlock(page, sizeof(page)) == 0)
		return 77;
	r = secret_new(32, true, &s);
	if ((r != -EPERM && r != -ENOMEM) || s)
		return 1;
	if (secret_new(32, false, &s) < 0)
		return 2;
	s = secret_free(s);
	return 0;
}

static void test_must_lock(void **state)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(lock_without_limit());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		test_skip("locking cannot be forbidden here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_child_sees_zeroes(void **state)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	int status;

	assert_int_equal(secret_new_from("sesame", 6, false, &s), 0);

	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(memcmp(secret_peek(s), "\0\0\0\0\0\0", 6) == 0 ? 0 : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_truncate_wipes),
		cmocka_unit_test(test_size_limit),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_read_all),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_must_lock),
		cmocka_unit_test(test_child_sees_zeroes),
	};

	return cmocka_run_group_tests_name("secret", tests, NULL, NULL);
}
