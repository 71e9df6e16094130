/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens devices alone: a layer that is active, or anybody else who has them open, is an error.
 */

#include "rekey-devices.h"

#include <stdlib.h>

#include "cleanup.h"
#include "fd.h"
#include "run.h"

void rekey_devices_init(struct rekey_devices *devices, struct layer *layer, struct layer *base)
{
	*devices = (struct rekey_devices){
		.layer = layer,
		.base = base,
		.header = BLOCKDEV_INIT,
	};
	run_layer_init(&devices->run, base);
}

void rekey_devices_done(struct rekey_devices *devices)
{
	run_layer_done(&devices->run);
	blockdev_done(&devices->header);
}

/* A device below; a file itself, and a mapping once it is attached. */
static int device_open(
	struct rekey_devices *devices, struct stack *stack, size_t index, struct diag *diag)
{
	const struct layer_device *below = &devices->base->devices[index];
	struct blockdev *device = &devices->run.devices[below->role];
	int r = 0;

	if (!below->layer && devref_is_file(&below->ref))
		return blockdev_open_file(below->ref.value, device, diag);
	if (below->layer)
		r = run_attach(stack, below->layer, diag);
	return r < 0 ? r : run_layer_open(&devices->run, index, diag);
}

/* The layer's header, if its devices are not used: with tags it is below the layer that keeps them. */
static const struct layer_device *upper_header(const struct rekey_devices *devices)
{
	return devices->base != devices->layer ? layer_device(devices->layer, "header") : NULL;
}

int rekey_devices_header(const struct rekey_devices *devices)
{
	const struct layer_device *header = upper_header(devices);

	for (size_t i = 0; header && i < devices->base->n_devices; i++) {
		const struct layer_device *device = &devices->base->devices[i];

		if (device->layer == header->layer && devref_equal(&device->ref, &header->ref))
			return devices->run.devices[device->role].fd;
	}
	return devices->header.fd;
}

static int header_open(struct rekey_devices *devices, struct diag *diag)
{
	const struct layer_device *header = upper_header(devices);
	int r;

	if (!header || rekey_devices_header(devices) >= 0)
		return 0;
	if (header->layer)
		return diag_set(diag, -EOPNOTSUPP,
			"its header is on \"%s\", where it cannot be written", header->layer->name);
	r = devref_is_file(&header->ref)
		    ? blockdev_open_file(header->ref.value, &devices->header, diag)
		    : blockdev_open(&header->ref, false, devices->layer->common.timeout_usec,
			      &devices->header, diag);
	return r < 0 ? r : blockdev_reopen_alone(&devices->header, diag);
}

int rekey_devices_open(struct rekey_devices *devices, struct stack *stack, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < devices->base->n_devices; i++) {
		r = device_open(devices, stack, i, diag);
		if (r == 0)
			r = blockdev_reopen_alone(
				&devices->run.devices[devices->base->devices[i].role], diag);
	}
	return r < 0 ? r : header_open(devices, diag);
}

int rekey_devices_probe_base(struct rekey_devices *devices, struct diag *diag)
{
	return run_layer_probe(&devices->run, diag);
}

/* As run_layer_probe() does it, which would want the layer below to be active. */
int rekey_devices_probe_header(struct rekey_devices *devices, struct diag *diag)
{
	const struct layer_type *type = devices->layer->type;
	struct superblock_place place;
	int r = upper_header(devices) ? 1 : 0;

	while (r > 0) {
		_cleanup_free_ uint8_t *data = NULL;

		r = type->superblock(devices->layer, &place);
		data = r < 0 ? NULL : malloc(place.size);
		if (r == 0 && !data)
			r = -ENOMEM;
		if (r == 0)
			r = fd_pread_full(
				rekey_devices_header(devices), data, place.size, place.offset);
		if (r == 0)
			r = type->adopt(devices->layer, data, place.size, diag);
	}
	return r;
}
