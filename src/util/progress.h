/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * How far it is: a bar with rate and time left on a terminal, one JSON object a line with --json,
 * nothing otherwise.
 */

#include "macro.h"

enum progress_mode { PROGRESS_NONE, PROGRESS_BAR, PROGRESS_JSON };

struct progress {
	enum progress_mode mode;
	const char *what;    /* "write", "verify" ...; not owned */
	uint64_t begin_nsec; /* CLOCK_MONOTONIC */
	uint64_t last_nsec;
	bool shown;
};

/* Without --json and --quiet: a bar if stderr is a terminal. */
enum progress_mode progress_choose(bool json, bool quiet);
void progress_begin(struct progress *p, enum progress_mode mode, const char *what);
/* For struct pipeline; userdata is the struct progress. */
void progress_update(void *userdata, uint64_t done_bytes, uint64_t total_bytes);
/* Wipes the bar from the line. */
void progress_end(struct progress *p);
