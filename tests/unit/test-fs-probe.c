/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * File systems as their own tools make them, where those are installed, and superblocks written by
 * hand.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bytes.h"
#include "cleanup.h"
#include "fs-probe.h"

static int probe_file(const char *path, struct fs_info *ret)
{
	_cleanup_free_ uint8_t *data = calloc(1, FS_PROBE_SIZE);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(data);
	assert_true(fd >= 0);
	ssize_t n = read(fd, data, FS_PROBE_SIZE);
	assert_true(n >= 0);
	return fs_probe(data, (size_t)n, ret);
}

/* Runs the command with $F as the file of so many bytes; false if its tool is not there. */
static bool make_file(const char *command, off_t size, char path[32])
{
	char line[512];

	memcpy(path, "/tmp/test-fs-probe.XXXXXX", 26);
	_cleanup_close_ int fd = mkostemp(path, O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	(void)snprintf(line, sizeof(line),
		"PATH=$PATH:/usr/sbin:/sbin; export F=%s; command -v %.*s >/dev/null || exit 77; %s >/dev/null 2>&1",
		path, (int)strcspn(command, " "), command, command);
	int status = system(line);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		return false;
	assert_int_equal(WEXITSTATUS(status), 0);
	return true;
}

static void test_real_ones(void **state)
{
	static const struct {
		const char *command, *type;
		off_t file_size;
		uint32_t block_size;
		uint64_t size; /* 0: not looked at */
	} cases[] = {
		{ "mkfs.ext4 -q -F -b 1024 $F", "ext4", 8 << 20, 1024, 8 << 20 },
		{ "mkfs.ext4 -q -F -b 4096 -O 64bit $F 4000k", "ext4", 8 << 20, 4096, 4000 << 10 },
		{ "mkfs.ext4 -q -F -b 2048 -O ^64bit $F", "ext4", 8 << 20, 2048, 8 << 20 },
		{ "mke2fs -q -F -t ext3 -b 4096 $F", "ext3", 16 << 20, 4096, 16 << 20 },
		{ "mke2fs -q -F -t ext2 -b 1024 $F", "ext2", 8 << 20, 1024, 8 << 20 },
		{ "mkfs.xfs -q -f -b size=4096 -s size=512 $F", "xfs", 400 << 20, 512, 400 << 20 },
		{ "mkfs.xfs -q -f -s size=4096 $F", "xfs", 400 << 20, 4096, 400 << 20 },
		{ "mkfs.btrfs -q -f $F", "btrfs", 256 << 20, 4096, 256 << 20 },
		{ "mkfs.erofs $F ../golden/data/geometry", "erofs", 0, 4096, 0 },
		{ "mksquashfs ../golden/data/geometry $F -noappend -quiet", "squashfs", 0, 4096,
			0 },
		{ "mkfs.f2fs -q -f $F", "f2fs", 128 << 20, 4096, 0 },
		{ "mkfs.vfat -F 32 -S 512 $F", "vfat", 64 << 20, 512, 64 << 20 },
		{ "mkfs.vfat -F 16 -S 4096 $F", "vfat", 64 << 20, 4096, 64 << 20 },
	};
	unsigned seen = 0;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct fs_info info;
		char path[32];

		if (make_file(cases[i].command, cases[i].file_size, path)) {
			assert_int_equal(probe_file(path, &info), 0);
			assert_string_equal(info.type, cases[i].type);
			assert_int_equal(info.block_size, cases[i].block_size);
			if (cases[i].size)
				assert_int_equal(info.size, cases[i].size);
			seen++;
		}
		(void)unlink(path);
	}
	if (seen == 0)
		test_skip("no tool that makes file systems is installed");
}

static void test_nothing(void **state)
{
	_cleanup_free_ uint8_t *data = calloc(1, FS_PROBE_SIZE);
	struct fs_info info = { .type = "kept" };

	assert_non_null(data);
	for (size_t size = 0; size <= FS_PROBE_SIZE; size += 512)
		assert_int_equal(fs_probe(data, size, &info), -ENODATA);
	/* A partition table is no FAT. */
	data[510] = 0x55;
	data[511] = 0xaa;
	assert_int_equal(fs_probe(data, FS_PROBE_SIZE, &info), -ENODATA);
	assert_string_equal(info.type, "kept");
}

