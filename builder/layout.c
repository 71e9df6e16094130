/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How large everything becomes. Down: what each layer needs for what is above it. Up again: what
 * each layer gives, since the bottom image may be larger than needed. Pure arithmetic.
 */

#include <string.h>

#include "cleanup.h"
#include "gpt.h"
#include "layer-integrity.h"
#include "layer-verity.h"
#include "layout.h"
#include "overflow.h"

void layout_done(struct layout *layout)
{
	for (size_t i = 0; i < layout->n_artifacts; i++)
		free(layout->artifacts[i].file);
	*layout = (struct layout){};
}

uint32_t layout_block_size(const struct recipe *recipe, size_t index)
{
	uint32_t size = SECTOR_SIZE;

	for (size_t i = 0; i <= index; i++)
		size = MAX(size, layer_block_size(recipe->layers[i]));
	return size;
}

/* Where the parity is not alone on its device, it is behind what else is there. */
static int verity_place_parity(struct layer *layer, struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);
	struct verity_tree tree;
	uint64_t least;
	int r;

	if (!layer_device(layer, "fec"))
		return 0;
	r = verity_layer_tree(layer, &tree, diag);
	if (r < 0)
		return r;
	least = verity_fec_least_offset(layer, &tree);
	if (least == 0)
		return 0;
	if (!layer_is_set(layer, "fec-offset")) {
		f->fec_offset = least;
		layer_mark_set(layer, "fec-offset");
	}
	return f->fec_offset < least
		       ? diag_set(diag, -EINVAL,
				 "fec-offset: %ju is within data or tree, which end at byte %ju",
				 (uintmax_t)f->fec_offset, (uintmax_t)least)
		       : 0;
}

/* A tree covers what it is told to, and behind the data lies whatever does not overlap. */
static int verity_prepare(struct layer *layer, uint64_t *sectors, struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);
	uint64_t bytes = *sectors * SECTOR_SIZE;

	if (layer_is_set(layer, "data-blocks") && f->data_blocks) {
		if (f->data_blocks < bytes / f->data_block_size)
			return diag_set(diag, -ENOSPC,
				"data-blocks: %ju blocks are wanted, but %ju are needed",
				(uintmax_t)f->data_blocks, (uintmax_t)(bytes / f->data_block_size));
		if (mul_overflows(f->data_blocks, f->data_block_size, &bytes))
			return diag_set(diag, -EOVERFLOW, "data-blocks: too many");
		*sectors = bytes / SECTOR_SIZE;
	}
	f->data_blocks = bytes / f->data_block_size;
	layer_mark_set(layer, "data-blocks");

	if (!layer_device(layer, "hash") && !layer_is_set(layer, "hash-offset")) {
		f->hash_offset = align_up_u64(bytes, f->hash_block_size);
		layer_mark_set(layer, "hash-offset");
	}
	if (!layer_device(layer, "hash") && f->hash_offset < bytes)
		return diag_set(diag, -EINVAL,
			"hash-offset: %ju is within the data, which has %ju "
			"bytes",
			(uintmax_t)f->hash_offset, (uintmax_t)bytes);
	return verity_place_parity(layer, diag);
}

/*
 * The parity covers data and tree, and not what rounding up leaves behind them on the device; but
 * all up to itself where it is on that device. And a single data block without a superblock needs no hash device, but the table names one.
 */
static int verity_complete(struct layer *layer, uint64_t below[LAYER_ROLES_MAX], struct diag *diag)
{
	struct verity_fields *f = verity_fields(layer);
	struct verity_tree tree;
	int r;

	if (layer_device(layer, "hash") && below[1] == 0)
		below[1] = f->hash_block_size / SECTOR_SIZE;
	if (!layer_device(layer, "fec") || f->fec_blocks)
		return 0;
	r = verity_layer_tree(layer, &tree, diag);
	if (r < 0)
		return r;
	f->fec_blocks = f->data_blocks + tree.tree_blocks;
	if (verity_fec_is_behind_tree(layer))
		f->fec_blocks =
			f->data_blocks + f->fec_offset / f->data_block_size - tree.start_block;
	layer_mark_set(layer, "fec-blocks");
	return 0;
}

/* Top down: wanted[] and used[], and the least sizes of all devices. */
static int layout_down(
	struct layout *layout, const struct recipe *recipe, uint64_t sectors, struct diag *diag)
{
	int r;

