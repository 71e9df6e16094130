/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A crypt layer with integrity= and the integrity layer below it are one thing in two layers: what
 * is not said of the lower one follows from the upper one.
 */

#include <stdio.h>
#include <string.h>

#include "layer-crypt.h"
#include "layer-integrity.h"
#include "recipe-draft.h"

static int pair(struct layer *store, const struct layer *crypt, struct diag *diag)
{
	char number[16];
	int r = 0;

	if (!layer_is_set(store, "integrity-algorithm"))
		r = layer_set(store, "integrity-algorithm", "none", diag);
	if (r < 0 || !integrity_is_tag_store(store) || layer_is_set(store, "tag-size"))
		return r;
	(void)snprintf(number, sizeof(number), "%u", crypt_tag_size(crypt));
	return layer_set(store, "tag-size", number, diag);
}

/* Two builds with one seed and one key would use the same nonces for other data. */
static int refuse_seed(const struct layer *layer, const struct seed *seed, struct diag *diag)
{
	struct aead_spec spec;

	if (!seed->given || crypt_layer_aead(layer, &spec, NULL) < 0 || !spec.iv_stored)
		return 0;
	return diag_set(diag, -EINVAL,
		"layer %s: --seed is not possible with a random IV, since another image made with "
		"the same seed and key would use the same IVs; plain64 has no such IV",
		layer->name);
}

int draft_pair_tags(struct draft *draft, const struct seed *seed, struct diag *diag)
{
	for (size_t i = 0; i < draft->n; i++) {
		struct layer *layer = draft->layers[i];

		if (!streq(layer->type->dm_target, "crypt") || !crypt_fields(layer)->integrity)
			continue;
		int r = refuse_seed(layer, seed, diag);
		if (r >= 0 && i > 0 && draft->layers[i - 1]->type == &layer_type_integrity)
			r = pair(draft->layers[i - 1], layer, diag);
		if (r < 0)
			return r;
	}
	return 0;
}
