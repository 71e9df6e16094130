/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The sealed object, and the policy that gives it back:
 *
 *	PolicyPCR, approved by K for the slot's epoch	(PolicyAuthorize)
 *	PolicyPCR of the literal PCRs
 *	PolicyNV: the counter equals the slot's
 *	PolicyAuthValue: the PIN
 *
 * Before the secret is asked for, the session's digest is held against the object's. That gives an
 * exact reason and costs no try of the PIN.
 */

#include <string.h>
#include <tss2/tss2_mu.h>

#include "bytes.h"
#include "tpm-internal.h"

/* How often the policy starts anew because a PCR was extended meanwhile. */
#define PCR_RETRIES 5

/* The policy digest that the slot's fields stand for. -EINVAL: they go with none. */
static int slot_policy(const struct seal_slot *slot, uint8_t ret[TPM_DIGEST_SIZE])
{
	uint8_t digest[TPM_DIGEST_SIZE] = {}, ref[TPM_REF_SIZE], name[TPM_NAME_SIZE];

	if (slot->flags & SEAL_SLOT_SIGNED) {
		tpm_policy_ref(slot->epoch, ref);
		tpm_policy_authorize(digest, slot->key_name, ref);
	}
	if (slot->flags & SEAL_SLOT_LITERAL) {
		int r = tpm_policy_pcr_digest(digest, (enum tpm_bank)slot->bank, slot->literal_mask,
			slot->literal_values);

		if (r < 0)
			return r;
	}
	tpm_counter_name(slot->nv_index, name);
	tpm_policy_nv(digest, slot->counter, name);
	if (slot->flags & SEAL_SLOT_PIN)
		tpm_policy_authvalue(digest);
	memcpy(ret, digest, sizeof(digest));
	return 0;
}

static void object_public(
	const struct seal_slot *slot, const uint8_t policy[TPM_DIGEST_SIZE], TPM2B_PUBLIC *ret)
{
	/* Without a PIN there is nothing to guess, and a power cut must not count as a guess. */
	TPMA_OBJECT no_da = slot->flags & SEAL_SLOT_PIN ? 0 : TPMA_OBJECT_NODA;

	*ret = (TPM2B_PUBLIC){
		.publicArea = {
			.type = TPM2_ALG_KEYEDHASH,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
				TPMA_OBJECT_ADMINWITHPOLICY | no_da,
			.authPolicy.size = TPM_DIGEST_SIZE,
			.parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL,
		},
	};
	memcpy(ret->publicArea.authPolicy.buffer, policy, TPM_DIGEST_SIZE);
}

static int object_store(
	const TPM2B_PUBLIC *public, const TPM2B_PRIVATE *private, struct seal_slot *slot)
{
	size_t public_size = 0, private_size = 0;

	if (Tss2_MU_TPM2B_PUBLIC_Marshal(
		    public, slot->public, sizeof(slot->public), &public_size) != TSS2_RC_SUCCESS ||
		Tss2_MU_TPM2B_PRIVATE_Marshal(private, slot->private, sizeof(slot->private),
			&private_size) != TSS2_RC_SUCCESS)
		return -EIO;
	slot->public_size = (uint16_t)public_size;
	slot->private_size = (uint16_t)private_size;
	return 0;
}

int tpm_seal(struct tpm *tpm, const struct secret *root, const struct secret *auth,
	struct seal_slot *slot, struct diag *diag)
{
	static const TPML_PCR_SELECTION none = {};
	static const TPM2B_DATA outside = {};
	_cleanup_esys_ TPM2B_PRIVATE *private = NULL;
	_cleanup_esys_ TPM2B_PUBLIC *public = NULL;
	TPM2B_SENSITIVE_CREATE sensitive = {};
	uint8_t policy[TPM_DIGEST_SIZE];
	TPM2B_PUBLIC template;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	r = slot_policy(slot, policy);
	if (r < 0)
		return r;
	r = tpm_session_get(tpm, &session, diag);
	if (r != 0)
		return r;
	object_public(slot, policy, &template);
	if (auth) {
		sensitive.sensitive.userAuth.size = (uint16_t)secret_size(auth);
		memcpy(sensitive.sensitive.userAuth.buffer, secret_peek(auth), secret_size(auth));
	}
	sensitive.sensitive.data.size = (uint16_t)secret_size(root);
	memcpy(sensitive.sensitive.data.buffer, secret_peek(root), secret_size(root));
	rc = Esys_Create(tpm->esys, tpm->srk, ESYS_TR_PASSWORD, session, ESYS_TR_NONE, &sensitive,
		&template, &outside, &none, &private, &public, NULL, NULL, NULL);
	wipe(&sensitive, sizeof(sensitive));
	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_CREATE, rc, diag);
	return object_store(public, private, slot);
}