static void test_ext_fields(void **state)
{
	uint8_t data[2048] = {};
	uint8_t *sb = data + 1024;
	struct fs_info info;

	put_le16(sb + 56, 0xef53);
	put_le32(sb + 4, 1000);
	assert_int_equal(fs_probe(data, sizeof(data), &info), 0);
	assert_string_equal(info.type, "ext2");
	assert_int_equal(info.size, 1024000);
	put_le32(sb + 92, 0x4);
	assert_int_equal(fs_probe(data, sizeof(data), &info), 0);
	assert_string_equal(info.type, "ext3");
	put_le32(sb + 96, 0x80);
	put_le32(sb + 336, 1);
	assert_int_equal(fs_probe(data, sizeof(data), &info), 0);
	assert_string_equal(info.type, "ext4");
	assert_int_equal(info.size, (UINT64_C(0x100000000) + 1000) * 1024);
	put_le32(sb + 336, 0xffffffff);
	assert_int_equal(fs_probe(data, sizeof(data), &info), -EINVAL);
	put_le32(sb + 24, 7);
	assert_int_equal(fs_probe(data, sizeof(data), &info), -EINVAL);
	/* A journal device cannot be mounted. */
	put_le32(sb + 24, 2);
	put_le32(sb + 96, 0x8);
	assert_int_equal(fs_probe(data, sizeof(data), &info), -ENODATA);
	assert_int_equal(fs_probe(data, 2047, &info), -ENODATA);
}

static void test_written_by_hand(void **state)
{
	_cleanup_free_ uint8_t *data = calloc(1, FS_PROBE_SIZE);
	struct fs_info info;

	assert_non_null(data);
	memcpy(data, "XFSB", 4);
	put_be32(data + 4, 4096);
	put_be64(data + 8, 1000);
	data[102] = 2;
	assert_int_equal(fs_probe(data, 512, &info), 0);
	assert_string_equal(info.type, "xfs");
	assert_int_equal(info.block_size, 512);
	assert_int_equal(info.size, 4096000);
	put_be32(data + 4, 4095);
	assert_int_equal(fs_probe(data, 512, &info), -EINVAL);
	put_be32(data + 4, 4096);
	put_be64(data + 8, UINT64_MAX);
	assert_int_equal(fs_probe(data, 512, &info), -EINVAL);

	memset(data, 0, 512);
	memcpy(data + 65536 + 64, "_BHRfS_M", 8);
	put_le64(data + 65536 + 112, 1 << 30);
	put_le64(data + 65536 + 136, 1);
	put_le32(data + 65536 + 144, 4096);
	assert_int_equal(fs_probe(data, FS_PROBE_SIZE, &info), 0);
	assert_string_equal(info.type, "btrfs");
	assert_int_equal(info.size, 1 << 30);
	put_le64(data + 65536 + 136, 2);
	assert_int_equal(fs_probe(data, FS_PROBE_SIZE, &info), 0);
	assert_int_equal(info.size, 0);

	put_le32(data + 1024, 0xf2f52010);
	put_le32(data + 1024 + 16, 12);
	put_le64(data + 1024 + 36, 256);
	assert_int_equal(fs_probe(data, FS_PROBE_SIZE, &info), 0);
	assert_string_equal(info.type, "f2fs");
	assert_int_equal(info.size, 1 << 20);
	put_le32(data + 1024 + 16, 40);
	assert_int_equal(fs_probe(data, FS_PROBE_SIZE, &info), -EINVAL);
}

static void test_vfat_fields(void **state)
{
	uint8_t data[512] = { [13] = 4, [14] = 1, [16] = 2, [510] = 0x55, [511] = 0xaa };
	struct fs_info info;

	memcpy(data + 54, "FAT16   ", 8);
	put_le16(data + 11, 512);
	put_le16(data + 19, 2880);
	assert_int_equal(fs_probe(data, sizeof(data), &info), 0);
	assert_string_equal(info.type, "vfat");
	assert_int_equal(info.size, 2880 * 512);
	put_le16(data + 19, 0);
	put_le32(data + 32, 0x12345);
	assert_int_equal(fs_probe(data, sizeof(data), &info), 0);
	assert_int_equal(info.size, 0x12345 * 512);
	put_le16(data + 11, 513);
	assert_int_equal(fs_probe(data, sizeof(data), &info), -EINVAL);
	put_le16(data + 11, 512);
	data[13] = 3;
	assert_int_equal(fs_probe(data, sizeof(data), &info), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_ones),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_ext_fields),
		cmocka_unit_test(test_written_by_hand),
		cmocka_unit_test(test_vfat_fields),
	};

	return cmocka_run_group_tests_name("fs-probe", tests, NULL, NULL);
}
