/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Without CAP_IPC_LOCK a limit would make later allocations fail, and struct secret locks its own
 * pages anyhow.
 */

#include "memory.h"

#include <linux/capability.h>
#include <malloc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

void memory_lock(void)
{
	(void)mallopt(M_PERTURB, 0xa5);
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_IPC_LOCK, 0, 0, 0) == 1)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}
