/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of filters, and what is the same for opening each of them.
 */

#include "filter.h"

static const struct filter_type *const filter_types[] = {
	&filter_type_linear,
	&filter_type_crypt,
	&filter_type_integrity,
	&filter_type_luks,
	&filter_type_verity,
	NULL,
};

static const struct filter_type *filter_type_find(const struct layer_type *type)
{
	for (size_t i = 0; filter_types[i]; i++)
		if (filter_types[i]->type == type)
			return filter_types[i];
	return NULL;
}

int filter_open(const struct filter_args *args, struct vdev **ret, struct diag *diag)
{
	const struct layer *layer = args->layer;
	const struct filter_type *type = filter_type_find(layer->type);
	int r;

	if (!type)
		return diag_at(diag,
			diag_set(diag, -EOPNOTSUPP, "a layer of type %s cannot be made offline",
				layer->type->name),
			"%s", layer->name);
	for (size_t i = 0; i < layer->type->n_roles; i++)
		if (layer->type->roles[i].required && !args->below[i])
			return diag_at(diag,
				diag_set(diag, -EINVAL, "there is no %s device",
					layer->type->roles[i].name),
				"%s", layer->name);
	r = type->open(args, ret, diag);
	/* Whoever found it knows the device, not always the layer. */
	return r < 0 ? diag_at(diag, r, "%s", layer->name) : 0;
}
