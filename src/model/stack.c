/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The graph of layers: names, edges, cycles, and what a chain of layers cannot carry.
 */

#include "stack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "stack-seal.h"

enum { MARK_NEW, MARK_ACTIVE, MARK_DONE };

void stack_done(struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		layer_free(stack->layers[i]);
	seal_free(stack->seal);
	free(stack->layers);
	free(stack->index);
	*stack = (struct stack){};
}

/* FNV-1a. Names come from the administrator, not from an attacker who would choose collisions. */
static uint32_t name_hash(const char *name)
{
	uint32_t h = 2166136261U;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 16777619U;
	return h;
}

/* The slot where the name is, or the free one where it would go. The index is never full. */
static uint32_t *index_slot(const struct stack *stack, const char *name)
{
	size_t i = name_hash(name) & (stack->index_size - 1);

	while (stack->index[i] && !streq(stack->layers[stack->index[i] - 1]->name, name))
		i = (i + 1) & (stack->index_size - 1);
	return &stack->index[i];
}

static int index_grow(struct stack *stack)
{
	size_t size = MAX(stack->index_size * 2, (size_t)64);
	uint32_t *index = calloc(size, sizeof(*index));

	if (!index)
		return -ENOMEM;
	free(stack->index);
	stack->index = index;
	stack->index_size = size;
	for (size_t i = 0; i < stack->n_layers; i++)
		*index_slot(stack, stack->layers[i]->name) = (uint32_t)i + 1;
	return 0;
}

static int reserve(struct stack *stack)
{
	if (stack->n_layers == stack->space) {
		size_t space = MAX(stack->space * 2, (size_t)16);
		struct layer **layers = reallocarray(stack->layers, space, sizeof(struct layer *));

		if (!layers)
			return -ENOMEM;
		stack->layers = layers;
		stack->space = space;
	}
	return stack->n_layers * 2 >= stack->index_size ? index_grow(stack) : 0;
}

int stack_add(struct stack *stack, struct layer *layer, struct diag *diag)
{
	const struct layer *other = stack_find(stack, layer->name);

	if (other)
		return diag_set(diag, -EEXIST, "the name \"%s\" is already used at %s", layer->name,
			other->where ?: "another place");

	int r = reserve(stack);
	if (r < 0)
		return r;
	*index_slot(stack, layer->name) = (uint32_t)stack->n_layers + 1;
	stack->layers[stack->n_layers++] = layer;
	return 0;
}

struct layer *stack_find(const struct stack *stack, const char *name)
{
	if (stack->index_size == 0)
		return NULL;

	uint32_t n = *index_slot(stack, name);
	return n ? stack->layers[n - 1] : NULL;
}

/* Marks it broken; an empty diag means that memory is out. */
static void layer_break(struct layer *layer, struct diag *diag)
{
	if (!layer->broken) {
		layer->broken = true;
		diag_move(&layer->error, diag);
		if (layer->where)
			diag_at(&layer->error, 0, "%s", layer->where);
	}
	diag_done(diag);
}

/* The layer that a reference means: by its name, or by the node that it will have. */
static struct layer *resolve(const struct stack *stack, const struct devref *ref)
{
	if (ref->kind == DEVREF_LAYER)
		return stack_find(stack, ref->value);
	if (ref->kind == DEVREF_PATH) {
		const char *name = startswith(ref->value, "/dev/mapper/");

		return name ? stack_find(stack, name) : NULL;
	}
	return NULL;
}

static int link_devices(const struct stack *stack, struct layer *layer, struct diag *diag)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		struct layer_device *dev = &layer->devices[i];

		dev->layer = resolve(stack, &dev->ref);
		if (!dev->layer && dev->ref.kind == DEVREF_LAYER)
			return diag_set(diag, -ENOENT,
				"device \"%s\" is neither a path, a tag nor the name of a layer",
				dev->ref.value);
	}
	return 0;
}

/*
 * dm-integrity and dm-verity cannot work in smaller blocks than the device below has; dm-crypt and
 * dm-linear can, and hand the larger blocks up.
 */
static int check_block_sizes(
	const struct layer *layer, const struct layer *below, struct diag *diag)
{
	if (layer->type->any_block_size || layer_block_size(layer) >= below->block_size)
		return 0;
	return diag_set(diag, -EINVAL,
		"blocks of %u bytes are not possible on \"%s\", which has blocks of %u bytes",
		layer_block_size(layer), below->name, below->block_size);
}

/* The layers below have been through this already. */
static int check_edges(struct layer *layer, struct diag *diag)
{
	layer->block_size = layer_block_size(layer);
	if (layer->n_users == 0) {
		int r = layer_check_pair(NULL, layer, diag);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer *below = layer->devices[i].layer;

		if (!below) {
			int r = layer->devices[i].role == 0 ? layer_check_pair(layer, NULL, diag)
							    : 0;

			if (r < 0)
				return r;
			continue;
		}
		if (below->broken)
			return diag_set(diag, -EINVAL, "\"%s\", on which it stands, cannot be used",
				below->name);
		int r = check_block_sizes(layer, below, diag);
		if (r < 0)
			return r;
		if (layer->devices[i].role != 0)
			continue;
		r = layer_check_pair(layer, below, diag);
		if (r < 0)
			return r;
		layer->block_size = MAX(layer->block_size, below->block_size);
		/* Saying that it cannot be written beats a write that fails. */
		layer->common.read_only |= layer_is_read_only(below);
	}
	return 0;
}

static void append_cycle(struct buf *text, struct layer *const *path, size_t from, size_t n)
{
	for (size_t i = from; i < n; i++)
		buf_printf(text, "%s -> ", path[i]->name);
	buf_puts(text, path[from]->name);
}

