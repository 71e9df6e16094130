/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A sorted array of disjoint ranges.
 */

#include <stdlib.h>
#include <string.h>

#include "extents.h"

void extents_done(struct extents *set)
{
	free(set->list);
	*set = (struct extents){};
}

/* The first extent that ends at or behind the position. */
static size_t extents_search(const struct extents *set, uint64_t position)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (set->list[middle].end < position)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int extents_insert(struct extents *set, size_t at, uint64_t begin, uint64_t end)
{
	if (set->n == set->space) {
		size_t space = set->space ? 2 * set->space : 16;
		struct extent *list = reallocarray(set->list, space, sizeof(*list));

		if (!list)
			return -ENOMEM;
		set->list = list;
		set->space = space;
	}
	memmove(set->list + at + 1, set->list + at, (set->n - at) * sizeof(*set->list));
	set->list[at] = (struct extent){ begin, end };
	set->n++;
	return 1;
}

int extents_add(struct extents *set, uint64_t begin, uint64_t len)
{
	size_t first = extents_search(set, begin), last = first;
	uint64_t end = begin + len;
	bool fresh = true;
	struct extent *e;

	/* first .. last - 1 touch or overlap the new range. */
	for (; last < set->n && set->list[last].begin <= end; last++)
		if (set->list[last].begin < end && set->list[last].end > begin)
			fresh = false;
	if (first == last)
		return extents_insert(set, first, begin, end);

	e = &set->list[first];
	e->begin = MIN(e->begin, begin);
	e->end = MAX(set->list[last - 1].end, end);
	memmove(e + 1, set->list + last, (set->n - last) * sizeof(*e));
	set->n -= last - first - 1;
	return fresh;
}

bool extents_gap(const struct extents *set, uint64_t from, uint64_t end, struct extent *ret)
{
	size_t i = extents_search(set, from);

	if (i < set->n && set->list[i].begin <= from)
		from = set->list[i++].end;
	if (from >= end)
		return false;
	*ret = (struct extent){ from, i < set->n ? MIN(set->list[i].begin, end) : end };
	return true;
}
