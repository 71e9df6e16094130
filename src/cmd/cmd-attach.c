/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach: brings up a layer and all that it stands on.
 */

#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "config.h"
#include "run.h"
#include "verbs.h"

struct attach_opts {
	bool unused;
};

/*
 * libdevmapper keeps a copy of the table, which may have a key in it, in ordinary memory until it
 * wipes it; so none of our memory may be swapped out. Without CAP_IPC_LOCK a limit would make later
 * allocations fail, and struct secret locks its own pages anyhow.
 */
static void memory_lock(void)
{
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_IPC_LOCK, 0, 0, 0) == 1)
		(void)mlockall(MCL_CURRENT | MCL_FUTURE);
}

static int attach_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(plan_done) struct plan plan = {};
	struct layer *layer;
	size_t errors;
	int r;

	memory_lock();
	r = config_load(NULL, LOG_LEVEL_WARNING, &stack, &errors);
	if (r < 0)
		return r;
	r = config_find(&stack, args[0], &layer, diag);
	if (r < 0)
		return r;
	r = plan_attach(&stack, layer, &plan, diag);
	if (r < 0)
		return r;
	return run_plan(&plan, diag);
}

const struct verb verb_attach = {
	.name = "attach",
	.args = "NAME",
	.summary = "Bring up a layer and everything that it stands on",
	.opts_size = sizeof(struct attach_opts),
	.n_args = 1,
	.run = attach_run,
};
