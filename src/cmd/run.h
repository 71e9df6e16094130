/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The privileged loop: does the steps of a plan. Each step looks at the world again before it acts,
 * since a plan knows only what was configured.
 */

#include "plan.h"

/*
 * Does all steps in order. A mapping that is there already and is what was planned is left as it
 * is; one that differs, or is not ours, is -EEXIST. If a step fails, the mappings that this call
 * made are removed again, the last first. In any case no key of ours stays in the kernel keyring.
 * Layers take over what their superblocks say (layer_type.adopt).
 */
int run_plan(const struct plan *plan, struct diag *diag) _must_check_;

/* Plans a layer with all that it stands on, and does that. */
int run_attach(const struct stack *stack, struct layer *layer, struct diag *diag) _must_check_;

/*
 * Holds the live mapping of a layer against its configuration; changes nothing. 0: it is as
 * planned; -ENODEV: it is not active; -EEXIST: it differs, and the diag says where.
 */
int run_compare(struct layer *layer, struct diag *diag) _must_check_;

/*
 * Removes the mapping of that name if it is one of ours; one that is not there is no error.
 * -EBUSY: in use, and the diag says by whom. -EEXIST: not ours.
 */
int run_remove(const char *name, struct diag *diag) _must_check_;
