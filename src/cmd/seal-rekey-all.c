/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which keys are replaced, and in which order: what was interrupted, then from the bottom up.
 */

#include <stdlib.h>
#include <string.h>

#include "seal-rekey.h"

static const struct seal_slot *current_slot(const struct seal_command *command)
{
	const struct seal_session *session = command->session;

	return &session->places[session->current].slot;
}

/* Of which keys of a layer it is about. */
struct choice {
	const struct seal_slot *slot;	   /* those that the image had, by the slot */
	const struct seal_kept_keys *keys; /* or before there is one */
	const char *label;		   /* or this one; else all that come from the TPM */
};

static bool is_chosen(const struct choice *choice, const struct keyref *key)
{
	struct seal_record record;

	if (key->kind != KEYREF_TPM2)
		return false;
	if (choice->slot)
		return seal_record_find(choice->slot, SEAL_RECORD_KEY, key->value, &record) == 1;
	if (choice->label)
		return streq(choice->label, key->value);
	for (size_t i = 0; choice->keys && i < choice->keys->n; i++)
		if (streq(choice->keys->items[i].label, key->value))
			return true;
	return !choice->keys;
}

/* The keys of a layer; those that cannot be replaced are an error. At most LAYER_KEYS_MAX. */
static int layer_targets(const struct seal_command *command, const struct choice *choice,
	struct layer *layer, struct rekey_target *ret, size_t *ret_n, struct diag *diag)
{
	const struct keyref *keys[LAYER_KEYS_MAX];
	size_t n = layer_keys(layer, keys), found = 0;

	for (size_t i = 0; i < n; i++) {
		int r;

		if (!is_chosen(choice, keys[i]))
			continue;
		r = rekey_target_get(&command->stack, layer, keys[i], &ret[found], diag);
		if (r < 0)
			return diag_at(diag, r, "%s", layer->name);
		found++;
	}
	*ret_n = found;
	return 0;
}

struct targets {
	struct rekey_target *items; /* owned */
	size_t n;
};

static void targets_done(struct targets *targets)
{
	free(targets->items);
}

/* From the layer (NULL: from all), those below first. */
static int targets_find(const struct seal_command *command, const struct choice *choice,
	struct layer *layer, struct targets *ret, struct diag *diag)
{
	_cleanup_(targets_done) struct targets targets = {};
	_cleanup_free_ struct layer **layers = NULL;
	size_t n_layers, n = 0;
	int r = stack_order(&command->stack, NULL, &layers, &n_layers);

	if (r < 0)
		return r;
	targets.items = calloc(n_layers * LAYER_KEYS_MAX + 1, sizeof(*targets.items));
	if (!targets.items)
		return -ENOMEM;
	for (size_t i = 0; i < n_layers; i++) {
		if (layer && layers[i] != layer)
			continue;
		r = layer_targets(command, choice, layers[i], targets.items + targets.n, &n, diag);
		if (r < 0)
			return r;
		targets.n += n;
	}
	*ret = targets;
	targets = (struct targets){};
	return 0;
}

static int run(struct seal_command *command, const struct rekey_target *target, struct diag *diag)
{
	int r = rekey_target_run(command, target, diag);

	return r != 0 ? diag_at(diag, r, "%s", target->layer->name) : 0;
}

/* *ret_label: of the key whose replacement went on, or empty. */
static int resume(
	struct seal_command *command, char ret_label[SEAL_LABEL_MAX + 1], struct diag *diag)
{
	_cleanup_(targets_done) struct targets targets = {};
	struct seal_record next;
	struct choice choice = { .label = next.label };
	int r;

	ret_label[0] = '\0';
	if (seal_record_find_next(current_slot(command), &next) != 1)
		return 0;
	r = targets_find(command, &choice, NULL, &targets, diag);
	if (r < 0)
		return r;
	if (targets.n == 0)
		return diag_set(diag, -ENOENT,
			"a layer with the key tpm2:%s was being re-keyed, and is not configured any "
			"more",
			next.label);
	strcpy(ret_label, next.label);
	return run(command, targets.items, diag);
}

int seal_command_rekey_resume(struct seal_command *command, struct diag *diag)
{
	char label[SEAL_LABEL_MAX + 1];

	return resume(command, label, diag);
}

int seal_command_rekey(struct seal_command *command, struct layer *layer, struct diag *diag)
{
	const struct seal_slot slot = *current_slot(command);
	const struct choice choice = { .slot = layer ? NULL : &slot };
	_cleanup_(targets_done) struct targets targets = {};
	char label[SEAL_LABEL_MAX + 1];
	int r;

	/* One that cannot be replaced is told before another one is. */
	r = targets_find(command, &choice, layer, &targets, diag);
	if (r == 0 && layer && targets.n == 0)
		return diag_set(
			diag, -EINVAL, "%s: it has no key that comes from the TPM", layer->name);
	if (r == 0)
		r = resume(command, label, diag);
	for (size_t i = 0; r == 0 && i < targets.n; i++)
		if (!streq(targets.items[i].key->value, label))
			r = run(command, &targets.items[i], diag);
	return r;
}

int seal_command_rekey_check(
	const struct seal_command *command, const struct seal_kept_keys *keys, struct diag *diag)
{
	const struct choice choice = { .keys = keys };
	_cleanup_(targets_done) struct targets targets = {};
	uint32_t capacity;
	int r = rekey_capacity(command->session->store.size, &capacity, diag);

	return r < 0 ? r : targets_find(command, &choice, NULL, &targets, diag);
}
