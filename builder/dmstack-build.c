/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The offline image builder: the table of its verbs.
 */

#include "build-verbs.h"
#include "verb-main.h"

static const struct verb *const verbs[] = {
	&verb_create,
	&verb_verify,
	&verb_extract,
	&verb_inspect,
	&verb_sign,
	&verb_sign_policy,
	&verb_repair,
	&verb_recalculate,
};

static const struct program program = {
	.name = "dmstack-build",
	.summary =
		"Build, check and read images of stacked device-mapper layers, without privileges",
	.version = DMSTACK_VERSION,
	.exit_status = "0 done; 1 failed, or damage was found; 2 wrong use",
	.page = "dmstack-build(1)",
	.verbs = verbs,
	.n_verbs = ARRAY_SIZE(verbs),
};

int main(int argc, char **argv)
{
	return verb_main(&program, argc, argv);
}
