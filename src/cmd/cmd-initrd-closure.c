/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * initrd-closure: what has to be in an initrd for the stacks that it brings up.
 */

#include <stdio.h>
#include <string.h>

#include "closure.h"
#include "json-text.h"
#include "verbs.h"

struct closure_opts {
	const char *root;
	const char *kernel;
	const char *cmdline;
	bool json;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct closure_opts, root), "DIR",
		"look below this folder instead of /" },
	{ "kernel", 0, OPTION_STRING, offsetof(struct closure_opts, kernel), "VERSION",
		"the kernel whose modules are wanted" },
	{ "cmdline", 0, OPTION_STRING, offsetof(struct closure_opts, cmdline), "WORDS",
		"the kernel command line to go by" },
	{ "json", 0, OPTION_FLAG, offsetof(struct closure_opts, json), NULL, "print JSON" },
};

static void print_json(const struct closure *closure, struct buf *out)
{
	buf_putc(out, '{');
	for (size_t kind = 0; kind < _CLOSURE_KIND_MAX; kind++) {
		const struct strset *items = &closure->items[kind];

		json_name(out, closure_kind_plural(kind));
		buf_putc(out, '[');
		for (size_t i = 0; i < items->n; i++) {
			json_separate(out);
			json_text(out, items->items[i]);
		}
		buf_putc(out, ']');
	}
	buf_puts(out, "}\n");
}

/* A line is an item, so that a name must not make two of it. */
static int print_text(const struct closure *closure, struct buf *out, struct diag *diag)
{
	for (size_t kind = 0; kind < _CLOSURE_KIND_MAX; kind++) {
		const struct strset *items = &closure->items[kind];

		for (size_t i = 0; i < items->n; i++) {
			if (strchr(items->items[i], '\n'))
				return diag_set(diag, -EINVAL,
					"a name with a line break cannot be printed; --json can");
			buf_printf(out, "%s %s\n", closure_kind_word(kind), items->items[i]);
		}
	}
	return 0;
}

static int closure_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct closure_opts *o = opts;
	const struct closure_request request = {
		.root = o->root,
		.kernel = o->kernel,
		.cmdline = o->cmdline,
	};
	_cleanup_(closure_done) struct closure closure = {};
	_cleanup_(buf_done) struct buf out = {};
	int r;

	if (o->kernel && (strchr(o->kernel, '/') || o->kernel[0] == '.'))
		return usage_error(diag, "--kernel wants a version, not a path");
	r = closure_collect(&request, &closure, diag);
	if (r < 0)
		return r;
	if (o->json)
		print_json(&closure, &out);
	else
		r = print_text(&closure, &out, diag);
	if (r >= 0)
		r = buf_error(&out);
	if (r < 0)
		return r;
	return fputs(buf_str(&out), stdout) < 0 || fflush(stdout) < 0 ? -EIO : EXIT_DONE;
}

const struct verb verb_initrd_closure = {
	.name = "initrd-closure",
	.summary = "List what an initrd needs for its stacks",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct closure_opts),
	.run = closure_run,
};
