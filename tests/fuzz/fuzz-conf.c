/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as dmstack.conf: parsed, linked, compiled to plans and printed.
 */

#include "conf.h"
#include "fuzz.h"
#include "plan.h"

static void on_error(void *userdata, const struct load_error *error)
{
	unsigned *n = userdata;

	fuzz_assert(error->diag.where && error->diag.what);
	(*n)++;
}

static int on_manifest(
	void *userdata, const struct conf_manifest *line, enum phase *ret_phase, struct diag *diag)
{
	fuzz_assert(line->name && line->path[0] == '/' && line->where && line->options);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(stack_done) struct stack stack = {};
	unsigned n_errors = 0;
	const struct conf_sink sink = {
		.stack = &stack,
		.on_error = on_error,
		.on_manifest = on_manifest,
		.userdata = &n_errors,
	};
	int r;

	r = conf_parse((const char *)data, size, "f", &sink);
	fuzz_assert(r == (int)n_errors);
	fuzz_assert(stack_link(&stack) >= 0);

	for (size_t i = 0; i < stack.n_layers; i++) {
		struct plan plan = {};
		_cleanup_(buf_done) struct buf text = {};
		_cleanup_(diag_done) struct diag diag = {};

		r = plan_attach(&stack, stack.layers[i], &plan, &diag);
		/* What cannot be attached says why. */
		fuzz_assert(r >= 0 || (diag.what && stack.layers[i]->broken));
		if (r < 0)
			continue;
		plan_print(&plan, &text);
		fuzz_assert(buf_error(&text) == 0);
		plan_done(&plan);
	}
	return 0;
}
