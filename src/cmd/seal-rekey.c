/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-keying of layers: from the key that an image was made with to one that only this machine has.
 * The new key waits in the slot from before the first byte is written until after the last one is:
 *
 *	journal begun -> new key in the slot, as NEXT -> all pieces -> NEXT becomes the label's key
 *	-> journal wiped
 *
 * A cut before the second step leaves everything as it was; after it, the journal says where to go
 * on.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cleanup.h"
#include "keysource.h"
#include "log.h"
#include "notify.h"
#include "progress.h"
#include "rekey-convert.h"
#include "rekey-devices.h"
#include "seal-key.h"
#include "seal-rekey.h"

#define WORKERS_MAX 8
/* How long the service manager may hear nothing; a piece takes far less on any disk. */
#define BUSY_SECONDS 300

static const struct rekey_type *const types[] = {
	&rekey_type_crypt,
	&rekey_type_aead,
	&rekey_type_luks,
	&rekey_type_integrity,
	&rekey_type_journal_mac,
	&rekey_type_journal_crypt,
	NULL,
};

struct rekey {
	struct seal_command *command;
	struct layer *layer;
	const struct keyref *key;
	const char *label;
	const struct rekey_type *type;
	struct rekey_devices devices;
	struct workers *workers;
	struct secret *before, *after;
	struct rekey_state *state;
	struct seal_journal journal;
	struct progress bar;
	time_t notified;
};

static void rekey_done(struct rekey *rekey)
{
	rekey->type->close(rekey->state);
	rekey_devices_done(&rekey->devices);
	(void)workers_free(rekey->workers);
	(void)secret_free(rekey->before);
	(void)secret_free(rekey->after);
	seal_journal_done(&rekey->journal);
}

static struct seal_slot *current_slot(const struct rekey *rekey)
{
	struct seal_session *session = rekey->command->session;

	return &session->places[session->current].slot;
}

static const struct rekey_type *type_find(const struct layer *layer, const struct keyref *key)
{
	for (size_t i = 0; types[i]; i++)
		if (types[i]->type == layer->type && types[i]->key(layer) == key)
			return types[i];
	return NULL;
}

/* Two keys with one label cannot be replaced at one time. */
static int check_label(const struct stack *stack, const struct keyref *key, struct diag *diag)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct keyref *keys[LAYER_KEYS_MAX];
		size_t n = layer_keys(stack->layers[i], keys);

		for (size_t j = 0; j < n; j++)
			if (keys[j] != key && keys[j]->kind == KEYREF_TPM2 &&
				streq(keys[j]->value, key->value))
				return diag_set(diag, -EOPNOTSUPP,
					"the key tpm2:%s is used more than once, by \"%s\" too, so that it "
					"cannot be replaced",
					key->value, stack->layers[i]->name);
	}
	return 0;
}

int rekey_target_get(const struct stack *stack, struct layer *layer, const struct keyref *key,
	struct rekey_target *ret, struct diag *diag)
{
	const struct rekey_type *type = type_find(layer, key);
	int r;

	if (layer->broken)
		return diag_set(diag, -EINVAL, "%s", layer->error.what ?: "it cannot be used");
	if (!type)
		return diag_set(diag, -EOPNOTSUPP,
			"the key tpm2:%s of a layer of type %s cannot be replaced", key->value,
			layer->type->name);
	if (layer_is_read_only(layer))
		return diag_set(diag, -EROFS, "it can only be read");
	r = type->check ? type->check(layer, diag) : 0;
	if (r == 0)
		r = check_label(stack, key, diag);
	if (r < 0)
		return r;
	*ret = (struct rekey_target){ .layer = layer, .key = key, .type = type };
	return 0;
}

/* The layer's own table, if the devices are those of the one below. */
static int upper_table(struct rekey *rekey, uint64_t below, struct dmtable *ret, struct diag *diag)
{
	const uint64_t sectors[LAYER_ROLES_MAX] = { below };
	uint64_t length;
	int r = layer_length(rekey->layer, sectors, &length, diag);

	return r < 0 ? r : layer_table(rekey->layer, length, ret);
}

/* What must be the same when it goes on: the size, and all that the tables say. */
static int identify(struct rekey *rekey, struct rekey_entry *ret, struct diag *diag)
{
	_cleanup_(digest_freep) struct digest *digest = NULL;
	_cleanup_(dmtable_done) struct dmtable table = {}, upper = {};
	_cleanup_(buf_done) struct buf text = {};
	int r;

	r = run_layer_table(&rekey->devices.run, &table, diag);
	if (r == 0 && rekey->layer != rekey->devices.base)
		r = upper_table(rekey, table.length_sectors, &upper, diag);
	if (r == 0)
		r = digest_new("sha256", NULL, &digest);
	if (r < 0)
		return r;
	dmtable_print(&table, &text);
	if (rekey->layer != rekey->devices.base)
		dmtable_print(&upper, &text);
	r = buf_error(&text);
	if (r == 0)
		r = digest_data(digest, buf_str(&text), text.size, ret->layer);
	ret->size = rekey->state->size;
	return r;
}

