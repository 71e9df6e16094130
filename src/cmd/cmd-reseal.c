/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * reseal: a new slot for what is configured and measured now; the old one is worthless then.
 */

#include "log.h"
#include "seal-command.h"
#include "verbs.h"

struct reseal_opts {
	bool pin;
	bool good;
};

static const struct option_def options[] = {
	{ "pin", 0, OPTION_FLAG, offsetof(struct reseal_opts, pin), NULL, "set a new PIN" },
	{ "good", 0, OPTION_FLAG, offsetof(struct reseal_opts, good), NULL,
		"only note that this epoch boots well, for commit=after-good" },
};

static int mark_good(struct diag *diag)
{
	_cleanup_(seal_command_done) struct seal_command command = {};
	_cleanup_(seal_store_done) struct seal_store store = SEAL_STORE_INIT;
	int r;

	r = seal_command_load(&command, diag);
	if (r < 0)
		return r;
	r = seal_store_open(&command.stack.seal->device, true, 0, &store, diag);
	if (r < 0)
		return r;
	return seal_store_set_good(&store, command.stack.seal->epoch, diag);
}

static int reseal(struct seal_command *command, bool new_pin, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *auth = NULL;
	struct seal_session *session = command->session;
	struct seal_pin pin;
	int r;

	r = seal_unlock(session, &seal_pins_present, diag);
	if (r != 0)
		return r;
	if (new_pin) {
		r = seal_new_pin(&seal_pins_new, &pin, &auth, diag);
		if (r != 0)
			return r;
	}
	if (!seal_is_latched(session)) {
		r = seal_close_latch(session, diag);
		if (r != 0)
			return r;
	}
	return seal_renew(session, new_pin ? &pin : NULL, auth, diag);
}

static int reseal_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct reseal_opts *o = opts;
	_cleanup_(seal_command_done) struct seal_command command = {};
	int r;

	if (o->good)
		return o->pin ? usage_error(diag, "--good goes with no other option")
			      : mark_good(diag);
	r = seal_command_open(&command, diag);
	if (r != 0)
		return r;
	if (o->pin && !command.stack.seal->pin)
		return usage_error(diag, "--pin, but the seal is configured without a PIN");
	r = reseal(&command, o->pin, diag);
	if (r == 0)
		log_notice("sealed anew; the former slot opens nothing any more");
	return r;
}

const struct verb verb_reseal = {
	.name = "reseal",
	.summary = "Seal the root secret anew, for the PCRs, the epoch and the PIN of now",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct reseal_opts),
	.run = reseal_run,
};
