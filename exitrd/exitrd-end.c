/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices, and the end. Mappings of others are taken down as well, as systemd-shutdown(8) does it,
 * since a logical volume or an array may stand on a layer.
 */

#include <fcntl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "dm.h"
#include "exitrd.h"
#include "fd.h"
#include "log.h"

#define ATTEMPTS	  20
#define ATTEMPT_MSEC	  100
#define REBOOT_PARAM_PATH "/run/systemd/reboot-param"

/* --- devices --- */

/* An array that somebody uses is refused. Returns how many were stopped. */
static size_t stop_arrays(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/partitions", "re");
	_cleanup_free_ char *line = NULL;
	size_t space = 0, n = 0;

	while (f && getline(&line, &space, f) > 0) {
		char name[64], path[80];
		unsigned number;

		/* NOLINTNEXTLINE(cert-err34-c): the kernel's numbers fit. */
		if (sscanf(line, " %u %*u %*u %63s", &number, name) != 2 || number != MD_MAJOR)
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%s", name);

		_cleanup_close_ int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);

		if (fd >= 0 && ioctl(fd, STOP_ARRAY, NULL) >= 0)
			n++;
	}
	return n;
}

/* Whoever still uses them gets errors from now on, and nobody finds the keys. */
static int wipe_left(void)
{
	_cleanup_(mapping_list_done) struct mapping_list list = {};
	int r = mapping_list_all(&list, NULL);

	for (size_t i = 0; r >= 0 && i < list.n; i++) {
		_cleanup_(diag_done) struct diag diag = {};

		log_error("the mapping %s is left", list.items[i].name);
		if (strstr(list.items[i].uuid, MAPPING_UUID_MARK) &&
			mapping_wipe(list.items[i].name, &diag) < 0)
			log_error("%s: %s", list.items[i].name, diag.what ?: "cannot be wiped");
	}
	return r < 0 ? r : (int)list.n;
}

int exitrd_detach(void)
{
	static const struct timespec pause = { .tv_nsec = ATTEMPT_MSEC * 1000000L };

	for (unsigned attempt = 0; attempt < ATTEMPTS;) {
		_cleanup_(diag_done) struct diag diag = {};
		size_t left = 0, removed = 0;
		int r = mapping_remove_unused(true, &left, &removed, &diag);

		if (r < 0)
			return log_diag(r, &diag);
		if (left == 0)
			return 0;
		if (removed + stop_arrays() > 0)
			continue;
		(void)nanosleep(&pause, NULL);
		attempt++;
	}
	return wipe_left();
}

/* --- the end --- */

static const struct {
	const char *word;
	int command; /* of reboot(2) */
} actions[] = {
	{ "poweroff", RB_POWER_OFF },
	{ "reboot", RB_AUTOBOOT },
	{ "halt", RB_HALT_SYSTEM },
	{ "kexec", (int)LINUX_REBOOT_CMD_KEXEC },
	/* Outside of a container there is nobody to exit to. */
	{ "exit", RB_POWER_OFF },
};

bool exitrd_knows(const char *action)
{
	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (streq(actions[i].word, action))
			return true;
	return false;
}

/* "systemctl reboot --reboot-argument=": a word for the firmware. */
static void reboot_with_param(void)
{
	_cleanup_free_ char *param = NULL;

	if (file_read(AT_FDCWD, REBOOT_PARAM_PATH, 4096, &param, NULL) < 0)
		return;
	param[strcspn(param, "\n")] = '\0';
	if (*param)
		(void)syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_RESTART2, param);
}

void exitrd_reboot(const char *action)
{
	int command = RB_POWER_OFF;

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++)
		if (streq(actions[i].word, action))
			command = actions[i].command;
	sync();
	if (command == RB_AUTOBOOT)
		reboot_with_param();
	(void)reboot(command);
	/* Without a kernel that was loaded there is no kexec. */
	log_error("%s is refused: %s", action, strerror(errno));
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}