	for (size_t i = recipe->n_layers; i-- > 0;) {
		struct layer *layer = recipe->layers[i];

		sectors = MAX(sectors, layer->common.device_size / SECTOR_SIZE);
		r = 0;
		if (align_up_overflows(
			    sectors, layout_block_size(recipe, i) / SECTOR_SIZE, &sectors) ||
			sectors > INT64_MAX / SECTOR_SIZE)
			r = diag_set(diag, -EOVERFLOW, "it would be too large");
		if (r >= 0 && layer->type == &layer_type_verity)
			r = verity_prepare(layer, &sectors, diag);
		if (r >= 0)
			r = layer_below(layer, sectors, layout->below[i], diag);
		if (r >= 0 && layer->type == &layer_type_verity)
			r = verity_complete(layer, layout->below[i], diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
		layout->wanted[i] = sectors;
		layout->used[i] = layout->below[i][0];
		sectors = layout->used[i];
	}
	return 0;
}

static int layout_bottom(struct layout *layout, const struct layout_args *args, struct diag *diag)
{
	uint64_t bytes;

	if (mul_overflows(layout->used[0], SECTOR_SIZE, &bytes) ||
		align_up_overflows(bytes, args->align, &bytes) || bytes > INT64_MAX)
		return diag_set(diag, -EOVERFLOW, "the image would be too large");
	if (args->device_bytes) {
		if (args->device_bytes < layout->used[0] * SECTOR_SIZE)
			return diag_set(diag, -ENOSPC,
				"--device-size: %ju bytes are too small, the stack needs %ju",
				(uintmax_t)args->device_bytes,
				(uintmax_t)(layout->used[0] * SECTOR_SIZE));
		bytes = args->device_bytes;
	}
	layout->below[0][0] = bytes / SECTOR_SIZE;
	return 0;
}

/*
 * With its tags elsewhere, an integrity layer gives all of the data device, however large that has
 * become, and needs tags for all of it.
 */
static int grow_meta(const struct layer *layer, uint64_t below[LAYER_ROLES_MAX], struct diag *diag)
{
	uint64_t grown[LAYER_ROLES_MAX];
	int r;

	r = layer_below(layer, align_down_u64(below[0], layer_block_size(layer) / SECTOR_SIZE),
		grown, diag);
	if (r < 0)
		return r;
	below[1] = MAX(below[1], grown[1]);
	return 0;
}

/* Bottom up: what each layer really gives. */
static int layout_up(struct layout *layout, const struct recipe *recipe, struct diag *diag)
{
	int field = field_find(layer_common_fields, layer_n_common_fields, "device-size");
	int r = 0;

	for (size_t i = 0; i < recipe->n_layers; i++) {
		struct layer *layer = recipe->layers[i];

		if (i > 0)
			layout->below[i][0] = layout->length[i - 1];
		if (layer->type == &layer_type_integrity && layer_device(layer, "meta"))
			r = grow_meta(layer, layout->below[i], diag);
		if (r >= 0)
			r = layer_length(layer, layout->below[i], &layout->length[i], diag);
		if (r >= 0 && layout->length[i] < layout->wanted[i])
			r = diag_set(diag, -ENOSPC, "%ju sectors are needed, but there are %ju",
				(uintmax_t)layout->wanted[i], (uintmax_t)layout->length[i]);
		if (r < 0)
			return diag_at(diag, r, "layer %s", layer->name);
		layer->common.device_size = layout->length[i] * SECTOR_SIZE;
		if (field >= 0)
			layer->common_set |= UINT64_C(1) << field;
	}
	return 0;
}

static int layout_add_artifact(
	struct layout *layout, const struct recipe *recipe, size_t layer, size_t role)
{
	const char *name = recipe->layers[layer]->type->roles[role].name;
	struct artifact *a = &layout->artifacts[layout->n_artifacts];
	unsigned number = 1;
	int n;

	for (size_t i = 0; i < layout->n_artifacts; i++) {
		const struct artifact *other = &layout->artifacts[i];

		if (streq(recipe->layers[other->layer]->type->roles[other->role].name, name))
			number++;
	}
	n = number == 1 ? asprintf(&a->file, "%s.%s.img", recipe->name, name)
			: asprintf(&a->file, "%s.%s%u.img", recipe->name, name, number);
	if (n < 0) {
		a->file = NULL;
		return -ENOMEM;
	}
	a->layer = layer;
	a->role = role;
	a->bytes = layout->below[layer][role] * SECTOR_SIZE;
	a->room = a->bytes;
	layout->n_artifacts++;
	return 0;
}

const struct artifact *layout_find_artifact(
	const struct layout *layout, const struct recipe *recipe, size_t layer, size_t role)
{
	const char *name = recipe->layers[layer]->type->roles[role].name;
	const struct layer_device *device = layer_device(recipe->layers[layer], name);

	if (!device || device->layer)
		return NULL;
	for (size_t i = 0; i < layout->n_artifacts; i++) {
		const struct artifact *a = &layout->artifacts[i];
		const struct layer *other = recipe->layers[a->layer];
		const char *other_name = other->type->roles[a->role].name;

		if (devref_equal(&layer_device(other, other_name)->ref, &device->ref))
			return a;
	}
	return NULL;
}

static int layout_artifacts(struct layout *layout, const struct recipe *recipe)
{
	int r;

	for (size_t role = 0; role < LAYER_ROLES_MAX; role++)
		for (size_t i = 0; i < recipe->n_layers; i++) {
			const struct layer_type *type = recipe->layers[i]->type;

			if (role >= type->n_roles || (role == 0 && i > 0))
				continue;
			const struct layer_device *device =
				layer_device(recipe->layers[i], type->roles[role].name);

			if (!device || device->layer ||
				layout_find_artifact(layout, recipe, i, role))
				continue;
			r = layout_add_artifact(layout, recipe, i, role);
			if (r < 0)
				return r;
		}
	return 0;
}

static int check_args(const struct layout_args *args, struct diag *diag)
{
	if (args->input_bytes == 0)
		return diag_set(diag, -EINVAL, "the input is empty");
	if (args->align == 0 || args->align % SECTOR_SIZE)
		return diag_set(diag, -EINVAL, "--align: %ju is not a multiple of %u",
			(uintmax_t)args->align, SECTOR_SIZE);
	if (args->device_bytes % SECTOR_SIZE)
		return diag_set(diag, -EINVAL, "--device-size: %ju is not a multiple of %u",
			(uintmax_t)args->device_bytes, SECTOR_SIZE);
	return 0;
}

int layout_init(struct layout *ret, const struct recipe *recipe, const struct layout_args *args,
	struct diag *diag)
{
	_cleanup_(layout_done) struct layout layout = {};
	int r;

