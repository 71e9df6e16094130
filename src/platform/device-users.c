/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads sysfs and /proc. All of it is for a message, so what cannot be read is left out.
 */

#include "device-users.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

static void separate(struct buf *buf, size_t begin)
{
	if (buf->size > begin)
		buf_puts(buf, ", ");
}

/* The mapping's name of a holder such as dm-3, or the kernel's name of the device. */
static void print_holder(const char *holder, struct buf *buf)
{
	_cleanup_fclose_ FILE *f = NULL;
	char path[300], name[200];

	(void)snprintf(path, sizeof(path), "/sys/class/block/%s/dm/name", holder);
	f = fopen(path, "re");
	if (f && fgets(name, sizeof(name), f)) {
		name[strcspn(name, "\n")] = '\0';
		buf_printf(buf, "mapping \"%s\"", name);
		return;
	}
	buf_printf(buf, "device %s", holder);
}

static void print_holders(dev_t device, struct buf *buf)
{
	size_t begin = buf->size;
	struct dirent *entry;
	char path[80];
	DIR *dir;

	(void)snprintf(
		path, sizeof(path), "/sys/dev/block/%u:%u/holders", major(device), minor(device));
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		separate(buf, begin);
		print_holder(entry->d_name, buf);
	}
	(void)closedir(dir);
}

/* Lines "36 35 98:0 /root /mount/point options...", where the point has \040 for a blank. */
static void print_mounts(dev_t device, struct buf *buf)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t begin = buf->size, space = 0;

	while (f && getline(&line, &space, f) > 0) {
		unsigned ma, mi;
		int at = 0;

		/* NOLINTNEXTLINE(cert-err34-c): the kernel's numbers fit. */
		if (sscanf(line, "%*u %*u %u:%u %*s %n", &ma, &mi, &at) < 2 || at == 0)
			continue;
		if (makedev(ma, mi) != device)
			continue;
		separate(buf, begin);
		buf_puts(buf, "mounted on ");
		buf_printf(buf, "%.*s", (int)strcspn(line + at, " "), line + at);
	}
}

static void print_swap(dev_t device, struct buf *buf)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/swaps", "re");
	_cleanup_free_ char *line = NULL;
	size_t begin = buf->size, space = 0;
	struct stat st;

	while (f && getline(&line, &space, f) > 0) {
		line[strcspn(line, " \t")] = '\0';
		if (*line != '/' || stat(line, &st) < 0 || !S_ISBLK(st.st_mode))
			continue;
		if (st.st_rdev != device)
			continue;
		separate(buf, begin);
		buf_puts(buf, "used as swap");
	}
}

void device_users_print(dev_t device, struct buf *buf)
{
	size_t begin = buf->size;
	void (*const printers[])(dev_t, struct buf *) = { print_holders, print_mounts, print_swap };

	for (size_t i = 0; i < ARRAY_SIZE(printers); i++) {
		_cleanup_(buf_done) struct buf part = {};

		printers[i](device, &part);
		if (part.size == 0)
			continue;
		separate(buf, begin);
		buf_puts(buf, buf_str(&part));
	}
}

/* Of a file system without a device number of its own, such as btrfs: what it was mounted from. */
static bool mount_source_is(uint64_t mount_id, dev_t device)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t space = 0;

	while (f && getline(&line, &space, f) > 0) {
		char *source = strstr(line, " - ");
		struct stat st;

		if (strtoull(line, NULL, 10) != mount_id || !source)
			continue;
		source += strlen(" - ");
		source += strcspn(source, " ");
		source += *source == ' ';
		source[strcspn(source, " \n")] = '\0';
		return stat(source, &st) == 0 && S_ISBLK(st.st_mode) && st.st_rdev == device;
	}
	return false;
}

bool device_is_mounted_at(dev_t device, const char *path)
{
	struct statx sx;

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &sx) < 0 ||
		!(sx.stx_attributes & STATX_ATTR_MOUNT_ROOT))
		return false;
	if (makedev(sx.stx_dev_major, sx.stx_dev_minor) == device)
		return true;
	return sx.stx_dev_major == 0 && sx.stx_mask & STATX_MNT_ID &&
	       mount_source_is(sx.stx_mnt_id, device);
}
