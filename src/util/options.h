/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The command line as a table: one row an option. Parsing, --help and the completions' test read
 * the same rows.
 */

#include "cleanup.h"
#include "diag.h"
#include "macro.h"

/* What main() returns. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_FAILED = 1, /* it failed, or something bad was found */
	EXIT_USAGE = 2,	 /* the command line makes no sense; nothing was touched */
};

enum option_kind {
	OPTION_FLAG,   /* bool */
	OPTION_STRING, /* const char *, not owned */
	OPTION_LIST,   /* struct strlist; the option may be repeated */
	OPTION_SIZE,   /* uint64_t, bytes, with K, M, G, T */
	OPTION_U64,    /* uint64_t */
};

struct option_def {
	const char *name;
	char letter; /* a short form, or 0 */
	enum option_kind kind;
	size_t offset;	 /* within the verb's struct */
	const char *arg; /* what the value is called in --help; NULL for a flag */
	const char *help;
};

/* Words of the command line, in order. */
struct strlist {
	const char **items; /* the array is owned, the words are not */
	size_t n;
};

struct verb {
	const char *name;
	const char *args; /* of the words that are not options; NULL: there are none */
	const char *summary;
	const struct option_def *options;
	size_t n_options;
	size_t opts_size;
	size_t n_args;	   /* how many words have to be there */
	size_t n_optional; /* how many more there may be */
	/*
	 * An enum exit_code, or a negative errno, which is EXIT_FAILED. Sets the diag in both
	 * cases.
	 */
	int (*run)(const void *opts, const char *const *args, struct diag *diag);
};

/*
 * Fills the verb's struct from argv[1..]. Returns 0, or 1 if --help was asked for. -EINVAL: a diag
 * that names the option. *ret_args points into argv and ends with a NULL.
 */
int options_parse(const struct verb *verb, int argc, char **argv, void *ret_opts,
	const char *const **ret_args, struct diag *diag) _must_check_;
/* Frees the lists in the verb's struct. */
void options_done(const struct verb *verb, void *opts);
/* Prints the verb's --help to stdout. */
void options_help(const char *program, const struct verb *verb);
/* Sets the diag and returns EXIT_USAGE. */
int usage_error(struct diag *diag, const char *format, ...) _printf_(2, 3);
