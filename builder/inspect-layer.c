/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads the image of one layer through its filter and counts.
 */

#include "inspect-layer.h"
#include "integrity-repair.h"
#include "interrupt.h"
#include "layer-integrity.h"
#include "pipeline.h"

void inspect_layer_done(struct inspect_layer *l)
{
	image_set_done(&l->set);
	keystore_done(&l->keys);
}

int inspect_layer_init(struct inspect_layer *ret, const char *spec, const struct strlist *keys,
	const char *image, struct diag *diag)
{
	struct superblock_place place = {};
	const struct layer *layer;
	int r;

	r = keystore_init(&ret->keys, keys, diag);
	if (r < 0)
		return r == -ENOMEM ? r : EXIT_USAGE;
	r = image_set_describe(&ret->set, spec, image, diag);
	if (r < 0)
		return r;
	ret->set.keys = &ret->keys;
	layer = ret->set.layers[0];
	if (layer->type->superblock)
		r = layer->type->superblock(layer, &place);
	if (r < 0)
		return diag_set(diag, r, "--layer %s: it has no superblock", spec);
	ret->path = layer_device(layer, layer->type->roles[place.role].name)->ref.value;
	ret->offset = place.offset;
	return 0;
}

int inspect_layer_check(
	struct inspect_layer *l, struct inspect_state *ret, struct diag *why, struct diag *diag)
{
	struct pipeline pipeline = { .cancel = &interrupted };
	uint64_t damaged;
	struct vdev *top;
	int r;

	*ret = (struct inspect_state){};
	r = image_set_open_files(&l->set, diag);
	if (r < 0)
		return r;
	r = image_set_open_layers(&l->set, pipeline_threads(&pipeline), why);
	if (r < 0)
		return r == -ENOMEM || r == -EIO ? r : 0;
	top = image_set_top(&l->set);
	r = pipeline_verify(&pipeline, top, &damaged, diag);
	if (r < 0)
		return r;
	ret->opened = true;
	ret->damaged_blocks = damaged / top->block_size;
	ret->sound_blocks = top->size_bytes / top->block_size - ret->damaged_blocks;
	if (l->set.layers[0]->type == &layer_type_integrity)
		ret->journal_blocks = integrity_journal_blocks(top);
	return 0;
}
