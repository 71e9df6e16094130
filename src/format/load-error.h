/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One thing that is wrong with the configuration. It is reported and the rest is read on, since a
 * bad line must not take other stacks with it.
 */

#include "diag.h"
#include "layer.h"

struct load_error {
	struct diag diag;
	const char *name; /* of the layer or stack, as far as it is known; else NULL */
	/*
	 * The phase that has to be assumed for what could not be read: PHASE_SEALED unless it
	 * says of itself that it belongs to the bootstrap phase.
	 */
	enum phase phase;
	/*
	 * The line does not speak of a phase, but has a word that may be a misspelt "sealed". Where
	 * nothing else is sealed, a machine does not end for a slip of the pen.
	 */
	bool guess;
};

/* The error and its texts are valid during the call only. */
typedef void (*load_error_fn)(void *userdata, const struct load_error *error);
