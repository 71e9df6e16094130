/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What became of a live layer since it was last looked at.
 */

#include "live-status.h"

enum watch_kind {
	WATCH_MISMATCH,	    /* integrity: blocks whose tag did not fit */
	WATCH_CORRUPTED,    /* verity: a block that is not what the tree says */
	WATCH_CORRECTED,    /* verity: blocks that the parity put right */
	WATCH_RECALCULATED, /* integrity: all tags are there */
	WATCH_GONE,	    /* the mapping was removed */
	_WATCH_KIND_MAX,
};

struct watch_event {
	enum watch_kind kind;
	uint64_t count; /* of all since the layer was attached; 0: it is not counted */
	uint64_t added; /* of them since the last look */
};

#define WATCH_EVENTS_MAX 4U

/* True for what somebody should do something about. */
bool watch_kind_is_damage(enum watch_kind kind);
/* "mismatch", "corrupted" ... */
const char *watch_kind_word(enum watch_kind kind);
/* A sentence without the layer's name. */
void watch_event_describe(const struct watch_event *event, char *ret, size_t size);
/* Returns how many there are. before: zeroed, for a layer that was not looked at yet. */
size_t watch_compare(const struct live_status *before, const struct live_status *now,
	struct watch_event ret[WATCH_EVENTS_MAX]);
