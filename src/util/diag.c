/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The description of one failure. When memory is out the text is lost, never the error code.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "diag.h"

void diag_done(struct diag *diag)
{
	free(diag->where);
	free(diag->what);
	*diag = (struct diag){};
}

int diag_set(struct diag *diag, int r, const char *format, ...)
{
	va_list ap;
	char *text;

	if (!diag || diag->what)
		return r;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) >= 0)
		diag->what = text;
	va_end(ap);
	return r;
}

int diag_at(struct diag *diag, int r, const char *format, ...)
{
	_cleanup_free_ char *place = NULL;
	va_list ap;
	int n;

	if (!diag)
		return r;

	va_start(ap, format);
	n = vasprintf(&place, format, ap);
	va_end(ap);
	if (n < 0) {
		place = NULL;
		return r;
	}

	if (diag->where) {
		char *both;

		if (asprintf(&both, "%s: %s", place, diag->where) < 0)
			return r;
		free(diag->where);
		diag->where = both;
		return r;
	}

	diag->where = take_ptr(place);
	return r;
}

void diag_move(struct diag *to, struct diag *from)
{
	if (!to)
		return;
	*to = *from;
	*from = (struct diag){};
}
