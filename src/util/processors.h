/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sched.h>

/* How many processors this process may use; at least 1. */
static inline unsigned processors_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1U : (unsigned)CPU_COUNT(&set);
}
