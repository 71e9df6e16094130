/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A response code is layer << 16 | code. Code 0x80 is set in those which also say which handle,
 * parameter or session was no good:
 *
 *	 11  10..8   7   6    5..0
 *	| N | number | 1 | P | error |
 */

#include "tpm-exit.h"

#define LAYER_TPM  0x000000
#define LAYER_TCTI 0x0a0000
#define LAYER_MASK 0xff0000

/* Steps that a row of the table stands for. */
#define STEP(name) (1U << TPM_STEP_##name)
#define ANY	   (~0U)

static const struct {
	uint32_t steps;
	enum tpm_error error;
	enum tpm_state state;
} table[] = {
	{ ANY, TPM_ERROR_NOT_STARTED, TPM_STATE_COMM },
	{ ANY, TPM_ERROR_FAILURE, TPM_STATE_COMM },
	{ ANY, TPM_ERROR_LOCKOUT, TPM_STATE_LOCKOUT },
	{ ANY, TPM_ERROR_PCR_CHANGED, TPM_STATE_PCR_MISMATCH },
	{ ANY, TPM_ERROR_NV_LOCKED, TPM_STATE_CAPPED },
	{ ANY, TPM_ERROR_NV_UNWRITTEN, TPM_STATE_NV_LOST },
	{ STEP(CREATE_PRIMARY), TPM_ERROR_HIERARCHY, TPM_STATE_HIERARCHY },
	{ STEP(CREATE_PRIMARY), TPM_ERROR_BAD_AUTH, TPM_STATE_HIERARCHY },
	{ STEP(NV_PUBLIC) | STEP(NV_READ) | STEP(POLICY_NV), TPM_ERROR_HANDLE, TPM_STATE_NV_LOST },
	{ STEP(NV_READ) | STEP(POLICY_NV), TPM_ERROR_BAD_AUTH, TPM_STATE_NV_LOST },
	{ STEP(LOAD), TPM_ERROR_INTEGRITY, TPM_STATE_OTHER_TPM },
	{ STEP(VERIFY), TPM_ERROR_SIGNATURE, TPM_STATE_NO_SIGNATURE },
	{ STEP(POLICY_AUTHORIZE), TPM_ERROR_VALUE, TPM_STATE_NO_SIGNATURE },
	{ STEP(POLICY_PCR), TPM_ERROR_VALUE, TPM_STATE_PCR_MISMATCH },
	{ STEP(POLICY_PCR) | STEP(PCR_READ), TPM_ERROR_HASH, TPM_STATE_PCR_MISMATCH },
	{ STEP(POLICY_NV), TPM_ERROR_POLICY, TPM_STATE_ROLLBACK },
	{ STEP(UNSEAL), TPM_ERROR_AUTH_FAIL, TPM_STATE_BAD_PIN },
	{ STEP(UNSEAL), TPM_ERROR_BAD_AUTH, TPM_STATE_BAD_PIN },
	{ STEP(UNSEAL), TPM_ERROR_POLICY_FAIL, TPM_STATE_POLICY },
};

static const char *const steps[_TPM_STEP_MAX] = {
	[TPM_STEP_OPEN] = "opening the TPM",
	[TPM_STEP_CAPABILITY] = "TPM2_GetCapability",
	[TPM_STEP_RANDOM] = "TPM2_GetRandom",
	[TPM_STEP_FROM_HANDLE] = "TPM2_ReadPublic",
	[TPM_STEP_CREATE_PRIMARY] = "TPM2_CreatePrimary",
	[TPM_STEP_SESSION] = "TPM2_StartAuthSession",
	[TPM_STEP_NV_PUBLIC] = "TPM2_NV_ReadPublic",
	[TPM_STEP_NV_READ] = "TPM2_NV_Read",
	[TPM_STEP_NV_DEFINE] = "TPM2_NV_DefineSpace",
	[TPM_STEP_NV_UNDEFINE] = "TPM2_NV_UndefineSpace",
	[TPM_STEP_NV_INCREMENT] = "TPM2_NV_Increment",
	[TPM_STEP_NV_WRITE] = "TPM2_NV_Write",
	[TPM_STEP_NV_LOCK] = "TPM2_NV_WriteLock or ReadLock",
	[TPM_STEP_PCR_READ] = "TPM2_PCR_Read",
	[TPM_STEP_PCR_EVENT] = "TPM2_PCR_Event",
	[TPM_STEP_CREATE] = "TPM2_Create",
	[TPM_STEP_LOAD] = "TPM2_Load",
	[TPM_STEP_LOAD_EXTERNAL] = "TPM2_LoadExternal",
	[TPM_STEP_VERIFY] = "TPM2_VerifySignature",
	[TPM_STEP_POLICY_PCR] = "TPM2_PolicyPCR",
	[TPM_STEP_POLICY_AUTHORIZE] = "TPM2_PolicyAuthorize",
	[TPM_STEP_POLICY_NV] = "TPM2_PolicyNV",
	[TPM_STEP_POLICY_AUTHVALUE] = "TPM2_PolicyAuthValue",
	[TPM_STEP_POLICY_DIGEST] = "TPM2_PolicyGetDigest",
	[TPM_STEP_UNSEAL] = "TPM2_Unseal",
	[TPM_STEP_LOCKOUT] = "the lockout hierarchy",
};

