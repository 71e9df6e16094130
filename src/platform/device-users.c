/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads sysfs and /proc. All of it is for a message, so what cannot be read is left out.
 */

#include "device-users.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
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
