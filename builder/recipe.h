/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What create was asked for, as layers: names, options, defaults, the devices they will have on
 * the target, salts and UUIDs. Sizes come later, in layout.h.
 */

#include "filter-luks.h"
#include "keystore.h"
#include "options.h"
#include "seed.h"
#include "stack.h"

#define RECIPE_LAYERS_MAX 32U

/* The words of the command line; nothing is owned. */
struct recipe_args {
	const char *name;		     /* of the stack and of its top layer */
	const char *preset;		     /* or NULL: then layers counts */
	const struct strlist *layers;	     /* TYPE[,OPTION[=VALUE]...], bottom first */
	const struct strlist *layer_options; /* LAYER.OPTION[=VALUE] */
	const struct strlist *devices;	     /* [LAYER.]ROLE=DEVICE */
	const struct strlist *keyslots;	     /* LAYER,OPTION=VALUE... */
	const struct strlist *tokens;	     /* LAYER,FILE */
	const char *phase;		     /* or NULL */
	const char *fail;		     /* or NULL */
	uint64_t generation;
	bool wrap; /* a linear layer below all, for a data device that is larger than its image */
};

struct recipe {
	const char *name;			       /* not owned */
	struct stack stack;			       /* owns the layers */
	struct layer *layers[RECIPE_LAYERS_MAX];       /* bottom first */
	struct luks_additions luks[RECIPE_LAYERS_MAX]; /* of layers of that type */
	size_t n_layers;
};

/*
 * Makes the layers, checked and linked. keys: if one layer alone needs a key and names none, and
 * there is one key, it takes that one. -EINVAL: a diag that names the word.
 */
int recipe_init(struct recipe *ret, const struct recipe_args *args, const struct keystore *keys,
	const struct seed *seed, struct diag *diag) _must_check_;
void recipe_done(struct recipe *recipe);

static inline struct layer *recipe_top(const struct recipe *recipe)
{
	return recipe->layers[recipe->n_layers - 1];
}
