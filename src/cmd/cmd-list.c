/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * list: the configured layers, a line each.
 */

#include <stdio.h>
#include <string.h>

#include "config.h"
#include "dm.h"
#include "json-text.h"
#include "verbs.h"

struct list_opts {
	const char *root;
	bool json;
};

static const struct option_def options[] = {
	{ "root", 0, OPTION_STRING, offsetof(struct list_opts, root), "DIR",
		"look below this folder instead of /; no state is shown then" },
	{ "json", 0, OPTION_FLAG, offsetof(struct list_opts, json), NULL, "print JSON" },
};

/* "unknown" without the privilege to ask, or for another tree. */
static const char *state_of(const struct layer *layer, const char *root)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);

	if (layer->broken)
		return "broken";
	if (root || !uuid || mapping_info_get(layer->name, &info, NULL) < 0)
		return "unknown";
	if (!info.exists)
		return "inactive";
	if (!streq(info.uuid, uuid))
		return "foreign";
	return !info.live ? "inactive" : info.suspended ? "suspended" : "active";
}

static void print_json(const struct layer *layer, const char *state, struct buf *out)
{
	_cleanup_(buf_done) struct buf key = {};

	json_separate(out);
	buf_putc(out, '{');
	json_member(out, "name", layer->name);
	json_member(out, "type", layer->type->name);
	json_name(out, "devices");
	buf_putc(out, '{');
	for (size_t i = 0; i < layer->n_devices; i++) {
		_cleanup_(buf_done) struct buf ref = {};

		devref_print(&layer->devices[i].ref, &ref);
		json_member(out, layer->type->roles[layer->devices[i].role].name, buf_str(&ref));
	}
	buf_putc(out, '}');
	keyref_print(&layer->key, &key);
	json_member(out, "key", buf_str(&key));
	json_member(out, "phase", layer->common.phase == PHASE_BOOTSTRAP ? "bootstrap" : "sealed");
	json_member(out, "source", layer->where ?: "");
	json_member(out, "state", state);
	buf_putc(out, '}');
}

static void print_line(const struct layer *layer, const char *state, struct buf *out)
{
	_cleanup_(buf_done) struct buf devices = {};

	config_print_devices(layer, ",", &devices);
	buf_printf(out, "%-20s %-10s %-10s %s\n", layer->name, layer->type->name, state,
		buf_str(&devices));
}

static int list_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct list_opts *o = opts;
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf out = {};
	size_t errors;
	int r;

	r = config_load(o->root, LOG_LEVEL_WARNING, &stack, &errors);
	if (r < 0)
		return r;
	if (o->json)
		buf_putc(&out, '[');
	else if (stack.n_layers > 0)
		buf_printf(&out, "%-20s %-10s %-10s %s\n", "NAME", "TYPE", "STATE", "DEVICES");
	for (size_t i = 0; i < stack.n_layers; i++) {
		const char *state = state_of(stack.layers[i], o->root);

		(o->json ? print_json : print_line)(stack.layers[i], state, &out);
	}
	if (o->json)
		buf_puts(&out, "]\n");
	r = buf_error(&out);
	if (r < 0)
		return r;
	(void)fputs(buf_str(&out), stdout);
	return 0;
}

const struct verb verb_list = {
	.name = "list",
	.summary = "List the configured layers",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct list_opts),
	.run = list_run,
};
