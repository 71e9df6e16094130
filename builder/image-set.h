/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stack that was built, opened for reading: the manifest, the image files, and the filters on
 * top of them.
 */

#include "filter.h"
#include "keystore.h"
#include "manifest.h"
#include "stack.h"
#include "vdev.h"

struct image_set {
	struct manifest *manifest; /* its layers have moved to the stack */
	struct stack stack;
	struct layer **layers; /* bottom first; the array is owned */
	size_t n_layers;
	char *folder;	       /* where the images are */
	struct vdev **files;   /* by artifact; owned */
	struct vdev **filters; /* by layer; owned */
	struct keystore *keys; /* not owned */
	bool change;	       /* filter_args.change */
	void (*report)(void *userdata, const struct damage *damage);
	void *userdata;
};

/*
 * Reads the manifest and links its layers. folder NULL: that of the manifest. Nothing but the
 * manifest is opened.
 */
int image_set_load(struct image_set *ret, const char *path, const char *folder,
	struct diag *diag) _must_check_;
/*
 * The same without a manifest, for an image of one layer: spec is TYPE[,OPTION[=VALUE]...], with
 * absolute paths of further images. What an integrity superblock says need not be said.
 */
int image_set_describe(
	struct image_set *ret, const char *spec, const char *image, struct diag *diag) _must_check_;
/* Links the layers of set->manifest; for these two. */
int image_set_link(struct image_set *set, const char *path, struct diag *diag) _must_check_;
/* Opens the files, which must have the size that the manifest says (-EMEDIUMTYPE). */
int image_set_open_files(struct image_set *set, struct diag *diag) _must_check_;
/* Puts the image of an artifact, or the disk image that it lies in, in place of its file. Takes it. */
int image_set_take_file(
	struct image_set *set, size_t index, struct vdev *whole, struct diag *diag) _must_check_;
/* Opens the layers, bottom first; errors as in filter_open(). keys and report must be set. */
int image_set_open_layers(struct image_set *set, unsigned threads, struct diag *diag) _must_check_;
/* Opens one layer whose devices are files, or layers that are open. */
int image_set_open_layer(
	struct image_set *set, size_t index, unsigned threads, struct diag *diag) _must_check_;
void image_set_done(struct image_set *set);

static inline struct vdev *image_set_top(const struct image_set *set)
{
	return set->filters[set->n_layers - 1];
}
