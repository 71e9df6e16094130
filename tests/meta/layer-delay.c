/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Layer type "delay", which no program has: check-new-type.py adds it to a copy of the tree, to
 * prove that a type needs no more than a file and a line.
 */

#include "layer.h"

struct delay_fields {
	uint64_t offset; /* sectors */
	uint64_t delay;	 /* milliseconds */
};

static const struct field fields[] = {
	{ .name = "offset",
		.kind = FIELD_U64,
		.offset = offsetof(struct delay_fields, offset),
		.dflt = "0",
		.unit = "sectors",
		.help = "Where the data begins on the device below." },
	{ .name = "delay",
		.kind = FIELD_U64,
		.offset = offsetof(struct delay_fields, delay),
		.max = 60000,
		.flags = FIELD_REQUIRED,
		.unit = "milliseconds",
		.help = "How long every request waits." },
};

static const struct role roles[] = {
	{ "data", true, "The device that is too fast." },
};

static const char *const modules[] = { "dm_delay", NULL };

static void delay_table(const struct layer *layer, struct dmtable *t)
{
	const struct delay_fields *f = layer->params;

	dmtable_device(t, "", "data");
	dmtable_text(t, "%llu", (unsigned long long)f->offset);
	dmtable_text(t, "%llu", (unsigned long long)f->delay);
}

extern const struct layer_type layer_type_delay;

const struct layer_type layer_type_delay = {
	.name = "delay",
	.dm_target = "delay",
	.version = { 1, 2, 0 },
	.summary = "a slow device",
	.uuid_prefix = "delay",
	.modules = modules,
	.fields = fields,
	.n_fields = ARRAY_SIZE(fields),
	.params_size = sizeof(struct delay_fields),
	.roles = roles,
	.n_roles = ARRAY_SIZE(roles),
	.key = KEY_NEVER,
	.table = delay_table,
};
