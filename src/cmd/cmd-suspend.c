/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * suspend and resume: what dmstack-suspend.service does around sleep, and what works by hand.
 */

#include <stdio.h>

#include "config.h"
#include "memory.h"
#include "run-suspend.h"
#include "verbs.h"

struct suspend_opts {
	bool unused;
};

typedef int (*suspend_fn)(
	const struct stack *stack, const char *name, size_t *ret_n, struct diag *diag);

static int load(const char *name, struct stack *stack, struct diag *diag)
{
	struct layer *layer;
	size_t errors;
	int r = config_load(NULL, LOG_LEVEL_WARNING, stack, &errors);

	if (r < 0 || !name)
		return r;
	r = config_find(stack, name, &layer, diag);
	if (r < 0)
		return r;
	if (!layer->type->key_wipe)
		return diag_set(diag, -EINVAL, "%s: the kernel cannot forget the key of type %s",
			name, layer->type->name);
	if (layer->common.initrd)
		return diag_set(diag, -EINVAL,
			"%s: what the initrd attached carries the programs that would have to "
			"bring the key back",
			name);
	if (layer->key.kind == KEYREF_TPM2)
		return diag_set(diag, -EINVAL,
			"%s: the TPM gives a key once in a boot, so nobody could bring this one back",
			name);
	return 0;
}

static int run(const char *name, suspend_fn fn, const char *done, struct diag *diag)
{
	_cleanup_(stack_done) struct stack stack = {};
	size_t n;
	int r;

	memory_lock();
	r = load(name, &stack, diag);

	if (r >= 0)
		r = fn(&stack, name, &n, diag);
	if (r < 0)
		return r;
	log_info("%zu %s %s", n, n == 1 ? "key" : "keys", done);
	return EXIT_DONE;
}

static int suspend_run(const void *opts, const char *const *args, struct diag *diag)
{
	return run(args[0], run_suspend, "wiped", diag);
}

static int resume_run(const void *opts, const char *const *args, struct diag *diag)
{
	return run(args[0], run_resume, "restored", diag);
}

const struct verb verb_suspend = {
	.name = "suspend",
	.args = "[NAME]",
	.summary = "Suspend layers and have the kernel forget their keys",
	.opts_size = sizeof(struct suspend_opts),
	.n_optional = 1,
	.run = suspend_run,
};

const struct verb verb_resume = {
	.name = "resume",
	.args = "[NAME]",
	.summary = "Fetch the keys of suspended layers again and resume them",
	.opts_size = sizeof(struct suspend_opts),
	.n_optional = 1,
	.run = resume_run,
};
