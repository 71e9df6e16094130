/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys from the TPM: one unit gets them before the first layer that needs one, and one closes the
 * TPM behind the last, before anybody else can ask: before the switch of root in the initrd, and
 * before sysinit.target on the host.
 */

#include "units-private.h"

/* What dmstack-unseal.service has as TimeoutStartSec=; with a PIN, time for a person, not for ever. */
#define UNSEAL_TIMEOUT_SEC     180U
#define UNSEAL_PIN_TIMEOUT_SEC 900U
/*
 * A disk that is re-keyed, or goes on being so: the unit is watched by what it says, and this is only
 * the last resort.
 */
#define UNSEAL_REKEY_SEC 86400U

static bool asks_pin(const struct units *u)
{
	return u->in->stack->seal && u->in->stack->seal->pin;
}

uint64_t unit_unseal_usec(const struct units *u)
{
	uint64_t sec = asks_pin(u) ? UNSEAL_PIN_TIMEOUT_SEC : UNSEAL_TIMEOUT_SEC;

	return (sec + UNSEAL_REKEY_SEC) * 1000000;
}

static const struct layer *find_layer(const struct units *u, bool sealed)
{
	const struct stack *stack = u->in->stack;

	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		if (unit_layer_is_used(layer) && layer_has_key(layer, KEYREF_TPM2) &&
			(!sealed || layer->common.phase != PHASE_BOOTSTRAP))
			return layer;
	}
	return NULL;
}

static void add_dropin(struct units *u, const char *folder, const char *text)
{
	struct buf *buf =
		unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, folder, "60-dmstack-tpm.conf");

	buf_puts(buf, GENERATED_HEAD);
	buf_puts(buf, text);
	unit_tree_end_file(u->tree);
}

static void add_unseal(struct units *u, const struct layer *sealed)
{
	struct buf *buf;

	if (!sealed && !asks_pin(u))
		return;
	buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, UNSEAL_UNIT ".d", "50-dmstack.conf");
	buf_puts(buf, GENERATED_HEAD);
	if (sealed)
		unit_put_sealed(buf, sealed);
	if (asks_pin(u))
		buf_printf(buf, "\n[Service]\nTimeoutStartSec=%us\n", UNSEAL_PIN_TIMEOUT_SEC);
	unit_tree_end_file(u->tree);
}

void unit_tpm_add(struct units *u)
{
	const struct layer *sealed = find_layer(u, true);

	if (!find_layer(u, false))
		return;
	add_unseal(u, sealed);
	if (!u->in->initrd) {
		add_dropin(u, "sysinit.target.d",
			sealed ? "Requires=" CAP_UNIT "\n" : "Wants=" CAP_UNIT "\n");
	} else {
		add_dropin(u, "initrd-switch-root.target.d", "Requires=" CAP_UNIT "\n");
		add_dropin(u, "initrd-switch-root.service.d", "Requires=" CAP_UNIT "\n");
	}
	if (!sealed)
		return;
	struct buf *buf =
		unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, CAP_UNIT ".d", "50-dmstack.conf");

	buf_puts(buf, GENERATED_HEAD);
	unit_put_sealed(buf, sealed);
	unit_tree_end_file(u->tree);
}
