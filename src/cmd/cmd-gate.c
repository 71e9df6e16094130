/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * gate: the last look before the initrd hands over to the root. It does nothing where nothing is
 * sealed, and needs nothing that the generator makes.
 */

#include <errno.h>
#include <unistd.h>

#include "config.h"
#include "fail-closed.h"
#include "gate.h"
#include "verbs.h"

struct gate_opts {
	bool dry_run;
};

static const struct option_def options[] = {
	{ "dry-run", 'n', OPTION_FLAG, offsetof(struct gate_opts, dry_run), NULL,
		"only say what is wrong" },
};

static int gate(struct fail_policy *policy, struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	const struct config_request config = { .level = LOG_LEVEL_ERR };
	_cleanup_(config_report_done) struct config_report report = {};
	int r = config_load_report(&config, &stack, &report);

	if (r < 0)
		return r;
	fail_policy_get(&stack, report.sealed, policy);
	if (!policy->sealed)
		return 0;
	if (report.sealed)
		return diag_set(diag, -EINVAL,
			"the configuration has errors, and not only in the bootstrap phase");
	return gate_check(&stack, diag);
}

static int gate_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct gate_opts *o = opts;
	struct fail_policy policy = { .sealed = true, .action = FAIL_PANIC };
	int r;

	if (geteuid() != 0)
		return diag_set(diag, -EPERM, "this is for root");
	if (!config_in_initrd())
		return usage_error(diag, "the gate is between an initrd and its root");
	r = gate(&policy, diag);
	if (r >= 0 || o->dry_run || !policy.sealed)
		return r;
	fail_closed(&policy, diag);
}

const struct verb verb_gate = {
	.name = "gate",
	.summary = "For a unit: end a sealed machine whose root is not the one that is configured",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct gate_opts),
	.run = gate_run,
};
