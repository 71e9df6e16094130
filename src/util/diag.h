/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What is wrong, and where: filled once by the function that found it, printed once at the top.
 *
 *	_cleanup_(diag_done) struct diag diag = {};
 *	r = conf_parse(..., &diag);
 *	if (r < 0)
 *		return log_diag(r, &diag);
 *
 * A NULL diag is allowed everywhere and takes nothing.
 */

#include <stdint.h>

#include "macro.h"

struct diag {
	char *where; /* "file:line", "file: $.layers[1].cipher" or "dm:name"; owned; may be NULL */
	char *what;  /* one sentence without a full stop; owned; may be NULL */
};

/* Frees the texts; the struct can be used again. For _cleanup_(). */
void diag_done(struct diag *diag);

/*
 * Sets what is wrong and returns r, so that a check is one statement:
 *
 *	return diag_set(diag, -EINVAL, "sector-size: %s is not a power of two", word);
 *
 * A text that is already there is kept: the one who saw it first knows best.
 */
int diag_set(struct diag *diag, int r, const char *format, ...) _printf_(3, 4);

/* Sets the place, or puts it before the one that is there ("file:3" + ": " + "$.x"). Returns r. */
int diag_at(struct diag *diag, int r, const char *format, ...) _printf_(3, 4);

/* Moves the texts from one to another, which must be empty. */
void diag_move(struct diag *to, struct diag *from);
