/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * plan: what attach would do, from the configuration alone. It needs no privilege and no device,
 * and there is no key in it.
 */

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "dm-init.h"
#include "json-text.h"
#include "plan-notes.h"
#include "plan-sizes.h"
#include "plan.h"
#include "verbs.h"

struct plan_opts {
	const char *root;
	bool json;
	bool dot;
	bool dm_init;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct plan_opts, root), "DIR",
		"look below this folder instead of /" },
	{ "json", 0, OPTION_FLAG, offsetof(struct plan_opts, json), NULL, "print JSON" },
	{ "dot", 0, OPTION_FLAG, offsetof(struct plan_opts, dot), NULL,
		"print the graph for dot(1)" },
	{ "dm-init", 0, OPTION_FLAG, offsetof(struct plan_opts, dm_init), NULL,
		"print kernel words for a boot without initrd" },
};

/* One stack on its way to the output. */
struct view {
	struct layer *top;
	struct layer **order; /* bottom first; owned */
	size_t n;
	struct plan plan;
};

static void view_done(struct view *view)
{
	plan_done(&view->plan);
	free(view->order);
}

static int view_init(
	struct view *view, const struct stack *stack, struct layer *top, struct diag *diag)
{
	int r;

	view->top = top;
	r = stack_order(stack, top, &view->order, &view->n);
	if (r < 0)
		return r;
	return plan_attach(stack, top, &view->plan, diag);
}

static void print_layer(const struct layer *layer, struct buf *out)
{
	buf_printf(out, "    %-20s %-10s on ", layer->name, layer->type->name);
	config_print_devices(layer, ", ", out);
	if (layer->common.device_size)
		buf_printf(out, ", %ju bytes", (uintmax_t)layer->common.device_size);
	if (layer_is_read_only(layer))
		buf_puts(out, ", read-only");
	buf_putc(out, '\n');
}

static void print_text(const struct view *view, struct buf *out)
{
	const struct layer *top = view->top;

	if (out->size > 0)
		buf_putc(out, '\n');
	buf_printf(out, "%s (%s)\n  Layers, top first:\n", top->name,
		top->common.phase == PHASE_BOOTSTRAP ? "bootstrap" : "sealed");
	for (size_t i = view->n; i > 0; i--)
		print_layer(view->order[i - 1], out);
	buf_puts(out, "  Sizes:\n");
	plan_sizes_print(view->order, view->n, "    ", out);
	buf_puts(out, "  Steps:\n");
	plan_print(&view->plan, out);
	buf_puts(out, "  Not protected:\n");
	plan_notes_print(view->order, view->n, "    ", out);
}

static void json_devref(struct buf *out, const char *name, const struct devref *dev)
{
	_cleanup_(buf_done) struct buf ref = {};

	devref_print(dev, &ref);
	json_member(out, name, buf_str(&ref));
}

static int json_layer(const struct layer *layer, struct buf *out)
{
	_cleanup_(dmtable_done) struct dmtable table = {};
	_cleanup_(buf_done) struct buf text = {}, key = {};
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);
	int r;

	r = layer_table(layer, layer->common.device_size / SECTOR_SIZE, &table);
	if (r < 0 || !uuid)
		return -ENOMEM;
	dmtable_print(&table, &text);
	keyref_print(&layer->key, &key);

	json_separate(out);
	buf_putc(out, '{');
	json_member(out, "name", layer->name);
	json_member(out, "type", layer->type->name);
	json_member(out, "uuid", uuid);
	json_name(out, "devices");
	buf_putc(out, '{');
	for (size_t i = 0; i < layer->n_devices; i++)
		json_devref(out, layer->type->roles[layer->devices[i].role].name,
			&layer->devices[i].ref);
	buf_putc(out, '}');
	json_member(out, "key", buf_str(&key));
	json_member(out, "phase", layer->common.phase == PHASE_BOOTSTRAP ? "bootstrap" : "sealed");
	json_member_bool(out, "read_only", layer_is_read_only(layer));
	if (layer->common.device_size)
		json_member_u64(out, "bytes", layer->common.device_size);
	json_member_u64(out, "block_size", layer->block_size);
	json_member(out, "table", buf_str(&text));
	buf_putc(out, '}');
	return 0;
}

/* The lines of a text as an array of strings. */
static void json_lines(const char *name, struct buf *text, struct buf *out)
{
	char *rest = text->size > 0 ? text->data : NULL, *line;

	json_name(out, name);
	buf_putc(out, '[');
	while (rest && (line = strsep(&rest, "\n"))) {
		line += strspn(line, " ");
		if (!*line)
			continue;
		json_separate(out);
		json_text(out, line);
	}
	buf_putc(out, ']');
}

