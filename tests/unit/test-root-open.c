/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Paths of another tree, through openat2() and step by step: both must find the same.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "fd.h"
#include "root-open.h"

static char scratch[] = "/tmp/test-root-open.XXXXXX";
static int root_fd = -EBADF;

static int setup(void **state)
{
	if (!mkdtemp(scratch))
		return -1;
	root_fd = open(scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || mkdir_parents(root_fd, "a/b") < 0 ||
		file_write_atomic(root_fd, "a/b/file", "inside", 6, 0644) < 0 ||
		symlinkat("/a/b", root_fd, "absolute") < 0 ||
		symlinkat("../a/./b", root_fd, "a/relative") < 0 ||
		symlinkat("../../../../../../a/b/file", root_fd, "a/b/above") < 0 ||
		symlinkat("/absolute/file", root_fd, "chain") < 0 ||
		symlinkat("loop", root_fd, "loop") < 0 ||
		symlinkat("nowhere", root_fd, "dead") < 0 ||
		symlinkat("/etc/passwd", root_fd, "outside") < 0 ||
		mkfifoat(root_fd, "fifo", 0600) < 0)
		return -1;
	return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static int teardown(void **state)
{
	(void)close(root_fd);
	return nftw(scratch, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const struct {
	const char *path;
	int flags;
	int r; /* 0: it is the file with the text "inside" */
} cases[] = {
	{ "/a/b/file", O_RDONLY, 0 },
	{ "//a/.//b/file", O_RDONLY, 0 },
	{ "/../../a/b/file", O_RDONLY, 0 },
	{ "/a/../a/b/file", O_RDONLY, 0 },
	{ "/absolute/file", O_RDONLY, 0 },
	{ "/a/relative/file", O_RDONLY, 0 },
	{ "/a/b/above", O_RDONLY, 0 },
	{ "/chain", O_RDONLY, 0 },
	{ "/chain", O_PATH | O_NOFOLLOW, 1 },
	{ "/absolute/file", O_PATH | O_NOFOLLOW, 1 },
	{ "/a", O_RDONLY | O_DIRECTORY, 1 },
	{ "/", O_RDONLY | O_DIRECTORY, 1 },
	{ "/absolute", O_RDONLY | O_DIRECTORY, 1 },
	{ "/fifo", O_RDONLY, 1 },
	{ "/outside", O_RDONLY, -ENOENT },
	{ "/dead", O_RDONLY, -ENOENT },
	{ "/absent/file", O_RDONLY, -ENOENT },
	{ "/a/b/file/below", O_RDONLY, -ENOTDIR },
	{ "/loop", O_RDONLY, -ELOOP },
};

static void run_cases(int (*function)(int root, const char *path, int flags))
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_close_ int fd = function(root_fd, cases[i].path, cases[i].flags);
		_cleanup_free_ char *text = NULL;

		if (cases[i].r < 0 ? fd != cases[i].r : fd < 0)
			fail_msg("%s gave %d", cases[i].path, fd);
		if (cases[i].r != 0)
			continue;
		assert_int_equal(fd_read_file(fd, 100, &text, NULL), 0);
		assert_string_equal(text, "inside");
	}
}

static void test_root_open(void **state)
{
	run_cases(root_open);
}

static void test_root_open_stepwise(void **state)
{
	run_cases(root_open_stepwise);
}

static void test_real_root(void **state)
{
	_cleanup_close_ int fd = root_open(-EBADF, "/", O_RDONLY | O_DIRECTORY);

	assert_true(fd >= 0);
	assert_int_equal(root_open(-EBADF, "/nonexistent/file", O_RDONLY), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_root_open),
		cmocka_unit_test(test_root_open_stepwise),
		cmocka_unit_test(test_real_root),
	};

	return cmocka_run_group_tests_name("root-open", tests, setup, teardown);
}
