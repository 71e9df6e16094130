/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The whole machine, where there is no systemd that could be told: in an initrd of shell scripts.
 */

#include "layer.h"

/* True if / is the memory that an initrd was unpacked into. */
bool machine_is_in_initrd(void);
/* Ends it, at once and in every case: should the action fail, a panic, a reboot, then a halt. */
void machine_end(enum fail_action action) __attribute__((noreturn));
