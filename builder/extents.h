/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A set of byte ranges, merged where they touch. It stays small as long as what is added grows
 * together, as the ranges do that several threads work through in order. Not locked.
 */

#include "macro.h"

struct extent {
	uint64_t begin, end; /* end is the first byte behind */
};

struct extents {
	struct extent *list; /* sorted, apart from each other; owned */
	size_t n;
	size_t space;
};

void extents_done(struct extents *set);
/* 1: all of the range is new; 0: some of it was there, and the rest was added. */
int extents_add(struct extents *set, uint64_t begin, uint64_t len) _must_check_;
/* The first range at or behind from, and before end, that is not in the set. */
bool extents_gap(const struct extents *set, uint64_t from, uint64_t end, struct extent *ret);
