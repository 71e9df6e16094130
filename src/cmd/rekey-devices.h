/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What a layer that is re-keyed stands on, without the layer, and for nobody else.
 */

#include "run-layer.h"
#include "stack.h"

struct rekey_devices {
	struct layer *layer;	/* not owned, nor is base */
	struct layer *base;	/* whose devices are used: the layer, or the one below it */
	struct run_layer run;	/* of base */
	struct blockdev header; /* of the layer, where base has not this device, too */
};

void rekey_devices_init(struct rekey_devices *devices, struct layer *layer, struct layer *base);
void rekey_devices_done(struct rekey_devices *devices);
/* Layers below base are attached, and stay so. -EBUSY: somebody uses a device. */
int rekey_devices_open(
	struct rekey_devices *devices, struct stack *stack, struct diag *diag) _must_check_;
/* Of the layer's own header, where base is another; -EBADF: there is none. */
int rekey_devices_header(const struct rekey_devices *devices);
/* Reads the superblock of base, and the layer's own header. */
int rekey_devices_probe_base(struct rekey_devices *devices, struct diag *diag) _must_check_;
int rekey_devices_probe_header(struct rekey_devices *devices, struct diag *diag) _must_check_;
