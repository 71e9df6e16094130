/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What file system is in an image, read from its superblock. It is there to refuse what could not
 * be mounted on a layer with larger blocks, not to replace blkid(8).
 */

#include "macro.h"

#define FS_PROBE_SIZE 131072 /* bytes from the begin of the device that are looked at */

struct fs_info {
	const char
		*type; /* as mount(8) -t takes it: ext4, xfs, btrfs, erofs, squashfs, f2fs, vfat */
	/*
	 * Bytes: the largest logical block size of a device on which the kernel mounts it. It is
	 * the block size of most, but the sector size of xfs and vfat, and squashfs takes 4096.
	 */
	uint32_t block_size;
	uint64_t size; /* bytes that it covers; 0 if the superblock does not say */
	/*
	 * Its journal has to be replayed first, so it cannot be mounted from what cannot be
	 * written.
	 */
	bool needs_recovery;
};

/*
 * data may be shorter than FS_PROBE_SIZE if the device is. -ENODATA: none is recognised.
 * -EINVAL: one is, but its superblock makes no sense.
 */
int fs_probe(const uint8_t *data, size_t size, struct fs_info *ret) _must_check_;
