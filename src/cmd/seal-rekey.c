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

#include "blockdev.h"
#include "log.h"
#include "notify.h"
#include "progress.h"
#include "rekey-convert.h"
#include "run.h"
#include "run-layer.h"
#include "seal-command.h"
#include "seal-key.h"

#define WORKERS_MAX 8
/* How long the service manager may hear nothing; a piece takes far less on any disk. */
#define BUSY_SECONDS 300

static const struct rekey_type *const types[] = {
	&rekey_type_crypt,
	NULL,
};

struct rekey {
	struct seal_command *command;
	struct layer *layer;
	const char *label;
	const struct rekey_type *type;
	struct blockdev device;
	struct workers *workers;
	struct secret *before, *after;
	void *state; /* of the type */
	struct seal_journal journal;
	struct progress bar;
	time_t notified;
};

static void rekey_done(struct rekey *rekey)
{
	blockdev_done(&rekey->device);
	(void)workers_free(rekey->workers);
	(void)secret_free(rekey->before);
	(void)secret_free(rekey->after);
	if (rekey->state)
		rekey->type->close(rekey->state);
	seal_journal_done(&rekey->journal);
}

static struct seal_slot *current_slot(const struct rekey *rekey)
{
	struct seal_session *session = rekey->command->session;

	return &session->places[session->current].slot;
}

static const struct rekey_type *type_find(const struct layer_type *type)
{
	for (size_t i = 0; types[i]; i++)
		if (types[i]->type == type)
			return types[i];
	return NULL;
}

/* Two layers with one key cannot be changed at one time. */
static int check_label(const struct stack *stack, const struct layer *layer, struct diag *diag)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct keyref *keys[LAYER_KEYS_MAX];
		size_t n = layer_keys(stack->layers[i], keys);

		for (size_t j = 0; j < n; j++)
			if (keys[j] != &layer->key && keys[j]->kind == KEYREF_TPM2 &&
				streq(keys[j]->value, layer->key.value))
				return diag_set(diag, -EOPNOTSUPP,
					"the key tpm2:%s is used more than once, by \"%s\" too, so that it "
					"cannot be replaced",
					layer->key.value, stack->layers[i]->name);
	}
	return 0;
}

/* What can be said before anything is opened. */
static int check_layer(const struct stack *stack, const struct layer *layer, struct diag *diag)
{
	const struct rekey_type *type = type_find(layer->type);
	int r;

	if (layer->broken)
		return diag_set(diag, -EINVAL, "%s", layer->error.what ?: "it cannot be used");
	if (layer->key.kind != KEYREF_TPM2)
		return diag_set(diag, -EINVAL, "its key does not come from the TPM");
	if (!type)
		return diag_set(diag, -EOPNOTSUPP, "a layer of type %s cannot be re-keyed",
			layer->type->name);
	if (layer_is_read_only(layer))
		return diag_set(diag, -EROFS, "it can only be read");
	r = type->check(layer, diag);
	return r < 0 ? r : check_label(stack, layer, diag);
}

/* The device that the layer stands on, without the layer. */
static int device_open(struct rekey *rekey, struct diag *diag)
{
	const struct layer_device *below = &rekey->layer->devices[0];
	_cleanup_(run_layer_done) struct run_layer rl;
	int r;

	run_layer_init(&rl, rekey->layer);
	if (!below->layer && devref_is_file(&below->ref))
		r = blockdev_open_file(below->ref.value, &rekey->device, diag);
	else {
		r = below->layer ? run_attach(&rekey->command->stack, below->layer, diag) : 0;
		if (r == 0)
			r = run_layer_open(&rl, 0, diag);
		if (r == 0) {
			rekey->device = rl.devices[0];
			rl.devices[0] = (struct blockdev)BLOCKDEV_INIT;
		}
	}
	return r < 0 ? r : blockdev_reopen_alone(&rekey->device, diag);
}

