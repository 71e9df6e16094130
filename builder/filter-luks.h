/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The header of a luks layer that is made.
 */

#include "filter.h"

/* What the header gets beside the keyslot of the layer's own key. */
struct luks_additions {
	/*
	 * Each stands for a keyslot: a layer of type luks which has a key, key-slot= and the fields
	 * of key derivation, and is no part of the stack. Both owned.
	 */
	struct layer **slots;
	size_t n_slots;
	struct buf tokens; /* the members of the object "tokens" */
};

void luks_additions_done(struct luks_additions *additions);

/* The device with the header, below the layer. */
static inline struct vdev *luks_header_device(const struct filter_args *args)
{
	return args->below[1] ?: args->below[0];
}

/* Writes header and keyslots, and gives the volume key. */
int luks_header_create(const struct filter_args *args, struct secret **ret_volume_key,
	struct diag *diag) _must_check_;
