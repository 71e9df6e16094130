/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Looking at one layer: nothing here changes a mapping, but a loop device may be made for a file.
 */

#include "run-layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

void run_layer_init(struct run_layer *rl, struct layer *layer)
{
	*rl = (struct run_layer){ .layer = layer };
	for (size_t i = 0; i < LAYER_ROLES_MAX; i++)
		rl->devices[i] = (struct blockdev)BLOCKDEV_INIT;
}

void run_layer_done(struct run_layer *rl)
{
	mapping_info_done(&rl->info);
	for (size_t i = 0; i < LAYER_ROLES_MAX; i++)
		blockdev_done(&rl->devices[i]);
}

/* The mapping of a layer, which must be ours if it exists. */
static int find_mapping(const struct layer *layer, struct mapping_info *ret, struct diag *diag)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	_cleanup_free_ char *uuid = layer_dm_uuid(layer);
	int r;

	if (!uuid)
		return -ENOMEM;
	r = mapping_info_get(layer->name, &info, diag);
	if (r < 0)
		return r;
	if (info.exists && !streq(info.uuid, uuid))
		return diag_set(diag, -EEXIST,
			"there is a mapping of this name with the UUID \"%s\" where \"%s\" was "
			"planned",
			info.uuid, uuid);
	*ret = info;
	info = (struct mapping_info){};
	return 0;
}

int run_layer_examine(struct run_layer *rl, struct diag *diag)
{
	int r;

	if (rl->examined)
		return 0;
	r = find_mapping(rl->layer, &rl->info, diag);
	if (r < 0)
		return r;
	if (rl->info.live && rl->info.suspended)
		return diag_set(diag, -EBUSY, "the mapping is suspended");
	rl->live = rl->info.live;
	rl->examined = true;
	return 0;
}

/* The device number comes from device-mapper itself: links may be late, or somebody else's. */
static int open_layer_below(const struct layer *below, struct blockdev *ret, struct diag *diag)
{
	_cleanup_(mapping_info_done) struct mapping_info info = {};
	int r;

	r = find_mapping(below, &info, diag);
	if (r < 0)
		return diag_at(diag, r, "%s", below->name);
	if (!info.live)
		return diag_set(
			diag, -ENODEV, "the layer below, \"%s\", is not active", below->name);
	return blockdev_open_number(info.device, ret, diag);
}

/* The loop device that a live mapping has on the file. -ENOENT: none of its devices is one. */
static int open_live_loop(
	const char *name, const struct devref *ref, struct blockdev *ret, struct diag *diag)
{
	_cleanup_free_ dev_t *deps = NULL;
	size_t n;
	int r;

	r = mapping_deps(name, &deps, &n, diag);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (loopdev_is_on(deps[i], ref->value))
			return blockdev_open_number(deps[i], ret, diag);
	return diag_set(diag, -EEXIST,
		"the live table differs: none of its devices is a loop device "
		"on %s",
		ref->value);
}

int run_layer_open(struct run_layer *rl, size_t index, struct diag *diag)
{
	const struct layer *layer = rl->layer;
	const struct layer_device *device = &layer->devices[index];
	struct blockdev *dev = &rl->devices[device->role];
	int r;

	if (dev->fd >= 0)
		return 0;
	if (device->layer)
		r = open_layer_below(device->layer, dev, diag);
	else if (rl->live && devref_is_file(&device->ref))
		r = open_live_loop(layer->name, &device->ref, dev, diag);
	else
		r = blockdev_open(&device->ref, layer_is_read_only(layer),
			layer->common.timeout_usec, dev, diag);
	if (r < 0)
		return r;
	if (dev->read_only && !layer_is_read_only(layer))
		return diag_set(diag, -EROFS,
			"the %s device %u:%u can only be read, and the layer is not read-only",
			layer->type->roles[device->role].name, major(dev->device),
			minor(dev->device));
	return 0;
}

int run_layer_open_all(struct run_layer *rl, struct diag *diag)
{
	for (size_t i = 0; i < rl->layer->n_devices; i++) {
		int r = run_layer_open(rl, i, diag);

		if (r < 0)
			return r;
	}
	return 0;
}

/* Returns 1 if the type wants to see more. */
static int probe_once(struct run_layer *rl, struct diag *diag)
{
	const struct layer_type *type = rl->layer->type;
	_cleanup_free_ void *data = NULL;
	struct superblock_place place;
	uint64_t bytes;
	int r;

	r = type->superblock(rl->layer, &place);
	if (r < 0)
		return r;
	bytes = rl->devices[place.role].sectors * SECTOR_SIZE;
	bytes -= MIN(bytes, place.offset);
	bytes = MIN(bytes, (uint64_t)place.size);
	data = malloc(place.size);
	if (!data)
		return -ENOMEM;
	r = blockdev_read(&rl->devices[place.role], data, bytes, place.offset, diag);
	if (r < 0)
		return r;
	return type->adopt(rl->layer, data, bytes, diag);
}

int run_layer_probe(struct run_layer *rl, struct diag *diag)
{
	const struct layer_type *type = rl->layer->type;
	struct superblock_place place;
	int r;

	if (rl->probed || !type->superblock || type->superblock(rl->layer, &place) < 0)
		return 0;
	r = run_layer_open_all(rl, diag);
	if (r < 0)
		return r;
	do
		r = probe_once(rl, diag);
	while (r > 0);
	if (r < 0)
		return r;
	rl->probed = true;
	return 0;
}

int run_layer_table(struct run_layer *rl, struct dmtable *ret, struct diag *diag)
{
	uint64_t below[LAYER_ROLES_MAX], length;
	int r;

	for (size_t i = 0; i < LAYER_ROLES_MAX; i++)
		below[i] = rl->devices[i].fd >= 0 ? rl->devices[i].sectors : 0;
	r = layer_length(rl->layer, below, &length, diag);
	if (r < 0)
		return r;
	return layer_table(rl->layer, length, ret);
}

struct table_inputs run_layer_inputs(struct run_layer *rl)
{
	struct table_inputs inputs = { .devices = rl->words };

	for (size_t i = 0; i < rl->layer->type->n_roles; i++)
		if (rl->devices[i].fd >= 0)
			rl->words[inputs.n_devices++] = (struct table_device){
				.role = rl->layer->type->roles[i].name,
				.device = rl->devices[i].device,
			};
	return inputs;
}

int run_layer_compare(struct run_layer *rl, const struct dmtable *table, struct diag *diag)
{
	_cleanup_(mapping_line_done) struct mapping_line line = {};
	struct table_inputs inputs = run_layer_inputs(rl);
	int r;

	if (rl->info.read_only != table->read_only)
		return diag_set(diag, -EEXIST, "the live mapping %s, and the planned one %s",
			rl->info.read_only ? "is read-only" : "can be written",
			table->read_only ? "is read-only" : "can be written");
	r = mapping_table(rl->layer->name, &line, diag);
	if (r < 0)
		return r;
	return table_compare(table, &inputs, &line, rl->layer->type->kernel_options, diag);
}
