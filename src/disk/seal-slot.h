/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A slot of the seal: what a TPM2 needs to give the root secret back, and the wrapped keys that
 * hang on it. Bytes <-> struct; nothing in it is secret. Two slots are written in turn, far enough
 * apart that no torn write reaches both.
 */

#include "diag.h"
#include "macro.h"
#include "tpm-policy.h"

#define SEAL_SLOT_SIZE	     4096U
#define SEAL_SLOT_COUNT	     2
#define SEAL_SLOT_DISTANCE   65536  /* bytes from one to the next */
#define SEAL_DEVICE_SIZE_MIN 131072 /* bytes; what lies behind is for other uses */
#define SEAL_MAC_OFFSET	     4064   /* the HMAC covers what is before it */
#define SEAL_MAC_SIZE	     32
#define SEAL_PUBLIC_MAX	     256 /* bytes of the TPM2B_PUBLIC */
#define SEAL_PRIVATE_MAX     512 /* bytes of the TPM2B_PRIVATE */
#define SEAL_RECORDS_MAX     2560
#define SEAL_SALT_SIZE	     16
#define SEAL_NONCE_SIZE	     12
#define SEAL_TAG_SIZE	     16
#define SEAL_LABEL_MAX	     64	 /* bytes without the NUL */
#define SEAL_KEY_MAX	     512 /* bytes of a wrapped key */

enum seal_slot_flag {
	SEAL_SLOT_PIN = 0x01,	      /* PolicyAuthValue is part of the policy */
	SEAL_SLOT_SIGNED = 0x02,      /* PolicyAuthorize is, for the epoch */
	SEAL_SLOT_LITERAL = 0x04,     /* PolicyPCR of the literal PCRs is */
	SEAL_SLOT_OWN_LOCKOUT = 0x08, /* the root secret gives the lockout hierarchy's auth */
	SEAL_SLOT_FRESH = 0x10,	      /* enrolment has not ended: the latch may still be open */
	SEAL_SLOT_FLAGS = 0x1f,
};

enum seal_kdf { SEAL_KDF_NONE, SEAL_KDF_PBKDF2, SEAL_KDF_ARGON2ID, _SEAL_KDF_MAX };

/* How a PIN becomes the auth value of the sealed object. */
struct seal_pin {
	uint16_t kdf; /* enum seal_kdf; NONE without SEAL_SLOT_PIN */
	uint32_t iterations;
	uint32_t memory_kib;
	uint32_t parallelism;
	uint8_t salt[SEAL_SALT_SIZE];
};

enum seal_record_kind {
	SEAL_RECORD_KEY = 1,	  /* a key of that label under the root secret */
	SEAL_RECORD_RECOVERY = 2, /* the root secret under the recovery key; no label */
	SEAL_RECORD_NEXT = 3,	  /* the key that a layer is being re-keyed to; one at a time */
	SEAL_RECORD_OWN = 4,	  /* a key that re-keying gave this machine; before that of KEY */
};

struct seal_record {
	uint8_t kind;
	char label[SEAL_LABEL_MAX + 1];
	uint8_t nonce[SEAL_NONCE_SIZE];
	uint8_t tag[SEAL_TAG_SIZE];
	const uint8_t *ciphertext; /* within the slot, or the caller's */
	uint16_t size;		   /* bytes of it, 1 .. SEAL_KEY_MAX */
};

struct seal_slot {
	uint16_t flags; /* enum seal_slot_flag */
	uint8_t uuid[16];
	uint64_t epoch;
	uint64_t counter;
	uint16_t bank; /* enum tpm_bank */
	uint32_t signed_mask, literal_mask;
	uint32_t nv_index, nv_attributes, latch_index;
	uint8_t literal_values[TPM_DIGEST_SIZE]; /* SHA-256 of the literal PCRs' values */
	uint8_t key_name[TPM_NAME_SIZE];	 /* of K; zeros without SEAL_SLOT_SIGNED */
	uint8_t srk_name[TPM_NAME_SIZE];
	struct seal_pin pin;
	uint16_t public_size, private_size, records_size; /* bytes */
	uint8_t public[SEAL_PUBLIC_MAX];
	uint8_t private[SEAL_PRIVATE_MAX];
	uint8_t records[SEAL_RECORDS_MAX]; /* see seal_record_next() */
};

/*
 * Strict. -ENODATA: all bytes are zero. -EBADMSG: not a slot (magic), or its checksum is wrong.
 * -EPROTONOSUPPORT: a version or flag of later programs. -EINVAL: a field out of range, or bytes
 * set where none belong. The HMAC needs the root secret and is the caller's to check.
 */
int seal_slot_decode(
	const uint8_t data[SEAL_SLOT_SIZE], struct seal_slot *ret, struct diag *diag) _must_check_;
/* All bytes but the HMAC, which is zero. The slot is one that seal_slot_decode() would take. */
void seal_slot_encode(const struct seal_slot *slot, uint8_t ret[SEAL_SLOT_SIZE]);
/*
 * What closes the latch: SHA-256 of "dmstack1 latch", a NUL and the uuid. It is no secret, and the
 * same in all slots of one enrolment, whatever is sealed anew.
 */
void seal_slot_latch(const struct seal_slot *slot, uint8_t ret[TPM_DIGEST_SIZE]);

/*
 * The record at *offset, which is moved behind it; begin with 0. Returns 1, or 0 at the end.
 * -EINVAL: the records are not well formed, which a decoded slot's are.
 */
int seal_record_next(
	const struct seal_slot *slot, size_t *offset, struct seal_record *ret) _must_check_;
/* Returns 1 and the record of that kind and label ("" for the recovery record), or 0. */
int seal_record_find(const struct seal_slot *slot, enum seal_record_kind kind, const char *label,
	struct seal_record *ret) _must_check_;
/* Appends. -ENOSPC: the slot is full. -EINVAL: a label or size out of range. */
int seal_record_add(struct seal_slot *slot, const struct seal_record *record) _must_check_;
/* Takes the record of that kind and label out, if it is there. */
void seal_record_remove(struct seal_slot *slot, enum seal_record_kind kind, const char *label);
/* Returns 1 and the record of a re-keying that has not ended, or 0. */
int seal_record_find_next(const struct seal_slot *slot, struct seal_record *ret) _must_check_;
