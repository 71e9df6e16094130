/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What devices have to bring along for a stack, and what I/O its mappings want, in sentences.
 */

#include "buf.h"
#include "layer.h"

/* Appends one line a sentence, each behind the prefix. order is the stack, bottom first. */
void plan_sizes_print(struct layer *const *order, size_t n, const char *prefix, struct buf *buf);
