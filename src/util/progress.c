/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Progress for a person or a program. It never fails: what cannot be shown is not shown.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "progress.h"

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define INTERVAL_NSEC (NSEC_PER_SEC / 10)
#define BAR_WIDTH     30U

static uint64_t now_nsec(void)
{
	struct timespec ts = {};

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

enum progress_mode progress_choose(bool json, bool quiet)
{
	if (quiet)
		return PROGRESS_NONE;
	if (json)
		return PROGRESS_JSON;
	return isatty(STDERR_FILENO) ? PROGRESS_BAR : PROGRESS_NONE;
}

void progress_begin(struct progress *p, enum progress_mode mode, const char *what)
{
	*p = (struct progress){ .mode = mode, .what = what, .begin_nsec = now_nsec() };
}

static void bar_show(const struct progress *p, uint64_t done, uint64_t total, uint64_t now)
{
	double seconds = (double)(now - p->begin_nsec) / (double)NSEC_PER_SEC;
	double part = total ? (double)done / (double)total : 1.0;
	double rate = seconds > 0 ? (double)done / seconds : 0;
	double left = rate > 0 ? (double)(total - done) / rate : 0;
	unsigned filled = (unsigned)(part * BAR_WIDTH);
	char bar[BAR_WIDTH + 1];

	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '=', filled);
	if (filled < BAR_WIDTH)
		bar[filled] = '>';
	bar[BAR_WIDTH] = '\0';
	fprintf(stderr, "\r%s [%s] %3.0f %%  %7.1f MiB/s  %" PRIu64 ":%02" PRIu64 " left \033[K",
		p->what, bar, part * 100, rate / 1048576, (uint64_t)left / 60, (uint64_t)left % 60);
	fflush(stderr);
}

void progress_update(void *userdata, uint64_t done_bytes, uint64_t total_bytes)
{
	struct progress *p = userdata;
	uint64_t now;

	if (p->mode == PROGRESS_NONE)
		return;
	now = now_nsec();
	if (now - p->last_nsec < INTERVAL_NSEC && done_bytes < total_bytes)
		return;
	p->last_nsec = now;
	p->shown = true;
	if (p->mode == PROGRESS_BAR) {
		bar_show(p, done_bytes, total_bytes, now);
		return;
	}
	printf("{\"progress\":{\"step\":\"%s\",\"done\":%" PRIu64 ",\"total\":%" PRIu64 "}}\n",
		p->what, done_bytes, total_bytes);
	fflush(stdout);
}

void progress_end(struct progress *p)
{
	if (p->shown && p->mode == PROGRESS_BAR) {
		fputs("\r\033[K", stderr);
		fflush(stderr);
	}
	p->shown = false;
}
