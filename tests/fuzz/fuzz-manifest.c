/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Any bytes as a manifest of either kind. What is read is written, and what was written is read
 * and written again: the same bytes must come out.
 */

#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "manifest-v1.h"
#include "manifest.h"

/* Consumes the manifest. */
static void check_stack(struct manifest *m)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(diag_done) struct diag diag = {};
	size_t n = m->n_layers;

	fuzz_assert(manifest_add_to_stack(m, "f", &stack, &diag) == 0);
	fuzz_assert(stack.n_layers == n);
	fuzz_assert(stack_link(&stack) >= 0);
}

static void check_round_trip(struct manifest *m)
{
	_cleanup_(manifest_freep) struct manifest *again = NULL;
	_cleanup_(buf_done) struct buf first = {}, second = {};
	_cleanup_(diag_done) struct diag diag = {};

	fuzz_assert(manifest_write(m, &first) == 0);
	fuzz_assert(manifest_parse(buf_str(&first), first.size, "f", &again, &diag) == 0);
	fuzz_assert(manifest_write(again, &second) == 0);
	fuzz_assert(strcmp(buf_str(&first), buf_str(&second)) == 0);
	check_stack(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	int r;

	r = manifest_parse((const char *)data, size, "f", &m, &diag);
	if (r == -EPROTONOSUPPORT)
		r = manifest_v1_parse((const char *)data, size, "f", "v1", &m, &diag);
	fuzz_assert(r != -ENOMEM);
	fuzz_assert(r >= 0 || (!m && diag.where && diag.what));
	if (r < 0)
		return 0;
	/* A manifest of the predecessor does not say where its data lies. */
	if (m->layers[0]->n_devices == 0)
		fuzz_assert(layer_set_device(m->layers[0], "data", "/dev/vda", NULL) == 0);
	check_round_trip(m);
	return 0;
}
