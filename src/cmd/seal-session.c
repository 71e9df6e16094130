/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opening the seal.
 */

#include "seal-session.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "digest.h"
#include "pcr-signature.h"
#include "public-key.h"
#include "seal-key.h"

#define MEASURED_PCR 15
/* Attempts to guess by a person at the console; the TPM counts on its own. */
#define PIN_ATTEMPTS 3

static const char cap_event[] = "dmstack-cap";

struct seal_session *seal_session_close(struct seal_session *session)
{
	if (!session)
		return NULL;
	(void)tpm_close(session->tpm);
	seal_store_done(&session->store);
	free((void *)session->approvals.items);
	(void)!secret_free(session->root);
	(void)!secret_free(session->auth);
	free(session);
	return NULL;
}

/* The signatures as the TPM takes them. */
static int approvals_load(struct seal_session *session, struct diag *diag)
{
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
	struct tpm_approvals *approvals = &session->approvals;
	struct tpm_approval *items;
	int r;

	if (!session->seal->public_key)
		return 0;
	r = public_key_read(session->seal->public_key, approvals->x, approvals->y, diag);
	if (r < 0)
		return r;
	tpm_key_name(approvals->x, approvals->y, session->key_name);
	r = pcr_signatures_load(session->seal->pcr_signature, &list, diag);
	if (r < 0)
		return r;
	items = calloc(list.n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (size_t i = 0; i < list.n; i++) {
		items[i] = (struct tpm_approval){
			.bank = list.items[i].bank,
			.mask = list.items[i].mask,
			.epoch = list.items[i].epoch,
		};
		memcpy(items[i].policy, list.items[i].policy, TPM_DIGEST_SIZE);
		memcpy(items[i].r, list.items[i].signature.r, TPM_KEY_COORDINATE);
		memcpy(items[i].s, list.items[i].signature.s, TPM_KEY_COORDINATE);
	}
	approvals->items = items;
	approvals->n = list.n;
	return 0;
}

/* A slot that cannot be read is none; a device that cannot be read is an error. */
static int places_read(struct seal_session *session, struct diag *diag)
{
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++) {
		struct seal_place *place = &session->places[i];
		int r = seal_store_read(&session->store, i, place->data, diag);

		if (r < 0)
			return r;
		place->valid = seal_slot_decode(place->data, &place->slot, NULL) == 0;
	}
	return 0;
}

bool seal_is_fresh(const struct seal_session *session)
{
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++)
		if (session->places[i].valid && session->places[i].slot.flags & SEAL_SLOT_FRESH)
			return true;
	return false;
}

bool seal_is_blank(const struct seal_session *session)
{
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++)
		if (session->places[i].valid)
			return false;
	return true;
}

int seal_reopen(struct seal_session *session, struct diag *diag)
{
	session->tpm = tpm_close(session->tpm);
	return tpm_open(
		session->seal->tpm_device, session->seal->tpm_timeout_usec, &session->tpm, diag);
}

static uint32_t latch_index(const struct seal *seal)
{
	return (uint32_t)seal->nv_index + 1;
}

int seal_session_open(const struct seal *seal, struct seal_session **ret, struct diag *diag)
{
	_cleanup_(seal_session_closep) struct seal_session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	session->seal = seal;
	session->store = (struct seal_store)SEAL_STORE_INIT;
	session->current = -1;
	r = approvals_load(session, diag);
	if (r < 0)
		return r;
	r = seal_store_open(&seal->device, true, seal->tpm_timeout_usec, &session->store, diag);
	if (r < 0)
		return r;
	r = places_read(session, diag);
	if (r < 0)
		return r;
	r = seal_reopen(session, diag);
	if (r != 0)
		return r;
	r = tpm_latch_state(session->tpm, latch_index(seal), &session->latch, diag);
	if (r != 0)
		return r;
	*ret = take_ptr(session);
	return 0;
}

static const char *bank_name(enum tpm_bank bank)
{
	return bank == TPM_BANK_SHA384 ? "sha384" : "sha256";
}

static enum tpm_bank seal_tpm_bank(const struct seal *seal)
{
	return seal->bank == SEAL_BANK_SHA384 ? TPM_BANK_SHA384 : TPM_BANK_SHA256;
}

/* What the PCR is after one event with the digest: H(zeros | H(digest)). */
static int measured_value(
	enum tpm_bank bank, const uint8_t digest[TPM_DIGEST_SIZE], uint8_t ret[TPM_PCR_VALUE_MAX])
{
	_cleanup_(digest_freep) struct digest *hash = NULL;
	uint8_t value[2 * TPM_PCR_VALUE_MAX] = {};
	size_t size = tpm_bank_size(bank);
	int r;

	r = digest_new(bank_name(bank), NULL, &hash);
	if (r < 0)
		return r;
	r = digest_data(hash, digest, TPM_DIGEST_SIZE, value + size);
	if (r < 0)
		return r;
	return digest_data(hash, value, 2 * size, ret);
}

