/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The main() of a program with verbs.
 */

#include "options.h"

struct program {
	const char *name;
	const char *summary; /* one sentence */
	const char *version;
	const char *exit_status; /* what the statuses mean, for --help */
	const char *page;	 /* of the manual: "dmstack(8)" */
	const struct verb *const *verbs;
	size_t n_verbs;
};

/*
 * Picks the verb, reads its options, runs it, and logs what it returns. Returns an enum exit_code.
 * The process gets no core file and cannot be traced by others, since keys may pass through it.
 */
int verb_main(const struct program *program, int argc, char **argv);
