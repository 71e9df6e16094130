/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Threads that share out a piece of work and wait for one another, again and again.
 */

#include "cleanup.h"
#include "macro.h"

struct workers;

/* As many as processors may be used, up to max; the calling thread is one of them. */
int workers_new(unsigned max, struct workers **ret) _must_check_;
struct workers *workers_free(struct workers *workers);
DEFINE_FREEP(struct workers, workers_free)
unsigned workers_count(const struct workers *workers);

/*
 * Calls work(userdata, worker, item) once for each item below n, and returns when all are done.
 * worker is below workers_count(), and no two calls at one time have the same. After an error no
 * further item is begun; the first one is returned.
 */
int workers_run(struct workers *workers, int (*work)(void *userdata, unsigned worker, size_t item),
	void *userdata, size_t n) _must_check_;