/* A step of a policy session: -EAGAIN if a PCR was extended meanwhile, which voids the session. */
static int step_fail(enum tpm_step step, TSS2_RC rc, struct diag *diag)
{
	return tpm_rc_is(rc, TPM_ERROR_PCR_CHANGED) ? -EAGAIN : tpm_fail(step, rc, diag);
}

static int session_digest(
	struct tpm *tpm, ESYS_TR session, uint8_t ret[TPM_DIGEST_SIZE], struct diag *diag)
{
	_cleanup_esys_ TPM2B_DIGEST *digest = NULL;
	TSS2_RC rc = Esys_PolicyGetDigest(
		tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &digest);

	if (rc != TSS2_RC_SUCCESS)
		return step_fail(TPM_STEP_POLICY_DIGEST, rc, diag);
	if (digest->size != TPM_DIGEST_SIZE)
		return tpm_state_set(TPM_STATE_COMM, NULL, diag);
	memcpy(ret, digest->buffer, TPM_DIGEST_SIZE);
	return 0;
}

/* PolicyPCR with the PCRs as they are. */
static int policy_pcr(
	struct tpm *tpm, ESYS_TR session, enum tpm_bank bank, uint32_t mask, struct diag *diag)
{
	static const TPM2B_DIGEST empty = {};
	TPML_PCR_SELECTION selection = tpm_selection(bank, mask);
	TSS2_RC rc = Esys_PolicyPCR(
		tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &empty, &selection);

	return rc == TSS2_RC_SUCCESS ? 0 : step_fail(TPM_STEP_POLICY_PCR, rc, diag);
}

static void put_coordinate(const uint8_t from[TPM_KEY_COORDINATE], TPM2B_ECC_PARAMETER *to)
{
	to->size = TPM_KEY_COORDINATE;
	memcpy(to->buffer, from, TPM_KEY_COORDINATE);
}

/* K, in the owner hierarchy: a ticket of no hierarchy would not do for PolicyAuthorize. */
static int load_approver(
	struct tpm *tpm, const struct tpm_approvals *approvals, ESYS_TR *ret, struct diag *diag)
{
	TPM2B_PUBLIC public = {
		.publicArea = {
			.type = TPM2_ALG_ECC,
			.nameAlg = TPM2_ALG_SHA256,
			.objectAttributes = TPMA_OBJECT_USERWITHAUTH | TPMA_OBJECT_SIGN_ENCRYPT,
			.parameters.eccDetail = {
				.symmetric.algorithm = TPM2_ALG_NULL,
				.scheme.scheme = TPM2_ALG_NULL,
				.curveID = TPM2_ECC_NIST_P256,
				.kdf.scheme = TPM2_ALG_NULL,
			},
		},
	};
	TSS2_RC rc;

	put_coordinate(approvals->x, &public.publicArea.unique.ecc.x);
	put_coordinate(approvals->y, &public.publicArea.unique.ecc.y);
	rc = Esys_LoadExternal(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, NULL, &public,
		ESYS_TR_RH_OWNER, ret);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_LOAD_EXTERNAL, rc, diag);
}

/* A ticket for PolicyAuthorize, which the caller frees with Esys_Free(). */
static int verify(struct tpm *tpm, const struct tpm_approvals *approvals,
	const struct tpm_approval *approval, TPMT_TK_VERIFIED **ret, struct diag *diag)
{
	TPMT_SIGNATURE signature = {
		.sigAlg = TPM2_ALG_ECDSA,
		.signature.ecdsa.hash = TPM2_ALG_SHA256,
	};
	TPM2B_DIGEST hash = { .size = TPM_DIGEST_SIZE };
	uint8_t ref[TPM_REF_SIZE];
	ESYS_TR key = ESYS_TR_NONE;
	TSS2_RC rc;
	int r;

	tpm_policy_ref(approval->epoch, ref);
	tpm_policy_signed(approval->policy, ref, hash.buffer);
	put_coordinate(approval->r, &signature.signature.ecdsa.signatureR);
	put_coordinate(approval->s, &signature.signature.ecdsa.signatureS);
	r = load_approver(tpm, approvals, &key, diag);
	if (r != 0)
		return r;
	rc = Esys_VerifySignature(
		tpm->esys, key, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &hash, &signature, ret);
	tpm_flush(tpm, &key);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_VERIFY, rc, diag);
}

/* The approval for the policy, of the bank, PCRs and epoch. */
static int approval_find(const struct tpm_approvals *approvals, const struct tpm_approval *wanted,
	const struct tpm_approval **ret, struct diag *diag)
{
	bool any = false;

	for (size_t i = 0; approvals && i < approvals->n; i++) {
		const struct tpm_approval *a = &approvals->items[i];

		if (a->bank != wanted->bank || a->mask != wanted->mask || a->epoch != wanted->epoch)
			continue;
		any = true;
		if (memcmp(a->policy, wanted->policy, TPM_DIGEST_SIZE) == 0) {
			*ret = a;
			return 0;
		}
	}
	return tpm_state_set(any ? TPM_STATE_PCR_MISMATCH : TPM_STATE_NO_SIGNATURE, NULL, diag);
}

