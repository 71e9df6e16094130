/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * cap: from here on the TPM gives no key until the next boot, and those in the keyring are revoked.
 * It runs before the root file system takes over, and whenever something failed; so it works as far
 * as it can without a configuration, too.
 */

#include "config.h"
#include "keyring.h"
#include "keysource.h"
#include "seal-session.h"
#include "verbs.h"

struct cap_opts {
	bool unused;
};

/* The seal that is configured, or with all defaults where nothing could be read. */
static int cap_tpm(struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(seal_freep) struct seal *defaults = NULL;
	size_t errors = 0;
	int r;

	r = config_load(NULL, LOG_LEVEL_WARNING, &stack, &errors);
	if (r >= 0 && errors == 0 && !stack.seal)
		return 0;
	if (r >= 0 && stack.seal)
		return seal_cap(stack.seal, diag);
	r = seal_new("seal", &defaults, diag);
	if (r < 0)
		return r;
	r = seal_cap(defaults, diag);
	/* What is not there gives no key. */
	if (r == TPM_STATE_NO_TPM || r == TPM_STATE_NV_LOST) {
		diag_done(diag);
		r = 0;
	}
	return r;
}

static int cap_run(const void *opts, const char *const *args, struct diag *diag)
{
	int r = keyring_unpublish(TPM2_KEY_PREFIX, diag);
	int q = cap_tpm(diag);

	return r < 0 ? r : q;
}

const struct verb verb_cap = {
	.name = "cap",
	.summary = "Make the TPM give no key any more until the next boot",
	.opts_size = sizeof(struct cap_opts),
	.run = cap_run,
};
