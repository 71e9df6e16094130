/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads a command line by a table of options. getopt_long() does the cutting, the rows say what a
 * value is and where it goes.
 */

#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "buf.h"
#include "options.h"
#include "parse.h"

#define OPTIONS_MAX 40U
#define HELP_COLUMN 34

static void *option_place(const struct option_def *def, void *opts)
{
	return (char *)opts + def->offset;
}

static int strlist_add(struct strlist *list, const char *word)
{
	const char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	items[list->n++] = word;
	return 0;
}

static int option_set(const struct option_def *def, void *opts, const char *arg, struct diag *diag)
{
	void *place = option_place(def, opts);
	int r = 0;

	switch (def->kind) {
	case OPTION_FLAG:
		*(bool *)place = true;
		return 0;
	case OPTION_LIST:
		return strlist_add(place, arg);
	case OPTION_STRING:
		*(const char **)place = arg;
		return 0;
	case OPTION_SIZE:
		r = parse_size(arg, place);
		break;
	case OPTION_U64:
		r = parse_u64(arg, place);
		break;
	}
	if (r < 0)
		return diag_set(diag, -EINVAL, "--%s: \"%s\" is not a %s", def->name, arg,
			r == -ERANGE ? "number that fits" : "number");
	return 0;
}

/*
 * The rows in getopt's form; the index of the row is the value, --help is the one behind the last.
 */
static void options_compile(const struct verb *verb, struct option longs[OPTIONS_MAX + 2],
	char shorts[2 * OPTIONS_MAX + 3])
{
	char *s = shorts;

	*s++ = ':';
	*s++ = 'h';
	for (size_t i = 0; i < verb->n_options; i++) {
		const struct option_def *def = &verb->options[i];

		longs[i] = (struct option){
			.name = def->name,
			.has_arg = def->arg ? required_argument : no_argument,
			.val = 256 + (int)i,
		};
		if (!def->letter)
			continue;
		*s++ = def->letter;
		if (def->arg)
			*s++ = ':';
	}
	longs[verb->n_options] = (struct option){ .name = "help", .val = 'h' };
	longs[verb->n_options + 1] = (struct option){};
	*s = '\0';
}

static const struct option_def *option_find(const struct verb *verb, int value)
{
	if (value >= 256 && value < 256 + (int)verb->n_options)
		return &verb->options[value - 256];
	for (size_t i = 0; i < verb->n_options; i++)
		if (verb->options[i].letter && verb->options[i].letter == value)
			return &verb->options[i];
	return NULL;
}

static int option_bad(const struct verb *verb, int c, char **argv, struct diag *diag)
{
	const struct option_def *def = option_find(verb, optopt);

	if (c == ':' && def)
		return diag_set(diag, -EINVAL, "--%s needs a value (%s)", def->name, def->arg);
	if (def)
		return diag_set(diag, -EINVAL, "--%s takes no value", def->name);
	return diag_set(diag, -EINVAL, "%s: unknown option \"%s\"", verb->name, argv[optind - 1]);
}

int options_parse(const struct verb *verb, int argc, char **argv, void *ret_opts,
	const char *const **ret_args, struct diag *diag)
{
	struct option longs[OPTIONS_MAX + 2];
	char shorts[2 * OPTIONS_MAX + 3];
	bool seen[OPTIONS_MAX] = {};
	int c, r;

	if (verb->n_options > OPTIONS_MAX)
		return diag_set(diag, -E2BIG, "%s has too many options", verb->name);
	options_compile(verb, longs, shorts);

	optind = 1;
	while ((c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct option_def *def = option_find(verb, c);

		if (c == 'h')
			return 1;
		if (!def)
			return option_bad(verb, c, argv, diag);
		if (seen[def - verb->options] && def->kind != OPTION_LIST)
			return diag_set(diag, -EINVAL, "--%s is given twice", def->name);
		seen[def - verb->options] = true;
		r = option_set(def, ret_opts, optarg, diag);
		if (r < 0)
			return r;
	}

	size_t n_args = (size_t)(argc - optind);

	if (n_args > verb->n_args + verb->n_optional)
		return diag_set(diag, -EINVAL, "%s: \"%s\" is one word too many", verb->name,
			argv[optind + (int)(verb->n_args + verb->n_optional)]);
	if (n_args < verb->n_args)
		return diag_set(diag, -EINVAL, "%s: %s is missing", verb->name, verb->args);
	*ret_args = (const char *const *)argv + optind;
	return 0;
}

void options_done(const struct verb *verb, void *opts)
{
	for (size_t i = 0; i < verb->n_options; i++) {
		struct strlist *list = option_place(&verb->options[i], opts);

		if (verb->options[i].kind != OPTION_LIST)
			continue;
		free(list->items);
		*list = (struct strlist){};
	}
}

void options_help(const char *program, const struct verb *verb)
{
	printf("%s %s [OPTION...]%s%s\n\n%s.\n\n", program, verb->name, verb->args ? " " : "",
		verb->args ? verb->args : "", verb->summary);
	for (size_t i = 0; i < verb->n_options; i++) {
		const struct option_def *def = &verb->options[i];
		int n = 0;

		if (def->letter)
			n += printf("  -%c, ", def->letter);
		else
			n += printf("      ");
		n += printf("--%s%s%s", def->name, def->arg ? "=" : "", def->arg ? def->arg : "");
		if (n >= HELP_COLUMN)
			n = printf("\n") - 1;
		printf("%*s%s\n", HELP_COLUMN - n, "", def->help);
	}
	printf("  -h, --help%*s%s\n", HELP_COLUMN - 12, "", "this text");
}

int usage_error(struct diag *diag, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	(void)diag_set(diag, -EINVAL, "%s", text ? text : "wrong use");
	return EXIT_USAGE;
}
