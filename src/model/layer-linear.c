/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "linear": a range of the device below. It wraps an image whose partition is larger
 * than the format allows.
 */

#include "layer-linear.h"

#include <errno.h>

#include "overflow.h"

static const struct field fields[] = {
	{ .name = "offset",
		.kind = FIELD_U64,
		.offset = offsetof(struct linear_fields, offset),
		.max = UINT64_C(1) << 52,
		.dflt = "0",
		.unit = "sectors",
		.help = "Where the range begins on the device below." },
};

static const struct role roles[] = {
	{ "data", true, "The device that has the range." },
};

static const char *const modules[] = { "dm_mod", NULL };

static int linear_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag)
{
	uint64_t offset = linear_fields(layer)->offset;

	if (offset >= below[0])
		return diag_set(diag, -ENOSPC,
			"offset: sector %llu is behind the end of the device (%llu sectors)",
			(unsigned long long)offset, (unsigned long long)below[0]);
	*ret_sectors = below[0] - offset;
	return 0;
}

static int linear_below(const struct layer *layer, uint64_t sectors,
	uint64_t ret_below[LAYER_ROLES_MAX], struct diag *diag)
{
	if (add_overflows(sectors, linear_fields(layer)->offset, &ret_below[0]))
		return diag_set(diag, -EOVERFLOW, "offset: the device would be too large");
	return 0;
}

static void linear_table(const struct layer *layer, struct dmtable *t)
{
	dmtable_device(t, "", "data");
	dmtable_text(t, "%llu", (unsigned long long)linear_fields(layer)->offset);
}

const struct layer_type layer_type_linear = {
	.name = "linear",
	.dm_target = "linear",
	.version = { 1, 0, 0 },
	.summary = "a range of a device",
	.uuid_prefix = "linear",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct linear_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_NEVER,
	.any_block_size = true,
	.early = true,
	.length = linear_length,
	.below = linear_below,
	.table = linear_table,
};
