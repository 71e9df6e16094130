/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which layers get units, and what asks for them.
 */

#include <stdlib.h>
#include <string.h>

#include "overflow.h"
#include "units-private.h"

/* A name that asks for a stack, and the layer itself. */
struct top {
	const char *name;
	struct layer *layer;   /* NULL: there is none of that name */
	struct layer **layers; /* what has to be up for it, bottom first; owned */
	size_t n_layers;
	bool whole;
};

void put_service(struct buf *buf, const char *name)
{
	buf_puts(buf, "dmstack@");
	unit_name_escape(buf, name);
	buf_puts(buf, ".service");
}

void put_path_unit(struct buf *buf, const char *prefix, const char *path, const char *suffix)
{
	buf_puts(buf, prefix);
	if (unit_name_escape_path(buf, path) < 0 && buf->error == 0)
		buf->error = -EINVAL;
	buf_puts(buf, suffix);
}

void put_mapper_unit(struct buf *buf, const char *prefix, const char *name, const char *suffix)
{
	char path[sizeof("/dev/mapper/") + LAYER_NAME_MAX];

	if (snprintf(path, sizeof(path), "/dev/mapper/%s", name) >= (int)sizeof(path))
		buf->error = -ENAMETOOLONG;
	else
		put_path_unit(buf, prefix, path, suffix);
}

const char *scratch_str(struct units *u)
{
	const int r = buf_error(&u->scratch);

	if (r < 0)
		u->tree->text.error = r;
	return buf_str(&u->scratch);
}

/* Names that would not fit are refused before anything is emitted for the stack. */
static int layer_check_names(const struct layer *layer, struct diag *diag)
{
	_cleanup_(buf_done) struct buf name = {};
	int r;

	/* The longest that is made of it, with the folder's suffix. */
	put_mapper_unit(&name, "blockdev@", layer->name, ".device.requires");
	if ((r = buf_error(&name)) < 0)
		return r;
	if (name.size > UNIT_NAME_SIZE_MAX)
		return diag_set(diag, -ENAMETOOLONG,
			"the name \"%s\" is too long for a unit: %zu bytes when escaped",
			layer->name, name.size);
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer_device *device = &layer->devices[i];

		if (device->layer)
			continue;
		_cleanup_free_ char *path = devref_path(&device->ref);

		if (!path)
			return -ENOMEM;
		buf_reset(&name);
		r = unit_name_escape_path(&name, path);
		if (r < 0)
			return diag_set(diag, r, "the device \"%s\" has no path", path);
		buf_puts(&name, devref_is_file(&device->ref) ? "" : ".device.requires");
		if (!devref_is_file(&device->ref) && name.size > UNIT_NAME_SIZE_MAX)
			return diag_set(diag, -ENAMETOOLONG,
				"the device \"%s\" is too long for a unit: %zu bytes when escaped",
				path, name.size);
	}
	return buf_error(&name);
}

static int top_check(const struct top *top, const struct top *tops, struct diag *diag)
{
	const char *where = top->layer->mount ? top->layer->mount->where : NULL;
	int r;

	for (size_t i = 0; i < top->n_layers; i++) {
		r = layer_check_names(top->layers[i], diag);
		if (r < 0)
			return diag_at(diag, r, "%s", top->layers[i]->where ?: top->name);
	}
	r = unit_mount_check(top->layer, diag);
	if (r < 0)
		return diag_at(diag, r, "%s", top->layer->where ?: top->name);
	if (!where)
		return 0;
	for (const struct top *other = tops; other < top; other++)
		if (other->whole && other->layer->mount &&
			streq_ptr(other->layer->mount->where, where)) {
			(void)diag_set(diag, -EEXIST, "\"%s\" is already mounted at \"%s\"",
				other->name, where);
			return diag_at(diag, -EEXIST, "%s", top->layer->where ?: top->name);
		}
	return 0;
}

static int top_resolve(
	const struct units *u, struct top *top, const struct top *tops, struct diag *diag)
{
	int r;

	if (!top->layer)
		return diag_set(diag, -ENOENT,
			"dmstack.stack=%s on the kernel command line names no layer", top->name);
	if (top->layer->broken) {
		const struct diag *error = &top->layer->error;

		if (error->what)
			(void)diag_set(diag, -EINVAL, "%s", error->what);
		if (error->where)
			(void)diag_at(diag, -EINVAL, "%s", error->where);
		return -EINVAL;
	}
	r = stack_order(u->in->stack, top->layer, &top->layers, &top->n_layers);
	if (r < 0)
		return r;
	return top_check(top, tops, diag);
}

/*
 * In the bootstrap phase the services have their own limits and their failure ends the wait. The
 * sealed phase relies on no other unit: the sum of what the layers may take.
 */
