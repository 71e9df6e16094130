/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The end of the road in the sealed phase.
 */

#include "stack.h"

/* What has to happen when something fails. */
struct fail_policy {
	bool sealed; /* something is: then the action counts */
	enum fail_action action;
};

/*
 * For the configuration as a whole: sealed if a layer is, or an error has to be taken for one of
 * the sealed phase. The action is that of the first sealed layer, else panic.
 */
void fail_policy_get(const struct stack *stack, bool sealed_error, struct fail_policy *ret);
/* For one layer and what it carries. */
void fail_policy_of_layer(const struct layer *layer, struct fail_policy *ret);

/* Says why on the console, wipes the keys of all layers, and ends the machine. */
void fail_closed(const struct fail_policy *policy, const struct diag *why)
	__attribute__((noreturn));
