/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Loop devices for layers whose device is a file (loop(4), LOOP_CONFIGURE of Linux 5.8).
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/loop.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "blockdev.h"
#include "cleanup.h"
#include "program.h"

/* Another process may take the free device first. */
#define TRIES_MAX 16

static int control_open(void)
{
	static const char *const argv[] = { "modprobe", "-q", "--", "loop", NULL };
	int fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);

	if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
		(void)!program_run("/sbin/modprobe", argv);
		fd = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* -EBUSY: somebody was faster. */
static int loop_configure(int control_fd, int file_fd, const char *path, bool read_only, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	struct loop_config config = {
		.fd = (uint32_t)file_fd,
		.info = { .lo_flags = LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO |
				      (read_only ? LO_FLAGS_READ_ONLY : 0U) },
	};
	char node[32];
	int number;

	number = ioctl(control_fd, LOOP_CTL_GET_FREE);
	if (number < 0)
		return -errno;
	(void)snprintf(node, sizeof(node), "/dev/loop%d", number);
	fd = open(node, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	/* For people who look at losetup(8); it may be cut. */
	(void)snprintf(
		(char *)config.info.lo_file_name, sizeof(config.info.lo_file_name), "%s", path);
	if (ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno;
	*ret = take_fd(fd);
	return 0;
}

int loopdev_attach(const char *path, bool read_only, struct blockdev *ret, struct diag *diag)
{
	_cleanup_close_ int control_fd = -EBADF, file_fd = -EBADF, fd = -EBADF;
	struct stat st;
	int r = -EBUSY;

	file_fd = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);
	if (file_fd < 0)
		return diag_set(diag, -errno, "cannot open %s: %s", path, strerror(errno));
	if (fstat(file_fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return diag_set(diag, -EINVAL, "%s is neither a block device nor a file", path);
	control_fd = control_open();
	if (control_fd < 0)
		return diag_set(
			diag, control_fd, "no loop device for %s: %s", path, strerror(-control_fd));

	for (unsigned i = 0; r == -EBUSY && i < TRIES_MAX; i++)
		r = loop_configure(control_fd, file_fd, path, read_only, &fd);
	if (r < 0)
		return diag_set(diag, r, "no loop device for %s: %s", path, strerror(-r));

	if (fstat(fd, &st) < 0)
		return -errno;
	*ret = (struct blockdev){ .fd = -EBADF };
	/* The open descriptor keeps the device while it is opened again by its number. */
	return blockdev_open_number(st.st_rdev, ret, diag);
}

bool loopdev_is_on(dev_t device, const char *path)
{
	_cleanup_(blockdev_done) struct blockdev dev = BLOCKDEV_INIT;
	struct loop_info64 info;
	struct stat st;

	if (stat(path, &st) < 0 || blockdev_open_number(device, &dev, NULL) < 0)
		return false;
	if (ioctl(dev.fd, LOOP_GET_STATUS64, &info) < 0)
		return false;
	return info.lo_device == st.st_dev && info.lo_inode == st.st_ino && info.lo_offset == 0 &&
	       info.lo_sizelimit == 0;
}

/* The kernel puts " (deleted)" behind the path of a file without a name; then it is another one. */
static bool is_backing_file(const char *device, const struct stat *file)
{
	char path[300], backing[PATH_MAX + 1];
	_cleanup_fclose_ FILE *f = NULL;
	struct stat st;

	(void)snprintf(path, sizeof(path), "/sys/block/%s/loop/backing_file", device);
	f = fopen(path, "re");
	if (!f || !fgets(backing, sizeof(backing), f))
		return false;
	backing[strcspn(backing, "\n")] = '\0';
	return stat(backing, &st) == 0 && st.st_dev == file->st_dev && st.st_ino == file->st_ino;
}

bool loopdev_uses(const char *path)
{
	bool found = false;
	struct stat st;
	DIR *folder;

	if (stat(path, &st) < 0)
		return false;
	folder = opendir("/sys/block");
	if (!folder)
		return false;
	for (const struct dirent *entry; !found && (entry = readdir(folder));)
		found = startswith(entry->d_name, "loop") && is_backing_file(entry->d_name, &st);
	(void)closedir(folder);
	return found;
}
