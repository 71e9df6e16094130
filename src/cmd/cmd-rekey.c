/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * rekey: re-encrypts layers in place to keys that only this machine has.
 */

#include "log.h"
#include "seal-command.h"
#include "verbs.h"

struct rekey_opts {
	bool unchecked;
};

static const struct option_def options[] = {
	{ "unchecked", 0, OPTION_FLAG, offsetof(struct rekey_opts, unchecked), NULL,
		"even if nothing tells that the present key is right" },
};

static int rekey(struct seal_command *command, const char *name, struct diag *diag)
{
	struct layer *layer = NULL;
	int r;

	r = seal_command_open(command, diag);
	if (r == 0 && name)
		r = config_find(&command->stack, name, &layer, diag);
	if (r == 0)
		r = seal_unlock(command->session, &seal_pins_present, diag);
	if (r == 0)
		r = seal_command_rekey(command, layer, diag);
	if (r == 0)
		r = seal_publish(command, diag);
	return r;
}

static int rekey_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct rekey_opts *o = opts;
	_cleanup_(seal_command_done) struct seal_command command = {
		.rekey_unchecked = o->unchecked,
	};
	int r = rekey(&command, args[0], diag);

	/* Else a power cut would count as a wrong PIN. */
	if (command.session && command.session->root && command.stack.seal->pin)
		tpm_shutdown(command.session->tpm);
	return r;
}

const struct verb verb_rekey = {
	.name = "rekey",
	.args = "[NAME]",
	.summary = "Re-encrypt layers in place to keys that only this machine has",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct rekey_opts),
	.n_optional = 1,
	.run = rekey_run,
};
