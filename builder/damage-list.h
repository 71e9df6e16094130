/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Collects the damaged places that filters report, from any thread, and prints them in order,
 * neighbours merged.
 */

#include <pthread.h>

#include "buf.h"
#include "filter.h"

/* More places than these are counted, but not kept. */
#define DAMAGE_LIST_MAX 65536U

struct damage_list {
	pthread_mutex_t lock;
	struct damage *items; /* owned */
	size_t n, space;
	uint64_t n_all; /* with those that were not kept */
};
#define DAMAGE_LIST_INIT                                                                           \
	{                                                                                          \
		.lock = PTHREAD_MUTEX_INITIALIZER                                                  \
	}

/* For filter_args.report; userdata is the list. */
void damage_list_report(void *userdata, const struct damage *damage);
void damage_list_done(struct damage_list *list);
/* Sorts and merges. */
void damage_list_finish(struct damage_list *list);
/* A line for people, or a JSON object. */
void damage_print(const struct damage *damage, bool json, struct buf *buf);
