/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * create --data-in-place: the input is the data image, under its own name, and is not copied.
 * Possible if all layers leave the data where and as they are (verity with a hash device, integrity
 * with a meta device, linear without an offset).
 *
 * create --consume-input: the input becomes the data image: it is changed where it lies, and gets
 * the image's name. Possible if all layers leave every block in its place, which crypt and luks
 * with a header of its own do too.
 */

#include "layout.h"

struct in_place_args {
	const char *input;
	uint64_t input_bytes;
	const char *output; /* the folder; NULL: not known, and not checked */
};

/*
 * Makes the first artifact, which is the data image, the input. -EINVAL: a layer changes the data,
 * or the size does not fit; -EXDEV: the input lies in another folder.
 */
int in_place_prepare(struct layout *layout, const struct recipe *recipe,
	const struct in_place_args *args, struct diag *diag) _must_check_;
/*
 * Makes the first artifact out of the input. -EINVAL: a layer moves the data, or the input is not
 * a file that may be changed.
 */
int in_place_consume(struct layout *layout, const struct recipe *recipe,
	const struct in_place_args *args, struct diag *diag) _must_check_;
/* True if a hash tree covers the data, so that their digest is in the manifest already. */
bool in_place_has_tree(const struct recipe *recipe);
