/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Derived from the types and algorithms in a stack; nothing here is a promise about keys.
 */

#include "plan-notes.h"

#include "layer-crypt.h"
#include "layer-integrity.h"
#include "layer-verity.h"

struct traits {
	bool encrypted;
	bool verified;		 /* by a hash tree */
	bool tagged;		 /* by dm-integrity ... */
	bool tagged_by_key;	 /* ... with a key */
	bool superblock_is_open; /* no key protects the superblock of dm-integrity */
	bool unchecked;		 /* a layer is told to hand out bad blocks */
	bool torn;		 /* writes of data and tag may come apart */
	bool discard;
};

static void traits_add(struct traits *t, const struct layer *layer)
{
	t->discard = t->discard || layer->common.discard;
	if (layer->type->key == KEY_REQUIRED)
		t->encrypted = true;
	if (layer->type == &layer_type_crypt) {
		struct aead_spec aead;

		/* AEAD_RANDOM only stores IVs in the tags. */
		if (crypt_layer_aead(layer, &aead, NULL) >= 0 && aead.kind != AEAD_RANDOM)
			t->tagged = t->tagged_by_key = true;
	}
	if (layer->type == &layer_type_verity) {
		t->verified = true;
		t->unchecked = t->unchecked || verity_fields(layer)->on_corruption == VERITY_IGNORE;
	}
	if (layer->type == &layer_type_integrity) {
		const struct integrity_fields *f = integrity_fields(layer);

		/* What lies in a store of tags is the affair of the crypt layer above. */
		t->tagged = t->tagged || !integrity_is_tag_store(layer);
		t->torn = t->torn || f->mode == INTEGRITY_DIRECT;
		t->unchecked = t->unchecked || f->mode == INTEGRITY_RECOVERY || f->recalculate ||
			       f->recalculate_reset;
		t->tagged_by_key = t->tagged_by_key || integrity_is_keyed(layer);
		t->superblock_is_open = t->superblock_is_open || !integrity_journal_mac_alg(layer);
	}
}

void plan_notes_print(struct layer *const *order, size_t n, const char *prefix, struct buf *buf)
{
	struct traits t = {};

	for (size_t i = 0; i < n; i++)
		traits_add(&t, order[i]);

	const struct {
		bool applies;
		const char *sentence;
	} notes[] = {
		{ !t.encrypted, "Whoever has the disk can read the data." },
		{ !t.verified && !t.tagged, "Changed blocks are not noticed." },
		{ !t.verified && t.tagged && !t.tagged_by_key,
			"Accidental changes are noticed; an attacker can compute the tags anew." },
		{ !t.verified && t.tagged_by_key,
			"An old block with its old tag can be put back unnoticed." },
		{ !t.verified && t.tagged_by_key && t.superblock_is_open,
			"The superblock of dm-integrity is compared with the configuration, but no "
			"key protects it (journal-integrity)." },
		{ t.verified, "The data is as trustworthy as the place where the root hash "
			      "comes from." },
		{ t.torn, "A power cut can leave blocks whose tags do not fit (mode=direct)." },
		{ t.unchecked, "Bad blocks are handed out as they are." },
		{ t.discard, "Discards show which blocks are in use." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(notes); i++)
		if (notes[i].applies)
			buf_printf(buf, "%s%s\n", prefix, notes[i].sentence);
}
