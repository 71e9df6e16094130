/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What stack_link() asks about trust.
 */

#include "stack.h"

/* -EKEYREJECTED: the layer is sealed, of a manifest, and nobody vouches for that. */
int stack_check_trust(
	const struct stack *stack, const struct layer *layer, struct diag *diag) _must_check_;
/* -ENOKEY: the layer has a key "tpm2:", and there is no seal to take it from. */
int stack_check_seal(
	const struct stack *stack, const struct layer *layer, struct diag *diag) _must_check_;
/* Behind the layers: the seal takes its phase from them. Returns 1 if it cannot be used. */
int stack_link_seal(const struct stack *stack) _must_check_;
