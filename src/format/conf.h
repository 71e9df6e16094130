/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * dmstack.conf: one layer a line. See dmstack.conf(5).
 *
 *	NAME TYPE DEVICE[,ROLE=DEVICE...] [KEY|- [OPTION,...]]
 *	NAME manifest PATH [KEY|- [OPTION,...]]
 *	NAME seal DEVICE [- [OPTION,...]]
 */

#include "load-error.h"
#include "stack.h"

#define CONF_LINE_MAX	4096U
#define CONF_SIZE_MAX	((size_t)16 << 20)
#define CONF_LAYERS_MAX 10000U

/* A line of type "manifest". All texts are valid during the call only. */
struct conf_manifest {
	const char *name;
	const char *path;
	const char *where;	    /* "file:line" */
	const char *key;	    /* NULL for "-" */
	const char *const *options; /* NULL-terminated */
};

struct conf_sink {
	struct stack *stack; /* where the layers go */
	bool trusted;	     /* somebody who is trusted vouches for the file */
	load_error_fn on_error;
	/*
	 * Takes a line of type "manifest". An error (negative errno and a diag) becomes the error
	 * of this line, and *ret_phase is the phase that the manifest says of itself: PHASE_SEALED
	 * unless it is set. -ENOMEM ends the parser. NULL: such lines are errors.
	 */
	int (*on_manifest)(void *userdata, const struct conf_manifest *line, enum phase *ret_phase,
		struct diag *diag);
	void *userdata; /* for both */
};

/*
 * Reads the whole text; file is its name for messages. A bad line is reported through on_error and
 * skipped. The layers are neither finished nor linked: stack_link() does that.
 * Returns the number of bad lines, or -ENOMEM.
 */
int conf_parse(
	const char *text, size_t size, const char *file, const struct conf_sink *sink) _must_check_;

/*
 * The phase to assume for a bad line with these options (text of the last column; may be NULL).
 * type is NULL when it is not known, or for a line of type "manifest".
 */
enum phase conf_options_phase(const char *options, const struct layer_type *type, bool manifest);
/* True if they say so by themselves, and it is not only that a word is not known. */
bool conf_options_say_sealed(const char *options);
/* True for a column that says nothing: NULL, "-" or "none". */
bool conf_word_is_none(const char *word);
