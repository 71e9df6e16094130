/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a luks layer has its header and its data. With tags the header lies before the integrity
 * layer, on the device below that one, as cryptsetup has it.
 */

#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "layer-integrity.h"
#include "layer-luks.h"
#include "recipe-draft.h"

static int set_offset(struct layer *layer, uint64_t bytes, struct diag *diag)
{
	char number[24];

	if (layer_is_set(layer, "offset"))
		return 0;
	(void)snprintf(number, sizeof(number), "%ju", (uintmax_t)(bytes / SECTOR_SIZE));
	return layer_set(layer, "offset", number, diag);
}

static int place_luks(struct draft *draft, size_t index, struct diag *diag)
{
	struct layer *layer = draft->layers[index];
	struct layer *store = index > 0 ? draft->layers[index - 1] : NULL;
	bool detached = luks_has_header_device(layer);
	int r;

	if (!luks_fields(layer)->crypt.integrity)
		return set_offset(layer, detached ? 0 : LUKS2_DETACHED_SIZE, diag);
	if (!store || store->type != &layer_type_integrity)
		return diag_set(diag, -EINVAL,
			"layer %s: integrity= needs an integrity layer right below", layer->name);
	r = set_offset(layer, 0, diag);
	if (r >= 0)
		r = set_offset(store, detached ? 0 : LUKS2_DETACHED_SIZE, diag);
	/* The header is where the device of the store is. */
	if (r >= 0 && !detached)
		r = draft_share_device(layer, "header", layer_device(store, "data"), diag);
	return r;
}

int draft_place_luks(struct draft *draft, struct diag *diag)
{
	for (size_t i = 0; i < draft->n; i++) {
		if (draft->layers[i]->type != &layer_type_luks)
			continue;
		int r = place_luks(draft, i, diag);
		if (r < 0)
			return r;
	}
	return 0;
}
