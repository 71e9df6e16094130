/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The table of layer types: one line each.
 */

#include "layer-crypt.h"
#include "layer-integrity.h"
#include "layer-linear.h"
#include "layer-luks.h"
#include "layer-verity.h"

const struct layer_type *const layer_types[] = {
	&layer_type_crypt,
	&layer_type_integrity,
	&layer_type_linear,
	&layer_type_luks,
	&layer_type_verity,
	NULL,
};
