/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any text as the kernel command line, applied to a small stack.
 */

#include <string.h>

#include "cmdline.h"
#include "conf.h"
#include "fuzz.h"

static const char stack_text[] = "a integrity /dev/a,meta=/dev/m - integrity-algorithm=crc32c\n"
				 "b crypt a /key\n"
				 "c linear d\n"
				 "d linear c\n";

static void apply(const struct cmdline *cmdline)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(diag_done) struct diag diag = {};
	const struct conf_sink sink = { .stack = &stack };
	int r;

	fuzz_assert(conf_parse(stack_text, strlen(stack_text), "f", &sink) == 0);
	r = cmdline_apply(cmdline, &stack, &diag);
	fuzz_assert(r == 0 || (r > 0 && diag.what));
	for (size_t i = 0; cmdline->sealed && i < stack.n_layers; i++)
		fuzz_assert(stack.layers[i]->common.phase == PHASE_SEALED);
	fuzz_assert(stack_link(&stack) >= 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(cmdline_done) struct cmdline cmdline = {};
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_free_ char *text = strndup((const char *)data, size);
	int r;

	fuzz_assert(text);
	r = cmdline_parse(text, size % 2, &cmdline, &diag);
	fuzz_assert(r == 0 || (r > 0 && diag.where && diag.what));
	for (size_t i = 0; i < cmdline.n_stacks; i++)
		fuzz_assert(cmdline.stacks[i] && *cmdline.stacks[i]);
	apply(&cmdline);
	return 0;
}
