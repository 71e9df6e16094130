/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a thread needs while it works in a filter (cipher and digest contexts, scratch buffers).
 * A thread takes one out and puts it back, so that there are as many as threads at work.
 */

#include <pthread.h>

#include "macro.h"

struct context_pool {
	pthread_mutex_t lock;
	void **idle; /* owned */
	size_t n_idle;
	size_t n_all;
	int (*make)(void *userdata, void **ret);
	void (*destroy)(void *context);
	void *userdata;
};

void context_pool_init(struct context_pool *pool, int (*make)(void *userdata, void **ret),
	void (*destroy)(void *context), void *userdata);
/* All contexts must have been put back. */
void context_pool_done(struct context_pool *pool);
int context_pool_get(struct context_pool *pool, void **ret) _must_check_;
void context_pool_put(struct context_pool *pool, void *context);