/* PolicyPCR of the session, and the ticket for it. */
static int approved(struct tpm *tpm, ESYS_TR session, struct tpm_approval *wanted,
	const struct tpm_approvals *approvals, TPMT_TK_VERIFIED **ret, struct diag *diag)
{
	const struct tpm_approval *approval = NULL;
	int r;

	r = policy_pcr(tpm, session, wanted->bank, wanted->mask, diag);
	if (r != 0)
		return r;
	r = session_digest(tpm, session, wanted->policy, diag);
	if (r != 0)
		return r;
	r = approval_find(approvals, wanted, &approval, diag);
	if (r != 0)
		return r;
	return verify(tpm, approvals, approval, ret, diag);
}

static int policy_signed(struct tpm *tpm, ESYS_TR session, const struct seal_slot *slot,
	const struct tpm_approvals *approvals, struct diag *diag)
{
	struct tpm_approval wanted = {
		.bank = (enum tpm_bank)slot->bank,
		.mask = slot->signed_mask,
		.epoch = slot->epoch,
	};
	_cleanup_esys_ TPMT_TK_VERIFIED *ticket = NULL;
	TPM2B_DIGEST policy = { .size = TPM_DIGEST_SIZE };
	TPM2B_NONCE ref = { .size = TPM_REF_SIZE };
	TPM2B_NAME name = { .size = TPM_NAME_SIZE };
	TSS2_RC rc;
	int r;

	r = approved(tpm, session, &wanted, approvals, &ticket, diag);
	if (r != 0)
		return r;
	memcpy(policy.buffer, wanted.policy, TPM_DIGEST_SIZE);
	tpm_policy_ref(slot->epoch, ref.buffer);
	memcpy(name.name, slot->key_name, TPM_NAME_SIZE);
	rc = Esys_PolicyAuthorize(tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		&policy, &ref, &name, ticket);
	return rc == TSS2_RC_SUCCESS ? 0 : step_fail(TPM_STEP_POLICY_AUTHORIZE, rc, diag);
}

static int policy_literal(
	struct tpm *tpm, ESYS_TR session, const struct seal_slot *slot, struct diag *diag)
{
	uint8_t before[TPM_DIGEST_SIZE], after[TPM_DIGEST_SIZE];
	int r;

	r = session_digest(tpm, session, before, diag);
	if (r != 0)
		return r;
	r = policy_pcr(tpm, session, (enum tpm_bank)slot->bank, slot->literal_mask, diag);
	if (r != 0)
		return r;
	r = session_digest(tpm, session, after, diag);
	if (r != 0)
		return r;
	r = tpm_policy_pcr_digest(
		before, (enum tpm_bank)slot->bank, slot->literal_mask, slot->literal_values);
	if (r < 0)
		return r;
	if (memcmp(before, after, sizeof(after)) != 0)
		return tpm_state_set(TPM_STATE_PCR_MISMATCH, NULL, diag);
	return 0;
}

static int policy_counter(
	struct tpm *tpm, ESYS_TR session, const struct seal_slot *slot, struct diag *diag)
{
	TPM2B_OPERAND operand = { .size = TPM_NV_COUNTER_SIZE };
	ESYS_TR handle;
	TSS2_RC rc;
	int r;

	put_be64(operand.buffer, slot->counter);
	r = tpm_nv_handle(tpm, slot->nv_index, &handle, diag);
	if (r != 0)
		return r;
	rc = Esys_PolicyNV(tpm->esys, handle, handle, session, ESYS_TR_PASSWORD, ESYS_TR_NONE,
		ESYS_TR_NONE, &operand, 0, TPM2_EO_EQ);
	(void)Esys_TR_Close(tpm->esys, &handle);
	return rc == TSS2_RC_SUCCESS ? 0 : step_fail(TPM_STEP_POLICY_NV, rc, diag);
}

static int policy_run(struct tpm *tpm, ESYS_TR session, const struct seal_slot *slot,
	const struct tpm_approvals *approvals, struct diag *diag)
{
	uint8_t expected[TPM_DIGEST_SIZE], digest[TPM_DIGEST_SIZE];
	TSS2_RC rc;
	int r = 0;

	if (slot->flags & SEAL_SLOT_SIGNED)
		r = policy_signed(tpm, session, slot, approvals, diag);
	if (r == 0 && slot->flags & SEAL_SLOT_LITERAL)
		r = policy_literal(tpm, session, slot, diag);
	if (r == 0)
		r = policy_counter(tpm, session, slot, diag);
	if (r != 0)
		return r;
	if (slot->flags & SEAL_SLOT_PIN) {
		rc = Esys_PolicyAuthValue(
			tpm->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE);
		if (rc != TSS2_RC_SUCCESS)
			return step_fail(TPM_STEP_POLICY_AUTHVALUE, rc, diag);
	}
	r = session_digest(tpm, session, digest, diag);
	if (r != 0)
		return r;
	r = slot_policy(slot, expected);
	if (r < 0)
		return r;
	if (memcmp(digest, expected, sizeof(digest)) != 0)
		return tpm_state_set(TPM_STATE_POLICY, NULL, diag);
	return 0;
}

