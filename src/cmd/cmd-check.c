/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * check: reads all configuration files and manifests and says what is wrong with them.
 */

#include <stdio.h>
#include <unistd.h>

#include "check-sealed.h"
#include "config.h"
#include "fail-closed.h"
#include "stack-seal.h"
#include "verbs.h"

struct check_opts {
	const char *root;
	bool quiet;
	bool sealed;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct check_opts, root), "DIR",
		"look below this folder instead of /" },
	{ "sealed", 0, OPTION_FLAG, offsetof(struct check_opts, sealed), NULL,
		"also say which holes are open in the sealed phase" },
	{ "quiet", 'q', OPTION_FLAG, offsetof(struct check_opts, quiet), NULL,
		"say nothing when all is well" },
};

/* A tree is an initrd if it says so itself. */
static bool is_initrd(const char *root)
{
	_cleanup_free_ char *path = NULL;

	if (!root)
		return config_in_initrd();
	return asprintf(&path, "%s/etc/initrd-release", root) >= 0 && access(path, F_OK) == 0;
}

static int check_holes(
	const struct check_opts *o, struct stack *stack, bool sealed_error, struct diag *diag)
{
	const struct check_sealed_input in = {
		.stack = stack,
		.sealed_error = sealed_error,
		.root = o->root,
		.initrd = is_initrd(o->root),
	};
	_cleanup_(buf_done) struct buf out = {};
	struct fail_policy policy;
	size_t n_open;
	int r;

	fail_policy_get(stack, sealed_error, &policy);
	if (!policy.sealed) {
		if (!o->quiet)
			printf("nothing is sealed\n");
		return EXIT_DONE;
	}
	r = check_sealed(&in, &out, &n_open, diag);
	if (r < 0)
		return r;
	if (!o->quiet || n_open > 0)
		(void)fputs(buf_str(&out), stdout);
	return n_open > 0 ? EXIT_FAILED : EXIT_DONE;
}

/* Which keys nobody could ever get. */
static size_t check_keys(const struct stack *stack)
{
	size_t n = 0;

	for (size_t i = 0; i < stack->n_layers; i++) {
		_cleanup_(diag_done) struct diag why = {};
		const struct layer *layer = stack->layers[i];
		/* Of one that cannot be used more has been said. */
		int r = layer->broken ? 0 : stack_check_seal(stack, layer, &why);

		if (r < 0)
			(void)log_diag(r, &why);
		n += r < 0;
	}
	return n;
}

static int check_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct check_opts *o = opts;
	_cleanup_(stack_done) struct stack stack = {};
	const struct config_request config = { .root = o->root, .level = LOG_LEVEL_ERR };
	_cleanup_(config_report_done) struct config_report report = {};
	int r;

	r = config_load_report(&config, &stack, &report);
	if (r < 0)
		return r;
	if (o->sealed) {
		r = check_holes(o, &stack, report.sealed, diag);
		if (r != EXIT_DONE)
			return r;
	}
	if (report.n_errors + check_keys(&stack) > 0)
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
