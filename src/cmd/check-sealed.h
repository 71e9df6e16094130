/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which holes are open in the sealed phase, by the configuration and the units as they are.
 */

#include "stack.h"

struct check_sealed_input {
	const struct stack *stack; /* linked */
	bool sealed_error;
	const char *root; /* the tree; NULL: the running system */
	bool initrd;	  /* it is an initrd */
};

/*
 * Appends a line for each hole: "closed", "OPEN", or "unknown" or "never" where no look at files
 * can tell, then the hole and why. *ret_open counts those that are open or unknown.
 */
int check_sealed(const struct check_sealed_input *in, struct buf *out, size_t *ret_open,
	struct diag *diag) _must_check_;
