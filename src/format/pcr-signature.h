/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Signatures of PCR values: which states of the machine the owner of a seal's public key approves,
 * and for which epoch. They come with an image and authenticate themselves.
 *
 *	{"dmstack": [{"bank": "sha256", "pcrs": [11, 12, 13, 15], "epoch": 3,
 *	              "policy": HEX, "signature": BASE64}]}
 *
 * Other members of the object are left alone, so that systemd's tpm2-pcr-signature.json can have
 * these signatures as well.
 */

#include "diag.h"
#include "ecdsa-der.h"
#include "buf.h"
#include "tpm-policy.h"

#define PCR_SIGNATURES_MAX 512U /* of all files together */

struct pcr_signature {
	enum tpm_bank bank;
	uint32_t mask;			 /* bit n is PCR n */
	uint64_t epoch;			 /* in the policyRef */
	uint8_t policy[TPM_DIGEST_SIZE]; /* approvedPolicy: PolicyPCR of the approved values */
	/* ECDSA of the policy and the policyRef, see tpm_policy_signed(). */
	struct ecdsa_signature signature;
};

struct pcr_signatures {
	struct pcr_signature *items; /* owned */
	size_t n;
};

void pcr_signatures_done(struct pcr_signatures *list);
int pcr_signatures_add(
	struct pcr_signatures *list, const struct pcr_signature *signature) _must_check_;
/*
 * Adds those of the text; file is its name for messages. -EINVAL with a diag that names the place:
 * the list is as before then.
 */
int pcr_signatures_parse(const char *text, size_t size, const char *file,
	struct pcr_signatures *list, struct diag *diag) _must_check_;
/*
 * Adds those of all files that a target looks at, and of extra (NULL: none), which must be there.
 */
int pcr_signatures_load(
	const char *extra, struct pcr_signatures *list, struct diag *diag) _must_check_;
/*
 * The first for these PCRs and this epoch, and for this policy unless it is NULL; NULL: there is
 * none.
 */
const struct pcr_signature *pcr_signatures_find(const struct pcr_signatures *list,
	enum tpm_bank bank, uint32_t mask, uint64_t epoch, const uint8_t *policy);
/*
 * Appends the text of an object with the list. join (NULL: none) is the text of another object,
 * whose other members come along; its own signatures are replaced by the list.
 */
int pcr_signatures_write(const struct pcr_signatures *list, const char *join, size_t join_size,
	const char *join_file, struct buf *ret, struct diag *diag) _must_check_;
