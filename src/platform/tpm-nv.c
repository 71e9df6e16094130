/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The counter, which makes old slots worthless, and the latch, which is closed once and for all at
 * the end of enrolment.
 */

#include <string.h>

#include "bytes.h"
#include "tpm-internal.h"

/* Not ORDERLY: such a counter jumps after a power cut. */
#define COUNTER_ATTRIBUTES                                                                         \
	(TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | TPMA_NV_WRITE_STCLEAR |            \
		TPMA_NV_READ_STCLEAR | (uint32_t)TPM2_NT_COUNTER << TPMA_NV_TPM2_NT_SHIFT)
#define LATCH_ATTRIBUTES                                                                           \
	(TPMA_NV_AUTHREAD | TPMA_NV_AUTHWRITE | TPMA_NV_NO_DA | TPMA_NV_WRITEDEFINE)

static void counter_public(uint32_t index, struct tpm_nv *ret)
{
	*ret = (struct tpm_nv){ index, COUNTER_ATTRIBUTES, TPM_NV_COUNTER_SIZE };
}

static void latch_public(uint32_t index, struct tpm_nv *ret)
{
	*ret = (struct tpm_nv){ index, LATCH_ATTRIBUTES, TPM_DIGEST_SIZE };
}

void tpm_counter_name(uint32_t index, uint8_t ret[TPM_NAME_SIZE])
{
	struct tpm_nv nv;

	counter_public(index, &nv);
	nv.attributes |= TPM_NV_WRITTEN;
	tpm_nv_name(&nv, ret);
}

int tpm_nv_handle(struct tpm *tpm, uint32_t index, ESYS_TR *ret, struct diag *diag)
{
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, ret);

	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_NV_PUBLIC, rc, diag);
}

static bool public_is(const TPMS_NV_PUBLIC *public, const struct tpm_nv *nv)
{
	uint32_t bits = TPM_NV_WRITTEN | TPM_NV_WRITELOCKED | TPM_NV_READLOCKED;

	return public->nvIndex == nv->index && public->nameAlg == TPM2_ALG_SHA256 &&
	       (public->attributes & ~bits) == nv->attributes && public->authPolicy.size == 0 &&
	       public->dataSize == nv->size;
}

static int nv_state(
	struct tpm *tpm, const struct tpm_nv *nv, enum tpm_nv_presence *ret, struct diag *diag)
{
	_cleanup_esys_ TPM2B_NV_PUBLIC *public = NULL;
	ESYS_TR handle;
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		tpm->esys, nv->index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);

	if (tpm_rc_is(rc, TPM_ERROR_HANDLE)) {
		*ret = TPM_NV_ABSENT;
		return 0;
	}
	if (rc == TSS2_RC_SUCCESS) {
		rc = Esys_NV_ReadPublic(
			tpm->esys, handle, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &public, NULL);
		(void)Esys_TR_Close(tpm->esys, &handle);
	}
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_NV_PUBLIC, rc, diag);

	uint32_t attributes = public->nvPublic.attributes;

	if (!public_is(&public->nvPublic, nv))
		*ret = TPM_NV_FOREIGN;
	else if (attributes & (TPM_NV_WRITELOCKED | TPM_NV_READLOCKED))
		*ret = TPM_NV_LOCKED;
	else
		*ret = attributes & TPM_NV_WRITTEN ? TPM_NV_READY : TPM_NV_EMPTY;
	return 0;
}

int tpm_counter_state(struct tpm *tpm, uint32_t index, enum tpm_nv_presence *ret, struct diag *diag)
{
	struct tpm_nv nv;

	counter_public(index, &nv);
	return nv_state(tpm, &nv, ret, diag);
}

int tpm_latch_state(struct tpm *tpm, uint32_t index, enum tpm_nv_presence *ret, struct diag *diag)
{
	struct tpm_nv nv;

	latch_public(index, &nv);
	return nv_state(tpm, &nv, ret, diag);
}

/* By a salted session, so that the answer is authentic. */
static int nv_read(struct tpm *tpm, uint32_t index, uint16_t size, uint8_t *ret, struct diag *diag)
{
	_cleanup_esys_ TPM2B_MAX_NV_BUFFER *data = NULL;
	ESYS_TR session, handle = ESYS_TR_NONE;
	TSS2_RC rc;
	int r;

	r = tpm_session_get(tpm, &session, diag);
	if (r != 0)
		return r;
	r = tpm_nv_handle(tpm, index, &handle, diag);
	if (r != 0)
		return r;
	rc = Esys_NV_Read(
		tpm->esys, handle, handle, session, ESYS_TR_NONE, ESYS_TR_NONE, size, 0, &data);
	(void)Esys_TR_Close(tpm->esys, &handle);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_NV_READ, rc, diag);
	if (data->size != size)
		return tpm_state_set(TPM_STATE_COMM, "an NV index has another size", diag);
	memcpy(ret, data->buffer, size);
	return 0;
}

