/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The machine's seal at work: the TPM, the slots and the configuration together. Functions return
 * 0, a negative errno, or a positive enum tpm_state, with the diag set.
 *
 *	nothing --enroll--> fresh slot, latch open --close latch--> slot, latch closed --renew--> ...
 *
 * A slot that is written by enrolment is marked as fresh until the latch is closed. So a power cut
 * in between is told from a latch that somebody deleted: the former goes on where it was.
 */

#include "seal-store.h"
#include "seal.h"
#include "tpm.h"

struct seal_place {
	bool valid; /* the slot was decoded */
	struct seal_slot slot;
	uint8_t data[SEAL_SLOT_SIZE]; /* as it lies on the device */
};

struct seal_session {
	const struct seal *seal; /* the caller's */
	struct tpm *tpm;	 /* owned, like the rest */
	struct seal_store store;
	struct seal_place places[SEAL_SLOT_COUNT];
	struct tpm_approvals approvals;	 /* its items are owned */
	uint8_t key_name[TPM_NAME_SIZE]; /* of the public key; zeros without */
	enum tpm_nv_presence latch;
	int current;	     /* the slot that was opened, or -1 */
	struct secret *root; /* once it is open */
	struct secret *auth; /* of the PIN that opened it, or NULL */
};

/* Opens device and TPM, reads slots, keys and signatures. Nothing is changed. */
int seal_session_open(
	const struct seal *seal, struct seal_session **ret, struct diag *diag) _must_check_;
struct seal_session *seal_session_close(struct seal_session *session);
DEFINE_FREEP(struct seal_session, seal_session_close)

/*
 * Extends PCR 15 with the digest of the configuration, unless it is that already and nothing else
 * was measured.
 */
int seal_measure(struct seal_session *session, const uint8_t digest[TPM_DIGEST_SIZE],
	struct diag *diag) _must_check_;

/* Where a PIN comes from: attempt counts from 0; -ENOKEY: no more. */
struct seal_pins {
	int (*get)(void *userdata, unsigned attempt, struct secret **ret, struct diag *diag);
	void *userdata;
};

/* True if the latch is closed: there is a sealed phase and nothing else. */
static inline bool seal_is_latched(const struct seal_session *session)
{
	return session->latch == TPM_NV_LOCKED;
}
/* True if a slot is there that enrolment has not finished. */
bool seal_is_fresh(const struct seal_session *session);
/* True if no slot can be read. */
bool seal_is_blank(const struct seal_session *session);

/* Opens the slot of the counter's value: session->root and current. */
int seal_unlock(
	struct seal_session *session, const struct seal_pins *pins, struct diag *diag) _must_check_;

/* A key that was there before. */
struct seal_kept_key {
	const char *label;
	struct secret *key; /* owned by the list */
};
struct seal_kept_keys {
	struct seal_kept_key *items; /* owned */
	size_t n;
};
void seal_kept_keys_done(struct seal_kept_keys *keys);

struct seal_enrolment {
	const struct seal_kept_keys *keys;
	const struct seal_pins *pins; /* asked if the seal has a PIN */
	struct secret *recovery;      /* out: the new recovery key, if the seal has one */
};
/*
 * A root secret, the counter, a fresh slot, which is opened again to prove it. The latch stays
 * open. Refused on a latched machine, and over a slot that is not fresh.
 */
int seal_enroll(struct seal_session *session, struct seal_enrolment *enrolment,
	struct diag *diag) _must_check_;
/* Closes the latch and renews the slot. The session is unlocked. */
int seal_close_latch(struct seal_session *session, struct diag *diag) _must_check_;

/*
 * Writes the other slot for what is configured and measured now, and makes the counter go on, by
 * which the old slot is worthless. auth: that of a new PIN, made with pin; both NULL: as before,
 * or none if none is configured.
 */
int seal_renew(struct seal_session *session, const struct seal_pin *pin, const struct secret *auth,
	struct diag *diag) _must_check_;
/* The same with other records and nothing else changed: not even what is configured by now. */
int seal_put_records(struct seal_session *session, const struct seal_slot *records,
	struct diag *diag) _must_check_;
/* A PIN from the source, and the auth value that it stands for with new parameters. */
int seal_new_pin(const struct seal_pins *pins, struct seal_pin *ret_pin, struct secret **ret_auth,
	struct diag *diag) _must_check_;

/* Forgives wrong PINs, if the TPM's lockout has our password. The session is unlocked. */
void seal_forgive(struct seal_session *session);

/* A new slot on this TPM from the recovery key. */
int seal_recover(struct seal_session *session, const struct secret *recovery,
	const struct seal_pins *pins, struct diag *diag) _must_check_;
/* Undefines counter and latch, and wipes the slots: all keys are lost. */
int seal_reset(struct seal_session *session, struct diag *diag) _must_check_;

/* No key from this TPM any more until the next boot. Each step is tried; the first error returns. */
int seal_cap(const struct seal *seal, struct diag *diag) _must_check_;

/* For the other files of the seal. */

/* What a slot says of the configuration: flags, PCRs, indices, key and epoch. */
int seal_slot_fill(
	struct seal_session *session, struct seal_slot *slot, struct diag *diag) _must_check_;
/* Seals the root secret and writes the slot. */
int seal_slot_write(struct seal_session *session, unsigned place, struct seal_slot *slot,
	const struct secret *auth, struct diag *diag) _must_check_;
/* Closes the TPM's connection and opens it anew, with no session left. */
int seal_reopen(struct seal_session *session, struct diag *diag) _must_check_;
/* Closes the TPM's latch for the slot. */
int seal_latch_write(
	struct seal_session *session, const struct seal_slot *slot, struct diag *diag) _must_check_;
/* NV-LOST: it is closed, and not by the enrolment that the slot is of. */
int seal_latch_check(
	struct seal_session *session, const struct seal_slot *slot, struct diag *diag) _must_check_;
