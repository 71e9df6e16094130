/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the sealed phase adds to units, so that no way of failing is left without an action:
 *
 *	failed                 FailureAction=, and the process itself, see dmstack(8)
 *	a dependency failed    OnFailure=
 *	a device did not come  JobTimeoutAction=; with watchdogs off, it is a dependency that failed
 *	emergency.target       the shipped drop-ins of the units with a shell
 *
 * Neither Assert...= nor Condition...=, which trigger none of these, nor Conflicts= with
 * emergency.target, which would be refused.
 */

#include "units-private.h"

#define FAIL_UNIT "dmstack-fail.service"

/*
 * exact: every version of systemd has the word. Else the nearest one stands behind processes that
 * act by themselves, and is left out where it would come before them.
 */
static const struct {
	bool exact;
	const char *known; /* what every supported version understands */
	const char *newer; /* what later ones understand; NULL: the same */
} actions[_FAIL_MAX] = {
	[FAIL_PANIC] = { false, "reboot-immediate", NULL },
	[FAIL_REBOOT] = { true, "reboot-force", NULL },
	[FAIL_REBOOT_IMMEDIATE] = { true, "reboot-immediate", NULL },
	[FAIL_POWEROFF] = { true, "poweroff-force", NULL },
	[FAIL_POWEROFF_IMMEDIATE] = { true, "poweroff-immediate", NULL },
	[FAIL_HALT] = { false, "poweroff-immediate", "halt-force" },
	[FAIL_HALT_IMMEDIATE] = { false, "poweroff-immediate", "halt-immediate" },
	[FAIL_EXIT] = { true, "exit-force", NULL },
};

void unit_put_action(struct buf *buf, const char *setting, unsigned fail)
{
	/* The plain forms start a target, and lose against emergency.target in an initrd. */
	const size_t i = fail < _FAIL_MAX ? fail : FAIL_PANIC;

	buf_printf(buf, "%s=%s\n", setting, actions[i].known);
	if (actions[i].newer)
		buf_printf(buf, "%s=%s\n", setting, actions[i].newer);
}

bool unit_action_is_exact(unsigned fail)
{
	return fail < _FAIL_MAX && actions[fail].exact;
}

void unit_put_sealed(struct buf *buf, const struct layer *layer, bool acts)
{
	if (layer->common.phase == PHASE_BOOTSTRAP)
		return;
	if (acts || unit_action_is_exact(layer->common.fail))
		unit_put_action(buf, "FailureAction", layer->common.fail);
	buf_puts(buf, "OnFailure=" FAIL_UNIT "\n");
}

static void unit_add_actions(struct units *u, const char *folder, unsigned fail, bool success)
{
	struct buf *buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, folder, "50-dmstack.conf");

	buf_puts(buf, GENERATED_HEAD);
	unit_put_action(buf, "FailureAction", fail);
	if (success)
		unit_put_action(buf, "SuccessAction", fail);
	unit_tree_end_file(u->tree);
}

void unit_seal_add(struct units *u, unsigned fail, bool failed)
{
	/* It does not come back; if it is killed, this is what stands behind it. */
	unit_add_actions(u, FAIL_UNIT ".d", fail, true);
	if (u->in->initrd)
		unit_add_actions(u, "dmstack-gate.service.d", fail, false);
	if (!failed)
		return;
	/* A stack without units cannot fail by itself. */
	struct buf *buf = unit_tree_add_file(
		u->tree, UNIT_PLACE_NORMAL, "sysinit.target.d", "50-dmstack.conf");

	buf_puts(buf, GENERATED_HEAD "Wants=" FAIL_UNIT "\n");
	unit_tree_end_file(u->tree);
}
