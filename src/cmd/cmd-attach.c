/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach: brings up a layer and all that it stands on; or, in an initrd without systemd, every stack
 * that is needed there, with the end of the boot if the sealed phase says so.
 */

#include <stdio.h>
#include <unistd.h>

#include "cmdline.h"
#include "config.h"
#include "machine.h"
#include "memory.h"
#include "run.h"
#include "verbs.h"

struct attach_opts {
	bool initrd;
};

static const struct option_def options[] = {
	{ "initrd", 0, OPTION_FLAG, offsetof(struct attach_opts, initrd), NULL,
		"every stack that an initrd has to attach" },
};

static int attach_layer(const struct stack *stack, struct layer *layer, struct diag *diag)
{
	_cleanup_(plan_done) struct plan plan = {};
	int r;

	r = plan_attach(stack, layer, &plan, diag);
	return r < 0 ? r : run_plan(&plan, diag);
}

static int attach_one(const char *name, struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *layer;
	size_t errors;
	int r;

	r = config_load(NULL, LOG_LEVEL_WARNING, &stack, &errors);
	if (r < 0)
		return r;
	r = config_find(&stack, name, &layer, diag);
	return r < 0 ? r : attach_layer(&stack, layer, diag);
}

/* The tops of what the initrd needs: layers that carry another such one come with that. */
static bool is_initrd_top(
	const struct cmdline *cmdline, const struct stack *stack, const struct layer *layer)
{
	if (layer->common.noauto || !cmdline_needs_layer(cmdline, layer))
		return false;
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *above = stack->layers[i];

		for (size_t j = 0; j < above->n_devices; j++)
			if (above->devices[j].layer == layer && !above->common.noauto &&
				cmdline_needs_layer(cmdline, above))
				return false;
	}
	return true;
}

/* For a script that mounts it: "mount DEVICE WHERE TYPE OPTIONS", "-" for what is not said. */
static void print_mount(const struct layer *layer)
{
	const struct mount_hint *mount = layer->mount;
	const bool sealed = layer->common.phase == PHASE_SEALED;

	if (sealed)
		puts("sealed");
	if (!mount || !mount->where)
		return;
	const char *words =
		sealed && mount->options_sealed ? mount->options_sealed : mount->options;

	printf("mount /dev/mapper/%s %s %s %s\n", layer->name, mount->where, mount->type ?: "-",
		words && *words ? words : "-");
}

/* The other layers of a stack were given the phase of its top, or a stricter one. */
static void layer_failed(const struct layer *layer, int r, const struct diag *why)
{
	(void)log_diag(r, why);
	if (layer->common.phase == PHASE_SEALED)
		machine_end((enum fail_action)layer->common.fail);
}

static int attach_initrd(struct diag *diag)
{
	_cleanup_(config_report_done) struct config_report report = {};
	_cleanup_(cmdline_done) struct cmdline cmdline = {};
	_cleanup_(stack_done) struct stack stack = {};
	const struct config_request config = { .level = LOG_LEVEL_ERR, .initrd = true };
	int r, failed = 0;

	if (!machine_is_in_initrd())
		return usage_error(diag, "attach --initrd is for an initrd");
	/* Wrong words are reported when they are applied. */
	r = cmdline_read(true, &cmdline, NULL);
	if (r >= 0 && cmdline.disabled)
		return EXIT_DONE;
	r = config_load_report(&config, &stack, &report);
	if ((r < 0 || report.n_errors > 0) && (cmdline.sealed || report.sealed))
		machine_end(FAIL_PANIC);
	if (r < 0)
		return r;
	for (size_t i = 0; i < stack.n_layers; i++) {
		_cleanup_(diag_done) struct diag why = {};
		struct layer *layer = stack.layers[i];

		if (!is_initrd_top(&cmdline, &stack, layer))
			continue;
		r = attach_layer(&stack, layer, &why);
		if (r < 0) {
			layer_failed(layer, r, &why);
			failed += !layer->common.nofail;
			continue;
		}
		print_mount(layer);
	}
	return failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int attach_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct attach_opts *o = opts;

	if (!o->initrd != !!args[0])
		return usage_error(diag, "attach wants either the name of a layer or --initrd");
	/* libdevmapper keeps a copy of the table, which may have a key in it, until it wipes it. */
	memory_lock();
	return o->initrd ? attach_initrd(diag) : attach_one(args[0], diag);
}

const struct verb verb_attach = {
	.name = "attach",
	.args = "[NAME]",
	.summary = "Bring up a layer and everything that it stands on",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct attach_opts),
	.n_optional = 1,
	.run = attach_run,
};
