/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file systems by their superblocks: one probe each, which finds its magic first and then says
 * what it found or that it makes no sense. Sources: the kernel's headers of each file system.
 */

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "fs-probe.h"
#include "overflow.h"

#define SQUASHFS_LOGICAL_BLOCK_MAX 4096

static int set_info(struct fs_info *ret, const char *type, uint64_t block_size, uint64_t size)
{
	if (!is_pow2(block_size) || block_size < 512 || block_size > 65536)
		return -EINVAL;
	*ret = (struct fs_info){ .type = type, .block_size = (uint32_t)block_size, .size = size };
	return 0;
}

/* The same, with the size in units of unit bytes. */
static int set_info_units(
	struct fs_info *ret, const char *type, uint64_t block_size, uint64_t units, uint64_t unit)
{
	uint64_t size;

	if (mul_overflows(units, unit, &size))
		return -EINVAL;
	return set_info(ret, type, block_size, size);
}

/* What ext3 knows; anything else needs ext4. */
#define EXT_COMPAT_JOURNAL	 0x4U
#define EXT_INCOMPAT_RECOVER	 0x4U
#define EXT_INCOMPAT_JOURNAL_DEV 0x8U
#define EXT_INCOMPAT_64BIT	 0x80U
#define EXT3_INCOMPAT		 (0x2U | 0x4U | 0x10U)
#define EXT3_RO_COMPAT		 (0x1U | 0x2U | 0x4U)

static const char *ext_type(const uint8_t *sb)
{
	if ((get_le32(sb + 96) & ~EXT3_INCOMPAT) || (get_le32(sb + 100) & ~EXT3_RO_COMPAT))
		return "ext4";
	return get_le32(sb + 92) & EXT_COMPAT_JOURNAL ? "ext3" : "ext2";
}

static int probe_ext(const uint8_t *sb, struct fs_info *ret)
{
	uint32_t log2_block = get_le32(sb + 24);
	uint64_t blocks = get_le32(sb + 4);

	if (get_le16(sb + 56) != 0xef53 || (get_le32(sb + 96) & EXT_INCOMPAT_JOURNAL_DEV))
		return -ENODATA;
	if (log2_block > 6)
		return -EINVAL;
	if (get_le32(sb + 96) & EXT_INCOMPAT_64BIT)
		blocks |= (uint64_t)get_le32(sb + 336) << 32;

	int r = set_info_units(ret, ext_type(sb), 1024U << log2_block, blocks, 1024U << log2_block);
	if (r >= 0)
		ret->needs_recovery = get_le32(sb + 96) & EXT_INCOMPAT_RECOVER;
	return r;
}

static int probe_xfs(const uint8_t *sb, struct fs_info *ret)
{
	uint32_t block_size = get_be32(sb + 4);

	if (memcmp(sb, "XFSB", 4) != 0)
		return -ENODATA;
	if (!is_pow2(block_size) || block_size < 512 || block_size > 65536)
		return -EINVAL;
	return set_info_units(ret, "xfs", get_be16(sb + 102), get_be64(sb + 8), block_size);
}

static int probe_btrfs(const uint8_t *sb, struct fs_info *ret)
{
	if (memcmp(sb + 64, "_BHRfS_M", 8) != 0)
		return -ENODATA;
	/* With several devices the total says nothing about this one. */
	uint64_t size = get_le64(sb + 136) == 1 ? get_le64(sb + 112) : 0;
	return set_info(ret, "btrfs", get_le32(sb + 144), size);
}

static int probe_erofs(const uint8_t *sb, struct fs_info *ret)
{
	if (get_le32(sb) != 0xe0f5e1e2)
		return -ENODATA;
	if (sb[12] < 9 || sb[12] > 16)
		return -EINVAL;
	return set_info_units(ret, "erofs", 1U << sb[12], get_le32(sb + 36), 1U << sb[12]);
}

static int probe_squashfs(const uint8_t *sb, struct fs_info *ret)
{
	if (memcmp(sb, "hsqs", 4) != 0)
		return -ENODATA;
	if (get_le16(sb + 28) != 4)
		return -EINVAL;
	return set_info(ret, "squashfs", SQUASHFS_LOGICAL_BLOCK_MAX, get_le64(sb + 40));
}

static int probe_f2fs(const uint8_t *sb, struct fs_info *ret)
{
	uint32_t log2_block = get_le32(sb + 16);

	if (get_le32(sb) != 0xf2f52010)
		return -ENODATA;
	if (log2_block < 12 || log2_block > 16)
		return -EINVAL;
	return set_info_units(ret, "f2fs", 1U << log2_block, get_le64(sb + 36), 1U << log2_block);
}

/* A partition table has the same last bytes, so the name is asked for too. */
static int probe_vfat(const uint8_t *sb, struct fs_info *ret)
{
	bool fat32 = memcmp(sb + 82, "FAT32   ", 8) == 0;

	if (sb[510] != 0x55 || sb[511] != 0xaa || (!fat32 && memcmp(sb + 54, "FAT", 3) != 0))
		return -ENODATA;
	/* Reserved sectors, number of tables, sectors per cluster. */
	if (get_le16(sb + 14) == 0 || sb[16] == 0 || !is_pow2(sb[13]))
		return -EINVAL;
	uint32_t sectors = get_le16(sb + 19);
	if (sectors == 0)
		sectors = get_le32(sb + 32);
	return set_info_units(ret, "vfat", get_le16(sb + 11), sectors, get_le16(sb + 11));
}

/* Where each superblock is, and how many bytes of it are read, at most. */
static const struct {
	size_t offset;
	size_t size;
	int (*probe)(const uint8_t *sb, struct fs_info *ret);
} probes[] = {
	{ 0, 512, probe_xfs },
	{ 0, 512, probe_squashfs },
	{ 1024, 1024, probe_erofs },
	{ 1024, 1024, probe_f2fs },
	{ 1024, 1024, probe_ext },
	{ 65536, 4096, probe_btrfs },
	{ 0, 512, probe_vfat },
};

int fs_probe(const uint8_t *data, size_t size, struct fs_info *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(probes); i++) {
		if (size < probes[i].offset + probes[i].size)
			continue;
		int r = probes[i].probe(data + probes[i].offset, ret);
		if (r != -ENODATA)
			return r;
	}
	return -ENODATA;
}
