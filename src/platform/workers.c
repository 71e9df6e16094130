/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A round is announced by its number; whoever sees a new one takes items until there are none.
 */

#include "workers.h"

#include <pthread.h>

#include "processors.h"

/* Where all memory is locked, the stacks count. */
#define STACK_SIZE  262144
#define WORKERS_MAX 16U

struct worker {
	struct workers *workers;
	unsigned number;
	pthread_t thread;
};

struct workers {
	pthread_mutex_t lock;
	pthread_cond_t begin, end;
	struct worker items[WORKERS_MAX]; /* the first is the caller */
	unsigned n;
	unsigned n_busy; /* without the caller */
	unsigned round;
	bool quit;
	/* Of the round: */
	int (*work)(void *userdata, unsigned worker, size_t item);
	void *userdata;
	size_t next, n_items;
	int error;
};

/* Called and returns with the lock held. */
static void take_items(struct workers *w, unsigned number)
{
	while (w->error == 0 && w->next < w->n_items) {
		size_t item = w->next++;
		int r;

		(void)pthread_mutex_unlock(&w->lock);
		r = w->work(w->userdata, number, item);
		(void)pthread_mutex_lock(&w->lock);
		if (r < 0 && w->error == 0)
			w->error = r;
	}
}

static void *worker_main(void *userdata)
{
	struct worker *self = userdata;
	struct workers *w = self->workers;
	unsigned seen = 0;

	(void)pthread_mutex_lock(&w->lock);
	for (;;) {
		while (w->round == seen && !w->quit)
			(void)pthread_cond_wait(&w->begin, &w->lock);
		if (w->quit)
			break;
		seen = w->round;
		take_items(w, self->number);
		if (--w->n_busy == 0)
			(void)pthread_cond_signal(&w->end);
	}
	(void)pthread_mutex_unlock(&w->lock);
	return NULL;
}

/* Fewer threads than wanted do as well. */
static void start_threads(struct workers *w, unsigned n)
{
	pthread_attr_t attributes;

	if (pthread_attr_init(&attributes) != 0)
		return;
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	while (w->n < n) {
		struct worker *worker = &w->items[w->n];

		*worker = (struct worker){ .workers = w, .number = w->n };
		if (pthread_create(&worker->thread, &attributes, worker_main, worker) != 0)
			break;
		w->n++;
	}
	(void)pthread_attr_destroy(&attributes);
}

int workers_new(unsigned max, struct workers **ret)
{
	struct workers *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	(void)pthread_mutex_init(&w->lock, NULL);
	(void)pthread_cond_init(&w->begin, NULL);
	(void)pthread_cond_init(&w->end, NULL);
	w->n = 1;
	max = MIN(max, WORKERS_MAX);
	start_threads(w, MIN(processors_count(), max));
	*ret = w;
	return 0;
}

struct workers *workers_free(struct workers *w)
{
	if (!w)
		return NULL;
	(void)pthread_mutex_lock(&w->lock);
	w->quit = true;
	(void)pthread_cond_broadcast(&w->begin);
	(void)pthread_mutex_unlock(&w->lock);
	for (unsigned i = 1; i < w->n; i++)
		(void)pthread_join(w->items[i].thread, NULL);
	(void)pthread_cond_destroy(&w->begin);
	(void)pthread_cond_destroy(&w->end);
	(void)pthread_mutex_destroy(&w->lock);
	free(w);
	return NULL;
}

unsigned workers_count(const struct workers *w)
{
	return w->n;
}

int workers_run(struct workers *w, int (*work)(void *userdata, unsigned worker, size_t item),
	void *userdata, size_t n)
{
	int r;

	(void)pthread_mutex_lock(&w->lock);
	w->work = work;
	w->userdata = userdata;
	w->next = 0;
	w->n_items = n;
	w->error = 0;
	w->n_busy = w->n - 1;
	w->round++;
	(void)pthread_cond_broadcast(&w->begin);
	take_items(w, 0);
	while (w->n_busy > 0)
		(void)pthread_cond_wait(&w->end, &w->lock);
	r = w->error;
	(void)pthread_mutex_unlock(&w->lock);
	return r;
}
