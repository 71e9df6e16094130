/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * status: the live layers as a tree, each with what the kernel says of it and whether it is what
 * the configuration asks for.
 */

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "config.h"
#include "dm.h"
#include "json-text.h"
#include "live-status.h"
#include "run.h"
#include "verbs.h"

/* Deeper than any stack; a loop over files could otherwise make the tree endless. */
#define DEPTH_MAX 32

struct status_opts {
	bool json;
};

static const struct option_def options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct status_opts, json), NULL, "print JSON" },
};

/* One live mapping with all that is printed about it. */
struct node {
	const struct mapping_info *info;
	struct mapping_line line; /* its status */
	struct live_status status;
	dev_t *deps; /* owned */
	size_t n_deps;
	const char *config; /* "same", "differs", "none", "unknown" */
	struct diag why;
	bool is_below; /* another node stands on it */
};

struct tree {
	struct mapping_list list;
	struct node *nodes; /* one for each of the list; owned */
};

static void tree_done(struct tree *tree)
{
	for (size_t i = 0; tree->nodes && i < tree->list.n; i++) {
		mapping_line_done(&tree->nodes[i].line);
		diag_done(&tree->nodes[i].why);
		free(tree->nodes[i].deps);
	}
	free(tree->nodes);
	mapping_list_done(&tree->list);
}

static struct node *tree_find(const struct tree *tree, dev_t device)
{
	for (size_t i = 0; i < tree->list.n; i++)
		if (tree->list.items[i].device == device)
			return &tree->nodes[i];
	return NULL;
}

static void node_compare(struct node *node, const struct stack *stack)
{
	struct layer *layer = stack_find(stack, node->info->name);
	int r;

	if (!layer || layer->broken) {
		node->config = layer ? "broken" : "none";
		return;
	}
	/* What a live mapping stands on is there; nothing is waited for. */
	layer->common.timeout_usec = 0;
	r = run_compare(layer, &node->why);
	node->config = r == 0 ? "same" : r == -EEXIST ? "differs" : "unknown";
}

static int node_fill(struct node *node, const struct mapping_info *info, const struct stack *stack,
	struct diag *diag)
{
	int r;

	node->info = info;
	node->config = "unknown";
	if (!info->live)
		return 0;
	r = mapping_status(info->name, &node->line, diag);
	if (r < 0)
		return r;
	live_status_parse(
		node->line.target, (char *)secret_bytes(node->line.params), &node->status);
	r = mapping_deps(info->name, &node->deps, &node->n_deps, diag);
	if (r < 0)
		return r;
	node_compare(node, stack);
	return 0;
}

static int tree_init(struct tree *tree, const struct stack *stack, struct diag *diag)
{
	int r;

	r = mapping_list_get(&tree->list, diag);
	if (r < 0)
		return r;
	tree->nodes = calloc(tree->list.n + 1, sizeof(*tree->nodes));
	if (!tree->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < tree->list.n; i++) {
		r = node_fill(&tree->nodes[i], &tree->list.items[i], stack, diag);
		if (r < 0)
			return diag_at(diag, r, "%s", tree->list.items[i].name);
	}
	for (size_t i = 0; i < tree->list.n; i++)
		for (size_t j = 0; j < tree->nodes[i].n_deps; j++) {
			struct node *below = tree_find(tree, tree->nodes[i].deps[j]);

			if (below)
				below->is_below = true;
		}
	return 0;
}

static const char *state_of(const struct node *node)
{
	if (!node->info->live)
		return "no table";
	return node->info->suspended ? "suspended" : "active";
}

static void print_bytes(uint64_t bytes, struct buf *out)
{
	static const char units[] = "BKMGTPE";
	size_t unit = 0;
	uint64_t tenths = bytes;

	/* In tenths of a unit from K on, rounded down. */
	if (bytes >= 1024) {
		tenths = bytes > UINT64_MAX / 10 ? UINT64_MAX : bytes * 10;
		while (tenths >= 10240 && unit + 1 < sizeof(units) - 1) {
			tenths /= 1024;
			unit++;
		}
		buf_printf(out, "%ju.%ju%c", (uintmax_t)tenths / 10, (uintmax_t)tenths % 10,
			units[unit]);
		return;
	}
	buf_printf(out, "%juB", (uintmax_t)bytes);
}

static void print_detail(const struct node *node, struct buf *out)
{
	const struct live_status *s = &node->status;

	if (s->has_mismatches)
		buf_printf(out, "%ju mismatches, ", (uintmax_t)s->mismatches);
	if (s->recalculating)
		buf_printf(out, "recalculated to sector %ju, ", (uintmax_t)s->recalculated_sectors);
	if (s->has_verdict)
		buf_puts(out, s->corrupted ? "CORRUPTED, " : "no corruption seen, ");
	if (s->has_corrected)
		buf_printf(out, "%ju corrected, ", (uintmax_t)s->corrected);

	if (streq(node->config, "same"))
		buf_puts(out, "as configured");
	else if (streq(node->config, "none"))
		buf_puts(out, "not configured");
	else if (streq(node->config, "broken"))
		buf_puts(out, "its configuration is broken");
	else
		buf_puts(out, node->why.what ?: "not compared");
}

