/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Enrolment, renewal, recovery and reset. The order of writes is what makes a power cut harmless:
 * the latch is closed last, and a slot is on the disk before the counter makes it the valid one.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bytes.h"
#include "hkdf.h"
#include "seal-key.h"
#include "seal-session.h"

void seal_kept_keys_done(struct seal_kept_keys *keys)
{
	for (size_t i = 0; i < keys->n; i++)
		(void)!secret_free(keys->items[i].key);
	free(keys->items);
	*keys = (struct seal_kept_keys){};
}

static uint32_t counter_index(const struct seal_session *session)
{
	return (uint32_t)session->seal->nv_index;
}

/* A policy over a bank that the TPM does not extend would bind nothing. */
static int check_bank(struct seal_session *session, const struct seal_slot *slot, struct diag *diag)
{
	uint8_t values[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX];
	enum tpm_bank bank = (enum tpm_bank)slot->bank;
	uint32_t allocated, needed = slot->signed_mask | slot->literal_mask | 0xff;
	int r;

	r = tpm_pcr_allocated(session->tpm, bank, &allocated, diag);
	if (r != 0)
		return r;
	if (needed & ~allocated)
		return tpm_state_set(TPM_STATE_PCR_MISMATCH,
			"the TPM's bank is not allocated for every PCR of the policy", diag);
	r = tpm_pcr_read(session->tpm, bank, 0xff, values, diag);
	if (r != 0)
		return r;
	if (bytes_are_zero(values, 8 * tpm_bank_size(bank)))
		return tpm_state_set(TPM_STATE_PCR_MISMATCH,
			"the firmware measured nothing: PCRs 0 to 7 are zero", diag);
	return 0;
}

static int check_tpm(struct seal_session *session, struct diag *diag)
{
	struct tpm_about about;
	int r = tpm_about(session->tpm, &about, diag);

	if (r != 0)
		return r;
	if (about.is_software && !session->seal->software_tpm)
		return diag_set(diag, -EPERM,
			"this TPM is a program (%s), which keeps no secret from the machine's owner; "
			"software-tpm=yes allows it",
			about.vendor);
	return 0;
}

static int check_allowed(struct seal_session *session, struct diag *diag)
{
	if (seal_is_latched(session))
		return diag_set(diag, -EEXIST,
			"this machine is enrolled; dmstack reset throws its keys away");
	if (!seal_is_blank(session))
		return tpm_state_set(TPM_STATE_RESET_REQUIRED, "there is a slot already", diag);
	return check_tpm(session, diag);
}

/* New indices; *ret is the counter's first value, which may be any. */
static int indices_define(struct seal_session *session, uint64_t *ret, struct diag *diag)
{
	uint32_t index = counter_index(session);
	int r = 0;

	/* A latch that is closed stays so: recovery comes here, too. */
	if (!seal_is_latched(session)) {
		r = tpm_nv_undefine(session->tpm, index + 1, diag);
		if (r == 0)
			r = tpm_latch_define(session->tpm, index + 1, diag);
	}
	if (r == 0)
		r = tpm_nv_undefine(session->tpm, index, diag);
	if (r == 0)
		r = tpm_counter_define(session->tpm, index, diag);
	if (r == 0)
		r = tpm_counter_increment(session->tpm, index, diag);
	if (r == 0)
		r = tpm_counter_read(session->tpm, index, ret, diag);
	return r;
}

int seal_new_pin(const struct seal_pins *pins, struct seal_pin *ret_pin, struct secret **ret_auth,
	struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *text = NULL;
	struct seal_pin pin;
	int r;

	r = pins->get(pins->userdata, 0, &text, diag);
	if (r < 0)
		return r;
	if (secret_size(text) < 4)
		return diag_set(diag, -EINVAL, "a PIN has at least 4 characters");
	r = seal_pin_new(&pin);
	if (r < 0)
		return r;
	r = seal_pin_auth(&pin, text, ret_auth, diag);
	if (r < 0)
		return r;
	*ret_pin = pin;
	return 0;
}

static int records_make(struct seal_session *session, struct seal_enrolment *e,
	struct seal_slot *slot, struct diag *diag)
{
	for (size_t i = 0; i < e->keys->n; i++) {
		int r = seal_key_keep(
			session->root, e->keys->items[i].label, e->keys->items[i].key, slot);

		if (r == -ENOSPC || r == -EINVAL)
			return diag_set(diag, r,
				"the key \"%s\" has no room in the slot: keys of up to %d bytes go in, "
				"%d bytes in all",
				e->keys->items[i].label, SEAL_KEY_MAX, SEAL_RECORDS_MAX);
		if (r < 0)
			return r;
	}
	if (!session->seal->recovery)
		return 0;
	return seal_recovery_make(session->root, slot, &e->recovery);
}