/* What must be the same when it goes on: the size, and all that the table says. */
static int identify(struct rekey *rekey, struct rekey_entry *ret, struct diag *diag)
{
	const uint64_t below[LAYER_ROLES_MAX] = { rekey->device.sectors };
	_cleanup_(digest_freep) struct digest *digest = NULL;
	_cleanup_(dmtable_done) struct dmtable table = {};
	_cleanup_(buf_done) struct buf text = {};
	uint64_t sectors = 0;
	int r;

	r = layer_length(rekey->layer, below, &sectors, diag);
	if (r == 0)
		r = layer_table(rekey->layer, sectors, &table);
	if (r == 0)
		r = digest_new("sha256", NULL, &digest);
	if (r < 0)
		return r;
	dmtable_print(&table, &text);
	r = buf_error(&text);
	if (r == 0)
		r = digest_data(digest, buf_str(&text), text.size, ret->layer);
	ret->size = sectors * SECTOR_SIZE;
	return r;
}

static int keys_open(struct rekey *rekey, const struct seal_slot *slot,
	const struct seal_record *next, struct diag *diag)
{
	const struct secret *root = rekey->command->session->root;
	size_t size = rekey->layer->type->key_size(rekey->layer);
	struct rekey_keys keys;
	int r;

	r = seal_key_present(root, slot, rekey->label, size, &rekey->before);
	if (r == 0)
		r = seal_next_open(root, next, &rekey->after);
	if (r == -EKEYREJECTED)
		return diag_set(diag, r, "the slot's key \"%s\" was changed", rekey->label);
	if (r < 0)
		return r;
	if (secret_size(rekey->before) != size || secret_size(rekey->after) != size)
		return diag_set(diag, -EKEYREJECTED, "its key has %zu bytes where %zu are needed",
			secret_size(rekey->before), size);
	keys = (struct rekey_keys){ .before = rekey->before, .after = rekey->after };
	return rekey->type->open(
		rekey->layer, &keys, workers_count(rekey->workers), &rekey->state, diag);
}

static int next_make(struct rekey *rekey, struct seal_slot *slot, struct diag *diag)
{
	size_t size = rekey->layer->type->key_size(rekey->layer);
	int r = seal_next_make(rekey->command->session->root, rekey->label, size, slot);

	if (r == -ENOSPC || r == -EINVAL)
		return diag_set(diag, r, "a new key of %zu bytes has no room in the slot", size);
	return r;
}

