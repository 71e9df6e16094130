/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * enroll: gives the machine its root secret, and closes the latch.
 */

#include "log.h"
#include "qr.h"
#include "seal-command.h"
#include "verbs.h"

struct enroll_opts {
	bool keep_open, qr;
	const char *recovery;
};

static const struct option_def options[] = {
	{ "keep-open", 0, OPTION_FLAG, offsetof(struct enroll_opts, keep_open), NULL,
		"leave the latch open: the bootstrap phase goes on with the new keys" },
	{ "recovery-key", 0, OPTION_STRING, offsetof(struct enroll_opts, recovery), "FILE",
		"write the recovery key to this new file instead of the terminal" },
	{ "recovery-qr", 0, OPTION_FLAG, offsetof(struct enroll_opts, qr), NULL,
		"show the recovery key as a QR code, too" },
};

static int enroll_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct enroll_opts *o = opts;
	_cleanup_(seal_command_done) struct seal_command command = {};
	const struct seal_recovery_output to = { .file = o->recovery, .qr = o->qr };
	int r;

	if (o->qr && !qr_is_supported())
		return usage_error(diag,
			"--recovery-qr: libqrencode is missing, here or when dmstack was built");
	r = seal_command_open(&command, diag);
	if (r != 0)
		return r;
	/* An enrolment that was cut short goes on where it was. */
	if (!seal_is_latched(command.session) && seal_is_fresh(command.session))
		r = seal_unlock(command.session, &seal_pins_present, diag);
	else
		r = seal_command_enroll(&command, &to, diag);
	if (r == 0 && !o->keep_open)
		r = seal_close_latch(command.session, diag);
	if (r == 0)
		r = seal_publish(&command, diag);
	if (r == 0)
		log_notice(o->keep_open ? "enrolled; the latch is open"
					: "enrolled; the latch is closed");
	return r;
}

const struct verb verb_enroll = {
	.name = "enroll",
	.summary =
		"Give the machine its root secret, sealed to the TPM, and end the bootstrap phase",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct enroll_opts),
	.run = enroll_run,
};
