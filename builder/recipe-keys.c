/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What is not said of keys.
 *
 * Keyed tags are worth as much as the superblock that goes with them: whoever sets a flag in it
 * makes the kernel compute the tags of any data, with the key that it has. What keeps the superblock
 * is the MAC of the journal's key, and so an image with keyed tags has one unless it is refused in so
 * many words. That key is another one: with the key of the tags, the MAC of a chosen block would be
 * the MAC of a superblock or of a section of the journal that looks like it, since nothing in their
 * input tells them apart. It is not derived here either, as the kernel takes it as it is, and the
 * target would have to derive it from what a credential or a TPM2 hands out.
 */

#include "layer-integrity.h"
#include "recipe-draft.h"

#define DEFAULT_MAC "hmac-sha256"

static int default_journal_mac(struct layer *layer, struct diag *diag)
{
	const struct integrity_fields *f = integrity_fields(layer);

	if (f->journal_integrity && !integrity_journal_mac_alg(layer))
		return 0;
	if (f->journal_integrity_key.kind == KEYREF_NONE)
		return diag_set(diag, -EINVAL,
			"layer %s: keyed tags want a second key, for journal and superblock: give "
			"journal-integrity-key=REF, or journal-integrity=none, with which whoever "
			"can write the disk can make the kernel take any data",
			layer->name);
	if (keyref_equal(&f->journal_integrity_key, &layer->key))
		return diag_set(diag, -EINVAL,
			"layer %s: journal-integrity-key: it is the key of the tags, and has to be "
			"another one",
			layer->name);
	return f->journal_integrity ? 0 : layer_set(layer, "journal-integrity", DEFAULT_MAC, diag);
}

int draft_default_journal_mac(struct draft *draft, struct diag *diag)
{
	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];
		int r = 0;

		if (layer->type == &layer_type_integrity && integrity_is_keyed(layer))
			r = default_journal_mac(layer, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool needs_key(const struct layer *layer)
{
	if (layer->key.kind != KEYREF_NONE)
		return false;
	if (layer->type == &layer_type_integrity)
		return integrity_is_keyed(layer);
	return layer->type->key == KEY_REQUIRED;
}

static bool is_used(const struct draft *draft, const struct keyref *ref)
{
	const struct keyref *used[LAYER_KEYS_MAX];

	for (size_t i = 0; i < draft->n; i++) {
		size_t n = layer_keys(draft->layers[i], used);

		for (size_t k = 0; k < n; k++)
			if (keyref_equal(used[k], ref))
				return true;
	}
	return false;
}

/* The only key that no layer has named; NULL: there is none, or more than one. */
static const struct keyref *find_spare(const struct draft *draft, const struct keystore *keys)
{
	const struct keyref *spare = NULL;

	for (size_t i = 0; i < keys->n; i++) {
		if (is_used(draft, &keys->entries[i].ref))
			continue;
		if (spare)
			return NULL;
		spare = &keys->entries[i].ref;
	}
	return spare;
}

int draft_default_key(struct draft *draft, const struct keystore *keys, struct diag *diag)
{
	const struct keyref *spare = find_spare(draft, keys);
	struct layer *layer = NULL;
	size_t needing = 0;

	for (size_t i = 0; i < draft->n; i++)
		if (needs_key(draft->layers[i])) {
			layer = draft->layers[i];
			needing++;
		}
	if (needing == 0)
		return 0;
	if (needing == 1 && spare)
		return keyref_copy(spare, &layer->key);
	return diag_set(diag, -EINVAL,
		"layer %s needs a key: give %s.key=REF by --layer-option, or "
		"key=REF behind its --layer",
		layer->name, layer->name);
}
