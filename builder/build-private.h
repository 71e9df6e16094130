/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the files of build.h share.
 */

#include "build.h"
#include "output-folder.h"
#include "partitions.h"

#define BUILD_FILE_MODE 0644

struct build {
	const struct build_args *args;
	const struct recipe *recipe;
	const struct layout *layout;
	struct keystore *keys;
	struct output_folder output;
	char *manifest_name;
	struct vdev *input;
	struct vdev *disk; /* the disk image, or NULL */
	struct vdev *files[LAYOUT_ARTIFACTS_MAX];
	struct vdev *filters[RECIPE_LAYERS_MAX];
	struct partitions partitions;
	bool claimed; /* the input has lost its name, and its bytes are being changed */
};

/* Finds the output folder and refuses what is there. */
int build_open_folder(struct build *b, struct diag *diag) _must_check_;
/* Makes everything appear under its name. */
int build_publish(struct build *b, const struct manifest *meta, struct diag *diag) _must_check_;