/* A walk in depth with its own memory: a configuration can be deeper than a stack of calls. */
struct walk {
	struct layer **path;
	size_t *next; /* the next device of each layer on the path */
	size_t depth;
};

static int walk_init(struct walk *w, size_t n_layers)
{
	w->path = calloc(n_layers + 1, sizeof(struct layer *));
	w->next = calloc(n_layers + 1, sizeof(size_t));
	return w->path && w->next ? 0 : -ENOMEM;
}

static void walk_done(struct walk *w)
{
	free(w->path);
	free(w->next);
}

static void walk_push(struct walk *w, struct layer *layer)
{
	layer->mark = MARK_ACTIVE;
	w->path[w->depth] = layer;
	w->next[w->depth++] = 0;
}

/* Every layer on the cycle is broken, with the cycle as the reason. */
static void break_cycle(struct walk *w, struct layer *again)
{
	_cleanup_(buf_done) struct buf text = {};
	size_t from = w->depth;

	while (from > 0 && w->path[from - 1] != again)
		from--;
	from--;
	append_cycle(&text, w->path, from, w->depth);
	for (size_t i = from; i < w->depth; i++) {
		struct diag diag = {};

		diag_set(&diag, 0, "a layer stands on itself: %s", buf_str(&text));
		layer_break(w->path[i], &diag);
	}
}

/* Calls done() for each layer once, after all that it stands on. */
static void walk_run(struct walk *w, struct layer *top,
	void (*done)(struct layer *layer, void *userdata), void *userdata)
{
	if (top->mark != MARK_NEW)
		return;
	walk_push(w, top);
	while (w->depth > 0) {
		struct layer *layer = w->path[w->depth - 1];
		size_t i = w->next[w->depth - 1]++;

		if (i == layer->n_devices) {
			layer->mark = MARK_DONE;
			w->depth--;
			done(layer, userdata);
			continue;
		}
		struct layer *below = layer->devices[i].layer;
		if (below && below->mark == MARK_NEW)
			walk_push(w, below);
		else if (below && below->mark == MARK_ACTIVE)
			break_cycle(w, below);
	}
}

static void clear_marks(const struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++)
		stack->layers[i]->mark = MARK_NEW;
}

struct order {
	struct layer **layers;
	size_t n;
};

static void order_append(struct layer *layer, void *userdata)
{
	struct order *order = userdata;

	order->layers[order->n++] = layer;
}

/* What holds for a layer holds for all that carries it. */
static void pass_down(struct layer *layer)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		struct layer *below = layer->devices[i].layer;

		if (!below)
			continue;
		below->n_users++;
		below->common.initrd |= layer->common.initrd;
		/* The other way round: the network is needed by all above. */
		layer->common.netdev |= below->common.netdev;
		if (layer->common.phase == PHASE_SEALED && below->common.phase != PHASE_SEALED) {
			below->common.phase = PHASE_SEALED;
			below->common.fail = layer->common.fail;
		}
	}
}

static int order_all(const struct stack *stack, struct order *order)
{
	_cleanup_(walk_done) struct walk w = {};

	order->layers = calloc(stack->n_layers + 1, sizeof(struct layer *));
	if (!order->layers)
		return -ENOMEM;
	int r = walk_init(&w, stack->n_layers);
	if (r < 0)
		return r;
	clear_marks(stack);
	for (size_t i = 0; i < stack->n_layers; i++)
		walk_run(&w, stack->layers[i], order_append, order);
	return 0;
}

/*
 * The inheritance goes from the top down, before fields are checked, since the phase takes part in
 * the checks; the checks go from the bottom up.
 */
static int link_order(const struct stack *stack, struct order *order)
{
	int n_broken = 0;

	for (size_t i = order->n; i-- > 0;)
		pass_down(order->layers[i]);
	for (size_t i = 0; i < order->n; i++) {
		struct layer *layer = order->layers[i];
		struct diag diag = {};

		if (!layer->broken &&
			(stack_check_trust(stack, layer, &diag) < 0 ||
				layer_finish(layer, &diag) < 0 || check_edges(layer, &diag) < 0))
			layer_break(layer, &diag);
		diag_done(&diag);
		n_broken += layer->broken;
	}
	/* Once more upwards for what only the finished layers below know. */
	for (size_t i = 0; i < order->n; i++)
		for (size_t k = 0; k < order->layers[i]->n_devices; k++)
			if (order->layers[i]->devices[k].layer)
				order->layers[i]->common.netdev |=
					order->layers[i]->devices[k].layer->common.netdev;
	return n_broken;
}

int stack_link(struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		struct layer *layer = stack->layers[i];
		struct diag diag = {};

		layer->n_users = 0;
		if (link_devices(stack, layer, &diag) < 0)
			layer_break(layer, &diag);
	}

	struct order order = {};
	int r = order_all(stack, &order);
	if (r >= 0)
		r = link_order(stack, &order);
	free(order.layers);
	return r < 0 ? r : r + stack_link_seal(stack);
}

int stack_order(const struct stack *stack, struct layer *top, struct layer ***ret, size_t *ret_n)
{
	_cleanup_(walk_done) struct walk w = {};
	struct order order = {};

	int r = walk_init(&w, stack->n_layers);
	if (r < 0)
		return r;
	order.layers = calloc(stack->n_layers + 1, sizeof(struct layer *));
	if (!order.layers)
		return -ENOMEM;
	clear_marks(stack);
	for (size_t i = 0; !top && i < stack->n_layers; i++)
		walk_run(&w, stack->layers[i], order_append, &order);
	if (top)
		walk_run(&w, top, order_append, &order);
	/* Most stacks are small beside the configuration, and callers keep many of them. */
	*ret = reallocarray(order.layers, order.n, sizeof(struct layer *)) ?: order.layers;
	*ret_n = order.n;
	return 0;
}
