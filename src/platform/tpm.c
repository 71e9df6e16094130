/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening the TPM, its storage root key, and sessions.
 */

#include "tpm.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "bytes.h"
#include "clock.h"
#include "tpm-internal.h"
#include "tpm-tcti.h"

#define POLL_USEC      20000
#define SRK_PERSISTENT 0x81000001

static const TPMT_SYM_DEF session_cipher = {
	.algorithm = TPM2_ALG_AES,
	.keyBits.aes = 128,
	.mode.aes = TPM2_ALG_CFB,
};

/* The ECC key of TCG's provisioning guidance, without protection against guessing. */
static const TPM2B_PUBLIC srk_template = {
	.publicArea = {
		.type = TPM2_ALG_ECC,
		.nameAlg = TPM2_ALG_SHA256,
		.objectAttributes = TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT |
			TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
			TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
			TPMA_OBJECT_NODA,
		.parameters.eccDetail = {
			.symmetric = {
				.algorithm = TPM2_ALG_AES,
				.keyBits.aes = 128,
				.mode.aes = TPM2_ALG_CFB,
			},
			.scheme.scheme = TPM2_ALG_NULL,
			.curveID = TPM2_ECC_NIST_P256,
			.kdf.scheme = TPM2_ALG_NULL,
		},
		.unique.ecc = { .x.size = 32, .y.size = 32 },
	},
};

static uint32_t tcti_open(const char *device, TSS2_TCTI_CONTEXT **ret)
{
	TSS2_TCTI_CONTEXT *tcti;
	size_t size = 0;
	TSS2_RC rc = tpm_tcti_init(NULL, &size, device);

	if (rc != TSS2_RC_SUCCESS)
		return rc;
	tcti = calloc(1, size);
	if (!tcti)
		return TSS2_TCTI_RC_MEMORY;
	rc = tpm_tcti_init(tcti, &size, device);
	if (rc != TSS2_RC_SUCCESS) {
		free(tcti);
		return rc;
	}
	*ret = tcti;
	return 0;
}

static void tcti_close(TSS2_TCTI_CONTEXT *tcti)
{
	if (tcti)
		Tss2_Tcti_Finalize(tcti);
	free(tcti);
}

/* The driver may be loaded later than this program starts: its node is waited for. */
static int device_open(
	const char *device, uint64_t timeout_usec, TSS2_TCTI_CONTEXT **ret, struct diag *diag)
{
	const struct timespec pause = { .tv_nsec = POLL_USEC * 1000L };
	uint64_t start = clock_usec();

	for (;;) {
		if (tpm_tcti_present(device) && tcti_open(device, ret) == 0)
			return 0;
		if (clock_usec() - start >= timeout_usec)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return tpm_state_set(TPM_STATE_NO_TPM, device, diag);
}

int tpm_open(const char *device, uint64_t timeout_usec, struct tpm **ret, struct diag *diag)
{
	_cleanup_(tpm_closep) struct tpm *tpm = calloc(1, sizeof(*tpm));
	TSS2_RC rc;
	int r;

	if (!tpm)
		return -ENOMEM;
	tpm->srk = tpm->session = ESYS_TR_NONE;
	/* What the library would print is less than what the diag says. */
	(void)setenv("TSS2_LOG", "all+none", 0);
	r = device_open(device, timeout_usec, &tpm->tcti, diag);
	if (r != 0)
		return r;
	rc = Esys_Initialize(&tpm->esys, tpm->tcti, NULL);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_OPEN, rc, diag);
	*ret = take_ptr(tpm);
	return 0;
}

void tpm_flush(struct tpm *tpm, ESYS_TR *handle)
{
	if (*handle != ESYS_TR_NONE)
		(void)Esys_FlushContext(tpm->esys, *handle);
	*handle = ESYS_TR_NONE;
}

struct tpm *tpm_close(struct tpm *tpm)
{
	if (!tpm)
		return NULL;
	if (tpm->esys) {
		tpm_flush(tpm, &tpm->session);
		if (tpm->srk_is_transient)
			tpm_flush(tpm, &tpm->srk);
		Esys_Finalize(&tpm->esys);
	}
	tcti_close(tpm->tcti);
	free(tpm);
	return NULL;
}

static int property(struct tpm *tpm, uint32_t first, uint32_t count, TPML_TAGGED_TPM_PROPERTY *ret,
	struct diag *diag)
{
	_cleanup_esys_ TPMS_CAPABILITY_DATA *data = NULL;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		TPM2_CAP_TPM_PROPERTIES, first, count, NULL, &data);

	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_CAPABILITY, rc, diag);
	*ret = data->data.tpmProperties;
	return 0;
}

