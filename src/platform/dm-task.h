/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Within dm*.c only: libdevmapper's tasks with our error handling.
 */

#include <libdevmapper.h>

#include "cleanup.h"
#include "diag.h"
#include "macro.h"

/* A task on the named mapping (NULL: on none). NULL: see task_unavailable(). */
struct dm_task *task_new(int type, const char *name);
/* Resumes and waits for udev; -errno, without a sentence. */
int mapping_resume(const char *name, bool hidden) _must_check_;
/* Why there is no task: -ENODEV without device-mapper or access to it, else -ENOMEM. */
int task_unavailable(struct diag *diag);
/* Runs it. Fails with the errno of the ioctl; no diag is set. */
int task_run(struct dm_task *task) _must_check_;
/* The first thing that libdevmapper complained about in this task; "" if nothing. */
const char *task_complaint(void);

static inline void task_freep(struct dm_task **task)
{
	if (*task)
		dm_task_destroy(*task);
}
