/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each step is a hash over what was before and a marshalled structure; all integers big endian.
 *
 *	PolicyPCR	H(old | 0000017F | selection | H(values))
 *	PolicyAuthorize	H(H(zeros | 0000016A | Name of the key) | policyRef)
 *	PolicyNV	H(old | 00000149 | H(operand | offset | operation) | Name of the index)
 *	PolicyAuthValue	H(old | 0000016B)
 */

#include "tpm-policy.h"

#include <string.h>

#include "bytes.h"
#include "sha256.h"

enum tpm_command {
	COMMAND_POLICY_NV = 0x149,
	COMMAND_POLICY_AUTHORIZE = 0x16a,
	COMMAND_POLICY_AUTHVALUE = 0x16b,
	COMMAND_POLICY_PCR = 0x17f,
};

#define ALG_NULL	0x0010
#define ALG_ECC		0x0023
#define ECC_NIST_P256	0x0003
#define SELECT_SIZE	3 /* bytes of a selection's bitmap */
#define KEY_ATTRIBUTES	0x00040040
#define NV_SIZE		14 /* bytes of a TPMS_NV_PUBLIC without a policy */
#define KEY_PUBLIC_SIZE 86 /* bytes of the TPMT_PUBLIC */
static const char ref_magic[8] = { 'd', 'm', 's', 't', 'a', 'c', 'k', '1' };

_Static_assert(TPM_DIGEST_SIZE == SHA256_SIZE, "a policy digest is a SHA-256");

size_t tpm_bank_size(enum tpm_bank bank)
{
	switch (bank) {
	case TPM_BANK_SHA256:
		return 32;
	case TPM_BANK_SHA384:
		return 48;
	}
	return 0;
}

/* Begins H(digest | command; the caller adds the rest. */
static void step_begin(struct sha256 *s, const uint8_t *digest, enum tpm_command command)
{
	uint8_t code[4];

	put_be32(code, (uint32_t)command);
	sha256_init(s);
	sha256_add(s, digest, TPM_DIGEST_SIZE);
	sha256_add(s, code, sizeof(code));
}

static void hash(const void *data, size_t size, uint8_t ret[SHA256_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, data, size);
	sha256_finish(&s, ret);
}

/*
 *	 0  1	 count (be32)
 *	 4  bank (be16)
 *	 6  3	 bytes that follow (1)
 *	 7  bit n % 8 of byte n / 8: PCR n
 */
static void put_selection(enum tpm_bank bank, uint32_t mask, uint8_t ret[10])
{
	put_be32(ret, 1);
	put_be16(ret + 4, (uint16_t)bank);
	ret[6] = SELECT_SIZE;
	for (size_t i = 0; i < SELECT_SIZE; i++)
		ret[7 + i] = (uint8_t)(mask >> (8 * i));
}

int tpm_policy_pcr_digest(uint8_t digest[TPM_DIGEST_SIZE], enum tpm_bank bank, uint32_t mask,
	const uint8_t values[TPM_DIGEST_SIZE])
{
	uint8_t selection[10];
	struct sha256 s;

	if (mask == 0 || mask >> TPM_PCR_COUNT || tpm_bank_size(bank) == 0)
		return -EINVAL;
	put_selection(bank, mask, selection);
	step_begin(&s, digest, COMMAND_POLICY_PCR);
	sha256_add(&s, selection, sizeof(selection));
	sha256_add(&s, values, TPM_DIGEST_SIZE);
	sha256_finish(&s, digest);
	return 0;
}

int tpm_policy_pcr(uint8_t digest[TPM_DIGEST_SIZE], enum tpm_bank bank, uint32_t mask,
	const uint8_t *values, size_t size)
{
	size_t n = (size_t)__builtin_popcount(mask);
	uint8_t inner[SHA256_SIZE];

	if (size != n * tpm_bank_size(bank))
		return -EINVAL;
	hash(values, size, inner);
	return tpm_policy_pcr_digest(digest, bank, mask, inner);
}

