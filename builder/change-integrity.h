/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What repair and recalculate do to an integrity layer.
 */

#include "image-change.h"
#include "integrity-repair.h"

/* c has been loaded. Returns an enum exit_code or a negative errno. */
int change_integrity(
	struct image_change *c, enum integrity_repair_kind kind, struct diag *diag) _must_check_;
