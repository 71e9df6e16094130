/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Why the seal does not open, as one of 14 states. Each is the exit status of "dmstack unseal" and
 * has a sentence that a person can act on. No TPM is needed to tell them apart, only the step that
 * failed and its TPM response code.
 */

#include "diag.h"
#include "macro.h"

enum tpm_state {
	TPM_STATE_OK = 0,
	TPM_STATE_NO_TPM = 10,
	TPM_STATE_COMM = 11,
	TPM_STATE_LOCKOUT = 12,
	TPM_STATE_BAD_PIN = 13,
	TPM_STATE_PCR_MISMATCH = 14,
	TPM_STATE_ROLLBACK = 15,
	TPM_STATE_NV_LOST = 16,
	TPM_STATE_OTHER_TPM = 17,
	TPM_STATE_CAPPED = 18,
	TPM_STATE_NO_SIGNATURE = 19,
	TPM_STATE_NO_SLOT = 20,
	TPM_STATE_HIERARCHY = 21,
	TPM_STATE_POLICY = 22,
	TPM_STATE_RESET_REQUIRED = 23,
	_TPM_STATE_MAX,
};

enum tpm_step {
	TPM_STEP_OPEN,
	TPM_STEP_CAPABILITY,
	TPM_STEP_RANDOM,
	TPM_STEP_FROM_HANDLE,
	TPM_STEP_CREATE_PRIMARY,
	TPM_STEP_SESSION,
	TPM_STEP_NV_PUBLIC,
	TPM_STEP_NV_READ,
	TPM_STEP_NV_DEFINE,
	TPM_STEP_NV_UNDEFINE,
	TPM_STEP_NV_INCREMENT,
	TPM_STEP_NV_WRITE,
	TPM_STEP_NV_LOCK,
	TPM_STEP_PCR_READ,
	TPM_STEP_PCR_EVENT,
	TPM_STEP_CREATE,
	TPM_STEP_LOAD,
	TPM_STEP_LOAD_EXTERNAL,
	TPM_STEP_VERIFY,
	TPM_STEP_POLICY_PCR,
	TPM_STEP_POLICY_AUTHORIZE,
	TPM_STEP_POLICY_NV,
	TPM_STEP_POLICY_AUTHVALUE,
	TPM_STEP_POLICY_DIGEST,
	TPM_STEP_UNSEAL,
	TPM_STEP_LOCKOUT,
	_TPM_STEP_MAX,
};

/* Response codes that callers ask for: without the number of the handle or parameter. */
enum tpm_error {
	TPM_ERROR_NOT_STARTED = 0x100,
	TPM_ERROR_FAILURE = 0x101,
	TPM_ERROR_POLICY = 0x126,
	TPM_ERROR_PCR_CHANGED = 0x128,
	TPM_ERROR_NV_LOCKED = 0x148,
	TPM_ERROR_NV_UNWRITTEN = 0x14a,
	TPM_ERROR_NV_SPACE = 0x14b,
	TPM_ERROR_NV_DEFINED = 0x14c,
	TPM_ERROR_NV_RATE = 0x920,
	TPM_ERROR_LOCKOUT = 0x921,
	TPM_ERROR_HASH = 0x83,
	TPM_ERROR_VALUE = 0x84,
	TPM_ERROR_HIERARCHY = 0x85,
	TPM_ERROR_HANDLE = 0x8b,
	TPM_ERROR_AUTH_FAIL = 0x8e,
	TPM_ERROR_SIGNATURE = 0x9b,
	TPM_ERROR_POLICY_FAIL = 0x9d,
	TPM_ERROR_INTEGRITY = 0x9f,
	TPM_ERROR_BAD_AUTH = 0xa2,
};

/* True if a response code of the TPM itself is that error. */
_const_ bool tpm_rc_is(uint32_t rc, enum tpm_error error);
/* rc is not 0. */
_const_ enum tpm_state tpm_exit_state(enum tpm_step step, uint32_t rc);
/* "PCR-MISMATCH" */
const char *tpm_state_name(enum tpm_state state);
/* Sets the diag to the state's sentence, with a detail in front or NULL; returns the state. */
int tpm_state_set(enum tpm_state state, const char *detail, struct diag *diag);
/* The same for a step that failed with the response code. */
int tpm_fail(enum tpm_step step, uint32_t rc, struct diag *diag);
