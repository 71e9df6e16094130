/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A stack of idle contexts behind a lock that is held for a moment a chunk.
 */

#include <stdlib.h>

#include "context-pool.h"

void context_pool_init(struct context_pool *pool, int (*make)(void *userdata, void **ret),
	void (*destroy)(void *context), void *userdata)
{
	*pool = (struct context_pool){ .make = make, .destroy = destroy, .userdata = userdata };
	(void)pthread_mutex_init(&pool->lock, NULL);
}

void context_pool_done(struct context_pool *pool)
{
	if (!pool->make)
		return;
	while (pool->n_idle > 0)
		pool->destroy(pool->idle[--pool->n_idle]);
	free(pool->idle);
	(void)pthread_mutex_destroy(&pool->lock);
	*pool = (struct context_pool){};
}

/* Counts one more, and makes sure that putting it back needs no memory. Called locked. */
static int context_pool_grow(struct context_pool *pool)
{
	void **idle = reallocarray(pool->idle, pool->n_all + 1, sizeof(*idle));

	if (!idle)
		return -ENOMEM;
	pool->idle = idle;
	pool->n_all++;
	return 0;
}

int context_pool_get(struct context_pool *pool, void **ret)
{
	void *context = NULL;
	int r = 0;

	(void)pthread_mutex_lock(&pool->lock);
	if (pool->n_idle > 0)
		context = pool->idle[--pool->n_idle];
	else
		r = context_pool_grow(pool);
	(void)pthread_mutex_unlock(&pool->lock);

	if (!context && r >= 0)
		r = pool->make(pool->userdata, &context);
	if (r < 0)
		return r;
	*ret = context;
	return 0;
}

void context_pool_put(struct context_pool *pool, void *context)
{
	(void)pthread_mutex_lock(&pool->lock);
	pool->idle[pool->n_idle++] = context;
	(void)pthread_mutex_unlock(&pool->lock);
}