/* The size of a key that any size goes for is that of the present one. */
static int key_before(
	struct rekey *rekey, const struct seal_slot *slot, bool is_data_key, struct diag *diag)
{
	const struct layer_type *type = rekey->layer->type;
	size_t size = is_data_key && type->key_size ? type->key_size(rekey->layer) : 0;
	int r = seal_key_present(
		rekey->command->session->root, slot, rekey->label, size, &rekey->before);

	if (r == -EKEYREJECTED)
		return diag_set(diag, r, "the slot's key \"%s\" was changed", rekey->label);
	if (r == 0 && size != 0 && secret_size(rekey->before) != size)
		return diag_set(diag, -EKEYREJECTED, "its key has %zu bytes where %zu are needed",
			secret_size(rekey->before), size);
	return r;
}

static int next_make(struct rekey *rekey, struct seal_slot *slot, struct diag *diag)
{
	size_t size = secret_size(rekey->before);
	int r;

	if (rekey->type->new_size)
		size = rekey->type->new_size(rekey->layer, size);
	r = seal_next_make(rekey->command->session->root, rekey->label, size, slot);
	if (r == -ENOSPC || r == -EINVAL)
		return diag_set(diag, r, "a new key of %zu bytes has no room in the slot", size);
	return r;
}

/* The new key, of this re-keying or of the one that goes on, in the slot and by itself. */
static int key_after(struct rekey *rekey, struct seal_slot *slot, bool resumes,
	struct rekey_entry *identity, struct diag *diag)
{
	struct seal_record next;
	int r = resumes ? 0 : next_make(rekey, slot, diag);

	if (r == 0)
		r = seal_record_find_next(slot, &next) == 1 ? 0 : -EBADMSG;
	if (r == 0)
		r = seal_next_open(rekey->command->session->root, &next, &rekey->after);
	if (r < 0)
		return diag_set(diag, r, "the slot's new key \"%s\" cannot be read", rekey->label);
	memcpy(identity->id, next.tag, REKEY_ID_SIZE);
	return 0;
}

/* Another key of the layer, as it is now. */
static int fetch(void *userdata, const struct keyref *ref, struct secret **ret, struct diag *diag)
{
	struct rekey *rekey = userdata;
	const struct key_request request = {
		.ref = ref,
		.name = rekey->layer->name,
		.sealed = rekey->layer->common.phase != PHASE_BOOTSTRAP,
		.timeout_usec = rekey->layer->common.timeout_usec,
	};

	if (ref->kind != KEYREF_TPM2)
		return key_fetch(&request, ret, diag);
	return seal_key_present(
		rekey->command->session->root, current_slot(rekey), ref->value, 0, ret);
}

static struct rekey_source make_source(struct rekey *rekey, bool resumes)
{
	struct rekey_source source = {
		.layer = rekey->layer,
		.base = rekey->devices.base,
		.before = rekey->before,
		.after = rekey->after,
		.header_fd = rekey_devices_header(&rekey->devices),
		.n_workers = workers_count(rekey->workers),
		.resumes = resumes,
		.fetch = fetch,
		.userdata = rekey,
	};

	for (size_t i = 0; i < LAYER_ROLES_MAX; i++) {
		source.fds[i] = rekey->devices.run.devices[i].fd;
		source.sectors[i] = source.fds[i] >= 0 ? rekey->devices.run.devices[i].sectors : 0;
	}
	return source;
}

/* Before the superblock is read. */
static int mend(struct rekey *rekey, const struct rekey_entry *identity, struct diag *diag)
{
	_cleanup_(seal_journal_done) struct seal_journal journal = {};
	const struct rekey_source source = make_source(rekey, true);
	const struct seal_session *session = rekey->command->session;
	int r = seal_journal_init(&session->store, session->root, identity,
		rekey->type->mend_unit(&source), &journal, diag);

	return r < 0 ? r : rekey_mend(rekey->type, &source, &journal, diag);
}

