/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Platform configuration registers.
 */

#include <string.h>

#include "bytes.h"
#include "tpm-internal.h"

#define SELECT_SIZE 3

TPML_PCR_SELECTION tpm_selection(enum tpm_bank bank, uint32_t mask)
{
	TPML_PCR_SELECTION selection = {
		.count = 1,
		.pcrSelections[0] = { .hash = (TPM2_ALG_ID)bank, .sizeofSelect = SELECT_SIZE },
	};

	for (size_t i = 0; i < SELECT_SIZE; i++)
		selection.pcrSelections[0].pcrSelect[i] = (uint8_t)(mask >> (8 * i));
	return selection;
}

static uint32_t selection_mask(const TPML_PCR_SELECTION *selection, enum tpm_bank bank)
{
	uint32_t mask = 0;

	for (uint32_t i = 0; i < selection->count && i < TPM2_NUM_PCR_BANKS; i++) {
		const TPMS_PCR_SELECTION *one = &selection->pcrSelections[i];

		for (size_t j = 0; one->hash == bank && j < one->sizeofSelect && j < SELECT_SIZE;
			j++)
			mask |= (uint32_t)one->pcrSelect[j] << (8 * j);
	}
	return mask;
}

/* A TPM gives a few values at a time, and none for a bank that is not allocated. */
int tpm_pcr_read(struct tpm *tpm, enum tpm_bank bank, uint32_t mask,
	uint8_t ret[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX], struct diag *diag)
{
	size_t size = tpm_bank_size(bank);
	uint8_t *p = ret;

	while (mask != 0) {
		_cleanup_esys_ TPML_PCR_SELECTION *got = NULL;
		_cleanup_esys_ TPML_DIGEST *values = NULL;
		TPML_PCR_SELECTION selection = tpm_selection(bank, mask);
		uint32_t got_mask;
		TSS2_RC rc = Esys_PCR_Read(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
			&selection, NULL, &got, &values);

		if (rc != TSS2_RC_SUCCESS)
			return tpm_fail(TPM_STEP_PCR_READ, rc, diag);
		got_mask = selection_mask(got, bank);
		if (values->count == 0 || got_mask & ~mask ||
			values->count != (uint32_t)__builtin_popcount(got_mask))
			return tpm_state_set(
				TPM_STATE_PCR_MISMATCH, "the TPM's bank is not allocated", diag);
		for (uint32_t i = 0; i < values->count; i++, p += size) {
			if (values->digests[i].size != size)
				return tpm_state_set(TPM_STATE_COMM, NULL, diag);
			memcpy(p, values->digests[i].buffer, size);
		}
		/* They come in order, so those left are higher. */
		mask &= ~got_mask;
	}
	return 0;
}

int tpm_pcr_allocated(struct tpm *tpm, enum tpm_bank bank, uint32_t *ret_mask, struct diag *diag)
{
	_cleanup_esys_ TPMS_CAPABILITY_DATA *data = NULL;
	TSS2_RC rc = Esys_GetCapability(tpm->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
		TPM2_CAP_PCRS, 0, 1, NULL, &data);

	if (rc != TSS2_RC_SUCCESS)
		return tpm_fail(TPM_STEP_CAPABILITY, rc, diag);
	*ret_mask = selection_mask(&data->data.assignedPCR, bank);
	return 0;
}

int tpm_pcr_event(struct tpm *tpm, unsigned pcr, const void *data, size_t size, struct diag *diag)
{
	_cleanup_esys_ TPML_DIGEST_VALUES *digests = NULL;
	TPM2B_EVENT event = { .size = (uint16_t)size };
	TSS2_RC rc;

	if (size > sizeof(event.buffer))
		return -E2BIG;
	memcpy(event.buffer, data, size);
	rc = Esys_PCR_Event(tpm->esys, ESYS_TR_PCR0 + pcr, ESYS_TR_PASSWORD, ESYS_TR_NONE,
		ESYS_TR_NONE, &event, &digests);
	return rc == TSS2_RC_SUCCESS ? 0 : tpm_fail(TPM_STEP_PCR_EVENT, rc, diag);
}
