/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the sealed phase adds to units, so that no way of failing is left without an action:
 *
 *	failed                 the process itself, see dmstack(8); of a layer ExecStopPost=, which is
 *	                       the same, and FailureAction=; of all OnFailure=
 *	a dependency failed    OnFailure=
 *	a device did not come  JobTimeoutSec=, whereby it is a dependency that failed
 *	emergency.target       the shipped drop-ins of the units with a shell
 *
 * OnFailure= starts a unit that wipes the keys before it acts. FailureAction= comes before that and
 * would leave keys in memory, so only units have it in which something of ours ran before.
 * Neither Assert...= nor Condition...=, which trigger none of these, nor Conflicts= with
 * emergency.target, which would be refused.
 */

#include "units-private.h"

#define FAIL_UNIT "dmstack-fail.service"

/*
 * Where not every version of systemd has a word, the nearest one stands behind processes that act by
 * themselves.
 */
static const struct {
	const char *known; /* what every supported version understands */
	const char *newer; /* what later ones understand; NULL: the same */
} actions[_FAIL_MAX] = {
	[FAIL_PANIC] = { "reboot-immediate", NULL },
	[FAIL_REBOOT] = { "reboot-force", NULL },
	[FAIL_REBOOT_IMMEDIATE] = { "reboot-immediate", NULL },
	[FAIL_POWEROFF] = { "poweroff-force", NULL },
	[FAIL_POWEROFF_IMMEDIATE] = { "poweroff-immediate", NULL },
	[FAIL_HALT] = { "poweroff-immediate", "halt-force" },
	[FAIL_HALT_IMMEDIATE] = { "poweroff-immediate", "halt-immediate" },
	[FAIL_EXIT] = { "exit-force", NULL },
};

void unit_put_action(struct buf *buf, const char *setting, unsigned fail)
{
	/* The plain forms start a target, and lose against emergency.target in an initrd. */
	const size_t i = fail < _FAIL_MAX ? fail : FAIL_PANIC;

	buf_printf(buf, "%s=%s\n", setting, actions[i].known);
	if (actions[i].newer)
		buf_printf(buf, "%s=%s\n", setting, actions[i].newer);
}

void unit_put_sealed(struct buf *buf, const struct layer *layer)
{
	if (layer->common.phase != PHASE_BOOTSTRAP)
		buf_puts(buf, "OnFailure=" FAIL_UNIT "\n");
}

void unit_put_sealed_layer(struct buf *unit, struct buf *service, const struct layer *layer)
{
	if (layer->common.phase == PHASE_BOOTSTRAP)
		return;
	unit_put_action(unit, "FailureAction", layer->common.fail);
	unit_put_sealed(unit, layer);
	buf_puts(service, "ExecStopPost=:" DMSTACK_PATH " fail --service-result -- %I\n");
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
