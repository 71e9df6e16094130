/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who vouches for a manifest: a certificate in {/etc,/run,/usr/lib}/dmstack/keys.d that signed it, or
 * the initrd that it is part of, which was measured or verified as a whole.
 */

#include "load.h"

struct trust;

struct manifest_judge {
	bool in_initrd; /* of the system that is judged */
	/* Owned; read when the first manifest comes. */
	struct trust *trust;
	int trust_error; /* the certificates cannot be used: nothing is believed */
	struct diag trust_diag;
};

void manifest_judge_done(struct manifest_judge *judge);
/*
 * For load_request.judge. With a certificate, a manifest that is not part of the initrd
 * needs a signature, in any phase: else whoever removes the signature could also say "bootstrap".
 */
int manifest_judge(
	struct manifest_judge *judge, const struct load_text *text, struct diag *diag) _must_check_;
