/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * inspect --layer: whether the image of one layer is sound, as far as its key allows to say.
 */

#include "image-set.h"
#include "keystore.h"
#include "options.h"

struct inspect_layer {
	struct image_set set;
	struct keystore keys;
	const char *path; /* where its superblock is: one of the images */
	uint64_t offset;  /* bytes */
};

struct inspect_state {
	bool opened; /* superblock, journal and their MACs are sound; else why says what is not */
	uint64_t sound_blocks;
	uint64_t damaged_blocks;
	uint64_t journal_blocks; /* that are in the journal only */
};

void inspect_layer_done(struct inspect_layer *l);
/* spec and image as for image_set_describe(); keys: the words of --key, or an exit code. */
int inspect_layer_init(struct inspect_layer *ret, const char *spec, const struct strlist *keys,
	const char *image, struct diag *diag) _must_check_;
/* Reads all of it. What cannot be opened is no error here. */
int inspect_layer_check(struct inspect_layer *l, struct inspect_state *ret, struct diag *why,
	struct diag *diag) _must_check_;
