/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stopping and restarting mappings that stay, and telling a target something in between.
 */

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "dm-task.h"
#include "dm.h"

int mapping_suspend(const char *name, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_SUSPEND, name);
	int r;

	if (!task)
		return task_unavailable(diag);
	r = task_run(task);
	if (r < 0)
		return diag_set(
			diag, r, "the kernel did not suspend the mapping: %s", strerror(-r));
	return 0;
}

int mapping_wake(const char *name, bool hidden, struct diag *diag)
{
	int r = mapping_resume(name, hidden);

	if (r < 0)
		return diag_set(diag, r, "the kernel did not resume the mapping: %s", strerror(-r));
	return 0;
}

int mapping_message(const char *name, const char *message, struct diag *diag)
{
	_cleanup_(task_freep) struct dm_task *task = task_new(DM_DEVICE_TARGET_MSG, name);
	int r;

	if (!task)
		return task_unavailable(diag);
	if (!dm_task_set_sector(task, 0) || !dm_task_set_message(task, message))
		return -ENOMEM;
	r = task_run(task);
	if (r < 0)
		return diag_set(diag, r, "the kernel did not take the message \"%s\": %s", message,
			strerror(-r));
	return 0;
}