static void about_set(struct tpm_about *about, uint32_t property, uint32_t value)
{
	switch (property) {
	case TPM2_PT_MANUFACTURER:
		put_be32(about->manufacturer, value);
		break;
	case TPM2_PT_VENDOR_STRING_1:
	case TPM2_PT_VENDOR_STRING_2:
	case TPM2_PT_VENDOR_STRING_3:
	case TPM2_PT_VENDOR_STRING_4:
		put_be32(about->vendor + 4 * (property - TPM2_PT_VENDOR_STRING_1), value);
		break;
	case TPM2_PT_FIRMWARE_VERSION_1:
		about->firmware |= (uint64_t)value << 32;
		break;
	case TPM2_PT_FIRMWARE_VERSION_2:
		about->firmware |= value;
		break;
	case TPM2_PT_LOCKOUT_COUNTER:
		about->lockout_count = value;
		break;
	case TPM2_PT_MAX_AUTH_FAIL:
		about->lockout_max = value;
		break;
	case TPM2_PT_PERMANENT:
		about->in_lockout = value & TPMA_PERMANENT_INLOCKOUT;
		about->has_lockout_auth = value & TPMA_PERMANENT_LOCKOUTAUTHSET;
		break;
	default:
		break;
	}
}

int tpm_about(struct tpm *tpm, struct tpm_about *ret, struct diag *diag)
{
	static const struct {
		uint32_t first, count;
	} ranges[] = {
		{ TPM2_PT_MANUFACTURER, TPM2_PT_FIRMWARE_VERSION_2 - TPM2_PT_MANUFACTURER + 1 },
		{ TPM2_PT_PERMANENT, 1 },
		{ TPM2_PT_LOCKOUT_COUNTER, 2 },
	};
	struct tpm_about about = {};
	TPML_TAGGED_TPM_PROPERTY list = {};

	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		int r = property(tpm, ranges[i].first, ranges[i].count, &list, diag);

		if (r != 0)
			return r;
		for (uint32_t j = 0; j < list.count; j++)
			about_set(&about, list.tpmProperty[j].property, list.tpmProperty[j].value);
	}
	about.is_software = startswith(about.vendor, "SW") != NULL;
	*ret = about;
	return 0;
}

static int name_get(struct tpm *tpm, ESYS_TR handle, uint8_t ret[TPM_NAME_SIZE], struct diag *diag)
{
	_cleanup_esys_ TPM2B_NAME *name = NULL;
	TSS2_RC rc = Esys_TR_GetName(tpm->esys, handle, &name);

	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_FROM_HANDLE, rc, diag);
	if (name->size != TPM_NAME_SIZE)
		return tpm_state_set(TPM_STATE_OTHER_TPM, NULL, diag);
	memcpy(ret, name->name, TPM_NAME_SIZE);
	return 0;
}

static int srk_create(struct tpm *tpm, struct diag *diag)
{
	static const TPM2B_SENSITIVE_CREATE sensitive = {};
	static const TPM2B_DATA outside = {};
	static const TPML_PCR_SELECTION none = {};
	TSS2_RC rc = Esys_CreatePrimary(tpm->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
		ESYS_TR_NONE, &sensitive, &srk_template, &outside, &none, &tpm->srk, NULL, NULL,
		NULL, NULL);

	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_CREATE_PRIMARY, rc, diag);
	tpm->srk_is_transient = true;
	return 0;
}

/* Returns 1 if the persistent key is there and has the Name. */
static int srk_find(struct tpm *tpm, const uint8_t pinned[TPM_NAME_SIZE], struct diag *diag)
{
	uint8_t name[TPM_NAME_SIZE];
	TSS2_RC rc = Esys_TR_FromTPMPublic(
		tpm->esys, SRK_PERSISTENT, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &tpm->srk);

	if (tpm_rc_is(rc, TPM_ERROR_HANDLE))
		return 0;
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_FROM_HANDLE, rc, diag);
	/* One of another hash or origin is no error: the primary may still be ours. */
	if (name_get(tpm, tpm->srk, name, NULL) == 0 && memcmp(name, pinned, sizeof(name)) == 0)
		return 1;
	(void)Esys_TR_Close(tpm->esys, &tpm->srk);
	tpm->srk = ESYS_TR_NONE;
	return 0;
}