int tpm_counter_read(struct tpm *tpm, uint32_t index, uint64_t *ret, struct diag *diag)
{
	uint8_t value[TPM_NV_COUNTER_SIZE] = {};
	int r = nv_read(tpm, index, sizeof(value), value, diag);

	if (r == 0)
		*ret = get_be64(value);
	return r;
}

int tpm_latch_read(struct tpm *tpm, uint32_t index, uint8_t ret[TPM_DIGEST_SIZE], struct diag *diag)
{
	return nv_read(tpm, index, TPM_DIGEST_SIZE, ret, diag);
}

static int nv_define(struct tpm *tpm, const struct tpm_nv *nv, struct diag *diag)
{
	const TPM2B_NV_PUBLIC public = {
		.nvPublic = {
			.nvIndex = nv->index,
			.nameAlg = TPM2_ALG_SHA256,
			.attributes = nv->attributes,
			.dataSize = nv->size,
		},
	};
	static const TPM2B_AUTH empty = {};
	ESYS_TR handle;
	TSS2_RC rc = Esys_NV_DefineSpace(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD,
		ESYS_TR_NONE, ESYS_TR_NONE, &empty, &public, &handle);

	if (tpm_rc_is(rc, TPM_ERROR_NV_SPACE))
		return diag_set(diag, -ENOSPC,
			"the TPM has no room for the NV index %#x: undefine one that nothing uses",
			nv->index);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_NV_DEFINE, rc, diag);
	(void)Esys_TR_Close(tpm->esys, &handle);
	return 0;
}

int tpm_counter_define(struct tpm *tpm, uint32_t index, struct diag *diag)
{
	struct tpm_nv nv;

	counter_public(index, &nv);
	return nv_define(tpm, &nv, diag);
}

int tpm_latch_define(struct tpm *tpm, uint32_t index, struct diag *diag)
{
	struct tpm_nv nv;

	latch_public(index, &nv);
	return nv_define(tpm, &nv, diag);
}

int tpm_nv_undefine(struct tpm *tpm, uint32_t index, struct diag *diag)
{
	ESYS_TR handle;
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		tpm->esys, index, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &handle);

	if (tpm_rc_is(rc, TPM_ERROR_HANDLE))
		return 0;
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_NV_UndefineSpace(tpm->esys, ESYS_TR_RH_OWNER, handle, ESYS_TR_PASSWORD,
			ESYS_TR_NONE, ESYS_TR_NONE);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_NV_UNDEFINE, rc, diag);
}

int tpm_counter_increment(struct tpm *tpm, uint32_t index, struct diag *diag)
{
	ESYS_TR session, handle = ESYS_TR_NONE;
	TSS2_RC rc;
	int r;

	r = tpm_session_get(tpm, &session, diag);
	if (r != 0)
		return r;
	r = tpm_nv_handle(tpm, index, &handle, diag);
	if (r != 0)
		return r;
	rc = Esys_NV_Increment(tpm->esys, handle, handle, session, ESYS_TR_NONE, ESYS_TR_NONE);
	(void)Esys_TR_Close(tpm->esys, &handle);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_NV_INCREMENT, rc, diag);
}

int tpm_counter_lock(struct tpm *tpm, uint32_t index, struct diag *diag)
{
	ESYS_TR handle;
	TSS2_RC write, read;
	int r = tpm_nv_handle(tpm, index, &handle, diag);

	if (r != 0)
		return r;
	write = Esys_NV_WriteLock(
		tpm->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	/* The lock changed the Name that the library remembers. */
	(void)Esys_TR_Close(tpm->esys, &handle);
	r = tpm_nv_handle(tpm, index, &handle, diag);
	if (r != 0)
		return r;
	read = Esys_NV_ReadLock(
		tpm->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	(void)Esys_TR_Close(tpm->esys, &handle);
	if (write != TSS2_RC_SUCCESS && !tpm_rc_is(write, TPM_ERROR_NV_LOCKED))
		return tpm_fail(TPM_STEP_NV_LOCK, write, diag);
	if (read != TSS2_RC_SUCCESS && !tpm_rc_is(read, TPM_ERROR_NV_LOCKED))
		return tpm_fail(TPM_STEP_NV_LOCK, read, diag);
	return 0;
}

int tpm_latch_close(
	struct tpm *tpm, uint32_t index, const uint8_t content[TPM_DIGEST_SIZE], struct diag *diag)
{
	TPM2B_MAX_NV_BUFFER data = { .size = TPM_DIGEST_SIZE };
	ESYS_TR handle;
	TSS2_RC rc;
	int r;

	memcpy(data.buffer, content, TPM_DIGEST_SIZE);
	r = tpm_nv_handle(tpm, index, &handle, diag);
	if (r != 0)
		return r;
	rc = Esys_NV_Write(
		tpm->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &data, 0);
	(void)Esys_TR_Close(tpm->esys, &handle);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_NV_WRITE, rc, diag);
	r = tpm_nv_handle(tpm, index, &handle, diag);
	if (r != 0)
		return r;
	rc = Esys_NV_WriteLock(
		tpm->esys, handle, handle, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE);
	(void)Esys_TR_Close(tpm->esys, &handle);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_NV_LOCK, rc, diag);
}
