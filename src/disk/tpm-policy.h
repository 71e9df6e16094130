/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The policy digests and Names of a TPM 2.0, computed without one: TCG's "TPM 2.0 Library", part 1
 * (enhanced authorization, Names) and part 2 (structures). Every hash is SHA-256; a digest starts
 * as 32 zero bytes and each function takes it one step further.
 */

#include "macro.h"

#define TPM_DIGEST_SIZE	    32 /* bytes of a policy digest */
#define TPM_NAME_SIZE	    34 /* bytes: the algorithm, and a SHA-256 */
#define TPM_REF_SIZE	    20 /* bytes of a policyRef */
#define TPM_PCR_COUNT	    24 /* PCRs that a mask may name */
#define TPM_PCR_VALUE_MAX   48 /* bytes of one value */
#define TPM_KEY_COORDINATE  32 /* bytes of x and of y of a P-256 point */
#define TPM_NV_COUNTER_SIZE 8  /* bytes */

/* The numbers are TPM_ALG_IDs. */
enum tpm_bank { TPM_BANK_SHA256 = 0x000b, TPM_BANK_SHA384 = 0x000c };

/* What the Name of an NV index is made of. */
struct tpm_nv {
	uint32_t index;
	uint32_t attributes; /* TPMA_NV: what is written or locked changes the Name */
	uint16_t size;	     /* bytes */
};

/* The bits of TPMA_NV that are told apart here. */
enum tpm_nv_bit {
	TPM_NV_WRITELOCKED = 1 << 11,
	TPM_NV_READLOCKED = 1 << 28,
	TPM_NV_WRITTEN = 1 << 29,
};

/* Bytes of one value, or 0 for another bank. */
_const_ size_t tpm_bank_size(enum tpm_bank bank);

/*
 * PolicyPCR: values are those of the PCRs of the mask, the lowest number first. -EINVAL: an empty
 * mask, a PCR above 23, another bank, or a size that does not go with them.
 */
int tpm_policy_pcr(uint8_t digest[TPM_DIGEST_SIZE], enum tpm_bank bank, uint32_t mask,
	const uint8_t *values, size_t size) _must_check_;
/* The same from the SHA-256 of the values. */
int tpm_policy_pcr_digest(uint8_t digest[TPM_DIGEST_SIZE], enum tpm_bank bank, uint32_t mask,
	const uint8_t values[TPM_DIGEST_SIZE]) _must_check_;
/* PolicyAuthorize: whatever the digest was, it now stands for the key and what the key signs. */
void tpm_policy_authorize(uint8_t digest[TPM_DIGEST_SIZE], const uint8_t key_name[TPM_NAME_SIZE],
	const uint8_t ref[TPM_REF_SIZE]);
/* PolicyNV: the 8 bytes of the index equal the value. */
void tpm_policy_nv(
	uint8_t digest[TPM_DIGEST_SIZE], uint64_t value, const uint8_t nv_name[TPM_NAME_SIZE]);
void tpm_policy_authvalue(uint8_t digest[TPM_DIGEST_SIZE]);

/* "dmstack1" | role 1, to unlock | epoch. */
void tpm_policy_ref(uint64_t epoch, uint8_t ret[TPM_REF_SIZE]);
/* What the key K signs: SHA-256 of the policy and of the policyRef. */
void tpm_policy_signed(const uint8_t approved[TPM_DIGEST_SIZE], const uint8_t ref[TPM_REF_SIZE],
	uint8_t ret[TPM_DIGEST_SIZE]);

void tpm_nv_name(const struct tpm_nv *nv, uint8_t ret[TPM_NAME_SIZE]);
/* Of a P-256 key that only verifies, with the attributes userWithAuth and sign. */
void tpm_key_name(const uint8_t x[TPM_KEY_COORDINATE], const uint8_t y[TPM_KEY_COORDINATE],
	uint8_t ret[TPM_NAME_SIZE]);
