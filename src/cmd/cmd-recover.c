/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * recover: seals the root secret to this machine as it is, by the recovery key.
 */

#include "log.h"
#include "seal-command.h"
#include "verbs.h"

struct recover_opts {
	bool unused;
};

static int recover_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(seal_command_done) struct seal_command command = {};
	_cleanup_(secret_freep) struct secret *recovery = NULL;
	int r;

	r = seal_command_open(&command, diag);
	if (r != 0)
		return r;
	r = seal_ask_recovery(&recovery, diag);
	if (r < 0)
		return r;
	r = seal_recover(command.session, recovery, &seal_pins_present, diag);
	if (r == 0)
		r = seal_publish(&command, diag);
	if (r == 0)
		log_notice("sealed to this machine as it is now");
	return r;
}

const struct verb verb_recover = {
	.name = "recover",
	.summary = "Seal the root secret to this machine by the recovery key",
	.opts_size = sizeof(struct recover_opts),
	.run = recover_run,
};
