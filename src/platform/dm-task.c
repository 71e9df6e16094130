/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What all calls of libdevmapper share. Its messages never reach stderr by themselves: the first
 * error is kept for the diag, the rest is dropped, since debug messages repeat table lines.
 */

#include "dm-task.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define LEVEL_MASK 0x07 /* flags lie above it */
#define LEVEL_ERR  3	/* as in syslog(3) */

static char complaint[256];

__attribute__((format(printf, 5, 6))) static void keep_complaint(
	int level, const char *file, int line, int errno_class, const char *format, ...)
{
	va_list ap;

	if ((level & LEVEL_MASK) > LEVEL_ERR || *complaint)
		return;
	va_start(ap, format);
	(void)vsnprintf(complaint, sizeof(complaint), format, ap);
	va_end(ap);
}

struct dm_task *task_new(int type, const char *name)
{
	_cleanup_(task_freep) struct dm_task *task = NULL;

	dm_log_with_errno_init(keep_complaint);
	complaint[0] = '\0';

	task = dm_task_create(type);
	if (!task)
		return NULL;
	if (name && !dm_task_set_name(task, name))
		return NULL;
	return take_ptr(task);
}

int task_run(struct dm_task *task)
{
	if (dm_task_run(task))
		return 0;

	int e = dm_task_get_errno(task);

	/* 0: it did not come to an ioctl, for want of the control device. */
	return e > 0 ? -e : -ENODEV;
}

int task_unavailable(struct diag *diag)
{
	if (!*complaint)
		return -ENOMEM;
	return diag_set(diag, -ENODEV, "device-mapper is not available: %s", complaint);
}

const char *task_complaint(void)
{
	return complaint;
}
