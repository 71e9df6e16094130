/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading and writing of whole slots, each followed by a flush.
 */

#include "seal-store.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "cleanup.h"
#include "fd.h"

#define POLL_USEC   20000
#define MARK_OFFSET 4096
#define MARK_SIZE   512
#define MARK_MAGIC  "DMSGOOD1"

void seal_store_done(struct seal_store *store)
{
	cleanup_close(&store->fd);
	store->fd = -EBADF;
}

static int wait_open(const char *path, int flags, uint64_t timeout_usec)
{
	const struct timespec pause = { .tv_nsec = POLL_USEC * 1000L };

	for (uint64_t waited = 0;; waited += POLL_USEC) {
		int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

		if (fd >= 0 || (errno != ENOENT && errno != ENXIO))
			return fd < 0 ? -errno : fd;
		if (waited >= timeout_usec)
			return -ETIMEDOUT;
		(void)nanosleep(&pause, NULL);
	}
}

static int size_get(int fd, const char *path, uint64_t *ret, struct diag *diag)
{
	uint64_t size = 0;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode)) {
		if (ioctl(fd, BLKGETSIZE64, &size) < 0)
			return -errno;
	} else if (S_ISREG(st.st_mode)) {
		size = (uint64_t)st.st_size;
	} else {
		return diag_set(diag, -ENOTBLK, "%s is no block device", path);
	}
	if (size < SEAL_DEVICE_SIZE_MIN)
		return diag_set(diag, -ENOSPC, "%s has %ju bytes, and the seal needs %d", path,
			(uintmax_t)size, SEAL_DEVICE_SIZE_MIN);
	*ret = size;
	return 0;
}

int seal_store_open(const struct devref *device, bool write, uint64_t timeout_usec,
	struct seal_store *ret, struct diag *diag)
{
	_cleanup_free_ char *path = devref_path(device);
	_cleanup_close_ int fd = -EBADF;
	uint64_t size = 0;
	int r;

	if (!path)
		return -ENOMEM;
	fd = wait_open(path, write ? O_RDWR : O_RDONLY, timeout_usec);
	if (fd == -ETIMEDOUT)
		return diag_set(diag, fd, "the seal's device %s is not there", path);
	if (fd < 0)
		return diag_set(
			diag, fd, "cannot open the seal's device %s: %s", path, strerror(-fd));
	r = size_get(fd, path, &size, diag);
	if (r < 0)
		return r;
	*ret = (struct seal_store){ .fd = take_fd(fd), .size = size };
	return 0;
}

static int failed(int r, const char *doing, struct diag *diag)
{
	return r < 0 ? diag_set(diag, r, "cannot %s the seal's device: %s", doing, strerror(-r))
		     : 0;
}

static int write_flush(int fd, const void *data, size_t size, uint64_t offset, struct diag *diag)
{
	int r = fd_pwrite_full(fd, data, size, offset);

	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	return failed(r, "write", diag);
}

int seal_store_read(const struct seal_store *store, unsigned slot, uint8_t ret[SEAL_SLOT_SIZE],
	struct diag *diag)
{
	return failed(
		fd_pread_full(store->fd, ret, SEAL_SLOT_SIZE, (uint64_t)slot * SEAL_SLOT_DISTANCE),
		"read", diag);
}

int seal_store_count(const struct devref *device, unsigned *ret, struct diag *diag)
{
	_cleanup_(seal_store_done) struct seal_store store = SEAL_STORE_INIT;
	unsigned n = 0;
	int r = seal_store_open(device, false, 0, &store, diag);

	for (unsigned i = 0; r >= 0 && i < SEAL_SLOT_COUNT; i++) {
		uint8_t data[SEAL_SLOT_SIZE];
		struct seal_slot slot;

		r = seal_store_read(&store, i, data, diag);
		if (r >= 0)
			n += seal_slot_decode(data, &slot, NULL) == 0;
	}
	if (r < 0)
		return r;
	*ret = n;
	return 0;
}

int seal_store_write(const struct seal_store *store, unsigned slot,
	const uint8_t data[SEAL_SLOT_SIZE], struct diag *diag)
{
	return write_flush(
		store->fd, data, SEAL_SLOT_SIZE, (uint64_t)slot * SEAL_SLOT_DISTANCE, diag);
}

/* Magic (8), epoch (be64), the epoch's complement (be64), zeros. */
int seal_store_get_good(const struct seal_store *store, uint64_t *ret, struct diag *diag)
{
	uint8_t mark[MARK_SIZE];
	int r = failed(fd_pread_full(store->fd, mark, sizeof(mark), MARK_OFFSET), "read", diag);

	if (r < 0)
		return r;
	*ret = 0;
	if (memcmp(mark, MARK_MAGIC, 8) == 0 && get_be64(mark + 8) == ~get_be64(mark + 16))
		*ret = get_be64(mark + 8);
	return 0;
}

int seal_store_set_good(const struct seal_store *store, uint64_t epoch, struct diag *diag)
{
	uint8_t mark[MARK_SIZE] = {};

	memcpy(mark, MARK_MAGIC, 8);
	put_be64(mark + 8, epoch);
	put_be64(mark + 16, ~epoch);
	return write_flush(store->fd, mark, sizeof(mark), MARK_OFFSET, diag);
}
