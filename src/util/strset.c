/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A small set; looking for a member goes through all of them.
 */

#include "strset.h"

#include <stdlib.h>
#include <string.h>

void strset_done(struct strset *set)
{
	for (size_t i = 0; i < set->n; i++)
		free(set->items[i]);
	free(set->items);
	*set = (struct strset){};
}

bool strset_has(const struct strset *set, const char *text)
{
	for (size_t i = 0; i < set->n; i++)
		if (streq(set->items[i], text))
			return true;
	return false;
}

int strset_add(struct strset *set, const char *text)
{
	char *copy;

	if (strset_has(set, text))
		return 0;
	if (set->n == set->space) {
		const size_t space = set->space ? set->space * 2 : 16;
		char **items = reallocarray(set->items, space, sizeof(*items));

		if (!items)
			return -ENOMEM;
		set->items = items;
		set->space = space;
	}
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	set->items[set->n++] = copy;
	return 1;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strset_sort(struct strset *set)
{
	if (set->n > 0)
		qsort(set->items, set->n, sizeof(*set->items), compare);
}
