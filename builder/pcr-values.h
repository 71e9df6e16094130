/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The PCRs of a machine, as they are going to be.
 */

#include "digest.h"
#include "tpm-policy.h"

struct pcr_values {
	enum tpm_bank bank;
	struct digest *hash; /* of the bank; owned */
	size_t size;	     /* bytes of a value */
	uint32_t known;	     /* bit n: PCR n has a value */
	uint8_t values[TPM_PCR_COUNT][TPM_PCR_VALUE_MAX];
};

int pcr_values_init(struct pcr_values *pcrs, enum tpm_bank bank) _must_check_;
void pcr_values_done(struct pcr_values *pcrs);
/* A PCR that nobody extends: zeros. */
void pcr_values_set_zero(struct pcr_values *pcrs, unsigned pcr);
/*
 * As TPM2_PCR_Event does it: the value becomes H(value | H(data)). A PCR without a value begins with
 * zeros.
 */
int pcr_values_event(
	struct pcr_values *pcrs, unsigned pcr, const void *data, size_t size) _must_check_;
/* -ENODATA: a PCR of the mask has no value, and *ret_missing is its number. */
int pcr_values_policy(const struct pcr_values *pcrs, uint32_t mask, uint8_t ret[TPM_DIGEST_SIZE],
	unsigned *ret_missing) _must_check_;
