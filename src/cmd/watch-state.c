/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From two states of a layer to events.
 */

#include "watch-state.h"

#include <inttypes.h>
#include <stdio.h>

static const struct {
	const char *word;
	bool is_damage;
} kinds[_WATCH_KIND_MAX] = {
	[WATCH_MISMATCH] = { "mismatch", true },
	[WATCH_CORRUPTED] = { "corrupted", true },
	[WATCH_CORRECTED] = { "corrected", true },
	[WATCH_RECALCULATED] = { "recalculated", false },
	[WATCH_GONE] = { "gone", false },
};

bool watch_kind_is_damage(enum watch_kind kind)
{
	return kinds[kind].is_damage;
}

const char *watch_kind_word(enum watch_kind kind)
{
	return kinds[kind].word;
}

void watch_event_describe(const struct watch_event *event, char *ret, size_t size)
{
	switch (event->kind) {
	case WATCH_MISMATCH:
		(void)snprintf(ret, size,
			"%" PRIu64 " more blocks whose tag does not fit, %" PRIu64 " in all",
			event->added, event->count);
		return;
	case WATCH_CORRUPTED:
		(void)snprintf(ret, size, "a block is not what the hash tree says");
		return;
	case WATCH_CORRECTED:
		(void)snprintf(ret, size,
			"%" PRIu64 " more blocks were put right by their parity, %" PRIu64
			" in all",
			event->added, event->count);
		return;
	case WATCH_RECALCULATED:
		(void)snprintf(ret, size, "all tags are calculated");
		return;
	case WATCH_GONE:
	case _WATCH_KIND_MAX:
		(void)snprintf(ret, size, "the mapping was removed");
		return;
	}
}

/* A counter that went back belongs to a mapping that was made anew. */
static uint64_t added(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

size_t watch_compare(const struct live_status *before, const struct live_status *now,
	struct watch_event ret[WATCH_EVENTS_MAX])
{
	uint64_t mismatches = added(before->mismatches, now->mismatches);
	uint64_t corrected = added(before->corrected, now->corrected);
	size_t n = 0;

	if (now->has_mismatches && mismatches > 0)
		ret[n++] = (struct watch_event){
			.kind = WATCH_MISMATCH, .count = now->mismatches, .added = mismatches
		};
	if (now->corrupted && !before->corrupted)
		ret[n++] = (struct watch_event){ .kind = WATCH_CORRUPTED };
	if (now->has_corrected && corrected > 0)
		ret[n++] = (struct watch_event){
			.kind = WATCH_CORRECTED, .count = now->corrected, .added = corrected
		};
	if (before->recalculating && !now->recalculating)
		ret[n++] = (struct watch_event){ .kind = WATCH_RECALCULATED };
	return n;
}