static int print_json(const struct view *view, struct buf *out)
{
	_cleanup_(buf_done) struct buf steps = {}, sizes = {}, notes = {};
	int r;

	json_separate(out);
	buf_putc(out, '{');
	json_member(out, "name", view->top->name);
	json_name(out, "layers");
	buf_putc(out, '[');
	for (size_t i = 0; i < view->n; i++) {
		r = json_layer(view->order[i], out);
		if (r < 0)
			return r;
	}
	buf_putc(out, ']');
	plan_sizes_print(view->order, view->n, "", &sizes);
	json_lines("sizes", &sizes, out);
	plan_print(&view->plan, &steps);
	json_lines("steps", &steps, out);
	plan_notes_print(view->order, view->n, "", &notes);
	json_lines("not_protected", &notes, out);
	buf_putc(out, '}');
	if (buf_error(&steps) < 0 || buf_error(&sizes) < 0)
		return -ENOMEM;
	return buf_error(&notes);
}

/* Names hold neither quotes nor backslashes, and json_text() quotes as dot does. */
static void print_dot(const struct layer *layer, struct buf *out)
{
	buf_printf(out, "\t\"%s\" [label=\"%s\\n%s\"];\n", layer->name, layer->name,
		layer->type->name);
	for (size_t i = 0; i < layer->n_devices; i++) {
		const struct layer_device *dev = &layer->devices[i];
		_cleanup_(buf_done) struct buf ref = {};

		if (dev->layer)
			buf_puts(&ref, dev->layer->name);
		else
			devref_print(&dev->ref, &ref);
		buf_printf(out, "\t\"%s\" -> ", layer->name);
		json_text(out, buf_str(&ref));
		buf_printf(out, " [label=\"%s\"];\n", layer->type->roles[dev->role].name);
	}
}

static int print_stack(const struct stack *stack, struct layer *top, const struct plan_opts *o,
	struct buf *out, struct diag *diag)
{
	_cleanup_(view_done) struct view view = {};
	int r;

	r = view_init(&view, stack, top, diag);
	if (r < 0)
		return r;
	if (o->json)
		return print_json(&view, out);
	if (o->dm_init)
		return dm_init_print(view.order, view.n, out, diag);
	for (size_t i = 0; o->dot && i < view.n; i++)
		print_dot(view.order[i], out);
	if (!o->dot)
		print_text(&view, out);
	return 0;
}

/* All stacks: from each layer that carries no other. Broken ones were reported when loading. */
static int print_all(
	const struct stack *stack, const struct plan_opts *o, struct buf *out, struct diag *diag)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		struct layer *layer = stack->layers[i];
		int r;

		if (layer->broken)
			continue;
		/* Two stacks may share a layer, which is one node. */
		if (o->dot)
			print_dot(layer, out);
		if (o->dot || layer->n_users > 0)
			continue;
		r = print_stack(stack, layer, o, out, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int plan_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct plan_opts *o = opts;
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf out = {};
	struct layer *top;
	size_t errors;
	int r;

	if (o->json + o->dot + o->dm_init > 1)
		return usage_error(diag, "--json, --dot and --dm-init exclude each other");
	if (o->dm_init && !args[0])
		return usage_error(diag, "--dm-init wants the name of a stack");
	r = config_load(o->root, LOG_LEVEL_WARNING, &stack, &errors);
	if (r < 0)
		return r;

	if (o->json)
		buf_puts(&out, "{\"stacks\":[");
	if (o->dot)
		buf_puts(&out, "digraph dmstack {\n");
	if (args[0]) {
		r = config_find(&stack, args[0], &top, diag);
		if (r == 0)
			r = print_stack(&stack, top, o, &out, diag);
	} else {
		r = print_all(&stack, o, &out, diag);
	}
	if (r < 0)
		return r;
	if (o->json)
		buf_puts(&out, "]}\n");
	if (o->dot)
		buf_puts(&out, "}\n");
	r = buf_error(&out);
	if (r < 0)
		return r;
	(void)fputs(buf_str(&out), stdout);
	/* A plan of everything is not complete if something could not be read. */
	return !args[0] && errors > 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_plan = {
	.name = "plan",
	.args = "[NAME]",
	.summary = "Show what attach would do, without doing it",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct plan_opts),
	.n_optional = 1,
	.run = plan_run,
};