/* The slot opens as it will at the next boot, to the same secret. */
static int prove(struct seal_session *session, const struct seal_pins *pins, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *root = take_ptr(session->root);
	int r;

	r = seal_reopen(session, diag);
	if (r == 0)
		r = seal_unlock(session, pins, diag);
	if (r != 0)
		return r;
	if (memcmp(secret_peek(root), secret_peek(session->root), TPM_ROOT_SIZE) != 0)
		return diag_set(diag, -EIO, "the TPM gave another secret than it was given");
	return 0;
}

int seal_enroll(struct seal_session *session, struct seal_enrolment *e, struct diag *diag)
{
	struct seal_slot slot = { .flags = SEAL_SLOT_FRESH };
	_cleanup_(secret_freep) struct secret *auth = NULL;
	int r;

	r = check_allowed(session, diag);
	if (r != 0)
		return r;
	r = tpm_use_srk(session->tpm, NULL, slot.srk_name, diag);
	if (r == 0)
		r = seal_slot_fill(session, &slot, diag);
	if (r == 0)
		r = check_bank(session, &slot, diag);
	if (r == 0 && slot.flags & SEAL_SLOT_SIGNED)
		r = tpm_approved_now(session->tpm, (enum tpm_bank)slot.bank, slot.signed_mask,
			slot.epoch, &session->approvals, diag);
	if (r == 0 && session->seal->pin) {
		slot.flags |= SEAL_SLOT_PIN;
		r = seal_new_pin(e->pins, &slot.pin, &auth, diag);
	}
	if (r == 0)
		r = tpm_random_root(session->tpm, &session->root, diag);
	if (r == 0)
		r = records_make(session, e, &slot, diag);
	if (r != 0)
		return r;
	if (getrandom(slot.uuid, sizeof(slot.uuid), 0) != sizeof(slot.uuid))
		return -EIO;
	r = indices_define(session, &slot.counter, diag);
	if (r != 0)
		return r;
	r = seal_slot_write(session, 0, &slot, auth, diag);
	if (r != 0)
		return r;
	return prove(session, e->pins, diag);
}

static int lockout_auth(const struct seal_session *session, struct secret **ret)
{
	return hkdf_derive(session->root, "dmstack1 lockout", NULL, TPM_AUTH_SIZE, ret);
}

/* Where it fails, wrong PINs are not forgiven; nothing else depends on it. */
static int lockout_take(struct seal_session *session)
{
	_cleanup_(secret_freep) struct secret *auth = NULL;
	struct tpm_about about;
	int r;

	r = tpm_about(session->tpm, &about, NULL);
	if (r != 0 || about.has_lockout_auth)
		return r;
	r = lockout_auth(session, &auth);
	return r < 0 ? r : tpm_lockout_take(session->tpm, auth, NULL);
}

void seal_forgive(struct seal_session *session)
{
	_cleanup_(secret_freep) struct secret *auth = NULL;
	struct tpm_about about;

	if (!(session->places[session->current].slot.flags & SEAL_SLOT_OWN_LOCKOUT) ||
		tpm_about(session->tpm, &about, NULL) != 0 || about.lockout_count == 0 ||
		!about.has_lockout_auth || lockout_auth(session, &auth) < 0)
		return;
	(void)!tpm_lockout_reset(session->tpm, auth, NULL);
}

int seal_close_latch(struct seal_session *session, struct diag *diag)
{
	uint32_t index = counter_index(session) + 1;
	struct seal_record next;
	int r = seal_record_find_next(&session->places[session->current].slot, &next);

	if (r > 0)
		return diag_set(diag, -EBUSY,
			"the re-keying of what has the key tpm2:%s was interrupted; before the latch "
			"is closed, \"dmstack rekey\" has to go on with it",
			next.label);
	if (session->latch == TPM_NV_ABSENT || session->latch == TPM_NV_FOREIGN) {
		r = tpm_nv_undefine(session->tpm, index, diag);
		if (r == 0)
			r = tpm_latch_define(session->tpm, index, diag);
	}
	if (r == 0 && !seal_is_latched(session))
		r = seal_latch_write(session, &session->places[session->current].slot, diag);
	if (r != 0)
		return r;
	session->latch = TPM_NV_LOCKED;
	if (session->seal->own_lockout) {
		(void)!lockout_take(session);
		session->places[session->current].slot.flags |= SEAL_SLOT_OWN_LOCKOUT;
	}
	return seal_renew(session, NULL, NULL, diag);
}

/* The other slot, and then the counter, which makes it the valid one. */
static int slot_succeed(struct seal_session *session, struct seal_slot *slot,
	const struct secret *auth, struct diag *diag)
{
	unsigned place = session->current == 0 ? 1 : 0;
	uint64_t counter;
	int r;

	slot->counter = session->places[session->current].slot.counter + 1;
	r = seal_slot_write(session, place, slot, auth, diag);
	if (r == 0)
		r = tpm_counter_increment(session->tpm, counter_index(session), diag);
	if (r == 0)
		r = tpm_counter_read(session->tpm, counter_index(session), &counter, diag);
	if (r != 0)
		return r;
	if (counter != slot->counter)
		return tpm_state_set(TPM_STATE_COMM, "the counter does not go on one by one", diag);
	session->current = (int)place;
	return 0;
}

