/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files tpm*.c share.
 */

#include <tss2/tss2_esys.h>

#include "cleanup.h"
#include "tpm.h"

struct tpm {
	ESYS_CONTEXT *esys;
	TSS2_TCTI_CONTEXT *tcti;
	ESYS_TR srk;	       /* ESYS_TR_NONE: not yet */
	bool srk_is_transient; /* flushed at the end */
	ESYS_TR session;       /* HMAC session, salted; ESYS_TR_NONE: not yet */
};

static inline void esys_freep(void *p)
{
	if (*(void **)p)
		Esys_Free(*(void **)p);
}
#define _cleanup_esys_ _cleanup_(esys_freep)

/* A salted session with parameter encryption. */
int tpm_session_start(struct tpm *tpm, TPM2_SE type, ESYS_TR *ret, struct diag *diag) _must_check_;
/* The HMAC session, made at the first call. */
int tpm_session_get(struct tpm *tpm, ESYS_TR *ret, struct diag *diag) _must_check_;
/* Flushes an object or a session and forgets it; ESYS_TR_NONE is left alone. */
void tpm_flush(struct tpm *tpm, ESYS_TR *handle);
/* The NV index as an object. */
int tpm_nv_handle(struct tpm *tpm, uint32_t index, ESYS_TR *ret, struct diag *diag) _must_check_;
/* A selection of one bank. */
TPML_PCR_SELECTION tpm_selection(enum tpm_bank bank, uint32_t mask);
