/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The only code that changes mappings. It decides nothing that a plan could have decided; what it
 * adds is what only the running system knows: devices, sizes, superblocks, keys.
 */

#include "run.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "device-users.h"
#include "interrupt.h"
#include "keyring.h"
#include "keysource.h"
#include "run-key.h"
#include "run-layer.h"

/* The data key and the two journal keys of dm-integrity. */
#define TABLE_KEYS_MAX 4

struct run_key {
	const char *description; /* belongs to the plan */
	int32_t serial;
};

struct run {
	struct run_layer *layers; /* room for one a step; owned */
	size_t n_layers;
	struct run_key *keys; /* in the kernel keyring now; owned */
	size_t n_keys;
	const struct layer **made; /* mappings of this call, in order; owned */
	size_t n_made;
};

static void run_done(struct run *run)
{
	for (size_t i = 0; i < run->n_keys; i++)
		keyring_drop(run->keys[i].serial);
	for (size_t i = 0; i < run->n_layers; i++)
		run_layer_done(&run->layers[i]);
	free(run->keys);
	free(run->layers);
	free(run->made);
	*run = (struct run){};
}

static int run_init(struct run *run, size_t n_steps)
{
	run->layers = calloc(n_steps, sizeof(*run->layers));
	run->keys = calloc(n_steps, sizeof(*run->keys));
	run->made = calloc(n_steps, sizeof(*run->made));
	return run->layers && run->keys && run->made ? 0 : -ENOMEM;
}

static struct run_layer *run_layer_get(struct run *run, struct layer *layer)
{
	for (size_t i = 0; i < run->n_layers; i++)
		if (run->layers[i].layer == layer)
			return &run->layers[i];
	run_layer_init(&run->layers[run->n_layers], layer);
	return &run->layers[run->n_layers++];
}

static int step_key(
	struct run *run, struct run_layer *rl, const struct step *step, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	int32_t serial;
	int r;

	/* A mapping that is there has its key. */
	if (rl->live)
		return 0;
	r = run_key_fetch(rl, step, &key, diag);
	if (r < 0)
		return r;
	r = keyring_add(
		step->public_key ? "user" : "logon", step->key_description, key, &serial, diag);
	if (r < 0)
		return r;
	run->keys[run->n_keys++] =
		(struct run_key){ .description = step->key_description, .serial = serial };
	return 0;
}

static void step_unkey(struct run *run, const struct step *step)
{
	for (size_t i = 0; i < run->n_keys; i++) {
		if (!streq(run->keys[i].description, step->key_description))
			continue;
		keyring_drop(run->keys[i].serial);
		run->keys[i] = run->keys[--run->n_keys];
		return;
	}
}

/* Keys that are words of the table itself. */
struct table_keys {
	struct table_key items[TABLE_KEYS_MAX];
	struct secret *bytes[TABLE_KEYS_MAX]; /* owned */
	size_t n;
};

static void table_keys_done(struct table_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		keys->bytes[i] = secret_free(keys->bytes[i]);
}

static bool table_keys_have(const struct table_keys *keys, const struct keyref *ref)
{
	for (size_t i = 0; i < keys->n; i++)
		if (keys->items[i].ref == ref)
			return true;
	return false;
}

static int table_keys_fetch(struct table_keys *keys, const struct layer *layer,
	const struct dmtable *table, struct diag *diag)
{
	for (size_t i = 0; i < table->n_words; i++) {
		const struct keyref *ref = table->words[i].key;
		struct key_request request = {
			.ref = ref,
			.name = layer->name,
			.sealed = layer->common.phase != PHASE_BOOTSTRAP,
			.timeout_usec = layer->common.timeout_usec,
		};
		int r;

		if (table->words[i].kind != WORD_KEY || table_keys_have(keys, ref))
			continue;
		if (keys->n == TABLE_KEYS_MAX)
			return diag_set(
				diag, -E2BIG, "the table has more than %d keys", TABLE_KEYS_MAX);
		if (ref == &layer->key && layer->type->key_size)
			request.size = layer->type->key_size(layer);
		r = key_fetch(&request, &keys->bytes[keys->n], diag);
		if (r < 0)
			return r;
		keys->items[keys->n] =
			(struct table_key){ .ref = ref, .bytes = keys->bytes[keys->n] };
		keys->n++;
	}
	return 0;
}

/* The kernel does not say which word of a table it does not know. */
static void explain_refusal(const struct layer *layer, struct diag *diag)
{
	const char *hint = layer->type->refusal_hint ? layer->type->refusal_hint(layer) : NULL;
	char *what = NULL;

	if (!hint || !diag || !diag->what || asprintf(&what, "%s; %s", diag->what, hint) < 0)
		return;
	free(diag->what);
	diag->what = what;
}

