/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Layers while recipe.c makes them.
 */

#include "layer-spec.h"
#include "recipe.h"

struct draft {
	const struct recipe_args *args;
	struct layer_spec specs[RECIPE_LAYERS_MAX];
	struct layer *layers[RECIPE_LAYERS_MAX];
	struct luks_additions luks[RECIPE_LAYERS_MAX];
	size_t n;
};

/* By its name, or by its type where only one layer has that; NULL and a diag else. */
struct layer_spec *draft_find(struct draft *draft, const char *name, size_t len, struct diag *diag);
/* The last dot before the "=", since names may have dots. */
const char *draft_last_dot(const char *word);

/* recipe-devices.c: what --device says, then a device for every role that has an image. */
int draft_set_devices(struct draft *draft, struct diag *diag) _must_check_;
int draft_default_devices(struct draft *draft, struct diag *diag) _must_check_;
/* A device that another layer, or role, has too. */
int draft_share_device(struct layer *layer, const char *role, const struct layer_device *device,
	struct diag *diag) _must_check_;
/* recipe-keys.c: what is not said of keys, where it can only be one thing. */
int draft_default_journal_mac(struct draft *draft, struct diag *diag) _must_check_;
int draft_default_key(
	struct draft *draft, const struct keystore *keys, struct diag *diag) _must_check_;
/* recipe-luks.c: offsets, and the device of the header. */
int draft_place_luks(struct draft *draft, struct diag *diag) _must_check_;
/* recipe-keyslots.c: --keyslot and --token. */
int draft_add_keyslots(struct draft *draft, struct diag *diag) _must_check_;
int draft_add_tokens(struct draft *draft, struct diag *diag) _must_check_;
/* recipe-tags.c: what a tag store takes over from the crypt layer above. */
int draft_pair_tags(struct draft *draft, const struct seed *seed, struct diag *diag) _must_check_;
