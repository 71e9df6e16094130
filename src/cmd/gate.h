/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the gate between initrd and root looks at.
 */

#include "stack.h"

/* What dmstack-generator leaves last; see dmstack-generator(8). */
#define GATE_STATE_PATH "/run/systemd/generator/dmstack.state"

/* True if the sealed phase wants the layer in the initrd. */
bool gate_wants(const struct layer *layer);
/*
 * Holds the generator's state file against the layers that are wanted. -ENOENT: a stack is
 * missing there; -EBADMSG: the generator failed for a sealed stack. The diag says which.
 */
int gate_check_state(const struct stack *stack, const char *state, struct diag *diag) _must_check_;
/*
 * All of it, in the running initrd: nobody is in the way, the generator ran, every sealed layer is
 * active with the table that is planned, and what is mounted below /sysroot stands on them.
 */
int gate_check(const struct stack *stack, struct diag *diag) _must_check_;