int seal_measure(
	struct seal_session *session, const uint8_t digest[TPM_DIGEST_SIZE], struct diag *diag)
{
	uint8_t now[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX], wanted[TPM_PCR_VALUE_MAX];
	enum tpm_bank bank = seal_tpm_bank(session->seal);
	int r;

	r = measured_value(bank, digest, wanted);
	if (r < 0)
		return r;
	r = tpm_pcr_read(session->tpm, bank, 1U << MEASURED_PCR, now, diag);
	if (r != 0)
		return r;
	if (memcmp(now, wanted, tpm_bank_size(bank)) == 0)
		return 0;
	return tpm_pcr_event(session->tpm, MEASURED_PCR, digest, TPM_DIGEST_SIZE, diag);
}

/* The storage root key of any valid slot: one from elsewhere must not hide that of this machine. */
static int use_srk(struct seal_session *session, struct diag *diag)
{
	int r = tpm_state_set(TPM_STATE_NO_SLOT, NULL, NULL);

	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++) {
		if (!session->places[i].valid)
			continue;
		diag_done(diag);
		r = tpm_use_srk(session->tpm, session->places[i].slot.srk_name, NULL, diag);
		if (r != TPM_STATE_OTHER_TPM)
			return r;
	}
	return r;
}

static int counter_check(struct seal_session *session, struct diag *diag)
{
	enum tpm_nv_presence counter;
	int r = tpm_counter_state(session->tpm, (uint32_t)session->seal->nv_index, &counter, diag);

	if (r != 0)
		return r;
	if (counter == TPM_NV_LOCKED)
		return tpm_state_set(TPM_STATE_CAPPED, NULL, diag);
	if (counter != TPM_NV_READY)
		return tpm_state_set(TPM_STATE_NV_LOST, NULL, diag);
	return 0;
}

/* The slot of the counter's value. */
static int place_choose(struct seal_session *session, unsigned *ret, struct diag *diag)
{
	bool older = false;
	uint64_t counter;
	int r = tpm_counter_read(session->tpm, (uint32_t)session->seal->nv_index, &counter, diag);

	if (r != 0)
		return r;
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++) {
		/* One for another index is that of another configuration. */
		if (!session->places[i].valid ||
			session->places[i].slot.nv_index != session->seal->nv_index)
			continue;
		if (session->places[i].slot.counter == counter) {
			*ret = i;
			return 0;
		}
		older = older || session->places[i].slot.counter < counter;
	}
	return tpm_state_set(older ? TPM_STATE_ROLLBACK : TPM_STATE_NO_SLOT, NULL, diag);
}

static int place_unseal(struct seal_session *session, const struct seal_place *place,
	const struct secret *auth, struct secret **ret, struct diag *diag)
{
	bool is_signed = place->slot.flags & SEAL_SLOT_SIGNED;

	/* Another key than that of the enrolment approves nothing. */
	if (is_signed && memcmp(place->slot.key_name, session->key_name, TPM_NAME_SIZE) != 0)
		return tpm_state_set(
			TPM_STATE_NO_SIGNATURE, "the public key is not that of the slot", diag);
	return tpm_unseal(session->tpm, &place->slot, is_signed ? &session->approvals : NULL, auth,
		ret, diag);
}

static int place_open(struct seal_session *session, const struct seal_place *place,
	const struct seal_pins *pins, struct secret **ret, struct diag *diag)
{
	int r = TPM_STATE_BAD_PIN;

	if (!(place->slot.flags & SEAL_SLOT_PIN))
		return place_unseal(session, place, NULL, ret, diag);
	for (unsigned i = 0; r == TPM_STATE_BAD_PIN && i < PIN_ATTEMPTS; i++) {
		_cleanup_(secret_freep) struct secret *pin = NULL, *auth = NULL;
		_cleanup_(diag_done) struct diag why = {};
		int q = pins->get(pins->userdata, i, &pin, &why);

		if (q < 0 && i > 0)
			return r;
		if (q < 0) {
			diag_move(diag, &why);
			return q;
		}
		diag_done(diag);
		q = seal_pin_auth(&place->slot.pin, pin, &auth, diag);
		if (q < 0)
			return q;
		r = place_unseal(session, place, auth, ret, diag);
		if (r == 0) {
			(void)!secret_free(session->auth);
			session->auth = take_ptr(auth);
		}
	}
	return r;
}

static int unlock_once(
	struct seal_session *session, const struct seal_pins *pins, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *root = NULL;
	unsigned i = 0;
	int r;

	r = use_srk(session, diag);
	if (r != 0)
		return r;
	if (!seal_is_latched(session) && !seal_is_fresh(session))
		return tpm_state_set(TPM_STATE_RESET_REQUIRED, NULL, diag);
	r = counter_check(session, diag);
	if (r != 0)
		return r;
	r = place_choose(session, &i, diag);
	if (r != 0)
		return r;
	if (!seal_is_latched(session) && !(session->places[i].slot.flags & SEAL_SLOT_FRESH))
		return tpm_state_set(TPM_STATE_RESET_REQUIRED, NULL, diag);
	r = seal_latch_check(session, &session->places[i].slot, diag);
	if (r != 0)
		return r;
	r = place_open(session, &session->places[i], pins, &root, diag);
	if (r != 0)
		return r;
	r = seal_mac_check(root, session->places[i].data);
	if (r == -EKEYREJECTED)
		return tpm_state_set(TPM_STATE_NO_SLOT, "the slot was changed", diag);
	if (r < 0)
		return r;
	(void)!secret_free(session->root);
	session->root = take_ptr(root);
	session->current = (int)i;
	return 0;
}