int seal_put_records(
	struct seal_session *session, const struct seal_slot *records, struct diag *diag)
{
	struct seal_slot slot = session->places[session->current].slot;

	memcpy(slot.records, records->records, sizeof(slot.records));
	slot.records_size = records->records_size;
	return slot_succeed(session, &slot, session->auth, diag);
}

int seal_renew(struct seal_session *session, const struct seal_pin *pin, const struct secret *auth,
	struct diag *diag)
{
	struct seal_slot slot = session->places[session->current].slot;
	int r;

	slot.flags &= (uint16_t)~SEAL_SLOT_FRESH;
	if (pin) {
		slot.flags |= SEAL_SLOT_PIN;
		slot.pin = *pin;
	} else if (!session->seal->pin) {
		slot.flags &= (uint16_t)~SEAL_SLOT_PIN;
		slot.pin = (struct seal_pin){};
	} else {
		auth = session->auth;
	}
	r = seal_slot_fill(session, &slot, diag);
	if (r != 0)
		return r;
	if (slot.flags & SEAL_SLOT_SIGNED) {
		r = tpm_approved_now(session->tpm, (enum tpm_bank)slot.bank, slot.signed_mask,
			slot.epoch, &session->approvals, diag);
		if (r != 0)
			return r;
	}
	return slot_succeed(session, &slot, auth, diag);
}

/* The newest slot that the recovery key opens and that is authentic. */
static int recovery_find(struct seal_session *session, const struct secret *recovery, unsigned *ret,
	struct diag *diag)
{
	int found = -1, r;

	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++) {
		_cleanup_(secret_freep) struct secret *root = NULL;
		struct seal_place *place = &session->places[i];

		if (!place->valid ||
			(found >= 0 && place->slot.counter <= session->places[found].slot.counter))
			continue;
		r = seal_recovery_open(&place->slot, recovery, &root);
		if (r == 0)
			r = seal_mac_check(root, place->data);
		if (r == -ENOENT || r == -EKEYREJECTED)
			continue;
		if (r < 0)
			return r;
		(void)!secret_free(session->root);
		session->root = take_ptr(root);
		found = (int)i;
	}
	if (found < 0)
		return diag_set(diag, -EKEYREJECTED, "this recovery key opens no slot");
	*ret = (unsigned)found;
	return 0;
}

/* The latch of somebody else is made anew with the counter. */
static int latch_disown(struct seal_session *session, const struct seal_slot *slot)
{
	int r = seal_latch_check(session, slot, NULL);

	if (r != TPM_STATE_NV_LOST)
		return r;
	session->latch = TPM_NV_FOREIGN;
	return 0;
}

int seal_recover(struct seal_session *session, const struct secret *recovery,
	const struct seal_pins *pins, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *auth = NULL;
	struct seal_slot slot;
	unsigned from = 0;
	int r;

	r = check_tpm(session, diag);
	if (r != 0)
		return r;
	r = recovery_find(session, recovery, &from, diag);
	if (r < 0)
		return r;
	slot = session->places[from].slot;
	slot.flags = 0;
	slot.pin = (struct seal_pin){};
	r = tpm_use_srk(session->tpm, NULL, slot.srk_name, diag);
	if (r == 0)
		r = latch_disown(session, &slot);
	if (r == 0 && session->seal->pin) {
		slot.flags |= SEAL_SLOT_PIN;
		r = seal_new_pin(pins, &slot.pin, &auth, diag);
	}
	if (r == 0)
		r = seal_slot_fill(session, &slot, diag);
	if (r == 0)
		r = check_bank(session, &slot, diag);
	if (r == 0)
		r = indices_define(session, &slot.counter, diag);
	if (r == 0)
		r = seal_slot_write(session, 1 - from, &slot, auth, diag);
	if (r == 0 && !seal_is_latched(session))
		r = seal_latch_write(session, &slot, diag);
	if (r != 0)
		return r;
	session->latch = TPM_NV_LOCKED;
	session->current = 1 - (int)from;
	return 0;
}

int seal_reset(struct seal_session *session, struct diag *diag)
{
	static const uint8_t zeros[SEAL_SLOT_SIZE];
	int r;

	/* The counter first: without it no copy of a slot opens any more. */
	r = tpm_nv_undefine(session->tpm, counter_index(session), diag);
	if (r == 0)
		r = tpm_nv_undefine(session->tpm, counter_index(session) + 1, diag);
	for (unsigned i = 0; r == 0 && i < SEAL_SLOT_COUNT; i++)
		r = seal_store_write(&session->store, i, zeros, diag);
	return r;
}
