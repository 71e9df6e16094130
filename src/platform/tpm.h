/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A TPM 2.0 through tpm2-tss. Functions return 0, a negative errno, or a positive enum tpm_state;
 * the diag is set for both. Sessions are salted with the storage root key, whose Name the caller
 * holds against the one that it has pinned: what goes over the bus is then neither readable nor
 * forgeable by one who listens.
 */

#include "diag.h"
#include "seal-slot.h"
#include "secret.h"
#include "tpm-exit.h"
#include "tpm-policy.h"

#define TPM_ROOT_SIZE 32 /* bytes of the root secret */
#define TPM_AUTH_SIZE 32 /* bytes of an auth value made of a PIN */

struct tpm;

/* Waits for the device up to the timeout (microseconds), then opens it. */
int tpm_open(const char *device, uint64_t timeout_usec, struct tpm **ret,
	struct diag *diag) _must_check_;
/* Flushes what is loaded and closes; takes and returns NULL. */
struct tpm *tpm_close(struct tpm *tpm);

static inline void tpm_closep(struct tpm **p)
{
	if (*p)
		*p = tpm_close(*p);
}

struct tpm_about {
	char manufacturer[5], vendor[17];
	uint64_t firmware;
	bool is_software;
	bool in_lockout;
	bool has_lockout_auth;
	uint32_t lockout_count, lockout_max;
};

int tpm_about(struct tpm *tpm, struct tpm_about *ret, struct diag *diag) _must_check_;

/*
 * The storage root key. pinned: the Name that it must have (OTHER-TPM else), or NULL to make it
 * anew from the owner's seed, so that no key of foreign origin becomes it. The Name is copied to
 * ret_name, which may be NULL.
 */
int tpm_use_srk(struct tpm *tpm, const uint8_t pinned[TPM_NAME_SIZE],
	uint8_t ret_name[TPM_NAME_SIZE], struct diag *diag) _must_check_;
/* Random bytes of the kernel and of the TPM, one XOR the other. */
int tpm_random_root(struct tpm *tpm, struct secret **ret, struct diag *diag) _must_check_;
/* An orderly end, so that a power cut does not count as a wrong PIN. */
void tpm_shutdown(struct tpm *tpm);

/* The counter and the latch: NV indices index and index + 1. */
enum tpm_nv_presence {
	TPM_NV_ABSENT,
	TPM_NV_FOREIGN, /* other attributes, size or hash */
	TPM_NV_EMPTY,	/* ours, and never written */
	TPM_NV_READY,	/* ours and written */
	TPM_NV_LOCKED,	/* ours; the counter is capped, or the latch is closed */
};

int tpm_counter_state(
	struct tpm *tpm, uint32_t index, enum tpm_nv_presence *ret, struct diag *diag) _must_check_;
int tpm_latch_state(
	struct tpm *tpm, uint32_t index, enum tpm_nv_presence *ret, struct diag *diag) _must_check_;
/* Both by a salted session, so that the answer is authentic; that needs tpm_use_srk(). */
int tpm_counter_read(
	struct tpm *tpm, uint32_t index, uint64_t *ret, struct diag *diag) _must_check_;
int tpm_latch_read(struct tpm *tpm, uint32_t index, uint8_t ret[TPM_DIGEST_SIZE],
	struct diag *diag) _must_check_;
int tpm_counter_define(struct tpm *tpm, uint32_t index, struct diag *diag) _must_check_;
int tpm_counter_increment(struct tpm *tpm, uint32_t index, struct diag *diag) _must_check_;
/* Both locks, each even if the other fails; the first failure is returned. */
int tpm_counter_lock(struct tpm *tpm, uint32_t index, struct diag *diag) _must_check_;
int tpm_latch_define(struct tpm *tpm, uint32_t index, struct diag *diag) _must_check_;
int tpm_latch_close(struct tpm *tpm, uint32_t index, const uint8_t content[TPM_DIGEST_SIZE],
	struct diag *diag) _must_check_;
/* No error if it is not there. */
int tpm_nv_undefine(struct tpm *tpm, uint32_t index, struct diag *diag) _must_check_;
/* The Name of our counter when it is written and not locked. */
void tpm_counter_name(uint32_t index, uint8_t ret[TPM_NAME_SIZE]);

/* The values of the PCRs of the mask, one behind the other. PCR-MISMATCH: the bank is not there. */
int tpm_pcr_read(struct tpm *tpm, enum tpm_bank bank, uint32_t mask,
	uint8_t ret[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX], struct diag *diag) _must_check_;
/* The PCRs of the bank that are allocated. */
int tpm_pcr_allocated(
	struct tpm *tpm, enum tpm_bank bank, uint32_t *ret_mask, struct diag *diag) _must_check_;
/* Extends one PCR in all banks with the hash of the data; size up to 1024. */
int tpm_pcr_event(struct tpm *tpm, unsigned pcr, const void *data, size_t size,
	struct diag *diag) _must_check_;

/* One signed PCR policy. */
struct tpm_approval {
	enum tpm_bank bank;
	uint32_t mask;
	uint64_t epoch;
	uint8_t policy[TPM_DIGEST_SIZE];
	uint8_t r[TPM_KEY_COORDINATE], s[TPM_KEY_COORDINATE];
};

/* Who may approve, and what was approved. */
struct tpm_approvals {
	uint8_t x[TPM_KEY_COORDINATE], y[TPM_KEY_COORDINATE];
	const struct tpm_approval *items;
	size_t n;
};

/*
 * Seals the root secret under the policy of the slot's fields, with the auth value if it has a PIN
 * (else NULL), and puts the object into the slot. Needs tpm_use_srk().
 */
int tpm_seal(struct tpm *tpm, const struct secret *root, const struct secret *auth,
	struct seal_slot *slot, struct diag *diag) _must_check_;
/*
 * True course of the policy up to the slot's counter, then the root secret. approvals: NULL if the
 * slot has no SEAL_SLOT_SIGNED. Exactly one Unseal, and none if the policy does not hold.
 */
int tpm_unseal(struct tpm *tpm, const struct seal_slot *slot, const struct tpm_approvals *approvals,
	const struct secret *auth, struct secret **ret, struct diag *diag) _must_check_;
/*
 * The PCRs as they are now go with an approval for the epoch, and its signature is valid: an image
 * that could not open a slot of that epoch must not make one.
 */
int tpm_approved_now(struct tpm *tpm, enum tpm_bank bank, uint32_t mask, uint64_t epoch,
	const struct tpm_approvals *approvals, struct diag *diag) _must_check_;

/* The lockout hierarchy's auth value, from empty to auth, or with reset only its count to 0. */
int tpm_lockout_take(struct tpm *tpm, const struct secret *auth, struct diag *diag) _must_check_;
int tpm_lockout_reset(struct tpm *tpm, const struct secret *auth, struct diag *diag) _must_check_;
