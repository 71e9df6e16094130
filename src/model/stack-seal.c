/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seal of a stack, and what has to be vouched for.
 */

#include "stack-seal.h"

#include <errno.h>

int stack_set_seal(struct stack *stack, struct seal *seal, struct diag *diag)
{
	struct seal *first = stack->seal;

	if (!first) {
		stack->seal = seal;
		return 0;
	}
	if (!seal_equal(first, seal)) {
		if (seal->where)
			(void)diag_at(diag, -EEXIST, "%s", seal->where);
		return diag_set(diag, -EEXIST,
			"a machine has one seal, and \"%s\" at %s says something else", first->name,
			first->where ?: "another place");
	}
	first->phase = MAX(first->phase, seal->phase);
	first->trusted |= seal->trusted;
	seal_free(seal);
	return 0;
}

/* stack_name is that of a manifest, or NULL. */
static int check_trust(const struct stack *stack, const char *stack_name, bool trusted,
	unsigned phase, struct diag *diag)
{
	if (!stack->demands_trust || trusted || !stack_name || phase != PHASE_SEALED)
		return 0;
	return diag_set(diag, -EKEYREJECTED,
		"the manifest has no signature by a certificate in dmstack/keys.d and is not part of "
		"the initrd; the sealed phase needs one of both");
}

/* Keys of the TPM for a sealed layer come only from a sealed boot. */
static void tighten_seal(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		if (stack->layers[i]->common.phase == PHASE_SEALED &&
			layer_has_key(stack->layers[i], KEYREF_TPM2))
			stack->seal->phase = PHASE_SEALED;
}

int stack_check_trust(const struct stack *stack, const struct layer *layer, struct diag *diag)
{
	return check_trust(stack, layer->stack_name, layer->trusted, layer->common.phase, diag);
}

int stack_check_seal(const struct stack *stack, const struct layer *layer, struct diag *diag)
{
	if (stack->seal || !layer_has_key(layer, KEYREF_TPM2))
		return 0;
	if (layer->where)
		(void)diag_at(diag, -ENOKEY, "%s", layer->where);
	return diag_set(diag, -ENOKEY,
		"\"%s\" has a key in the TPM, and no seal says how to get it: dmstack.conf needs a "
		"line of type \"seal\", or the manifest a member \"seal\"",
		layer->name);
}

int stack_link_seal(const struct stack *stack)
{
	struct seal *seal = stack->seal;

	if (!seal)
		return 0;
	tighten_seal(stack);
	if (!seal->broken && check_trust(stack, seal->stack_name, seal->trusted, seal->phase,
				     &seal->error) < 0) {
		seal->broken = true;
		if (seal->where)
			(void)diag_at(&seal->error, 0, "%s", seal->where);
	}
	return seal->broken;
}

/* What says its rollback number, and where; NULL for a layer that is not sealed or says none. */
static const char *layer_epoch(const struct layer *layer, uint64_t *ret)
{
	if (!layer->stack_name || layer->common.phase != PHASE_SEALED)
		return NULL;
	*ret = layer->generation;
	return layer->where ?: layer->name;
}

static int check_epoch(const char *where, uint64_t epoch, uint64_t least, struct diag *diag)
{
	if (epoch >= least)
		return 0;
	(void)diag_at(diag, -ESTALE, "%s", where);
	return diag_set(diag, -ESTALE,
		"generation %llu is older than %llu, which this machine has had already: an old "
		"configuration was put back",
		(unsigned long long)epoch, (unsigned long long)least);
}

int stack_check_epoch(const struct stack *stack, uint64_t least, struct diag *diag)
{
	uint64_t epoch;
	int r = 0;

	if (stack->seal)
		r = check_epoch(
			stack->seal->where ?: stack->seal->name, stack->seal->epoch, least, diag);
	for (size_t i = 0; r >= 0 && i < stack->n_layers; i++) {
		const char *where = layer_epoch(stack->layers[i], &epoch);

		if (where)
			r = check_epoch(where, epoch, least, diag);
	}
	return r;
}
