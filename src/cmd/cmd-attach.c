/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * attach: brings up a layer and all that it stands on; or, in an initrd without systemd, every stack
 * that is needed there, with the end of the boot if the sealed phase says so.
 */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cmdline.h"
#include "config.h"
#include "fail-closed.h"
#include "guard.h"
#include "log.h"
#include "machine.h"
#include "memory.h"
#include "run.h"
#include "verbs.h"

struct attach_opts {
	bool enforce;
	bool initrd;
};

static const struct option_def options[] = {
	{ "enforce", 0, OPTION_FLAG, offsetof(struct attach_opts, enforce), NULL,
		"for units: in the sealed phase end the machine on failure, as fail= says" },
	{ "initrd", 0, OPTION_FLAG, offsetof(struct attach_opts, initrd), NULL,
		"every stack that an initrd has to attach" },
};

static int attach_named(
	const char *name, bool enforce, struct fail_policy *policy, struct diag *diag)
{
	const struct config_request config = { .level = LOG_LEVEL_WARNING };
	_cleanup_(config_report_done) struct config_report report = {};
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *layer;
	int r;

	r = config_load_report(&config, &stack, &report);
	if (r < 0)
		return r;
	fail_policy_get(&stack, report.sealed, policy);
	r = config_find(&stack, name, &layer, diag);
	if (r < 0)
		return r;
	fail_policy_of_layer(layer, policy);
	if (enforce && policy->sealed) {
		r = guard_machine(diag);
		if (r < 0)
			return r;
	}
	return run_attach(&stack, layer, diag);
}

static int attach_one(const char *name, bool enforce, struct diag *diag)
{
	/* Until it is known what the configuration says. */
	struct fail_policy policy = { .sealed = true, .action = FAIL_PANIC };
	int r = attach_named(name, enforce, &policy, diag);

	/* Somebody stops the unit, and its ExecStopPost= says what follows. */
	if (r >= 0 || r == -EINTR || r == -ECANCELED || !enforce || !policy.sealed)
		return r;
	(void)diag_at(diag, r, "%s", name);
	fail_closed(&policy, diag);
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
	struct fail_policy policy;

	(void)log_diag(r, why);
	fail_policy_of_layer(layer, &policy);
	if (policy.sealed)
		fail_closed(&policy, why);
}

/* Whether what the initrd attaches has a key in the TPM. */
static int needs_tpm(const struct cmdline *cmdline, const struct stack *stack, bool *ret)
{
	*ret = false;
	for (size_t i = 0; i < stack->n_layers; i++) {
		_cleanup_free_ struct layer **order = NULL;
		size_t n = 0;
		int r = 0;

		if (is_initrd_top(cmdline, stack, stack->layers[i]))
			r = stack_order(stack, stack->layers[i], &order, &n);
		if (r < 0)
			return r;
		for (size_t j = 0; j < n; j++)
			*ret = *ret || layer_has_key(order[j], KEYREF_TPM2);
	}
	return 0;
}

/* r: as of a verb, 0 if nothing failed. In the bootstrap phase the layers say what they miss. */
static void seal_failed(const struct fail_policy *policy, int r, const struct diag *why)
{
	if (r == 0)
		return;
	if (policy->sealed)
		fail_closed(policy, why);
	(void)log_diag(r < 0 ? r : -EKEYREJECTED, why);
}

/* What dmstack-unseal.service does where systemd is. */
static void open_seal(const struct fail_policy *policy)
{
	_cleanup_(diag_done) struct diag why = {};
	int r = -EOPNOTSUPP;

#if HAVE_TPM2
	r = verb_unseal.run(NULL, NULL, &why);
#else
	(void)diag_set(&why, r, "this dmstack was built without TPM2");
#endif
	seal_failed(policy, r, &why);
}

/* And dmstack-cap.service: nobody behind the initrd gets a key. */
static void close_seal(const struct fail_policy *policy)
{
#if HAVE_TPM2
	_cleanup_(diag_done) struct diag why = {};
	int r = verb_cap.run(NULL, NULL, &why);

	seal_failed(policy, r, &why);
#endif
}

/* Each top in turn. Returns how many of those that have to be there are not. */
static int attach_tops(const struct cmdline *cmdline, struct stack *stack)
{
	int failed = 0;

	for (size_t i = 0; i < stack->n_layers; i++) {
		_cleanup_(diag_done) struct diag why = {};
		struct layer *layer = stack->layers[i];

		if (!is_initrd_top(cmdline, stack, layer))
			continue;
		int r = run_attach(stack, layer, &why);

		if (r < 0) {
			layer_failed(layer, r, &why);
			failed += !layer->common.nofail;
			continue;
		}
		print_mount(layer);
	}
	return failed;
}

static int attach_initrd(struct diag *diag)
{
	_cleanup_(config_report_done) struct config_report report = {};
	_cleanup_(cmdline_done) struct cmdline cmdline = {};
	_cleanup_(stack_done) struct stack stack = {};
	const struct config_request config = { .level = LOG_LEVEL_ERR, .initrd = true };
	struct fail_policy policy;
	int r, failed;
	bool tpm;

	if (!machine_is_in_initrd())
		return usage_error(diag, "attach --initrd is for an initrd");
	/* Wrong words are reported when they are applied. */
	r = cmdline_read(true, &cmdline, NULL);
	const bool disabled = r >= 0 && cmdline.disabled;

	r = config_load_report(&config, &stack, &report);
	if ((r < 0 || report.n_errors > 0) && (cmdline.sealed || report.sealed))
		machine_end(FAIL_PANIC);
	if (r < 0)
		return r;
	/* The command line cannot take out what is sealed. */
	fail_policy_get(&stack, report.sealed, &policy);
	if (disabled && !policy.sealed)
		return EXIT_DONE;
	r = needs_tpm(&cmdline, &stack, &tpm);
	if (r < 0 && policy.sealed)
		fail_closed(&policy, diag);
	if (r < 0)
		return r;
	if (stack.seal && stack.seal->phase == PHASE_BOOTSTRAP)
		policy.sealed = false;
	if (tpm)
		open_seal(&policy);
	failed = attach_tops(&cmdline, &stack);
	if (tpm)
		close_seal(&policy);
	return failed > 0 ? EXIT_FAILED : EXIT_DONE;
}

static int attach_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct attach_opts *o = opts;

	if (!o->initrd != !!args[0])
		return usage_error(diag, "attach wants either the name of a layer or --initrd");
	/* libdevmapper keeps a copy of the table, which may have a key in it, until it wipes it. */
	memory_lock();
	return o->initrd ? attach_initrd(diag) : attach_one(args[0], o->enforce, diag);
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
