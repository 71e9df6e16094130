/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Compiles a stack into steps.
 */

#include "plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void plan_done(struct plan *plan)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		free(plan->steps[i].key_description);
	free(plan->steps);
	*plan = (struct plan){};
}

static int append(struct plan *plan, struct step step)
{
	struct step *steps = reallocarray(plan->steps, plan->n_steps + 1, sizeof(*steps));

	if (!steps) {
		free(step.key_description);
		return -ENOMEM;
	}
	plan->steps = steps;
	plan->steps[plan->n_steps++] = step;
	return 0;
}

static int append_waits(struct plan *plan, struct layer *layer)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		if (layer->devices[i].layer)
			continue;
		int r = append(
			plan, (struct step){ .kind = STEP_WAIT, .layer = layer, .device = i });
		if (r < 0)
			return r;
	}
	return 0;
}

static int append_key(struct plan *plan, struct layer *layer, enum step_kind kind)
{
	char *description = layer_key_description(layer, NULL);

	if (!description)
		return -ENOMEM;
	return append(
		plan, (struct step){
			      .kind = kind,
			      .layer = layer,
			      .key = &layer->key,
			      .key_size = layer->type->key_size ? layer->type->key_size(layer) : 0,
			      .key_description = description,
		      });
}

static int append_public_key(struct plan *plan, struct layer *layer, enum step_kind kind)
{
	const char *use;
	const struct keyref *key = NULL;

	if (layer->type->public_key)
		key = layer->type->public_key(layer, &use);
	if (!key)
		return 0;

	char *description = layer_key_description(layer, use);

	if (!description)
		return -ENOMEM;
	return append(plan, (struct step){
				    .kind = kind,
				    .layer = layer,
				    .key = key,
				    .key_description = description,
				    .public_key = true,
			    });
}

static int append_layer(struct plan *plan, struct layer *layer)
{
	struct superblock_place place;
	/* dm-crypt takes its key from the kernel keyring; others have it in the table. */
	bool keyring = layer->type->key == KEY_REQUIRED;

	int r = append_waits(plan, layer);
	if (r >= 0 && layer->type->superblock && layer->type->superblock(layer, &place) >= 0)
		r = append(plan, (struct step){ .kind = STEP_PROBE, .layer = layer });
	if (r >= 0 && keyring)
		r = append_key(plan, layer, STEP_KEY);
	if (r >= 0)
		r = append_public_key(plan, layer, STEP_KEY);
	if (r >= 0)
		r = append(plan, (struct step){ .kind = STEP_TABLE, .layer = layer });
	if (r >= 0 && keyring)
		r = append_key(plan, layer, STEP_UNKEY);
	if (r >= 0)
		r = append_public_key(plan, layer, STEP_UNKEY);
	return r;
}

static int copy_error(const struct layer *layer, struct diag *diag)
{
	diag_set(diag, 0, "%s", layer->error.what ?: "cannot be used");
	return diag_at(diag, -EINVAL, "%s", layer->error.where ?: layer->name);
}

int plan_attach(const struct stack *stack, struct layer *top, struct plan *ret, struct diag *diag)
{
	_cleanup_(plan_done) struct plan plan = {};
	_cleanup_free_ struct layer **order = NULL;
	size_t n = 0;

	int r = stack_order(stack, top, &order, &n);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++) {
		if (order[i]->broken)
			return copy_error(order[i], diag);
		r = append_layer(&plan, order[i]);
		if (r < 0)
			return r;
	}
	*ret = plan;
	plan = (struct plan){};
	return 0;
}
