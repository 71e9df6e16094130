/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fail: runs before every shell that systemd or an initrd would open, and after a sealed unit has
 * failed. Where nothing is sealed it does nothing, and the shell opens.
 */

#include <errno.h>
#include <unistd.h>

#include "config.h"
#include "fail-closed.h"
#include "verbs.h"

struct fail_opts {
	bool unused;
};

static int fail_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct fail_policy policy = { .sealed = true, .action = FAIL_PANIC };
	const struct config_request config = { .level = LOG_LEVEL_ERR };
	_cleanup_(config_report_done) struct config_report report = {};
	int r = config_load_report(&config, &stack, &report);

	if (geteuid() != 0)
		return diag_set(diag, -EPERM, "this is for root");
	/* What cannot be known counts as sealed. */
	if (r >= 0)
		fail_policy_get(&stack, report.sealed, &policy);
	if (!policy.sealed)
		return EXIT_DONE;
	(void)diag_set(diag, -EPERM, "a unit failed, or a shell was asked for");
	fail_closed(&policy, diag);
}

const struct verb verb_fail = {
	.name = "fail",
	.summary = "For units: end the machine if anything is sealed",
	.opts_size = sizeof(struct fail_opts),
	.run = fail_run,
};
