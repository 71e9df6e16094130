/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding and opening block devices.
 */

#include "blockdev.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "fd.h"

#define POLL_USEC 100000

void blockdev_done(struct blockdev *dev)
{
	cleanup_close(&dev->fd);
	*dev = (struct blockdev)BLOCKDEV_INIT;
}

/* Fills the rest from an open descriptor, which is taken over on success. */
static int blockdev_measure(int fd, const char *path, struct blockdev *ret, struct diag *diag)
{
	uint64_t bytes;
	struct stat st;
	int ro, block_size;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return diag_set(diag, -ENOTBLK, "%s is not a block device", path);
	if (ioctl(fd, BLKGETSIZE64, &bytes) < 0 || ioctl(fd, BLKROGET, &ro) < 0 ||
		ioctl(fd, BLKSSZGET, &block_size) < 0)
		return diag_set(diag, -errno, "cannot measure %s: %s", path, strerror(errno));
	*ret = (struct blockdev){
		.fd = fd,
		.device = st.st_rdev,
		.sectors = bytes / 512,
		.block_size = (uint32_t)block_size,
		.read_only = ro != 0,
	};
	return 0;
}

static int open_path(const char *path, struct blockdev *ret, struct diag *diag)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0)
		return diag_set(diag, -errno, "cannot open %s: %s", path, strerror(errno));
	r = blockdev_measure(fd, path, ret, diag);
	if (r == 0)
		(void)take_fd(fd);
	return r;
}

/*
 * Waits for the node or link. Below units the device is there already, so that this costs one
 * access(2); the slow road is for calls by hand.
 */
static int wait_for(const char *path, uint64_t timeout_usec, struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = POLL_USEC * 1000L };
	uint64_t begin = clock_usec();

	while (access(path, F_OK) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return diag_set(diag, -errno, "cannot reach %s: %s", path, strerror(errno));
		if (clock_usec() - begin >= timeout_usec)
			return diag_set(diag, -ETIMEDOUT, "%s did not appear within %ju s", path,
				(uintmax_t)(timeout_usec / 1000000));
		if (nanosleep(&pause, NULL) < 0)
			return diag_set(diag, -EINTR, "interrupted while waiting for %s", path);
	}
	return 0;
}

int blockdev_open(const struct devref *ref, bool read_only, uint64_t timeout_usec,
	struct blockdev *ret, struct diag *diag)
{
	_cleanup_free_ char *path = devref_path(ref);
	int r;

	if (!path)
		return -ENOMEM;
	r = wait_for(path, timeout_usec, diag);
	if (r < 0)
		return r;
	if (devref_is_file(ref))
		return loopdev_attach(path, read_only, ret, diag);
	return open_path(path, ret, diag);
}

int blockdev_reopen_alone(struct blockdev *dev, struct diag *diag)
{
	_cleanup_close_ int fd = -EBADF;
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", dev->fd);
	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return diag_set(diag, -errno, "cannot have the device %u:%u for writing alone: %s",
			major(dev->device), minor(dev->device), strerror(errno));
	/* udev keeps off what is locked; and of files this is the only mark. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return diag_set(diag, errno == EWOULDBLOCK ? -EBUSY : -errno,
			"somebody else works on it: %s", strerror(errno));
	cleanup_close(&dev->fd);
	dev->fd = take_fd(fd);
	return 0;
}

int blockdev_open_file(const char *path, struct blockdev *ret, struct diag *diag)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return diag_set(diag, -errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return diag_set(diag, -EINVAL, "%s is neither a block device nor a file", path);
	if (loopdev_uses(path))
		return diag_set(diag, -EBUSY, "a loop device is on %s", path);
	*ret = (struct blockdev){
		.fd = take_fd(fd),
		.sectors = (uint64_t)st.st_size / 512,
		.block_size = 512,
	};
	return 0;
}

/* The kernel's own name of the device, from sysfs, since links may be missing or late. */
static int number_path(dev_t device, char *ret, size_t size)
{
	char link[64], target[256];
	const char *base;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/sys/dev/block/%u:%u", major(device), minor(device));
	n = readlink(link, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	base = strrchr(target, '/');
	if (!base)
		return -ENODEV;
	if ((size_t)snprintf(ret, size, "/dev/%s", base + 1) >= size)
		return -ENAMETOOLONG;
	for (char *p = ret; *p; p++)
		if (*p == '!')
			*p = '/';
	return 0;
}

int blockdev_open_number(dev_t device, struct blockdev *ret, struct diag *diag)
{
	_cleanup_(blockdev_done) struct blockdev dev = BLOCKDEV_INIT;
	char path[280];
	int r;

	r = number_path(device, path, sizeof(path));
	if (r < 0)
		return diag_set(
			diag, r, "there is no block device %u:%u", major(device), minor(device));
	r = open_path(path, &dev, diag);
	if (r < 0)
		return r;
	if (dev.device != device)
		return diag_set(diag, -ENODEV, "%s is not device %u:%u", path, major(device),
			minor(device));
	*ret = dev;
	dev = (struct blockdev)BLOCKDEV_INIT;
	return 0;
}

int blockdev_read(const struct blockdev *dev, void *ret, size_t size, uint64_t offset_bytes,
	struct diag *diag)
{
	int r = fd_pread_full(dev->fd, ret, size, offset_bytes);

	if (r == -ENODATA)
		return diag_set(
			diag, r, "the device ends before byte %ju", (uintmax_t)offset_bytes + size);
	if (r < 0)
		return diag_set(diag, r, "cannot read %zu bytes at %ju: %s", size,
			(uintmax_t)offset_bytes, strerror(-r));
	return 0;
}
