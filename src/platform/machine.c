/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reboot(2), the kernel's panic by way of /proc/sysrq-trigger, and the real-time signals of
 * systemd(1): SIGRTMIN+13, +14 and +15 halt, power off and reboot by systemd-shutdown, in every
 * version, where the words "halt-force" and "halt-immediate" of unit files are not known to all.
 */

#include "machine.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <sys/reboot.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cleanup.h"

/* Where systemd is built to find it; see systemd-shutdown(8). */
#define SHUTDOWN_PATH "/usr/lib/systemd/systemd-shutdown"
/* What PID 1 may take until it has replaced itself, which ends this process. */
#define MANAGER_PATIENCE_SEC 60

static const struct {
	int signal;  /* above SIGRTMIN; 0: PID 1 is not asked */
	int command; /* of reboot(2) */
	bool crash;  /* before it */
} ends[_FAIL_MAX] = {
	[FAIL_PANIC] = { 0, RB_AUTOBOOT, true },
	[FAIL_REBOOT] = { 15, RB_AUTOBOOT, false },
	[FAIL_REBOOT_IMMEDIATE] = { 0, RB_AUTOBOOT, false },
	[FAIL_POWEROFF] = { 14, RB_POWER_OFF, false },
	[FAIL_POWEROFF_IMMEDIATE] = { 0, RB_POWER_OFF, false },
	[FAIL_HALT] = { 13, RB_HALT_SYSTEM, false },
	[FAIL_HALT_IMMEDIATE] = { 0, RB_HALT_SYSTEM, false },
	/* Outside of a container systemd, too, makes a power-off of "exit". */
	[FAIL_EXIT] = { 14, RB_POWER_OFF, false },
};

bool machine_is_in_initrd(void)
{
	struct statfs fs;

	if (statfs("/", &fs) < 0)
		return false;
	return fs.f_type == TMPFS_MAGIC || fs.f_type == (typeof(fs.f_type))RAMFS_MAGIC;
}

static void ask_manager(int number)
{
	/* As sd_booted(3) finds out. */
	if (access("/run/systemd/system", F_OK) < 0 || access(SHUTDOWN_PATH, X_OK) < 0 ||
		kill(1, SIGRTMIN + number) < 0)
		return;
	/* systemd-shutdown waits for those that do not go. */
	(void)signal(SIGTERM, SIG_DFL);
	for (unsigned left = MANAGER_PATIENCE_SEC; left > 0;)
		left = sleep(left);
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
	const size_t i = action < _FAIL_MAX ? action : FAIL_PANIC;

	if (ends[i].signal > 0)
		ask_manager(ends[i].signal);
	if (ends[i].crash)
		panic();
	sync();
	(void)reboot(ends[i].command);
	panic();
	(void)reboot(RB_AUTOBOOT);
	(void)reboot(RB_HALT_SYSTEM);
	/* Without the right to do any of it nobody gets any further than here. */
	for (;;)
		(void)pause();
}
