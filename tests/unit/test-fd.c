/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files in a scratch folder: complete or not there at all.
 */

#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fd.h"

static char scratch[] = "/tmp/test-fd.XXXXXX";
static int scratch_fd = -EBADF;

static int setup(void **state)
{
	if (!mkdtemp(scratch))
		return -1;
	scratch_fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return scratch_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)unlinkat(scratch_fd, "deep/er/still", AT_REMOVEDIR);
	(void)unlinkat(scratch_fd, "deep/er", AT_REMOVEDIR);
	(void)unlinkat(scratch_fd, "deep", AT_REMOVEDIR);
	(void)unlinkat(scratch_fd, "file", 0);
	(void)close(scratch_fd);
	return rmdir(scratch);
}

static int count_entries(void)
{
	DIR *dir = opendir(scratch);
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	assert_int_equal(closedir(dir), 0);
	return n - 2;
}

static void expect_content(const char *path, const char *expected)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	assert_int_equal(file_read(scratch_fd, path, 1000, &data, &size), 0);
	assert_int_equal(size, strlen(expected));
	assert_string_equal(data, expected);
}

static void test_full_reads_and_writes(void **state)
{
	_cleanup_close_ int fd =
		openat(scratch_fd, "file", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char bytes[8] = "";

	assert_true(fd >= 0);
	assert_int_equal(fd_write_full(fd, "0123", 4), 0);
	assert_int_equal(fd_pwrite_full(fd, "ab", 2, 4), 0);
	assert_int_equal(fd_pread_full(fd, bytes, 5, 1), 0);
	assert_string_equal(bytes, "123ab");
	assert_int_equal(fd_pread_full(fd, bytes, 6, 1), -ENODATA);
	assert_int_equal(fd_pread_full(fd, bytes, 1, UINT64_MAX), -EOVERFLOW);
	assert_int_equal(fd_pwrite_full(fd, bytes, 2, INT64_MAX), -EOVERFLOW);
	assert_int_equal(fd_write_full(-1, "x", 1), -EBADF);
}

static void test_read_limits(void **state)
{
	char *data = NULL;
	size_t size;

	assert_int_equal(file_write_atomic(scratch_fd, "file", "0123456789", 10, 0600), 0);
	assert_int_equal(file_read(scratch_fd, "file", 9, &data, &size), -EFBIG);
	assert_int_equal(file_read(scratch_fd, ".", 9, &data, &size), -EISDIR);
	assert_int_equal(file_read(AT_FDCWD, "/dev/zero", 9, &data, &size), -EINVAL);
	assert_int_equal(file_read(scratch_fd, "absent", 9, &data, &size), -ENOENT);
	assert_null(data);
	assert_int_equal(file_read(scratch_fd, "file", 10, &data, &size), 0);
	assert_int_equal(size, 10);
	assert_int_equal(data[10], 0);
	free(data);
}

static void test_fifo_does_not_hang(void **state)
{
	char *data = NULL;
	size_t size;

	assert_int_equal(mkfifoat(scratch_fd, "fifo", 0600), 0);
	assert_int_equal(file_read(scratch_fd, "fifo", 9, &data, &size), -EINVAL);
	assert_int_equal(unlinkat(scratch_fd, "fifo", 0), 0);
}

/* A size of 0 in stat, and content all the same. */
static void test_read_proc(void **state)
{
	_cleanup_free_ char *data = NULL;
	size_t size;

	if (access("/proc/self/status", R_OK) < 0)
		test_skip("no /proc");
	assert_int_equal(file_read(AT_FDCWD, "/proc/self/status", 1 << 20, &data, &size), 0);
	assert_true(size > 100);
	assert_int_equal(strlen(data), size);
}

static void test_write_atomic(void **state)
{
	_cleanup_free_ char *path = NULL;

	assert_int_equal(file_write_atomic(scratch_fd, "file", "one", 3, 0640), 0);
	expect_content("file", "one");
	assert_true(asprintf(&path, "%s/file", scratch) > 0);
	assert_int_equal(file_write_atomic(AT_FDCWD, path, "two", 3, 0640), 0);
	expect_content("file", "two");
	assert_int_equal(file_write_atomic(scratch_fd, "absent/file", "x", 1, 0640), -ENOENT);
	assert_int_equal(file_write_atomic(scratch_fd, "folder/", "x", 1, 0640), -EINVAL);
	assert_int_equal(count_entries(), 1);
}

static void test_unpublished_leaves_nothing(void **state)
{
	struct tmpfile f = TMPFILE_INIT;

	(void)unlinkat(scratch_fd, "file", 0);
	assert_int_equal(tmpfile_open(scratch_fd, "file", 0600, &f), 0);
	assert_int_equal(fd_write_full(f.fd, "x", 1), 0);
	tmpfile_done(&f);
	assert_int_equal(f.fd, -EBADF);
	assert_int_equal(count_entries(), 0);
}

static void test_publish_refuses_to_replace(void **state)
{
	_cleanup_(tmpfile_done) struct tmpfile f = TMPFILE_INIT;

	assert_int_equal(file_write_atomic(scratch_fd, "file", "old", 3, 0600), 0);
	assert_int_equal(tmpfile_open(scratch_fd, "file", 0600, &f), 0);
	assert_int_equal(fd_write_full(f.fd, "new", 3), 0);
	assert_int_equal(tmpfile_publish(&f, false), -EEXIST);
	expect_content("file", "old");
	assert_int_equal(tmpfile_publish(&f, true), 0);
	expect_content("file", "new");
	assert_int_equal(count_entries(), 1);
}

static void test_mkdir_parents(void **state)
{
	assert_int_equal(mkdir_parents(scratch_fd, "deep/er//still/"), 0);
	assert_int_equal(mkdir_parents(scratch_fd, "deep/er"), 0);
	assert_int_equal(faccessat(scratch_fd, "deep/er/still", F_OK, 0), 0);
	assert_int_equal(file_write_atomic(scratch_fd, "file", "x", 1, 0600), 0);
	assert_int_equal(mkdir_parents(scratch_fd, "file"), -ENOTDIR);
	assert_int_equal(mkdir_parents(scratch_fd, "file/below"), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_reads_and_writes),
		cmocka_unit_test(test_read_limits),
		cmocka_unit_test(test_fifo_does_not_hang),
		cmocka_unit_test(test_read_proc),
		cmocka_unit_test(test_write_atomic),
		cmocka_unit_test(test_unpublished_leaves_nothing),
		cmocka_unit_test(test_publish_refuses_to_replace),
		cmocka_unit_test(test_mkdir_parents),
	};

	return cmocka_run_group_tests_name("fd", tests, setup, teardown);
}