static uint64_t top_timeout(const struct top *top)
{
	uint64_t sum = 0;

	if (top->layer->common.phase == PHASE_BOOTSTRAP)
		return UINT64_MAX;
	for (size_t i = 0; i < top->n_layers; i++) {
		const struct layer *layer = top->layers[i];
		bool physical = false;

		for (size_t j = 0; j < layer->n_devices; j++)
			physical |= !layer->devices[j].layer;
		if (add_overflows(sum, LAYER_START_TIMEOUT_USEC, &sum) ||
			(physical && add_overflows(sum,
					     wait_bound(layer->common.timeout_usec, layer), &sum)))
			return UINT64_MAX - 1;
	}
	return sum;
}

static bool top_has_tpm(const struct top *top)
{
	for (size_t i = 0; i < top->n_layers; i++)
		if (layer_has_key(top->layers[i], KEYREF_TPM2))
			return true;
	return false;
}

/*
 * How long the keys may take is not known: a re-keying that was interrupted goes on before they are
 * given. Their unit has a limit of its own; a device cannot be delayed, but its time runs from then on.
 */
static void top_put_timeout(struct units *u, const struct top *top, struct buf *buf)
{
	const struct layer *sealed =
		top->layer->common.phase != PHASE_BOOTSTRAP ? top->layer : NULL;
	uint64_t layers = top_timeout(top), all = layers;

	if (sealed && top_has_tpm(top)) {
		if (add_overflows(all, unit_unseal_usec(u), &all))
			all = UINT64_MAX - 1;
		/* Behind the other one, which sets both. */
		buf_puts(buf, "After=" UNSEAL_UNIT "\n");
		put_timeout(buf, all, sealed);
		buf_puts(buf, "JobRunningTimeoutSec=");
		unit_value_usec(buf, layers);
		buf_putc(buf, '\n');
	} else {
		put_timeout(buf, layers, sealed);
	}
	/* Behind the layer nobody else has to wait. */
	if (sealed)
		unit_put_action(buf, "JobTimeoutAction", sealed->common.fail);
}

/*
 * Asking for the device, or mounting it, asks for the stack. A setting does what a link in a
 * .requires folder would do, at half the cost, since the file is there for the time limit anyway;
 * the same holds for the targets.
 */
static void top_add_device(struct units *u, const struct top *top)
{
	struct buf *buf;

	buf_reset(&u->scratch);
	put_mapper_unit(&u->scratch, "", top->name, ".device.d");
	buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, scratch_str(u), "40-dmstack.conf");
	buf_puts(buf, GENERATED_HEAD "Requires=");
	put_service(buf, top->name);
	buf_putc(buf, '\n');
	top_put_timeout(u, top, buf);
	unit_tree_end_file(u->tree);
}

/* What comes up at boot without being asked for. */
static void tops_add_target(struct units *u, const struct top *tops, size_t n_tops, bool remote)
{
	const char *folder = remote ? "remote-dmstack.target.d" : "dmstack.target.d";
	struct buf *buf = NULL;

	for (size_t i = 0; i < n_tops; i++) {
		const struct layer_common *common = tops[i].whole ? &tops[i].layer->common : NULL;

		if (!common || common->noauto || common->netdev != remote)
			continue;
		if (!buf) {
			buf = unit_tree_add_file(
				u->tree, UNIT_PLACE_NORMAL, folder, "50-dmstack.conf");
			buf_puts(buf, GENERATED_HEAD);
		}
		buf_puts(buf, common->nofail ? "Wants=" : "Requires=");
		put_service(buf, tops[i].name);
		buf_putc(buf, '\n');
	}
	if (buf)
		unit_tree_end_file(u->tree);
}

bool unit_layer_is_used(const struct layer *layer)
{
	return layer->mark != MARK_NONE;
}

static bool wipes_for_sleep(const struct layer *layer)
{
	return layer->common.suspend == SUSPEND_WIPE;
}

static bool has_damage_unit(const struct layer *layer)
{
	return layer->common.damage_unit;
}

/* Settings of a unit of the running system, wanted as soon as one layer with a unit needs them. */
static void add_if_any(struct units *u, bool (*needs)(const struct layer *layer),
	const char *folder, const char *name, const char *settings)
{
	const struct stack *stack = u->in->stack;

	for (size_t i = 0; i < stack->n_layers; i++) {
		struct buf *buf;

		if (stack->layers[i]->mark == MARK_NONE || !needs(stack->layers[i]))
			continue;
		buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, folder, name);
		buf_puts(buf, GENERATED_HEAD);
		buf_puts(buf, settings);
		unit_tree_end_file(u->tree);
		return;
	}
}

static void host_add(struct units *u)
{
	/* A sleep that did not begin with the keys gone would be worse than none: required. */
	add_if_any(u, wipes_for_sleep, "sleep.target.d", "50-dmstack.conf",
		"Requires=dmstack-suspend.service\nAfter=dmstack-suspend.service\n");
	add_if_any(u, has_damage_unit, "dmstack.target.d", "60-dmstack-watch.conf",
		"Wants=dmstack-watch.service\n");
}

