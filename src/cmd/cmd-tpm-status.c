/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * tpm-status: the TPM, the counter, the latch and the slots. Nothing is asked of the TPM that
 * counts as a try, and nothing is changed.
 */

#include <stdio.h>

#include "hex.h"
#include "json-text.h"
#include "parse.h"
#include "seal-command.h"
#include "verbs.h"

struct tpm_status_opts {
	bool json;
};

static const struct option_def options[] = {
	{ "json", 0, OPTION_FLAG, offsetof(struct tpm_status_opts, json), NULL, "print JSON" },
};

struct status {
	const struct seal_session *session;
	struct tpm_about about;
	enum tpm_nv_presence counter;
	bool has_value;
	uint64_t value; /* of the counter */
};

static const char *counter_word(enum tpm_nv_presence presence)
{
	static const char *const words[] = {
		[TPM_NV_ABSENT] = "absent",
		[TPM_NV_FOREIGN] = "foreign",
		[TPM_NV_EMPTY] = "unused",
		[TPM_NV_READY] = "ready",
		[TPM_NV_LOCKED] = "capped",
	};

	return words[presence];
}

static const char *latch_word(enum tpm_nv_presence presence)
{
	if (presence == TPM_NV_LOCKED)
		return "closed";
	if (presence == TPM_NV_ABSENT || presence == TPM_NV_FOREIGN)
		return counter_word(presence);
	return "open";
}

static const char *slot_word(const struct status *status, unsigned i)
{
	const struct seal_place *place = &status->session->places[i];

	if (!place->valid)
		return "none";
	if (!status->has_value)
		return "unknown";
	return place->slot.counter == status->value  ? "current"
	       : place->slot.counter < status->value ? "old"
						     : "ahead";
}

static int status_get(struct seal_session *session, struct status *ret, struct diag *diag)
{
	uint32_t index = (uint32_t)session->seal->nv_index;
	int r;

	*ret = (struct status){ .session = session };
	r = tpm_about(session->tpm, &ret->about, diag);
	if (r == 0)
		r = tpm_counter_state(session->tpm, index, &ret->counter, diag);
	if (r == 0 && ret->counter == TPM_NV_READY) {
		r = tpm_use_srk(session->tpm, NULL, NULL, diag);
		if (r == 0)
			r = tpm_counter_read(session->tpm, index, &ret->value, diag);
		ret->has_value = r == 0;
	}
	return r;
}

/* The label of a re-keying that has not ended, or NULL. */
static const char *rekeying_label(const struct seal_slot *slot, struct seal_record *record)
{
	return seal_record_find_next(slot, record) == 1 ? record->label : NULL;
}

static void print_slots(const struct status *status, struct buf *out)
{
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++) {
		const struct seal_slot *slot = &status->session->places[i].slot;
		struct seal_record record;
		const char *label = rekeying_label(slot, &record);

		buf_printf(out, "slot %c        %s", 'A' + (char)i, slot_word(status, i));
		if (status->session->places[i].valid)
			buf_printf(out, ", epoch %ju, counter %ju%s%s%s", (uintmax_t)slot->epoch,
				(uintmax_t)slot->counter,
				slot->flags & SEAL_SLOT_SIGNED ? ", signed PCRs" : "",
				slot->flags & SEAL_SLOT_PIN ? ", PIN" : "",
				slot->flags & SEAL_SLOT_FRESH ? ", enrolment not ended" : "");
		if (status->session->places[i].valid && label)
			buf_printf(out, ", re-keying of %s not ended", label);
		buf_putc(out, '\n');
	}
}

static void print_text(const struct status *status, struct buf *out)
{
	const struct tpm_about *about = &status->about;

	buf_printf(out, "TPM           %s %s, firmware %ju.%ju.%ju.%ju%s\n", about->manufacturer,
		about->vendor, (uintmax_t)(about->firmware >> 48),
		(uintmax_t)(about->firmware >> 32 & 0xffff),
		(uintmax_t)(about->firmware >> 16 & 0xffff), (uintmax_t)(about->firmware & 0xffff),
		about->is_software ? ", a program" : "");
	buf_printf(out, "wrong PINs    %u of %u%s\n", about->lockout_count, about->lockout_max,
		about->in_lockout ? ", locked out" : "");
	buf_printf(out, "latch         %s\n", latch_word(status->session->latch));
	buf_printf(out, "counter       %s", counter_word(status->counter));
	if (status->has_value)
		buf_printf(out, ", %ju", (uintmax_t)status->value);
	buf_putc(out, '\n');
	print_slots(status, out);
}

static void json_slot(const struct status *status, unsigned i, struct buf *out)
{
	const struct seal_slot *slot = &status->session->places[i].slot;
	struct seal_record record;
	char uuid[37];

	json_separate(out);
	buf_putc(out, '{');
	json_member(out, "state", slot_word(status, i));
	if (status->session->places[i].valid) {
		format_uuid(slot->uuid, uuid);
		json_member(out, "uuid", uuid);
		json_member_u64(out, "epoch", slot->epoch);
		json_member_u64(out, "counter", slot->counter);
		json_member_u64(out, "signed_pcrs", slot->signed_mask);
		json_member_u64(out, "literal_pcrs", slot->literal_mask);
		json_member_bool(out, "pin", slot->flags & SEAL_SLOT_PIN);
		json_member_bool(out, "enrolling", slot->flags & SEAL_SLOT_FRESH);
		if (rekeying_label(slot, &record))
			json_member(out, "rekeying", record.label);
	}
	buf_putc(out, '}');
}

static void print_json(const struct status *status, struct buf *out)
{
	const struct tpm_about *about = &status->about;

	buf_putc(out, '{');
	json_member(out, "manufacturer", about->manufacturer);
	json_member(out, "vendor", about->vendor);
	json_member_u64(out, "firmware", about->firmware);
	json_member_bool(out, "software", about->is_software);
	json_member_u64(out, "wrong_pins", about->lockout_count);
	json_member_u64(out, "wrong_pins_max", about->lockout_max);
	json_member_bool(out, "locked_out", about->in_lockout);
	json_member(out, "latch", latch_word(status->session->latch));
	json_member(out, "counter", counter_word(status->counter));
	if (status->has_value)
		json_member_u64(out, "counter_value", status->value);
	json_name(out, "slots");
	buf_putc(out, '[');
	for (unsigned i = 0; i < SEAL_SLOT_COUNT; i++)
		json_slot(status, i, out);
	buf_puts(out, "]}\n");
}

static int tpm_status_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct tpm_status_opts *o = opts;
	_cleanup_(seal_command_done) struct seal_command command = {};
	_cleanup_(buf_done) struct buf out = {};
	struct status status;
	int r;

	r = seal_command_load(&command, diag);
	if (r < 0)
		return r;
	r = seal_session_open(command.stack.seal, &command.session, diag);
	if (r != 0)
		return r;
	r = status_get(command.session, &status, diag);
	if (r != 0)
		return r;
	(o->json ? print_json : print_text)(&status, &out);
	r = buf_error(&out);
	if (r < 0)
		return r;
	(void)fputs(buf_str(&out), stdout);
	return 0;
}

const struct verb verb_tpm_status = {
	.name = "tpm-status",
	.summary = "Show the TPM, the counter, the latch and the slots of the seal",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct tpm_status_opts),
	.run = tpm_status_run,
};
