/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sizes and alignment, from the configuration alone. The kernel's targets make the logical and the
 * physical block and the minimum I/O of a mapping as large as the layer's own block, and leave the
 * optimal I/O to the device.
 */

#include "plan-sizes.h"

#include "layer-linear.h"

static void print_exact(const struct layer *layer, const struct layer_device *dev,
	const char *prefix, struct buf *buf)
{
	const struct layer *below = dev->layer;
	const char *role = layer->type->roles[dev->role].name;

	if (!below) {
		buf_printf(buf, "%s%s: the %s device ", prefix, layer->name, role);
		devref_print(&dev->ref, buf);
		buf_puts(buf, " must have exactly the size for which it was made\n");
	} else if (below->type == &layer_type_linear && below->common.device_size) {
		buf_printf(buf,
			"%s%s: keeps the size for which %s was made, %ju bytes, on a device that "
			"may be larger\n",
			prefix, below->name, layer->name, (uintmax_t)below->common.device_size);
	}
}

void plan_sizes_print(struct layer *const *order, size_t n, const char *prefix, struct buf *buf)
{
	for (size_t i = 0; i < n; i++) {
		const struct layer *layer = order[i];

		for (size_t k = 0; layer->type->exact_size && k < layer->n_devices; k++)
			print_exact(layer, &layer->devices[k], prefix, buf);
		if (layer->type == &layer_type_linear && linear_fields(layer)->offset)
			buf_printf(buf, "%s%s: begins at byte %ju of its device\n", prefix,
				layer->name, (uintmax_t)linear_fields(layer)->offset * SECTOR_SIZE);
		if (layer->type->any_block_size && layer->block_size <= SECTOR_SIZE)
			buf_printf(buf, "%s%s: blocks and I/O sizes are those of its device\n",
				prefix, layer->name);
		else
			buf_printf(buf,
				"%s%s: logical and physical blocks and minimum I/O of %u bytes or, "
				"if they are larger, those of its device; optimal I/O as there\n",
				prefix, layer->name, layer->block_size);
	}
}
