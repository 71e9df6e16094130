/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One key of one layer, replaced.
 */

#include "rekey-convert.h"
#include "seal-command.h"

struct rekey_target {
	struct layer *layer;
	const struct keyref *key; /* of the layer */
	const struct rekey_type *type;
};

/* -EOPNOTSUPP and others: this key cannot be replaced, as far as is known before. */
int rekey_target_get(const struct stack *stack, struct layer *layer, const struct keyref *key,
	struct rekey_target *ret, struct diag *diag) _must_check_;
/* Begins, or goes on if the slot has a new key for it. The session is unlocked. */
int rekey_target_run(struct seal_command *command, const struct rekey_target *target,
	struct diag *diag) _must_check_;
