/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Extending PCRs without a TPM.
 */

#include "pcr-values.h"

#include <string.h>

int pcr_values_init(struct pcr_values *pcrs, enum tpm_bank bank)
{
	*pcrs = (struct pcr_values){ .bank = bank, .size = tpm_bank_size(bank) };
	return digest_new(bank == TPM_BANK_SHA384 ? "sha384" : "sha256", NULL, &pcrs->hash);
}

void pcr_values_done(struct pcr_values *pcrs)
{
	pcrs->hash = digest_free(pcrs->hash);
}

void pcr_values_set_zero(struct pcr_values *pcrs, unsigned pcr)
{
	memset(pcrs->values[pcr], 0, pcrs->size);
	pcrs->known |= UINT32_C(1) << pcr;
}

static int extend(struct pcr_values *pcrs, unsigned pcr, const uint8_t *digest)
{
	uint8_t both[2 * TPM_PCR_VALUE_MAX];

	if (!(pcrs->known & UINT32_C(1) << pcr))
		pcr_values_set_zero(pcrs, pcr);
	memcpy(both, pcrs->values[pcr], pcrs->size);
	memcpy(both + pcrs->size, digest, pcrs->size);
	return digest_data(pcrs->hash, both, 2 * pcrs->size, pcrs->values[pcr]);
}

int pcr_values_event(struct pcr_values *pcrs, unsigned pcr, const void *data, size_t size)
{
	uint8_t digest[DIGEST_SIZE_MAX];

	int r = digest_data(pcrs->hash, data, size, digest);
	return r < 0 ? r : extend(pcrs, pcr, digest);
}

int pcr_values_policy(const struct pcr_values *pcrs, uint32_t mask, uint8_t ret[TPM_DIGEST_SIZE],
	unsigned *ret_missing)
{
	uint8_t values[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX];
	uint8_t policy[TPM_DIGEST_SIZE] = {};
	size_t size = 0;
	int r;

	for (unsigned i = 0; i < TPM_PCR_COUNT; i++) {
		if (!(mask >> i & 1))
			continue;
		if (!(pcrs->known >> i & 1)) {
			*ret_missing = i;
			return -ENODATA;
		}
		memcpy(values + size, pcrs->values[i], pcrs->size);
		size += pcrs->size;
	}
	r = tpm_policy_pcr(policy, pcrs->bank, mask, values, size);
	if (r < 0)
		return r;
	memcpy(ret, policy, sizeof(policy));
	return 0;
}
