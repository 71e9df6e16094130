/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * First the message, which may be the only trace; then the keys; then the action.
 */

#include "fail-closed.h"

#include <errno.h>
#include <sys/mount.h>
#include <unistd.h>

#include "config.h"
#include "dm.h"
#include "log.h"
#include "machine.h"
#include "verbs.h"

void fail_policy_of_layer(const struct layer *layer, struct fail_policy *ret)
{
	ret->sealed = layer->common.phase != PHASE_BOOTSTRAP;
	ret->action = layer->common.fail < _FAIL_MAX ? layer->common.fail : FAIL_PANIC;
}

void fail_policy_get(const struct stack *stack, bool sealed_error, struct fail_policy *ret)
{
	*ret = (struct fail_policy){ .sealed = sealed_error, .action = FAIL_PANIC };
	for (size_t i = 0; i < stack->n_layers; i++) {
		if (stack->layers[i]->common.phase == PHASE_BOOTSTRAP)
			continue;
		fail_policy_of_layer(stack->layers[i], ret);
		return;
	}
}

static const char *action_name(enum fail_action action)
{
	const int i = field_find(layer_common_fields, layer_n_common_fields, "fail");

	return i < 0 ? "" : layer_common_fields[i].choices[action];
}

/* One of scripts has no /etc/initrd-release. */
static bool in_initrd(void)
{
	return config_in_initrd() || machine_is_in_initrd();
}

/* In the running system, systemd-shutdown still has to be read from the root. */
static bool may_wipe_all(enum fail_action action)
{
	return in_initrd() || action == FAIL_PANIC || action == FAIL_REBOOT_IMMEDIATE ||
	       action == FAIL_POWEROFF_IMMEDIATE || action == FAIL_HALT_IMMEDIATE;
}

/* What waits in the keyring for the next layer, and the way to get it again. */
static void cap_seal(void)
{
#if HAVE_TPM2
	_cleanup_(diag_done) struct diag diag = {};

	/* Without a TPM it would be waited for. */
	if (access("/dev/tpmrm0", F_OK) == 0 && verb_cap.run(NULL, NULL, &diag) != 0)
		log_error("the TPM is not capped: %s", diag.what ?: "failed");
#endif
}

static void wipe_keys(void)
{
	_cleanup_(mapping_list_done) struct mapping_list list = {};

	if (in_initrd()) {
		(void)umount2("/sysroot/usr", MNT_DETACH);
		(void)umount2("/sysroot", MNT_DETACH);
	}
	if (mapping_list_get(&list, NULL) < 0)
		return;
	for (size_t i = 0; i < list.n; i++) {
		_cleanup_(diag_done) struct diag diag = {};

		if (mapping_wipe(list.items[i].name, &diag) < 0)
			log_error("%s: %s", list.items[i].name, diag.what ?: "cannot be wiped");
	}
}

void fail_closed(const struct fail_policy *policy, const struct diag *why)
{
	log_setup("dmstack", LOG_TARGET_KMSG);
	log_error("sealed: %s%s%s; %s follows", why->where ?: "", why->where ? ": " : "",
		why->what ?: "failed", action_name(policy->action));
	if (may_wipe_all(policy->action))
		wipe_keys();
	cap_seal();
	machine_end(policy->action);
}
