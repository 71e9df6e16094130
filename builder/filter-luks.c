/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A luks layer offline: the header is written, or its keyslot opened, when the filter opens, and
 * what is left is a crypt filter with the volume key.
 */

#include <string.h>

#include "filter-luks.h"
#include "filter-util.h"
#include "layer-luks.h"
#include "luks2-keyslot.h"

static int inner_open(const struct filter_args *args, const struct secret *volume_key,
	struct vdev **ret, struct diag *diag)
{
	struct filter_args inner = *args;

	inner.volume_key = volume_key;
	return filter_type_crypt.open(&inner, ret, diag);
}

static int open_create(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	int r;

	r = luks_header_create(args, &volume_key, diag);
	return r < 0 ? r : inner_open(args, volume_key, ret, diag);
}

static int read_bytes(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	int r = vdev_read_bytes(userdata, ret, size, offset);

	return r < 0 ? diag_set(diag, r, "cannot read the header: %s", strerror(-r)) : 0;
}

/* Returns 1 if more of it has to be seen. */
static int adopt_once(const struct filter_args *args, struct diag *diag)
{
	struct vdev *device = luks_header_device(args);
	_cleanup_free_ uint8_t *data = NULL;
	struct superblock_place place;
	size_t size;
	int r;

	r = layer_type_luks.superblock(args->layer, &place);
	if (r < 0)
		return r;
	size = MIN(device->size_bytes, (uint64_t)place.size);
	data = malloc(size);
	if (!data)
		return -ENOMEM;
	r = read_bytes(device, data, size, 0, diag);
	return r < 0 ? r : layer_type_luks.adopt(args->layer, data, size, diag);
}

static int open_read(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct luks2_reader reader = { .read = read_bytes,
		.userdata = luks_header_device(args) };
	_cleanup_(secret_freep) struct secret *volume_key = NULL;
	const struct secret *passphrase;
	int r;

	do
		r = adopt_once(args, diag);
	while (r > 0);
	if (r >= 0)
		r = filter_key(args, &args->layer->key, &passphrase, diag);
	if (r >= 0)
		r = luks2_unlock(luks_fields(args->layer)->header, &reader, passphrase,
			luks_key_slot(args->layer), &volume_key, diag);
	return r < 0 ? r : inner_open(args, volume_key, ret, diag);
}

static int luks_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	return args->mode == FILTER_CREATE ? open_create(args, ret, diag)
					   : open_read(args, ret, diag);
}

const struct filter_type filter_type_luks = {
	.type = &layer_type_luks,
	.open = luks_open,
};