static int load(
	struct run *run, struct run_layer *rl, const struct dmtable *table, struct diag *diag)
{
	const struct layer *layer = rl->layer;
	_cleanup_(table_keys_done) struct table_keys keys = {};
	_cleanup_(secret_freep) struct secret *params = NULL;
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);
	struct table_inputs inputs = run_layer_inputs(rl);
	int r;

	if (!uuid)
		return -ENOMEM;
	r = mapping_require_target(
		layer->type->dm_target, layer->type->version, layer->type->modules, diag);
	if (r < 0)
		return r;
	r = table_keys_fetch(&keys, layer, table, diag);
	if (r < 0)
		return r;
	inputs.keys = keys.items;
	inputs.n_keys = keys.n;
	r = table_render(table, &inputs, &params, diag);
	if (r < 0)
		return r;

	const struct mapping_spec spec = {
		.name = layer->name,
		.uuid = uuid,
		.target = table->target,
		.length_sectors = table->length_sectors,
		.params = params,
		.has_key = dmtable_has_key(table),
		.read_only = table->read_only,
		.hidden = layer->n_users > 0,
	};

	r = mapping_create(&spec, diag);
	if (r == -EINVAL)
		explain_refusal(layer, diag);
	if (r < 0)
		return r;
	run->made[run->n_made++] = layer;
	return 0;
}

static int step_table(struct run *run, struct run_layer *rl, struct diag *diag)
{
	_cleanup_(dmtable_done) struct dmtable table = {};
	int r;

	r = run_layer_open_all(rl, diag);
	if (r < 0)
		return r;
	/* A plan has this step before; a superblock must never be loaded unseen. */
	r = run_layer_probe(rl, diag);
	if (r < 0)
		return r;
	r = run_layer_table(rl, &table, diag);
	if (r < 0)
		return r;
	if (rl->live)
		return run_layer_compare(rl, &table, diag);

	/* Left by an attach that was killed between its ioctls. */
	if (rl->info.exists) {
		r = mapping_remove(rl->layer->name, rl->layer->n_users > 0, diag);
		if (r < 0)
			return r;
	}
	return load(run, rl, &table, diag);
}

static int do_step(struct run *run, const struct step *step, struct diag *diag)
{
	struct run_layer *rl;
	int r;

	rl = run_layer_get(run, step->layer);
	r = run_layer_examine(rl, diag);
	if (r < 0)
		return r;
	switch (step->kind) {
	case STEP_WAIT:
		return run_layer_open(rl, step->device, diag);
	case STEP_PROBE:
		return run_layer_probe(rl, diag);
	case STEP_KEY:
		return step_key(run, rl, step, diag);
	case STEP_TABLE:
		return step_table(run, rl, diag);
	case STEP_UNKEY:
		step_unkey(run, step);
		return 0;
	case _STEP_KIND_MAX:
		break;
	}
	return diag_set(diag, -EINVAL, "a step of kind %d is not known", (int)step->kind);
}

/* Takes away what this call made, the last first. What cannot be removed stays, and is said. */
static void undo(struct run *run, struct diag *diag)
{
	while (run->n_made > 0) {
		const struct layer *layer = run->made[--run->n_made];

		for (size_t i = 0; i < run->n_layers; i++)
			run_layer_done(&run->layers[i]);
		run->n_layers = 0;
		if (mapping_remove(layer->name, layer->n_users > 0, NULL) < 0)
			(void)diag_at(diag, 0, "\"%s\" is left behind", layer->name);
	}
}

int run_plan(const struct plan *plan, struct diag *diag)
{
	_cleanup_(run_done) struct run run = {};
	int r;

	r = run_init(&run, plan->n_steps);
	if (r < 0)
		return r;
	for (size_t i = 0; i < plan->n_steps; i++) {
		const struct step *step = &plan->steps[i];

		r = interrupted ? diag_set(diag, -EINTR, "interrupted") : do_step(&run, step, diag);
		if (r < 0) {
			(void)diag_at(diag, r, "%s", step->layer->name);
			undo(&run, diag);
			return r;
		}
	}
	return 0;
}

int run_attach(const struct stack *stack, struct layer *layer, struct diag *diag)
{
	_cleanup_(plan_done) struct plan plan = {};
	int r;

	r = plan_attach(stack, layer, &plan, diag);
	return r < 0 ? r : run_plan(&plan, diag);
}

int run_compare(struct layer *layer, struct diag *diag)
{
	_cleanup_(run_layer_done) struct run_layer rl;
	_cleanup_(dmtable_done) struct dmtable table = {};
	int r;

	run_layer_init(&rl, layer);
	r = run_layer_examine(&rl, diag);
	if (r < 0)
		return r;
	if (!rl.live)
		return diag_set(diag, -ENODEV, "not active");
	r = run_layer_open_all(&rl, diag);
	if (r < 0)
		return r;
	r = run_layer_probe(&rl, diag);
	if (r < 0)
		return r;
	r = run_layer_table(&rl, &table, diag);
	if (r < 0)
		return r;
	return run_layer_compare(&rl, &table, diag);
}

static int in_use(const struct mapping_info *info, struct diag *diag)
{
	_cleanup_(buf_done) struct buf users = {};

	device_users_print(info->device, &users);
	if (users.size == 0)
		return 0;
	return diag_set(diag, -EBUSY, "in use: %s", buf_str(&users));
}

int run_remove(const char *name, struct diag *diag)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	int r;

	r = mapping_info_get(name, &info, diag);
	if (r < 0 || !info.exists)
		return r;
	if (!strstr(info.uuid, MAPPING_UUID_MARK))
		return diag_set(diag, -EEXIST,
			"the mapping has the UUID \"%s\": it was not made by dmstack", info.uuid);
	/* A known user stays; an unknown one may be udev, which is gone in a moment. */
	if (info.open_count > 0) {
		r = in_use(&info, diag);
		if (r < 0)
			return r;
	}
	return mapping_remove(name, false, diag);
}