void tpm_policy_authorize(uint8_t digest[TPM_DIGEST_SIZE], const uint8_t key_name[TPM_NAME_SIZE],
	const uint8_t ref[TPM_REF_SIZE])
{
	struct sha256 s;

	memset(digest, 0, TPM_DIGEST_SIZE);
	step_begin(&s, digest, COMMAND_POLICY_AUTHORIZE);
	sha256_add(&s, key_name, TPM_NAME_SIZE);
	sha256_finish(&s, digest);
	tpm_policy_signed(digest, ref, digest);
}

void tpm_policy_nv(
	uint8_t digest[TPM_DIGEST_SIZE], uint64_t value, const uint8_t nv_name[TPM_NAME_SIZE])
{
	/* The operand, the offset 0 and the operation 0, which is "equal". */
	uint8_t args[TPM_NV_COUNTER_SIZE + 2 + 2] = {}, inner[SHA256_SIZE];
	struct sha256 s;

	put_be64(args, value);
	hash(args, sizeof(args), inner);
	step_begin(&s, digest, COMMAND_POLICY_NV);
	sha256_add(&s, inner, sizeof(inner));
	sha256_add(&s, nv_name, TPM_NAME_SIZE);
	sha256_finish(&s, digest);
}

void tpm_policy_authvalue(uint8_t digest[TPM_DIGEST_SIZE])
{
	struct sha256 s;

	step_begin(&s, digest, COMMAND_POLICY_AUTHVALUE);
	sha256_finish(&s, digest);
}

void tpm_policy_ref(uint64_t epoch, uint8_t ret[TPM_REF_SIZE])
{
	memcpy(ret, ref_magic, sizeof(ref_magic));
	put_be32(ret + 8, 1);
	put_be64(ret + 12, epoch);
}

void tpm_policy_signed(const uint8_t approved[TPM_DIGEST_SIZE], const uint8_t ref[TPM_REF_SIZE],
	uint8_t ret[TPM_DIGEST_SIZE])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, approved, TPM_DIGEST_SIZE);
	sha256_add(&s, ref, TPM_REF_SIZE);
	sha256_finish(&s, ret);
}

static void name_of(const uint8_t *public, size_t size, uint8_t ret[TPM_NAME_SIZE])
{
	put_be16(ret, TPM_BANK_SHA256);
	hash(public, size, ret + 2);
}

/*
 *	 0  index (be32)	10  size of the policy (be16): 0
 *	 4  nameAlg (be16)	12  size of the data (be16)
 *	 6  attributes (be32)
 */
void tpm_nv_name(const struct tpm_nv *nv, uint8_t ret[TPM_NAME_SIZE])
{
	uint8_t public[NV_SIZE] = {};

	put_be32(public, nv->index);
	put_be16(public + 4, TPM_BANK_SHA256);
	put_be32(public + 6, nv->attributes);
	put_be16(public + 12, nv->size);
	name_of(public, sizeof(public), ret);
}

/*
 *	 0  type: ECC (be16)		12  scheme: NULL (be16)
 *	 2  nameAlg (be16)		14  curve (be16)
 *	 4  attributes (be32)		16  kdf: NULL (be16)
 *	 8  size of the policy (be16)	18  size (be16), x
 *	10  symmetric: NULL (be16)	52  size (be16), y
 */
void tpm_key_name(const uint8_t x[TPM_KEY_COORDINATE], const uint8_t y[TPM_KEY_COORDINATE],
	uint8_t ret[TPM_NAME_SIZE])
{
	uint8_t public[KEY_PUBLIC_SIZE] = {};

	put_be16(public, ALG_ECC);
	put_be16(public + 2, TPM_BANK_SHA256);
	put_be32(public + 4, KEY_ATTRIBUTES);
	put_be16(public + 10, ALG_NULL);
	put_be16(public + 12, ALG_NULL);
	put_be16(public + 14, ECC_NIST_P256);
	put_be16(public + 16, ALG_NULL);
	put_be16(public + 18, TPM_KEY_COORDINATE);
	memcpy(public + 20, x, TPM_KEY_COORDINATE);
	put_be16(public + 52, TPM_KEY_COORDINATE);
	memcpy(public + 54, y, TPM_KEY_COORDINATE);
	name_of(public, sizeof(public), ret);
}