static const struct {
	const char *name, *sentence;
} states[_TPM_STATE_MAX] = {
	[TPM_STATE_NO_TPM] = { "NO-TPM",
		"there is no TPM: look for it in the firmware setup, and for its driver in the initrd" },
	[TPM_STATE_COMM] = { "TPM-COMM",
		"the TPM does not answer as it should, or someone changes what it says: switch the "
		"machine off and on; if it stays so, the TPM or its bus is broken or tampered with" },
	[TPM_STATE_LOCKOUT] = { "DA-LOCKOUT",
		"too many wrong PINs: the TPM takes none for a while; wait, or use the recovery key" },
	[TPM_STATE_BAD_PIN] = { "BAD-PIN", "the PIN is wrong" },
	[TPM_STATE_PCR_MISMATCH] = { "PCR-MISMATCH",
		"this machine did not boot what the seal is bound to: boot the signed image, or use "
		"the recovery key if the firmware was changed on purpose" },
	[TPM_STATE_ROLLBACK] = { "ROLLBACK",
		"the seal on the disk is older than the TPM's counter: an old disk or an old slot was "
		"put back; use the recovery key if that was on purpose" },
	[TPM_STATE_NV_LOST] = { "NV-LOST",
		"the TPM's counter is gone, or it or the latch is not the one that was enrolled: use "
		"the recovery key" },
	[TPM_STATE_OTHER_TPM] = { "OTHER-TPM",
		"the seal is of another TPM, or the TPM was cleared: put the disk back into its "
		"machine, or use the recovery key" },
	[TPM_STATE_CAPPED] = { "CAPPED",
		"the TPM gives nothing any more until the next boot: reboot" },
	[TPM_STATE_NO_SIGNATURE] = { "NO-SIGNATURE",
		"no signature of a PCR policy is valid for the epoch of this machine: the image is too "
		"old, or it was not signed with dmstack-build sign-policy" },
	[TPM_STATE_NO_SLOT] = { "NO-SLOT",
		"the seal device holds no usable slot, although this machine was enrolled: use its "
		"right disk, or dmstack reset and enrol anew" },
	[TPM_STATE_HIERARCHY] = { "HIERARCHY",
		"the owner hierarchy of the TPM is off or has a password: switch it on in the firmware "
		"setup" },
	[TPM_STATE_POLICY] = { "POLICY",
		"the seal is under another policy than its slot says: use the recovery key" },
	[TPM_STATE_RESET_REQUIRED] = { "RESET-REQUIRED",
		"this machine is not enrolled and may not enrol itself now: check it, then dmstack "
		"reset and dmstack enroll" },
};

static uint32_t error_of(uint32_t rc)
{
	return rc & 0x80 ? rc & 0xbf : rc & 0xfff;
}

bool tpm_rc_is(uint32_t rc, enum tpm_error error)
{
	return rc != 0 && (rc & LAYER_MASK) == LAYER_TPM && error_of(rc) == (uint32_t)error;
}

enum tpm_state tpm_exit_state(enum tpm_step step, uint32_t rc)
{
	if (step == TPM_STEP_OPEN && (rc & LAYER_MASK) == LAYER_TCTI)
		return TPM_STATE_NO_TPM;
	if ((rc & LAYER_MASK) != LAYER_TPM)
		return TPM_STATE_COMM;
	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (tpm_rc_is(rc, table[i].error) && table[i].steps & 1U << step)
			return table[i].state;
	/* Of the others, a warning is about the TPM's own state, and an error about the object. */
	if ((rc & 0x980) == 0x900)
		return TPM_STATE_COMM;
	return step >= TPM_STEP_LOAD && step <= TPM_STEP_UNSEAL ? TPM_STATE_POLICY : TPM_STATE_COMM;
}

const char *tpm_state_name(enum tpm_state state)
{
	return states[state].name ?: "OK";
}

int tpm_state_set(enum tpm_state state, const char *detail, struct diag *diag)
{
	return diag_set(diag, (int)state, "%s: %s%s%s", tpm_state_name(state), detail ?: "",
		detail ? ": " : "", states[state].sentence);
}

int tpm_fail(enum tpm_step step, uint32_t rc, struct diag *diag)
{
	enum tpm_state state = tpm_exit_state(step, rc);

	return diag_set(diag, (int)state, "%s: %s gave %#x: %s", tpm_state_name(state), steps[step],
		rc, states[state].sentence);
}