	r = check_args(args, diag);
	if (r < 0)
		return r;
	r = layout_down(&layout, recipe, div_round_up_u64(args->input_bytes, SECTOR_SIZE), diag);
	if (r >= 0)
		r = layout_bottom(&layout, args, diag);
	if (r >= 0)
		r = layout_up(&layout, recipe, diag);
	if (r >= 0)
		r = layout_artifacts(&layout, recipe);
	if (r < 0)
		return r;
	*ret = layout;
	layout = (struct layout){};
	return 0;
}

int layout_place_on_disk(struct layout *layout, const struct recipe *recipe, struct diag *diag)
{
	uint64_t end = GPT_ALIGNMENT;

	if (layout->n_artifacts > GPT_PARTITIONS_MAX)
		return diag_set(diag, -E2BIG,
			"%zu images are more than the %u partitions of a disk", layout->n_artifacts,
			GPT_PARTITIONS_MAX);
	for (size_t i = 0; i < layout->n_artifacts; i++) {
		struct artifact *a = &layout->artifacts[i];
		char *file;

		if (asprintf(&file, "%s.disk.img", recipe->name) < 0)
			return -ENOMEM;
		free(a->file);
		a->file = file;
		a->offset = end;
		if (add_overflows(end, a->room, &end) ||
			align_up_overflows(end, GPT_ALIGNMENT, &end))
			return diag_set(diag, -EOVERFLOW, "the disk image would be too large");
	}
	if (add_overflows(end, GPT_ALIGNMENT, &layout->disk_bytes) ||
		layout->disk_bytes > INT64_MAX)
		return diag_set(diag, -EOVERFLOW, "the disk image would be too large");
	return 0;
}

/* Names may be as long as they like, and the columns behind them stay below each other. */
static int name_width(const struct layout *layout, const struct recipe *recipe)
{
	size_t width = 24;

	for (size_t i = 0; i < recipe->n_layers; i++)
		width = MAX(width, strlen(recipe->layers[i]->name));
	for (size_t i = 0; i < layout->n_artifacts; i++)
		width = MAX(width, strlen(layout->artifacts[i].file));
	return (int)width;
}

void layout_print(const struct layout *layout, const struct recipe *recipe, struct buf *buf)
{
	int width = name_width(layout, recipe);

	buf_printf(buf, "%-*s %-10s %16s %16s\n", width, "LAYER", "TYPE", "NEEDED", "BYTES");
	for (size_t i = recipe->n_layers; i-- > 0;)
		buf_printf(buf, "%-*s %-10s %16ju %16ju\n", width, recipe->layers[i]->name,
			recipe->layers[i]->type->name, (uintmax_t)(layout->wanted[i] * SECTOR_SIZE),
			(uintmax_t)(layout->length[i] * SECTOR_SIZE));
	buf_printf(buf, "%-*s %-10s %16s %16s  %s\n", width, "IMAGE", "ROLE",
		layout->disk_bytes ? "OFFSET" : "", "BYTES", "DEVICE");
	for (size_t i = 0; i < layout->n_artifacts; i++) {
		const struct artifact *a = &layout->artifacts[i];
		const struct layer *layer = recipe->layers[a->layer];
		const char *role = layer->type->roles[a->role].name;

		buf_printf(buf, "%-*s %-10s ", width, a->file, role);
		if (a->offset)
			buf_printf(buf, "%16ju %16ju  ", (uintmax_t)a->offset, (uintmax_t)a->bytes);
		else
			buf_printf(buf, "%16s %16ju  ", "", (uintmax_t)a->bytes);
		devref_print(&layer_device(layer, role)->ref, buf);
		buf_putc(buf, '\n');
	}
}
