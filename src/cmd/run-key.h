/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From a step of a plan to the bytes that the kernel gets as a key.
 */

#include "plan.h"
#include "run-layer.h"
#include "secret.h"

/*
 * Fetches the key of a STEP_KEY; where the layer has keyslots, the one that they hold. The device
 * with the header must be readable.
 */
int run_key_fetch(struct run_layer *rl, const struct step *step, struct secret **ret,
	struct diag *diag) _must_check_;
