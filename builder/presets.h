/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Stacks that have a name, and what a builder chooses where a field is not given.
 */

#include "macro.h"

#define PRESET_LAYERS_MAX 4U

struct preset {
	const char *name;
	const char *layers[PRESET_LAYERS_MAX]; /* types, bottom first; NULL behind the last */
};

/* A field that create sets unless it is given. */
struct layer_default {
	const char *type;
	const char *field;
	const char *value;
};

extern const struct preset presets[];
extern const size_t n_presets;
extern const struct layer_default layer_defaults[];
extern const size_t n_layer_defaults;

/* NULL: there is none of that name. */
const struct preset *preset_find(const char *name);