int seal_unlock(struct seal_session *session, const struct seal_pins *pins, struct diag *diag)
{
	int r;

	if (seal_is_blank(session))
		return tpm_state_set(
			seal_is_latched(session) ? TPM_STATE_NO_SLOT : TPM_STATE_RESET_REQUIRED,
			NULL, diag);
	r = unlock_once(session, pins, diag);
	if (r != TPM_STATE_COMM)
		return r;
	/* After a response that was not authentic the library's context is no good any more. */
	diag_done(diag);
	r = seal_reopen(session, diag);
	return r != 0 ? r : unlock_once(session, pins, diag);
}

int seal_cap(const struct seal *seal, struct diag *diag)
{
	_cleanup_(tpm_closep) struct tpm *tpm = NULL;
	int r, first;

	/* It is there by now, or it will not come. */
	r = tpm_open(seal->tpm_device, 0, &tpm, diag);
	if (r != 0)
		return r;
	first = tpm_counter_lock(tpm, (uint32_t)seal->nv_index, diag);
	r = tpm_pcr_event(tpm, MEASURED_PCR, cap_event, sizeof(cap_event) - 1, diag);
	return first != 0 ? first : r;
}

static int literal_values(struct seal_session *session, struct seal_slot *slot, struct diag *diag)
{
	_cleanup_(digest_freep) struct digest *hash = NULL;
	uint8_t values[TPM_PCR_COUNT * TPM_PCR_VALUE_MAX];
	enum tpm_bank bank = (enum tpm_bank)slot->bank;
	int r;

	memset(slot->literal_values, 0, sizeof(slot->literal_values));
	if (slot->literal_mask == 0)
		return 0;
	r = tpm_pcr_read(session->tpm, bank, slot->literal_mask, values, diag);
	if (r != 0)
		return r;
	r = digest_new("sha256", NULL, &hash);
	if (r < 0)
		return r;
	return digest_data(hash, values,
		(size_t)__builtin_popcount(slot->literal_mask) * tpm_bank_size(bank),
		slot->literal_values);
}

int seal_slot_fill(struct seal_session *session, struct seal_slot *slot, struct diag *diag)
{
	const struct seal *seal = session->seal;
	uint16_t kept = slot->flags & (SEAL_SLOT_PIN | SEAL_SLOT_FRESH | SEAL_SLOT_OWN_LOCKOUT);
	bool is_signed = seal->public_key != NULL;

	slot->flags = kept | (is_signed ? SEAL_SLOT_SIGNED : 0) |
		      (seal->literal_mask ? SEAL_SLOT_LITERAL : 0);
	slot->bank = (uint16_t)seal_tpm_bank(seal);
	slot->signed_mask = is_signed ? seal->signed_mask : 0;
	slot->literal_mask = seal->literal_mask;
	slot->nv_index = (uint32_t)seal->nv_index;
	slot->latch_index = latch_index(seal);
	slot->epoch = seal->epoch;
	memcpy(slot->key_name, session->key_name, TPM_NAME_SIZE);
	return literal_values(session, slot, diag);
}

int seal_slot_write(struct seal_session *session, unsigned place, struct seal_slot *slot,
	const struct secret *auth, struct diag *diag)
{
	uint8_t data[SEAL_SLOT_SIZE];
	int r;

	r = tpm_seal(session->tpm, session->root, auth, slot, diag);
	if (r != 0)
		return r;
	seal_slot_encode(slot, data);
	r = seal_mac_put(session->root, data);
	if (r < 0)
		return r;
	r = seal_store_write(&session->store, place, data, diag);
	if (r < 0)
		return r;
	memcpy(session->places[place].data, data, sizeof(data));
	session->places[place].slot = *slot;
	session->places[place].valid = true;
	return 0;
}

int seal_latch_write(struct seal_session *session, const struct seal_slot *slot, struct diag *diag)
{
	uint8_t content[TPM_DIGEST_SIZE];

	seal_slot_latch(slot, content);
	return tpm_latch_close(session->tpm, latch_index(session->seal), content, diag);
}

int seal_latch_check(struct seal_session *session, const struct seal_slot *slot, struct diag *diag)
{
	uint8_t content[TPM_DIGEST_SIZE], wanted[TPM_DIGEST_SIZE];
	int r;

	if (!seal_is_latched(session))
		return 0;
	r = tpm_latch_read(session->tpm, latch_index(session->seal), content, diag);
	if (r != 0)
		return r;
	seal_slot_latch(slot, wanted);
	if (memcmp(content, wanted, TPM_DIGEST_SIZE) != 0)
		return tpm_state_set(
			TPM_STATE_NV_LOST, "the latch and the slot are of two enrolments", diag);
	return 0;
}
