/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Block devices that layers stand on: finding, opening, measuring, reading; and loop devices where
 * the configuration names a file. Sectors are of 512 bytes.
 */

#include <sys/types.h>

#include "devref.h"
#include "diag.h"
#include "macro.h"

struct blockdev {
	int fd; /* open for reading; owned */
	dev_t device;
	uint64_t sectors;
	uint32_t block_size; /* logical, bytes */
	bool read_only;
};
#define BLOCKDEV_INIT                                                                              \
	{                                                                                          \
		.fd = -EBADF                                                                       \
	}

void blockdev_done(struct blockdev *dev);

/*
 * The device that a reference other than DEVREF_LAYER names, once it is there. timeout_usec
 * UINT64_MAX: for ever. -ETIMEDOUT: it did not come; -ENOTBLK: it is something else. A file gets a
 * loop device, which goes away by itself when the fd and all mappings above are closed.
 */
int blockdev_open(const struct devref *ref, bool read_only, uint64_t timeout_usec,
	struct blockdev *ret, struct diag *diag) _must_check_;
/* By number, as for a mapping. It needs no udev. */
int blockdev_open_number(dev_t device, struct blockdev *ret, struct diag *diag) _must_check_;
/* A file itself, which no loop device may be on. */
int blockdev_open_file(const char *path, struct blockdev *ret, struct diag *diag) _must_check_;
/*
 * Opens it for writing as well, and so that nobody else can. -EBUSY: it is mounted, part of a
 * mapping, or open in this way.
 */
int blockdev_reopen_alone(struct blockdev *dev, struct diag *diag) _must_check_;
/* -ENODATA: behind the end. */
int blockdev_read(const struct blockdev *dev, void *ret, size_t size, uint64_t offset_bytes,
	struct diag *diag) _must_check_;

/* A loop device on the whole file, read-only if the file can only be read or that is wanted. */
int loopdev_attach(
	const char *path, bool read_only, struct blockdev *ret, struct diag *diag) _must_check_;
/* True if any loop device is on the file. It needs no privilege. */
bool loopdev_uses(const char *path);
/* True if the device is a loop device on the whole of this file. */
bool loopdev_is_on(dev_t device, const char *path);
