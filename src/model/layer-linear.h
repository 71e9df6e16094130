/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Parameters of a "linear" layer: a range of the device below.
 */

#include "layer.h"

struct linear_fields {
	uint64_t offset; /* sectors */
};

extern const struct layer_type layer_type_linear;

static inline struct linear_fields *linear_fields(const struct layer *layer)
{
	return layer->params;
}