/* -EAGAIN: a PCR was extended meanwhile. */
static int unseal(struct tpm *tpm, ESYS_TR object, const struct seal_slot *slot,
	const struct tpm_approvals *approvals, struct secret **ret, struct diag *diag)
{
	_cleanup_esys_ TPM2B_SENSITIVE_DATA *data = NULL;
	ESYS_TR session;
	TSS2_RC rc;
	int r;

	r = tpm_session_start(tpm, TPM2_SE_POLICY, &session, diag);
	if (r != 0)
		return r;
	r = policy_run(tpm, session, slot, approvals, diag);
	if (r != 0) {
		tpm_flush(tpm, &session);
		return r;
	}
	rc = Esys_Unseal(tpm->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
	tpm_flush(tpm, &session);
	if (rc != TSS2_RC_SUCCESS)
		return step_fail(TPM_STEP_UNSEAL, rc, diag);
	if (data->size == TPM_ROOT_SIZE)
		r = secret_new_from(data->buffer, data->size, true, ret);
	else
		r = tpm_state_set(TPM_STATE_POLICY, "the sealed secret has another size", diag);
	wipe(data, sizeof(*data));
	return r;
}

static int object_load(
	struct tpm *tpm, const struct seal_slot *slot, ESYS_TR *ret, struct diag *diag)
{
	TPM2B_PRIVATE private = {};
	TPM2B_PUBLIC public = {};
	uint8_t policy[TPM_DIGEST_SIZE];
	size_t offset = 0;
	TSS2_RC rc;
	int r;

	rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(slot->public, slot->public_size, &offset, &public);
	if (rc == TSS2_RC_SUCCESS && offset == slot->public_size) {
		offset = 0;
		rc = Tss2_MU_TPM2B_PRIVATE_Unmarshal(
			slot->private, slot->private_size, &offset, &private);
	}
	if (rc != TSS2_RC_SUCCESS || offset != slot->private_size)
		return tpm_state_set(TPM_STATE_NO_SLOT, "the sealed object is malformed", diag);
	/* The header steers the policy, so it has to say the same as the object. */
	r = slot_policy(slot, policy);
	if (r < 0)
		return r;
	if (public.publicArea.authPolicy.size != TPM_DIGEST_SIZE ||
		memcmp(public.publicArea.authPolicy.buffer, policy, TPM_DIGEST_SIZE) != 0)
		return tpm_state_set(TPM_STATE_POLICY, NULL, diag);
	rc = Esys_Load(tpm->esys, tpm->srk, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE, &private,
		&public, ret);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_LOAD, rc, diag);
}

int tpm_unseal(struct tpm *tpm, const struct seal_slot *slot, const struct tpm_approvals *approvals,
	const struct secret *auth, struct secret **ret, struct diag *diag)
{
	ESYS_TR object = ESYS_TR_NONE;
	int r;

	r = object_load(tpm, slot, &object, diag);
	if (r != 0)
		return r;
	if (auth) {
		TPM2B_AUTH value = { .size = (uint16_t)secret_size(auth) };

		memcpy(value.buffer, secret_peek(auth), secret_size(auth));
		(void)Esys_TR_SetAuth(tpm->esys, object, &value);
		wipe(&value, sizeof(value));
	}
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < PCR_RETRIES; i++)
		r = unseal(tpm, object, slot, approvals, ret, diag);
	if (r == -EAGAIN)
		r = tpm_state_set(TPM_STATE_PCR_MISMATCH, "the PCRs do not stop changing", diag);
	tpm_flush(tpm, &object);
	return r;
}

int tpm_approved_now(struct tpm *tpm, enum tpm_bank bank, uint32_t mask, uint64_t epoch,
	const struct tpm_approvals *approvals, struct diag *diag)
{
	struct tpm_approval wanted = { .bank = bank, .mask = mask, .epoch = epoch };
	_cleanup_esys_ TPMT_TK_VERIFIED *ticket = NULL;
	ESYS_TR session;
	int r;

	r = tpm_session_start(tpm, TPM2_SE_POLICY, &session, diag);
	if (r != 0)
		return r;
	r = approved(tpm, session, &wanted, approvals, &ticket, diag);
	tpm_flush(tpm, &session);
	return r;
}
