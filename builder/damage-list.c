/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The list of damaged places. Threads report in any order, so it is sorted before it is shown.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "damage-list.h"
#include "json-text.h"

void damage_list_done(struct damage_list *list)
{
	free(list->items);
	list->items = NULL;
	list->n = list->space = 0;
	(void)pthread_mutex_destroy(&list->lock);
}

/* False when there is no room, which only loses a line of the report. */
static bool list_grow(struct damage_list *list)
{
	size_t space = MAX(list->space * 2, (size_t)64);
	struct damage *items;

	if (list->n < list->space)
		return true;
	if (list->n >= DAMAGE_LIST_MAX)
		return false;
	items = reallocarray(list->items, space, sizeof(*items));
	if (!items)
		return false;
	list->items = items;
	list->space = space;
	return true;
}

void damage_list_report(void *userdata, const struct damage *damage)
{
	struct damage_list *list = userdata;

	(void)pthread_mutex_lock(&list->lock);
	list->n_all++;
	if (list_grow(list))
		list->items[list->n++] = *damage;
	(void)pthread_mutex_unlock(&list->lock);
}

static int compare_text(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int compare_damage(const void *va, const void *vb)
{
	const struct damage *a = va, *b = vb;
	int r = compare_text(a->layer->name, b->layer->name);

	if (r == 0)
		r = compare_text(a->part, b->part);
	if (r == 0)
		r = compare_text(a->role, b->role);
	if (r == 0)
		r = compare_text(a->what, b->what);
	if (r == 0)
		r = (a->offset > b->offset) - (a->offset < b->offset);
	return r;
}

/* The same block may be read, and reported, more than once. */
static bool touches(const struct damage *a, const struct damage *b)
{
	return a->layer == b->layer && compare_text(a->part, b->part) == 0 &&
	       compare_text(a->role, b->role) == 0 && compare_text(a->what, b->what) == 0 &&
	       b->offset <= a->offset + a->length;
}

void damage_list_finish(struct damage_list *list)
{
	size_t n = 0;

	if (list->n == 0)
		return;
	qsort(list->items, list->n, sizeof(*list->items), compare_damage);
	for (size_t i = 1; i < list->n; i++) {
		struct damage *last = &list->items[n];
		const struct damage *next = &list->items[i];

		if (touches(last, next))
			last->length =
				MAX(last->offset + last->length, next->offset + next->length) -
				last->offset;
		else
			list->items[++n] = *next;
	}
	list->n = n + 1;
}

void damage_print(const struct damage *damage, bool json, struct buf *buf)
{
	if (!json) {
		buf_printf(buf, "%s: %s at byte %" PRIu64 " (%" PRIu64 " bytes)",
			damage->layer->name, damage->part, damage->offset, damage->length);
		if (damage->role)
			buf_printf(buf, " of its %s device", damage->role);
		buf_printf(buf, ": %s\n", damage->what);
		return;
	}
	buf_puts(buf, "{\"damage\":{");
	json_member(buf, "layer", damage->layer->name);
	json_member(buf, "part", damage->part);
	if (damage->role)
		json_member(buf, "role", damage->role);
	json_member_u64(buf, "offset", damage->offset);
	json_member_u64(buf, "length", damage->length);
	json_member(buf, "what", damage->what);
	buf_puts(buf, "}}\n");
}
