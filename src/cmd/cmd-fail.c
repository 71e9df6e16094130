/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fail: runs before every shell that systemd or an initrd would open, and after a sealed unit has
 * failed. Where nothing is sealed it does nothing, and the shell opens.
 */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "config.h"
#include "fail-closed.h"
#include "verbs.h"

struct fail_opts {
	bool service_result;
};

static const struct option_def options[] = {
	{ "service-result", 0, OPTION_FLAG, offsetof(struct fail_opts, service_result), NULL,
		"for ExecStopPost=: only if $SERVICE_RESULT is not success" },
};

/* A layer that is not known may be any of the others. */
static void policy_get(
	const struct stack *stack, bool sealed_error, const char *name, struct fail_policy *ret)
{
	const struct layer *layer = name ? stack_find(stack, name) : NULL;

	if (layer)
		fail_policy_of_layer(layer, ret);
	else
		fail_policy_get(stack, sealed_error, ret);
}

static int fail_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct fail_opts *o = opts;
	const char *result = getenv("SERVICE_RESULT");

	if (o->service_result && result && streq(result, "success"))
		return EXIT_DONE;

	_cleanup_(stack_done) struct stack stack = {};
	struct fail_policy policy = { .sealed = true, .action = FAIL_PANIC };
	const struct config_request config = { .level = LOG_LEVEL_ERR };
	_cleanup_(config_report_done) struct config_report report = {};
	int r = config_load_report(&config, &stack, &report);

	if (geteuid() != 0)
		return diag_set(diag, -EPERM, "this is for root");
	/* What cannot be known counts as sealed. */
	if (r >= 0)
		policy_get(&stack, report.sealed, args[0], &policy);
	if (!policy.sealed)
		return EXIT_DONE;
	(void)diag_set(diag, -EPERM, "%s",
		o->service_result ? "its unit failed" : "a unit failed, or a shell was asked for");
	if (args[0])
		(void)diag_at(diag, -EPERM, "%s", args[0]);
	fail_closed(&policy, diag);
}

const struct verb verb_fail = {
	.name = "fail",
	.args = "[NAME]",
	.summary = "For units: end the machine if anything is sealed, or if the layer is",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct fail_opts),
	.n_optional = 1,
	.run = fail_run,
};
