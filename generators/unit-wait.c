/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How long systemd waits for devices: one drop-in for each source, whoever stands on it.
 */

#include <stdlib.h>
#include <string.h>

#include "units-private.h"

/* Several layers may stand on the same source. */
struct device_wait {
	char *path; /* owned */
	uint64_t usec;
	const struct layer *sealed; /* one whose phase is sealed, or NULL */
};

/* Without timeout= the bootstrap phase leaves it to DefaultDeviceTimeoutSec= of systemd. */
static bool layer_bounds_wait(const struct layer *layer)
{
	const int i = field_find(layer_common_fields, layer_n_common_fields, "timeout");

	return layer->common.phase != PHASE_BOOTSTRAP ||
	       (i >= 0 && layer->common_set & UINT64_C(1) << i);
}

static int waits_add(struct units *u, const struct layer *layer, const struct devref *ref)
{
	if (u->n_waits == u->space) {
		const size_t space = u->space ? u->space * 2 : 64;
		struct device_wait *waits = reallocarray(u->waits, space, sizeof(u->waits[0]));

		if (!waits)
			return -ENOMEM;
		u->waits = waits;
		u->space = space;
	}
	char *path = devref_path(ref);

	if (!path)
		return -ENOMEM;
	u->waits[u->n_waits++] = (struct device_wait){
		.path = path,
		.usec = layer->common.timeout_usec,
		.sealed = layer->common.phase != PHASE_BOOTSTRAP ? layer : NULL,
	};
	return 0;
}

int waits_add_layer(struct units *u, const struct layer *layer)
{
	int r;

	for (size_t i = 0; layer_bounds_wait(layer) && i < layer->n_devices; i++) {
		const struct layer_device *device = &layer->devices[i];

		if (device->layer || devref_is_file(&device->ref))
			continue;
		r = waits_add(u, layer, &device->ref);
		if (r < 0)
			return r;
	}
	return 0;
}

static int wait_compare(const void *a, const void *b)
{
	const struct device_wait *x = a, *y = b;

	return strcmp(x->path, y->path);
}

uint64_t wait_bound(uint64_t usec, const struct layer *sealed)
{
	const uint64_t dflt = LAYER_START_TIMEOUT_USEC;

	return sealed && usec == UINT64_MAX ? dflt : usec;
}

void put_timeout(struct buf *buf, uint64_t usec, const struct layer *sealed)
{
	buf_puts(buf, "JobTimeoutSec=");
	unit_value_usec(buf, wait_bound(usec, sealed));
	buf_putc(buf, '\n');
}

static void wait_add_unit(struct units *u, const struct device_wait *wait)
{
	struct buf *buf;

	buf_reset(&u->scratch);
	put_path_unit(&u->scratch, "", wait->path, ".device.d");
	buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, scratch_str(u), "50-dmstack.conf");
	buf_puts(buf, GENERATED_HEAD);
	/* A device unit cannot have an OnFailure=; the layer that waits for it has one. */
	put_timeout(buf, wait->usec, wait->sealed);
	unit_tree_end_file(u->tree);
}

void waits_add_units(struct units *u)
{
	if (u->n_waits == 0)
		return;
	qsort(u->waits, u->n_waits, sizeof(u->waits[0]), wait_compare);

	struct device_wait *wait = &u->waits[0];

	for (size_t i = 1; i < u->n_waits; i++) {
		struct device_wait *next = &u->waits[i];

		if (!streq(wait->path, next->path)) {
			wait_add_unit(u, wait);
			wait = next;
			continue;
		}
		wait->usec = MAX(wait->usec, next->usec);
		wait->sealed = wait->sealed ?: next->sealed;
	}
	wait_add_unit(u, wait);
}

void waits_done(struct units *u)
{
	for (size_t i = 0; i < u->n_waits; i++)
		free(u->waits[i].path);
	free(u->waits);
}
