/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reboot(2), and the kernel's panic by way of /proc/sysrq-trigger.
 */

#include "machine.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/reboot.h>
#include <sys/vfs.h>
#include <unistd.h>

bool machine_is_in_initrd(void)
{
	struct statfs fs;

	if (statfs("/", &fs) < 0)
		return false;
	return fs.f_type == TMPFS_MAGIC || fs.f_type == (typeof(fs.f_type))RAMFS_MAGIC;
}

/* Root may do so whatever kernel.sysrq says. */
static void panic(void)
{
	_cleanup_close_ int fd = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "c", 1);
}

void machine_end(enum fail_action action)
{
	sync();
	switch (action) {
	case FAIL_REBOOT:
	case FAIL_REBOOT_IMMEDIATE:
		(void)reboot(RB_AUTOBOOT);
		break;
	case FAIL_POWEROFF:
	case FAIL_POWEROFF_IMMEDIATE:
	case FAIL_EXIT:
		(void)reboot(RB_POWER_OFF);
		break;
	case FAIL_HALT:
	case FAIL_HALT_IMMEDIATE:
		(void)reboot(RB_HALT_SYSTEM);
		break;
	case FAIL_PANIC:
	case _FAIL_MAX:
		break;
	}
	panic();
	(void)reboot(RB_AUTOBOOT);
	(void)reboot(RB_HALT_SYSTEM);
	/* Without the right to do any of it nobody gets any further than here. */
	for (;;)
		(void)pause();
}
