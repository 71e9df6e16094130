/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * detach: takes down one layer, or a stack from the top. It goes by what is live, so that it works
 * for what is no longer configured too.
 */

#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "dm.h"
#include "run.h"
#include "strset.h"
#include "verbs.h"

struct detach_opts {
	bool stack;
	bool all;
};

static const struct option_def options[] = {
	{ "stack", 0, OPTION_FLAG, offsetof(struct detach_opts, stack), NULL,
		"also what the layer stands on, from the top down" },
	{ "all", 0, OPTION_FLAG, offsetof(struct detach_opts, all), NULL,
		"every layer that is active, from the top down" },
};

/*
 * Names in the order in which they are to be removed: first what the configuration says. That it
 * cannot be read, or does not have the layer, does not matter.
 */
static int add_configured(struct strset *names, const char *name)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ struct layer **order = NULL;
	struct layer *layer;
	size_t n, errors;
	int r;

	r = config_load(NULL, LOG_LEVEL_DEBUG, &stack, &errors);
	if (r < 0)
		return r == -ENOMEM ? r : 0;
	layer = stack_find(&stack, name);
	if (!layer)
		return 0;
	r = stack_order(&stack, layer, &order, &n);
	if (r < 0)
		return r;
	while (n > 0) {
		r = strset_add(names, order[--n]->name);
		if (r < 0)
			return r;
	}
	return 0;
}

static const struct mapping_info *list_find(const struct mapping_list *list, dev_t device)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->items[i].device == device)
			return &list->items[i];
	return NULL;
}

/* What is really below; names grows while it is walked, and no name enters it twice. */
static int add_live(struct strset *names, struct diag *diag)
{
	_cleanup_(mapping_list_done) struct mapping_list list = {};
	int r;

	r = mapping_list_get(&list, diag);
	if (r < 0)
		return r;
	for (size_t i = 0; i < names->n; i++) {
		_cleanup_free_ dev_t *deps = NULL;
		size_t n = 0;

		/* A configured layer need not be active. */
		if (mapping_deps(names->items[i], &deps, &n, NULL) < 0)
			continue;
		for (size_t j = 0; j < n; j++) {
			const struct mapping_info *below = list_find(&list, deps[j]);

			r = below ? strset_add(names, below->name) : 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

static int detach_stack(const char *top, struct diag *diag)
{
	_cleanup_(strset_done) struct strset names = {};
	int r;

	r = strset_add(&names, top);
	if (r >= 0)
		r = add_configured(&names, top);
	if (r >= 0)
		r = add_live(&names, diag);
	if (r < 0)
		return r;

	for (size_t i = 0; i < names.n; i++) {
		_cleanup_(diag_done) struct diag why = {};

		r = run_remove(names.items[i], &why);
		if (r == 0)
			continue;
		/* Another stack may stand on a lower layer. */
		if (r == -EBUSY && i > 0) {
			log_notice("%s stays: %s", names.items[i], why.what ?: "in use");
			continue;
		}
		diag_move(diag, &why);
		return diag_at(diag, r, "%s", names.items[i]);
	}
	return 0;
}

/* Takes down what nobody has open, and then what that set free, as long as there is such a layer. */
static int detach_all(struct diag *diag)
{
	size_t left, removed;

	do {
		_cleanup_(diag_done) struct diag why = {};
		int r = mapping_remove_unused(false, &left, &removed, &why);

		if (r < 0 || (left > 0 && removed == 0)) {
			diag_move(diag, &why);
			return r < 0 ? r : -EBUSY;
		}
	} while (left > 0);
	return 0;
}

static int detach_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct detach_opts *o = opts;
	int r;

	if (!o->all != !!args[0] || (o->all && o->stack))
		return usage_error(diag, "detach wants either the name of a layer or --all");
	if (o->all)
		return detach_all(diag);
	r = layer_name_check(args[0], diag);
	if (r < 0)
		return r;
	if (o->stack)
		return detach_stack(args[0], diag);
	r = run_remove(args[0], diag);
	return r < 0 ? diag_at(diag, r, "%s", args[0]) : 0;
}

const struct verb verb_detach = {
	.name = "detach",
	.args = "[NAME]",
	.summary = "Take down a layer; success if it is not active",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct detach_opts),
	.n_optional = 1,
	.run = detach_run,
};
