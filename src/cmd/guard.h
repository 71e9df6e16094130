/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Has somebody changed what systemd does with the units of the sealed phase? The units cannot
 * tell by themselves, so the processes that they start look.
 */

#include "diag.h"

/*
 * Kernel command line, units and credentials of the running system. -EPERM: something is in the
 * way of the sealed phase, and the diag says what.
 */
int guard_machine(struct diag *diag) _must_check_;
/* Files only, below a root (-EBADF: the real one). */
int guard_units(int root_fd, struct diag *diag) _must_check_;
