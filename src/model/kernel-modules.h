/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Which modules of the kernel a layer needs.
 */

#include "layer.h"
#include "strset.h"

/*
 * Adds to the targets the modules without which there is no such layer, and to the algorithms the
 * aliases under which the kernel asks for those of its crypto API ("crypto-xts"), of which one may
 * well be missing because a larger module brings it along. Returns 0 or -ENOMEM.
 */
int layer_add_modules(
	const struct layer *layer, struct strset *targets, struct strset *algorithms) _must_check_;
