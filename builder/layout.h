/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Sizes: from the input down to the images, and up again. Every image file is one artifact: the
 * device of one role of one layer.
 */

#include "recipe.h"

#define LAYOUT_ARTIFACTS_MAX (RECIPE_LAYERS_MAX * (LAYER_ROLES_MAX - 1) + 1)

struct artifact {
	size_t layer;	 /* index into recipe.layers */
	size_t role;	 /* index into the type's roles */
	char *file;	 /* NAME.ROLE.img; owned */
	uint64_t offset; /* bytes: where in a disk image; 0: it is a file of its own */
	uint64_t bytes;
	uint64_t room; /* bytes of the partition for it; at least bytes */
	bool in_place; /* the input itself: neither written nor published */
	bool consumed; /* the input itself: written where it lies, and published */
};

struct layout {
	uint64_t wanted[RECIPE_LAYERS_MAX]; /* sectors of the mapping that the layer above needs */
	uint64_t length[RECIPE_LAYERS_MAX]; /* sectors of the mapping that it gets */
	uint64_t below[RECIPE_LAYERS_MAX][LAYER_ROLES_MAX]; /* sectors of the devices, by role */
	uint64_t used[RECIPE_LAYERS_MAX]; /* sectors of the data device that the layer needs */
	struct artifact artifacts[LAYOUT_ARTIFACTS_MAX];
	size_t n_artifacts;
	uint64_t disk_bytes; /* of the disk image; 0: there is none */
};

struct layout_args {
	uint64_t input_bytes;
	uint64_t align;	       /* the data image is a multiple of so many bytes */
	uint64_t device_bytes; /* the data image has exactly this size; 0: as small as possible */
};

/*
 * Sets device-size of every layer, and data-blocks and hash-offset of verity layers where they
 * were not given. -ENOSPC: device_bytes is too small, and the diag says what is needed.
 */
int layout_init(struct layout *ret, const struct recipe *recipe, const struct layout_args *args,
	struct diag *diag) _must_check_;
/*
 * Puts all images into one, NAME.disk.img, as partitions that begin at multiples of 1 MiB, with as
 * much room before and behind. -E2BIG: too many for a table.
 */
int layout_place_on_disk(
	struct layout *layout, const struct recipe *recipe, struct diag *diag) _must_check_;
void layout_done(struct layout *layout);
/* The blocks in bytes that the layer's mapping has: the largest of its own and those below. */
uint32_t layout_block_size(const struct recipe *recipe, size_t index);
/*
 * The image that a device of a layer is, which may be one that another layer's device made. NULL:
 * the device is a layer.
 */
const struct artifact *layout_find_artifact(
	const struct layout *layout, const struct recipe *recipe, size_t layer, size_t role);
/* A table for people: one line a layer, one an artifact. */
void layout_print(const struct layout *layout, const struct recipe *recipe, struct buf *buf);
