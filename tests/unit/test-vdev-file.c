/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files as devices: exact sizes, holes, padding, and no name before it is time.
 */

#include "test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "vdev-file.h"

static int dir_fd = -EBADF;
static char dir_path[] = "/tmp/test-vdev-file.XXXXXX";

static int setup(void **state)
{
	if (!mkdtemp(dir_path))
		return -1;
	dir_fd = open(dir_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)unlinkat(dir_fd, "a", 0);
	(void)close(dir_fd);
	return rmdir(dir_path);
}

static void assert_absent(const char *name)
{
	assert_int_equal(faccessat(dir_fd, name, F_OK, 0), -1);
	assert_int_equal(errno, ENOENT);
}

static void test_artifact(void **state)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	uint8_t data[4096], found[8192];
	struct stat st;

	memset(data, 0xa5, sizeof(data));
	assert_int_equal(vdev_file_create(dir_fd, "a", 1 << 20, 0644, &v, &diag), 0);
	assert_int_equal(v->size_bytes, 1 << 20);
	assert_int_equal(vdev_write(v, data, sizeof(data), 65536), 0);
	assert_int_equal(vdev_write(v, NULL, 512000, 131072), 0);
	assert_int_equal(vdev_read(v, found, sizeof(found), 65536), 0);
	assert_memory_equal(found, data, sizeof(data));
	for (size_t i = sizeof(data); i < sizeof(found); i++)
		assert_int_equal(found[i], 0);

	/* Out of range, or not on a block. */
	assert_int_equal(vdev_write(v, data, 512, 1 << 20), -EINVAL);
	assert_int_equal(vdev_write(v, data, 1024, (1 << 20) - 512), -EINVAL);
	assert_int_equal(vdev_write(v, data, 100, 0), -EINVAL);
	assert_int_equal(vdev_read(v, found, 512, 100), -EINVAL);
	assert_int_equal(vdev_read(v, found, 512, UINT64_MAX - 511), -EINVAL);
	assert_int_equal(vdev_read_bytes(v, found, 10, 65530), 0);
	assert_int_equal(found[5], 0);
	assert_int_equal(found[6], 0xa5);

	assert_absent("a");
	assert_int_equal(vdev_file_publish(v, false, &diag), 0);
	assert_int_equal(fstatat(dir_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_size, 1 << 20);
	/* Zeros cost nothing. */
	assert_true(st.st_blocks * 512 < 1 << 17);
}

static void test_not_published(void **state)
{
	_cleanup_(diag_done) struct diag diag = {};
	struct vdev *v = NULL;

	assert_int_equal(vdev_file_create(dir_fd, "b", 4096, 0644, &v, &diag), 0);
	v = vdev_free(v);
	assert_absent("b");

	assert_int_equal(vdev_file_create(dir_fd, "no/b", 4096, 0644, &v, &diag), -ENOENT);
	assert_non_null(strstr(diag.what, "no/b"));
	assert_int_equal(vdev_file_create(dir_fd, "b", 4097, 0644, &v, NULL), -EINVAL);
	assert_int_equal(vdev_file_create(dir_fd, "b", 0, 0644, &v, NULL), -EINVAL);
	assert_null(v);
}

static void test_existing(void **state)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	struct stat st;

	assert_int_equal(file_write_atomic(dir_fd, "a", "old", 3, 0644), 0);
	assert_int_equal(vdev_file_create(dir_fd, "a", 4096, 0644, &v, &diag), 0);
	assert_int_equal(vdev_file_publish(v, false, &diag), -EEXIST);
	assert_int_equal(fstatat(dir_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(vdev_file_publish(v, true, NULL), 0);
	assert_int_equal(fstatat(dir_fd, "a", &st, 0), 0);
	assert_int_equal(st.st_size, 4096);
}

static void test_input(void **state)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	uint8_t found[2048];
	uint8_t data[700];

	memset(data, 0x5a, sizeof(data));
	assert_int_equal(file_write_atomic(dir_fd, "a", data, sizeof(data), 0644), 0);
	/* Rounded up to a sector. */
	assert_int_equal(vdev_file_open(dir_fd, "a", 0, &v, &diag), 0);
	assert_int_equal(v->size_bytes, 1024);
	assert_int_equal(vdev_read(v, found, 1024, 0), 0);
	assert_memory_equal(found, data, sizeof(data));
	for (size_t i = sizeof(data); i < 1024; i++)
		assert_int_equal(found[i], 0);
	assert_int_equal(vdev_write(v, found, 512, 0), -EROFS);
	v = vdev_free(v);

	/* Zeros up to the size that is asked for. */
	assert_int_equal(vdev_file_open(dir_fd, "a", 1 << 20, &v, &diag), 0);
	assert_int_equal(vdev_read(v, found, 2048, (1 << 20) - 2048), 0);
	for (size_t i = 0; i < sizeof(found); i++)
		assert_int_equal(found[i], 0);
	v = vdev_free(v);

	assert_int_equal(vdev_file_open(dir_fd, "a", 512, &v, &diag), -EFBIG);
	assert_non_null(strstr(diag.what, "700"));
	assert_int_equal(vdev_file_open(dir_fd, "none", 0, &v, NULL), -ENOENT);
	assert_int_equal(vdev_file_open(dir_fd, ".", 0, &v, NULL), -EISDIR);
	assert_null(v);
}

static void test_holes(void **state)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	_cleanup_close_ int fd = openat(dir_fd, "a", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static uint8_t data[65536];
	uint64_t len;

	memset(data, 1, sizeof(data));
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	assert_int_equal(fd_pwrite_full(fd, data, sizeof(data), 512 << 10), 0);
	assert_int_equal(vdev_file_open(dir_fd, "a", 2 << 20, &v, NULL), 0);
	/* A file system may fill holes, but must not take data for one. */
	assert_false(vdev_is_hole(v, 4096, 512 << 10, &len));
	assert_int_equal(len, 4096);
	assert_false(vdev_is_hole(v, 4096, (576 << 10) - 4096, &len));
	if (vdev_is_hole(v, 1 << 20, 0, &len))
		assert_true(len <= 512 << 10);
	/* Behind the end there is no doubt. */
	assert_true(vdev_is_hole(v, 1 << 20, 1 << 20, &len));
	assert_int_equal(len, 1 << 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_artifact),
		cmocka_unit_test(test_not_published),
		cmocka_unit_test(test_existing),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_holes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