/* Every layer once, though stacks may share it. */
static int tops_add_units(struct units *u, const struct top *tops, size_t n_tops)
{
	const struct stack *stack = u->in->stack;
	int r;

	for (size_t i = 0; i < stack->n_layers; i++)
		stack->layers[i]->mark = MARK_NONE;
	for (size_t i = 0; i < n_tops; i++)
		for (size_t j = 0; tops[i].whole && j < tops[i].n_layers; j++)
			tops[i].layers[j]->mark = MARK_LAYER;
	for (size_t i = 0; i < n_tops; i++)
		if (tops[i].whole)
			tops[i].layer->mark = MARK_TOP;
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		if (layer->mark == MARK_NONE)
			continue;
		unit_service_add(u, layer, layer->mark == MARK_TOP);
		r = waits_add_layer(u, layer);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n_tops; i++) {
		if (!tops[i].whole)
			continue;
		top_add_device(u, &tops[i]);
		unit_mount_add(u, tops[i].layer);
	}
	tops_add_target(u, tops, n_tops, false);
	tops_add_target(u, tops, n_tops, true);
	if (!u->in->initrd)
		host_add(u);
	unit_tpm_add(u);
	waits_add_units(u);
	return buf_error(&u->tree->text);
}

/* The initrd attaches what is flagged for it, by name or because root stands on it. */
static bool top_is_wanted(const struct units_input *in, const struct layer *layer)
{
	return !in->initrd || layer->common.initrd;
}

static bool is_named(const struct units_input *in, const char *name)
{
	for (size_t i = 0; i < in->n_names; i++)
		if (streq(in->names[i], name))
			return true;
	return false;
}

static bool name_came_before(const struct units_input *in, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (streq(in->names[i], in->names[n]))
			return true;
	return false;
}

/* An allow-list is for stacks that are not sealed: it must not take one out. */
static bool top_is_listed(const struct units_input *in, const struct layer *layer)
{
	return in->n_names == 0 || layer->common.phase != PHASE_BOOTSTRAP;
}

static int tops_find(const struct units_input *in, struct top **ret, size_t *ret_n)
{
	const struct stack *stack = in->stack;
	const size_t space = in->n_names + stack->n_layers;
	struct top *tops = calloc(space + 1, sizeof(tops[0]));
	size_t n = 0;

	if (!tops)
		return -ENOMEM;
	for (size_t i = 0; i < in->n_names; i++) {
		struct layer *layer = stack_find(stack, in->names[i]);

		if ((!layer || top_is_wanted(in, layer)) && !name_came_before(in, i))
			tops[n++] = (struct top){ .name = in->names[i], .layer = layer };
	}
	for (size_t i = 0; i < stack->n_layers; i++) {
		struct layer *layer = stack->layers[i];

		/* Those that others stand on are reported, too: a cycle has no top. */
		if ((layer->n_users == 0 || layer->broken) && top_is_wanted(in, layer) &&
			top_is_listed(in, layer) && !is_named(in, layer->name))
			tops[n++] = (struct top){ .name = layer->name, .layer = layer };
	}
	*ret = tops;
	*ret_n = n;
	return 0;
}

static void units_done(struct units *u, struct top *tops, size_t n_tops)
{
	waits_done(u);
	for (size_t i = 0; i < n_tops; i++)
		free(tops[i].layers);
	free(tops);
	buf_done(&u->scratch);
}

static void tops_add_seal(struct units *u, bool failed)
{
	const struct stack *stack = u->in->stack;

	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer_common *common = &stack->layers[i]->common;

		if (common->phase == PHASE_BOOTSTRAP)
			continue;
		unit_seal_add(u, common->fail, failed);
		return;
	}
	if (u->in->sealed_error)
		unit_seal_add(u, FAIL_PANIC, failed);
}

int units_compile(const struct units_input *in, struct unit_tree *tree)
{
	struct units u = { .in = in, .tree = tree };
	struct top *tops = NULL;
	size_t n_tops = 0;
	bool sealed_failed = in->sealed_error;
	int failed = 0;
	int r = tops_find(in, &tops, &n_tops);

	for (size_t i = 0; r >= 0 && i < n_tops; i++) {
		struct top *top = &tops[i];
		_cleanup_(diag_done) struct diag diag = {};

		r = top_resolve(&u, top, tops, &diag);
		if (r == -ENOMEM)
			break;
		top->whole = r >= 0;
		failed += r < 0;
		r = 0;
		/* What names nothing may stand for anything, so it counts as sealed. */
		const unsigned phase = top->layer ? top->layer->common.phase : PHASE_SEALED;

		sealed_failed |= !top->whole && phase != PHASE_BOOTSTRAP;
		in->on_stack(top->name, phase, top->whole ? NULL : &diag, in->userdata);
	}
	if (r >= 0)
		r = tops_add_units(&u, tops, n_tops);
	if (r >= 0)
		tops_add_seal(&u, sealed_failed);
	units_done(&u, tops, n_tops);
	return r < 0 ? r : failed;
}
