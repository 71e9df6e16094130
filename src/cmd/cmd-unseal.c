/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * unseal: the one time in a boot that the TPM is asked. The keys of all layers go into the kernel
 * keyring, where attach finds them.
 */

#include <errno.h>

#include "cleanup.h"
#include "dm.h"
#include "fail-closed.h"
#include "guard.h"
#include "log.h"
#include "notify.h"
#include "seal-command.h"
#include "verbs.h"

struct unseal_opts {
	bool enforce;
};

static const struct option_def options[] = {
	{ "enforce", 0, OPTION_FLAG, offsetof(struct unseal_opts, enforce), NULL,
		"for the unit: in the sealed phase end the machine on failure, as fail= says" },
};

/* Whether the slot is to be written anew, for another epoch or because it is at each boot. */
static int wants_renewal(const struct seal_session *session, bool *ret, struct diag *diag)
{
	const struct seal *seal = session->seal;
	uint64_t good;
	int r;

	*ret = seal->rotate == SEAL_ROTATE_BOOT;
	if (seal->epoch <= session->places[session->current].slot.epoch)
		return 0;
	if (seal->commit == SEAL_COMMIT_IMMEDIATE) {
		*ret = true;
		return 0;
	}
	r = seal_store_get_good(&session->store, &good, diag);
	if (r < 0)
		return r;
	*ret = *ret || good >= seal->epoch;
	return 0;
}

/*
 * What is open opens at the next boot as well, so a slot that cannot be renewed is no reason to
 * stop; one that could not be finished is.
 */
static int settle(struct seal_session *session, struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	bool wanted;
	int r;

	if (session->places[session->current].slot.flags & SEAL_SLOT_FRESH)
		return seal_close_latch(session, diag);
	r = wants_renewal(session, &wanted, &why);
	if (r == 0 && wanted)
		r = seal_renew(session, NULL, NULL, &why);
	if (r != 0)
		log_warning("the seal stays as it is: %s", why.what ?: "no memory");
	return 0;
}

static int unseal_sealed(struct seal_command *command, struct diag *diag)
{
	struct seal_session *session = command->session;
	int r;

	if (!seal_is_latched(session) && seal_is_blank(session) &&
		session->seal->bootstrap == SEAL_BOOTSTRAP_ALLOW) {
		log_notice("this machine is not enrolled yet, and enrols itself now");
		r = seal_command_enroll(command, &(struct seal_recovery_output){}, diag);
	} else {
		r = seal_unlock(session, &seal_pins_present, diag);
	}
	if (r != 0)
		return r;
	/* With signed PCRs the TPM itself refuses an old image; this is for the others, too. */
	r = stack_check_epoch(&command->stack, session->places[session->current].slot.epoch, diag);
	if (r == -ESTALE)
		return TPM_STATE_ROLLBACK;
	if (r < 0)
		return r;
	/* Nobody is there who could say "dmstack rekey". */
	r = session->seal->rekey == SEAL_REKEY_FIRST_BOOT
		    ? seal_command_rekey(command, NULL, diag)
		    : seal_command_rekey_resume(command, diag);
	if (r == 0)
		r = settle(session, diag);
	if (r != 0)
		return r;
	seal_forgive(session);
	return seal_publish(command, diag);
}

/* Before the latch is closed; never with keys of a machine that is sealed. */
static int unseal_bootstrap(struct seal_command *command, struct diag *diag)
{
	struct seal_session *session = command->session;
	int r;

	if (seal_is_latched(session))
		return diag_set(diag, -EPERM,
			"this machine is enrolled, so there is no bootstrap phase any more");
	if (seal_is_blank(session))
		return seal_publish_kept(command, diag);
	r = seal_unlock(session, &seal_pins_present, diag);
	return r != 0 ? r : seal_publish(command, diag);
}

static bool is_live(const struct layer *layer)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);

	return uuid && mapping_info_get(layer->name, &info, NULL) >= 0 && info.live &&
	       streq(info.uuid, uuid);
}

/*
 * An initrd without systemd leaves no unit that is active, only layers that are there. Whether they
 * are the right ones attach says.
 */
static bool nothing_to_open(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		if (layer_has_key(stack->layers[i], KEYREF_TPM2) && !is_live(stack->layers[i]))
			return false;
	return true;
}

static int unseal_loaded(struct seal_command *command, struct diag *diag)
{
	int r = seal_command_open(command, diag);

	if (r != 0)
		return r;
	r = command->stack.seal->phase == PHASE_BOOTSTRAP ? unseal_bootstrap(command, diag)
							  : unseal_sealed(command, diag);
	/* Else a power cut would count as a wrong PIN. */
	if (r == 0 && command->stack.seal->pin)
		tpm_shutdown(command->session->tpm);
	return r;
}

static int unseal(bool enforce, struct fail_policy *policy, struct diag *diag)
{
	_cleanup_(seal_command_done) struct seal_command command = {};
	int r = seal_command_load(&command, diag);

	if (command.is_known)
		fail_policy_get(&command.stack, command.report.sealed, policy);
	if (command.stack.seal && command.stack.seal->phase == PHASE_BOOTSTRAP)
		policy->sealed = false;
	/* Before the keys are where a shell could take them. */
	if (r == 0 && enforce && policy->sealed)
		r = guard_machine(diag);
	if (r == 0)
		r = unseal_loaded(&command, diag);
	if (r != TPM_STATE_CAPPED || !enforce || !nothing_to_open(&command.stack))
		return r;
	diag_done(diag);
	log_info("the TPM is capped, and all layers have their keys");
	return 0;
}

static int unseal_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct unseal_opts *o = opts;
	/* Until it is known what the configuration says. */
	struct fail_policy policy = { .sealed = true, .action = FAIL_PANIC };
	const bool enforce = o && o->enforce;
	int r = unseal(enforce, &policy, diag);

	if (r == 0)
		notify_status("The seal is open.");
	else if (diag->what)
		notify_status(diag->what);
	/* Somebody stops the unit, and its OnFailure= says what follows. */
	if (r == 0 || r == -EINTR || r == -ECANCELED || !enforce || !policy.sealed)
		return r;
	fail_closed(&policy, diag);
}

const struct verb verb_unseal = {
	.name = "unseal",
	.summary = "Open the seal, and leave the keys of all layers in the kernel keyring",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct unseal_opts),
	.run = unseal_run,
};
