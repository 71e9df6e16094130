/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Strings without repetition, in the order in which they came.
 */

#include "macro.h"

struct strset {
	char **items; /* owned, like each of them */
	size_t n;
	size_t space;
};

void strset_done(struct strset *set);
bool strset_has(const struct strset *set, const char *text);
/* Copies the text. Returns 1, or 0 if it was there. */
int strset_add(struct strset *set, const char *text) _must_check_;
/* By strcmp(3). */
void strset_sort(struct strset *set);