/* Everything that can fail before something is written; then the journal and the slot. */
static int begin(struct rekey *rekey, struct diag *diag)
{
	struct seal_session *session = rekey->command->session;
	struct seal_slot slot = *current_slot(rekey);
	struct rekey_entry identity = {};
	struct seal_record next;
	bool resumes;
	int r;

	r = device_open(rekey, diag);
	if (r == 0)
		r = identify(rekey, &identity, diag);
	if (r < 0)
		return r;
	resumes = seal_record_find_next(&slot, &next) == 1;
	if (!resumes)
		r = next_make(rekey, &slot, diag);
	if (r == 0)
		r = seal_record_find_next(&slot, &next) == 1 ? 0 : -EBADMSG;
	if (r == 0)
		r = keys_open(rekey, &slot, &next, diag);
	if (r < 0)
		return r;
	memcpy(identity.id, next.tag, REKEY_ID_SIZE);
	r = seal_journal_init(&session->store, session->root, &identity, &rekey->journal, diag);
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
		.fd = rekey->device.fd,
		.offset = rekey->type->offset(rekey->layer),
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

static int rekey_layer(struct seal_command *command, struct layer *layer, struct diag *diag)
{
	_cleanup_(rekey_done) struct rekey rekey = {
		.command = command,
		.layer = layer,
		.label = layer->key.value,
		.type = type_find(layer->type),
		.device = BLOCKDEV_INIT,
	};
	int r = 0;

	/* For the layers below. */
	if (layer->devices[0].layer)
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
		log_notice("%s: re-keyed; the key of before opens it no more", layer->name);
	return r;
}

/* The layer whose re-keying was interrupted, or NULL. */
static int interrupted_find(
	const struct seal_command *command, struct layer **ret, struct diag *diag)
{
	const struct seal_session *session = command->session;
	struct seal_record next;

	*ret = NULL;
	if (seal_record_find_next(&session->places[session->current].slot, &next) != 1)
		return 0;
	for (size_t i = 0; i < command->stack.n_layers; i++) {
		struct layer *layer = command->stack.layers[i];

		if (layer->key.kind == KEYREF_TPM2 && streq(layer->key.value, next.label)) {
			*ret = layer;
			return check_layer(&command->stack, layer, diag);
		}
	}
	return diag_set(diag, -ENOENT,
		"a layer with the key tpm2:%s was being re-keyed, and is not configured any more",
		next.label);
}

int seal_command_rekey_resume(struct seal_command *command, struct diag *diag)
{
	struct layer *layer;
	int r = interrupted_find(command, &layer, diag);

	if (r == 0 && layer)
		r = rekey_layer(command, layer, diag);
	return r != 0 && layer ? diag_at(diag, r, "%s", layer->name) : r;
}

/* Whether the image had this key; of the slot, or before there is one. */
static bool is_in_slot(const struct seal_slot *slot, const char *label)
{
	struct seal_record record;

	return seal_record_find(slot, SEAL_RECORD_KEY, label, &record) == 1;
}

static bool is_in_keys(const struct seal_kept_keys *keys, const char *label)
{
	for (size_t i = 0; i < keys->n; i++)
		if (streq(keys->items[i].label, label))
			return true;
	return false;
}

/* One that cannot be re-keyed is told before another one is. */
static int check_all(const struct seal_command *command, const struct seal_slot *slot,
	const struct seal_kept_keys *keys, struct diag *diag)
{
	for (size_t i = 0; i < command->stack.n_layers; i++) {
		const struct layer *layer = command->stack.layers[i];
		const struct keyref *refs[LAYER_KEYS_MAX];
		size_t n = layer_keys(layer, refs);
		int r = 0;

		for (size_t j = 0; r == 0 && j < n; j++) {
			const char *label = refs[j]->value;

			if (refs[j]->kind != KEYREF_TPM2 ||
				!(keys ? is_in_keys(keys, label) : is_in_slot(slot, label)))
				continue;
			r = refs[j] == &layer->key
				    ? check_layer(&command->stack, layer, diag)
				    : diag_set(diag, -EOPNOTSUPP,
					      "its key tpm2:%s, of the journal, cannot be replaced",
					      label);
		}
		if (r < 0)
			return diag_at(diag, r, "%s", layer->name);
	}
	return 0;
}

/* Every layer whose key the image had, those below first. */
static int rekey_kept(struct seal_command *command, struct diag *diag)
{
	const struct seal_session *session = command->session;
	_cleanup_free_ struct layer **layers = NULL;
	size_t n;
	int r = stack_order(&command->stack, NULL, &layers, &n);

	for (size_t i = 0; r == 0 && i < n; i++) {
		if (layers[i]->key.kind != KEYREF_TPM2 ||
			!is_in_slot(&session->places[session->current].slot, layers[i]->key.value))
			continue;
		r = rekey_layer(command, layers[i], diag);
		if (r != 0)
			return diag_at(diag, r, "%s", layers[i]->name);
	}
	return r;
}

int seal_command_rekey(struct seal_command *command, struct layer *layer, struct diag *diag)
{
	const struct seal_session *session = command->session;
	struct layer *first;
	int r;

	r = layer ? check_layer(&command->stack, layer, diag)
		  : check_all(command, &session->places[session->current].slot, NULL, diag);
	if (r < 0)
		return layer ? diag_at(diag, r, "%s", layer->name) : r;
	r = interrupted_find(command, &first, diag);
	if (r == 0)
		r = seal_command_rekey_resume(command, diag);
	if (r != 0)
		return r;
	if (!layer)
		return rekey_kept(command, diag);
	if (layer == first)
		return 0;
	r = rekey_layer(command, layer, diag);
	return r != 0 ? diag_at(diag, r, "%s", layer->name) : 0;
}

int seal_command_rekey_check(
	const struct seal_command *command, const struct seal_kept_keys *keys, struct diag *diag)
{
	uint32_t capacity;
	int r = rekey_capacity(command->session->store.size, &capacity, diag);

	return r < 0 ? r : check_all(command, NULL, keys, diag);
}
