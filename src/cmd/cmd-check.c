/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check: reads all configuration files and manifests and says what is wrong with them.
 */

#include <stdio.h>

#include "config.h"
#include "verbs.h"

struct check_opts {
	const char *root;
	bool quiet;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct check_opts, root), "DIR",
		"look below this folder instead of /" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct check_opts, quiet), NULL,
		"say nothing when all is well" },
};

static int check_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct check_opts *o = opts;
	_cleanup_(stack_done) struct stack stack = {};
	size_t errors;
	int r;

	r = config_load(o->root, LOG_LEVEL_ERR, &stack, &errors);
	if (r < 0)
		return r;
	if (errors > 0)
		return EXIT_FAILED;
	if (!o->quiet)
		printf("%zu %s, no errors\n", stack.n_layers,
			stack.n_layers == 1 ? "layer" : "layers");
	return EXIT_DONE;
}

const struct verb verb_check = {
	.name = "check",
	.summary = "Read configuration and manifests and report what is wrong",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct check_opts),
	.run = check_run,
};
