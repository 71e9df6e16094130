/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Mappings that sleep without their keys.
 */

#include "stack.h"

/*
 * Suspends every live layer that has suspend=wipe (with name: that layer alone, whatever it has),
 * and before it all that stand on it; then has the kernel forget the keys. If a mapping cannot be
 * suspended, those that were are resumed and no key is touched. *ret_n is how many were wiped; a
 * layer that sleeps already counts as done.
 */
int run_suspend(
	const struct stack *stack, const char *name, size_t *ret_n, struct diag *diag) _must_check_;

/*
 * The other way round, from the bottom: fetches each key, hands it to the kernel and resumes. A
 * layer whose key cannot be had stays suspended with all above it, and others go on; the first
 * error is returned, and the call can be repeated.
 */
int run_resume(
	const struct stack *stack, const char *name, size_t *ret_n, struct diag *diag) _must_check_;