/* What it is about, and both keys, in the slot and by themselves. */
static int prepare(struct rekey *rekey, struct seal_slot *slot, struct rekey_entry *identity,
	bool resumes, struct diag *diag)
{
	const bool is_data_key = rekey->key == &rekey->layer->key;
	struct rekey_source source;
	int r = rekey_devices_open(&rekey->devices, &rekey->command->stack, diag);

	if (r == 0)
		r = key_before(rekey, slot, is_data_key, diag);
	if (r == 0)
		r = key_after(rekey, slot, resumes, identity, diag);
	/* A header that is half written must be mended before it is read. */
	if (r == 0 && rekey->devices.base != rekey->layer)
		r = rekey_devices_probe_base(&rekey->devices, diag);
	if (r == 0 && resumes && rekey->type->mend)
		r = mend(rekey, identity, diag);
	if (r == 0)
		r = rekey_devices_probe_base(&rekey->devices, diag);
	if (r == 0)
		r = rekey_devices_probe_header(&rekey->devices, diag);
	if (r < 0)
		return r;
	source = make_source(rekey, resumes);
	r = rekey->type->open(&source, &rekey->state, diag);
	return r < 0 ? r : identify(rekey, identity, diag);
}

static int check_last(const struct rekey *rekey, struct diag *diag)
{
	uint32_t most = rekey->journal.entry.capacity;

	if (rekey->state->last > most - most % rekey->state->unit)
		return diag_set(diag, -ENOSPC,
			"the seal's device is too small for its header, which takes %u bytes in the "
			"journal; %u bytes are enough for most",
			rekey->state->last, REKEY_DEVICE_SIZE_BEST);
	return 0;
}

/* Everything that can fail before something is written; then the journal and the slot. */
static int begin(struct rekey *rekey, struct diag *diag)
{
	struct seal_session *session = rekey->command->session;
	struct seal_slot slot = *current_slot(rekey);
	struct rekey_entry identity = {};
	struct seal_record next;
	bool resumes = seal_record_find_next(&slot, &next) == 1;
	int r = prepare(rekey, &slot, &identity, resumes, diag);

	if (r == 0)
		r = seal_journal_init(&session->store, session->root, &identity, rekey->state->unit,
			&rekey->journal, diag);
	if (r == 0)
		r = check_last(rekey, diag);
	if (r == 0 && !resumes && !rekey->command->rekey_unchecked)
		r = rekey_prove(rekey->type, rekey->state, diag);
	if (r < 0 || resumes)
		return r;
	r = seal_journal_begin(&rekey->journal, diag);
	return r < 0 ? r : seal_put_records(session, &slot, diag);
}

static void show(void *userdata, uint64_t done, uint64_t total)
{
	struct rekey *rekey = userdata;
	time_t now = time(NULL);
	char text[256];

	progress_update(&rekey->bar, done, total);
	if (now == rekey->notified)
		return;
	rekey->notified = now;
	(void)snprintf(text, sizeof(text), "Re-keying %s: %" PRIu64 " of %" PRIu64 " MiB",
		rekey->layer->name, done >> 20, total >> 20);
	notify_busy(text, BUSY_SECONDS);
}

static int convert(struct rekey *rekey, struct diag *diag)
{
	struct rekey_job job = {
		.type = rekey->type,
		.state = rekey->state,
		.workers = rekey->workers,
		.journal = &rekey->journal,
		.progress = show,
		.userdata = rekey,
	};
	int r;

	/* It may take long, and a power cut would count as a wrong PIN. */
	if (rekey->command->stack.seal->pin)
		tpm_shutdown(rekey->command->session->tpm);
	progress_begin(&rekey->bar, progress_choose(false, false), rekey->layer->name);
	r = rekey_convert(&job, diag);
	progress_end(&rekey->bar);
	return r;
}

static int finish(struct rekey *rekey, struct diag *diag)
{
	struct seal_session *session = rekey->command->session;
	struct seal_slot slot = *current_slot(rekey);
	int r;

	r = seal_next_promote(session->root, rekey->label, &slot);
	if (r == 0)
		r = seal_put_records(session, &slot, diag);
	return r != 0 ? r : seal_journal_wipe(&rekey->journal, diag);
}

int rekey_target_run(
	struct seal_command *command, const struct rekey_target *target, struct diag *diag)
{
	struct layer *layer = target->layer;
	_cleanup_(rekey_done) struct rekey rekey = {
		.command = command,
		.layer = layer,
		.key = target->key,
		.label = target->key->value,
		.type = target->type,
	};
	int r = 0;

	rekey_devices_init(&rekey.devices, layer,
		(target->type->base ? target->type->base(layer) : NULL) ?: layer);
	/* For the layers below. */
	if (rekey.devices.base->devices[0].layer)
		r = seal_publish(command, diag);
	if (r == 0)
		r = workers_new(WORKERS_MAX, &rekey.workers);
	if (r == 0)
		r = begin(&rekey, diag);
	/* The former key is no longer one that opens the layer. */
	if (r == 0)
		r = seal_publish(command, diag);
	if (r == 0)
		r = convert(&rekey, diag);
	if (r == 0)
		r = finish(&rekey, diag);
	if (r == 0)
		log_notice("%s: re-keyed; the key tpm2:%s of before opens it no more", layer->name,
			rekey.label);
	return r;
}
