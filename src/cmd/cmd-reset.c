/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reset: the machine is as before enrolment, and what was encrypted is lost.
 */

#include "log.h"
#include "seal-command.h"
#include "verbs.h"

struct reset_opts {
	bool destroy;
};

static const struct option_def options[] = {
	{ "destroy-keys", 0, OPTION_FLAG, offsetof(struct reset_opts, destroy), NULL,
		"say that all keys, and the data below them, may be lost" },
};

static int reset_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct reset_opts *o = opts;
	_cleanup_(seal_command_done) struct seal_command command = {};
	int r;

	if (!o->destroy)
		return usage_error(diag, "nothing is done without --destroy-keys");
	r = seal_command_load(&command, diag);
	if (r < 0)
		return r;
	r = seal_session_open(command.stack.seal, &command.session, diag);
	if (r != 0)
		return r;
	r = seal_reset(command.session, diag);
	if (r == 0)
		log_notice("the seal is gone; dmstack enroll makes a new one");
	return r;
}

const struct verb verb_reset = {
	.name = "reset",
	.summary = "Throw the seal and all its keys away",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct reset_opts),
	.run = reset_run,
};