static void print_tree(
	const struct tree *tree, const struct node *node, unsigned depth, struct buf *out)
{
	_cleanup_(buf_done) struct buf name = {}, size = {};

	if (depth > 0)
		buf_printf(&name, "%*s`-", (int)(2 * (depth - 1)), "");
	buf_puts(&name, node->info->name);
	print_bytes(node->line.length_sectors * SECTOR_SIZE, &size);
	buf_printf(out, "%-24s %-10s %-9s %-4s %8s %4u  ", buf_str(&name), node->line.target ?: "-",
		state_of(node), node->info->read_only ? "ro" : "rw", buf_str(&size),
		node->info->open_count);
	print_detail(node, out);
	buf_putc(out, '\n');

	for (size_t i = 0; depth < DEPTH_MAX && i < node->n_deps; i++) {
		const struct node *below = tree_find(tree, node->deps[i]);

		if (below)
			print_tree(tree, below, depth + 1, out);
	}
}

static void json_numbers(const struct live_status *s, struct buf *out)
{
	if (s->has_mismatches)
		json_member_u64(out, "mismatches", s->mismatches);
	if (s->recalculating)
		json_member_u64(out, "recalculated_sectors", s->recalculated_sectors);
	if (s->has_verdict)
		json_member_bool(out, "corrupted", s->corrupted);
	if (s->has_corrected)
		json_member_u64(out, "corrected", s->corrected);
}

static void print_json(const struct node *node, struct buf *out)
{
	json_separate(out);
	buf_putc(out, '{');
	json_member(out, "name", node->info->name);
	json_member(out, "uuid", node->info->uuid);
	json_member(out, "target", node->line.target ?: "");
	json_member(out, "state", state_of(node));
	json_member_bool(out, "read_only", node->info->read_only);
	json_member_u64(out, "bytes", node->line.length_sectors * SECTOR_SIZE);
	json_member_u64(out, "open_count", node->info->open_count);
	json_name(out, "device");
	buf_printf(out, "\"%u:%u\"", major(node->info->device), minor(node->info->device));
	json_name(out, "stands_on");
	buf_putc(out, '[');
	for (size_t i = 0; i < node->n_deps; i++) {
		json_separate(out);
		buf_printf(out, "\"%u:%u\"", major(node->deps[i]), minor(node->deps[i]));
	}
	buf_putc(out, ']');
	json_numbers(&node->status, out);
	json_member(out, "configuration", node->config);
	if (node->why.what)
		json_member(out, "difference", node->why.what);
	buf_putc(out, '}');
}

/* From the top of each stack downwards, or from the one that was named. */
static int print_nodes(
	const struct tree *tree, const char *name, struct buf *out, struct diag *diag)
{
	bool found = false;

	for (size_t i = 0; i < tree->list.n; i++) {
		const struct node *node = &tree->nodes[i];

		if (name ? !streq(node->info->name, name) : node->is_below)
			continue;
		if (!found)
			buf_printf(out, "%-24s %-10s %-9s %-4s %8s %4s  %s\n", "NAME", "TYPE",
				"STATE", "MODE", "SIZE", "OPEN", "DETAIL");
		found = true;
		print_tree(tree, node, 0, out);
	}
	if (name && !found)
		return diag_set(diag, -ENODEV, "\"%s\" is not active", name);
	return 0;
}

static int print_array(
	const struct tree *tree, const char *name, struct buf *out, struct diag *diag)
{
	bool found = false;

	buf_putc(out, '[');
	for (size_t i = 0; i < tree->list.n; i++) {
		if (name && !streq(tree->list.items[i].name, name))
			continue;
		print_json(&tree->nodes[i], out);
		found = true;
	}
	buf_puts(out, "]\n");
	if (name && !found)
		return diag_set(diag, -ENODEV, "\"%s\" is not active", name);
	return 0;
}

static int status_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct status_opts *o = opts;
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(tree_done) struct tree tree = {};
	_cleanup_(buf_done) struct buf out = {};
	size_t errors;
	int r;

	r = config_load(NULL, LOG_LEVEL_WARNING, &stack, &errors);
	if (r < 0)
		return r;
	r = tree_init(&tree, &stack, diag);
	if (r < 0)
		return r;
	r = (o->json ? print_array : print_nodes)(&tree, args[0], &out, diag);
	if (r < 0)
		return r;
	r = buf_error(&out);
	if (r < 0)
		return r;
	(void)fputs(buf_str(&out), stdout);
	return 0;
}

const struct verb verb_status = {
	.name = "status",
	.args = "[NAME]",
	.summary = "Show the live layers as a tree, with what the kernel says of them",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct status_opts),
	.n_optional = 1,
	.run = status_run,
};
