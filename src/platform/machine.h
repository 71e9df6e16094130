/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The whole machine. Nobody is asked but PID 1, by a signal, and the kernel: no bus, no program.
 */

#include "layer.h"

/* True if / is the memory that an initrd was unpacked into. */
bool machine_is_in_initrd(void);
/*
 * Ends it in every case: should the action fail, a panic, a reboot, then a halt. If PID 1 is a
 * systemd, it gets a minute for a reboot, poweroff, halt or exit, so that its systemd-shutdown does
 * it in order; the -immediate forms and a panic are at once.
 */
void machine_end(enum fail_action action) __attribute__((noreturn));
