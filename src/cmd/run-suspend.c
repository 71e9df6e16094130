/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dm-crypt takes the messages "key wipe" and "key set" while it is suspended
 * (Documentation/admin-guide/device-mapper/dm-crypt.rst). What stands on it is suspended first, so
 * that its writes are not stuck half way.
 */

#include "run-suspend.h"

#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "dm.h"
#include "keyring.h"
#include "log.h"
#include "run-key.h"

struct sleeper {
	struct layer *layer;
	bool affected; /* live, and wiped or above one that is */
	bool wipe;
	bool suspended;
	bool stuck; /* cannot be resumed */
};

struct sleepers {
	const struct stack *stack;
	struct layer **order;  /* bottom first; owned */
	struct sleeper *items; /* in that order; owned */
	size_t n;
};

static void sleepers_done(struct sleepers *s)
{
	free(s->order);
	free(s->items);
}

static struct sleeper *find(struct sleepers *s, const struct layer *layer)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->items[i].layer == layer)
			return &s->items[i];
	return NULL;
}

/* Whether one that it stands on has that flag; those come earlier. */
static bool below_is(struct sleepers *s, const struct layer *layer, bool stuck)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer *below = layer->devices[i].layer;
		const struct sleeper *item = below ? find(s, below) : NULL;

		if (item && (stuck ? item->stuck : item->affected))
			return true;
	}
	return false;
}

static int sleeper_init(
	struct sleepers *s, struct layer *layer, const char *name, struct diag *diag)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);
	struct sleeper *item = &s->items[s->n++];
	int r;

	*item = (struct sleeper){ .layer = layer };
	if (layer->broken)
		return 0;
	if (!uuid)
		return -ENOMEM;
	r = mapping_info_get(layer->name, &info, diag);
	if (r < 0)
		return r;
	if (!info.live || !streq(info.uuid, uuid))
		return 0;
	item->wipe = name ? streq(layer->name, name) : layer->common.suspend == SUSPEND_WIPE;
	item->affected = item->wipe || below_is(s, layer, false);
	item->suspended = info.suspended;
	return 0;
}

static int sleepers_init(
	struct sleepers *s, const struct stack *stack, const char *name, struct diag *diag)
{
	size_t n;
	int r = stack_order(stack, NULL, &s->order, &n);

	if (r < 0)
		return r;
	s->stack = stack;
	s->items = calloc(n + 1, sizeof(*s->items));
	if (!s->items)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		r = sleeper_init(s, s->order[i], name, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int wake(struct sleeper *item, struct diag *diag)
{
	int r = mapping_wake(item->layer->name, item->layer->n_users > 0, diag);

	item->suspended = r < 0;
	return r < 0 ? diag_at(diag, r, "%s", item->layer->name) : 0;
}

/* Before any key is gone: those from the given one on. */
static void wake_from(struct sleepers *s, size_t first)
{
	for (size_t i = first; i < s->n; i++) {
		_cleanup_(diag_done) struct diag diag = {};

		if (s->items[i].affected && s->items[i].suspended && wake(&s->items[i], &diag) < 0)
			(void)log_diag(-EIO, &diag);
	}
}

int run_suspend(const struct stack *stack, const char *name, size_t *ret_n, struct diag *diag)
{
	_cleanup_(sleepers_done) struct sleepers s = {};
	int r = sleepers_init(&s, stack, name, diag);

	for (size_t i = s.n; r >= 0 && i-- > 0;) {
		struct sleeper *item = &s.items[i];

		if (!item->affected || item->suspended)
			continue;
		r = mapping_suspend(item->layer->name, diag);
		item->suspended = r >= 0;
		if (r < 0) {
			(void)diag_at(diag, r, "%s", item->layer->name);
			wake_from(&s, i + 1);
		}
	}
	*ret_n = 0;
	for (size_t i = 0; r >= 0 && i < s.n; i++) {
		if (!s.items[i].affected || !s.items[i].wipe)
			continue;
		r = mapping_message(s.items[i].layer->name, "key wipe", diag);
		*ret_n += r >= 0;
		if (r < 0)
			(void)diag_at(diag, r, "%s", s.items[i].layer->name);
	}
	return r;
}

/* The step of its plan that fetches the layer's own key. */
static const struct step *key_step(const struct plan *plan, const struct layer *layer)
{
	for (size_t i = 0; i < plan->n_steps; i++)
		if (plan->steps[i].kind == STEP_KEY && plan->steps[i].layer == layer &&
			!plan->steps[i].public_key)
			return &plan->steps[i];
	return NULL;
}

static int key_give(const struct layer *layer, const struct step *step, const struct secret *key,
	struct diag *diag)
{
	_cleanup_free_ char *message = NULL;
	int32_t serial;
	int r = keyring_add("logon", step->key_description, key, &serial, diag);

	if (r < 0)
		return r;
	if (asprintf(&message, "key set :%zu:logon:%s", secret_size(key), step->key_description) <
		0) {
		message = NULL;
		r = -ENOMEM;
	} else {
		r = mapping_message(layer->name, message, diag);
	}
	keyring_drop(serial);
	return r;
}

static int key_restore(const struct stack *stack, struct layer *layer, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	_cleanup_(run_layer_done) struct run_layer rl;
	_cleanup_(plan_done) struct plan plan = {};
	const struct step *step;
	int r;

	run_layer_init(&rl, layer);
	r = plan_attach(stack, layer, &plan, diag);
	if (r < 0)
		return r;
	step = key_step(&plan, layer);
	if (!step)
		return diag_set(diag, -ENOKEY, "it has no key that could be fetched again");
	r = run_key_fetch(&rl, step, &key, diag);
	return r < 0 ? r : key_give(layer, step, key, diag);
}

static int sleeper_resume(struct sleepers *s, struct sleeper *item, struct diag *diag)
{
	int r;

	if (below_is(s, item->layer, true))
		return diag_set(diag, -EHOSTDOWN, "%s: what it stands on is still suspended",
			item->layer->name);
	r = item->wipe ? key_restore(s->stack, item->layer, diag) : 0;
	if (r < 0)
		return diag_at(diag, r, "%s", item->layer->name);
	return wake(item, diag);
}

int run_resume(const struct stack *stack, const char *name, size_t *ret_n, struct diag *diag)
{
	_cleanup_(sleepers_done) struct sleepers s = {};
	int first = sleepers_init(&s, stack, name, diag);

	*ret_n = 0;
	if (first < 0)
		return first;
	for (size_t i = 0; i < s.n; i++) {
		struct sleeper *item = &s.items[i];

		if (!item->affected || !item->suspended)
			continue;
		int r = sleeper_resume(&s, item, diag);

		item->stuck = r < 0;
		*ret_n += r >= 0 && item->wipe;
		/* The diag keeps the first one's sentence. */
		if (first == 0)
			first = r;
	}
	return first;
}
