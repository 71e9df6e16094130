/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SIGINT and SIGTERM set a flag. Whoever works for long looks at it and gives up with -ECANCELED,
 * so that nothing unfinished stays behind. A second signal of the same kind kills at once.
 */

#include <signal.h>

extern volatile sig_atomic_t interrupted;

void interrupt_setup(void);
