/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a stack does not protect against, in sentences.
 */

#include "buf.h"
#include "layer.h"

/* Appends one line a sentence, each behind the prefix. order is the stack, bottom first. */
void plan_notes_print(struct layer *const *order, size_t n, const char *prefix, struct buf *buf);
