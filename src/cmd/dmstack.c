/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The activation tool: the table of its verbs.
 */

#include "verb-main.h"
#include "verbs.h"

static const struct verb *const verbs[] = {
	&verb_attach,
	&verb_detach,
	&verb_plan,
	&verb_status,
	&verb_list,
	&verb_check,
	&verb_watch,
	&verb_import,
	&verb_initrd_closure,
	&verb_suspend,
	&verb_resume,
#if HAVE_TPM2
	&verb_enroll,
	&verb_unseal,
	&verb_cap,
	&verb_rekey,
	&verb_reseal,
	&verb_recover,
	&verb_reset,
	&verb_tpm_status,
#endif
	&verb_gate,
	&verb_fail,
};

static const struct program program = {
	.name = "dmstack",
	.summary = "Activate stacked device-mapper layers",
	.version = DMSTACK_VERSION,
	.exit_status = "0 done; 1 failed; 2 wrong use",
	.page = "dmstack(8)",
	.verbs = verbs,
	.n_verbs = ARRAY_SIZE(verbs),
};

int main(int argc, char **argv)
{
	return verb_main(&program, argc, argv);
}
