/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes, alignment and keys of a filter that opens.
 */

#include "filter-util.h"

int filter_size(const struct filter_args *args, uint64_t *ret_bytes, struct diag *diag)
{
	uint64_t below[LAYER_ROLES_MAX] = {}, sectors;
	int r;

	for (size_t i = 0; i < LAYER_ROLES_MAX; i++)
		if (args->below[i])
			below[i] = args->below[i]->size_bytes >> SECTOR_SHIFT;
	r = layer_length(args->layer, below, &sectors, diag);
	if (r < 0)
		return r;
	*ret_bytes = sectors << SECTOR_SHIFT;
	return 0;
}

int filter_check_alignment(
	const struct vdev *below, uint64_t offset, uint32_t block_size, struct diag *diag)
{
	if (block_size < below->block_size)
		return diag_set(diag, -EINVAL,
			"blocks of %u bytes cannot stand on a device with blocks of %u bytes",
			block_size, below->block_size);
	if (offset % below->block_size)
		return diag_set(diag, -EINVAL,
			"byte %ju is no place where a block of %u bytes of the device below begins",
			(uintmax_t)offset, below->block_size);
	return 0;
}

int filter_key(const struct filter_args *args, const struct keyref *ref, const struct secret **ret,
	struct diag *diag)
{
	if (args->volume_key) {
		*ret = args->volume_key;
		return 0;
	}
	if (ref->kind == KEYREF_NONE || !args->key)
		return diag_set(diag, -ENOKEY, "the layer needs a key and has none");
	return args->key(args->userdata, ref, ret, diag);
}