int tpm_use_srk(struct tpm *tpm, const uint8_t pinned[TPM_NAME_SIZE],
	uint8_t ret_name[TPM_NAME_SIZE], struct diag *diag)
{
	uint8_t name[TPM_NAME_SIZE];
	int r = 0;

	if (tpm->srk == ESYS_TR_NONE && pinned) {
		r = srk_find(tpm, pinned, diag);
		if (r < 0 || r >= TPM_STATE_NO_TPM)
			return r;
	}
	if (tpm->srk == ESYS_TR_NONE) {
		r = srk_create(tpm, diag);
		if (r != 0)
			return r;
	}
	r = name_get(tpm, tpm->srk, name, diag);
	if (r != 0)
		return r;
	if (pinned && memcmp(name, pinned, sizeof(name)) != 0)
		return tpm_state_set(TPM_STATE_OTHER_TPM, NULL, diag);
	if (ret_name)
		memcpy(ret_name, name, sizeof(name));
	return 0;
}

int tpm_session_start(struct tpm *tpm, TPM2_SE type, ESYS_TR *ret, struct diag *diag)
{
	ESYS_TR session;
	TSS2_RC rc = Esys_StartAuthSession(tpm->esys, tpm->srk, ESYS_TR_NONE, ESYS_TR_NONE,
		ESYS_TR_NONE, ESYS_TR_NONE, NULL, type, &session_cipher, TPM2_ALG_SHA256, &session);

	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_TRSess_SetAttributes(tpm->esys, session,
			TPMA_SESSION_CONTINUESESSION | TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT,
			0xff);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_SESSION, rc, diag);
	*ret = session;
	return 0;
}

int tpm_session_get(struct tpm *tpm, ESYS_TR *ret, struct diag *diag)
{
	if (tpm->session == ESYS_TR_NONE) {
		int r = tpm_session_start(tpm, TPM2_SE_HMAC, &tpm->session, diag);

		if (r != 0)
			return r;
	}
	*ret = tpm->session;
	return 0;
}

int tpm_random_root(struct tpm *tpm, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *root = NULL;
	_cleanup_esys_ TPM2B_DIGEST *random = NULL;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	r = secret_new(TPM_ROOT_SIZE, true, &root);
	if (r < 0)
		return r;
	if (getrandom(secret_bytes(root), TPM_ROOT_SIZE, 0) != TPM_ROOT_SIZE)
		return -EIO;
	r = tpm_session_get(tpm, &session, diag);
	if (r != 0)
		return r;
	rc = Esys_TRSess_SetAttributes(tpm->esys, session, 0, TPMA_SESSION_DECRYPT);
	if (rc == TSS2_RC_SUCCESS)
		rc = Esys_GetRandom(
			tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, TPM_ROOT_SIZE, &random);
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_RANDOM, rc, diag);
	(void)Esys_TRSess_SetAttributes(
		tpm->esys, session, TPMA_SESSION_DECRYPT, TPMA_SESSION_DECRYPT);
	for (size_t i = 0; i < TPM_ROOT_SIZE && i < random->size; i++)
		secret_bytes(root)[i] ^= random->buffer[i];
	wipe(random->buffer, random->size);
	*ret = take_ptr(root);
	return 0;
}

void tpm_shutdown(struct tpm *tpm)
{
	(void)Esys_Shutdown(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, TPM2_SU_CLEAR);
}

static void lockout_auth(struct tpm *tpm, const struct secret *auth)
{
	TPM2B_AUTH value = {};

	if (auth) {
		value.size = TPM_AUTH_SIZE;
		memcpy(value.buffer, secret_peek(auth), TPM_AUTH_SIZE);
	}
	(void)Esys_TR_SetAuth(tpm->esys, ESYS_TR_RH_LOCKOUT, &value);
	wipe(&value, sizeof(value));
}

int tpm_lockout_take(struct tpm *tpm, const struct secret *auth, struct diag *diag)
{
	TPM2B_AUTH value = { .size = TPM_AUTH_SIZE };
	ESYS_TR session;
	TSS2_RC rc;
	int r = tpm_session_get(tpm, &session, diag);

	if (r != 0)
		return r;
	memcpy(value.buffer, secret_peek(auth), TPM_AUTH_SIZE);
	lockout_auth(tpm, NULL);
	rc = Esys_HierarchyChangeAuth(
		tpm->esys, ESYS_TR_RH_LOCKOUT, session, ESYS_TR_NONE, ESYS_TR_NONE, &value);
	wipe(&value, sizeof(value));
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_LOCKOUT, rc, diag);
}

int tpm_lockout_reset(struct tpm *tpm, const struct secret *auth, struct diag *diag)
{
	ESYS_TR session;
	TSS2_RC rc;
	int r = tpm_session_get(tpm, &session, diag);

	if (r != 0)
		return r;
	lockout_auth(tpm, auth);
	rc = Esys_DictionaryAttackLockReset(
		tpm->esys, ESYS_TR_RH_LOCKOUT, session, ESYS_TR_NONE, ESYS_TR_NONE);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_LOCKOUT, rc, diag);
}
