/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Makes the images: opens the artifacts, puts the filters on top, writes the input through them,
 * and publishes images and manifest when all of it is done.
 */

#include "keystore.h"
#include "layout.h"
#include "manifest.h"
#include "progress.h"
#include "vdev.h"

struct build_args {
	const char *input;  /* path of the file-system image */
	const char *output; /* folder; made if it is not there */
	unsigned threads;   /* 0: as many as there are CPUs */
	const struct seed *seed;
	bool force;		  /* replace what is there */
	bool no_digest;		  /* leave the sha256 of the images out of the manifest */
	const char *architecture; /* of partition types; or NULL */
	const char *repart; /* where systemd-repart will find the images; NULL: no definitions */
	enum progress_mode progress;
};

/*
 * Reads the keys of all layers and holds their sizes against the layers; sets key-size of keyed
 * integrity layers. -EINVAL: the diag says both sizes.
 */
int build_check_keys(
	const struct recipe *recipe, struct keystore *keys, struct diag *diag) _must_check_;

/*
 * meta has name, generation, phase, fail and mount; the rest is filled in, and its layers are those
 * of the recipe until build_run() returns. On failure nothing is left under a final name.
 * -EEXIST: there is such an image and force is not set. -ECANCELED: a signal.
 */
int build_run(const struct build_args *args, const struct recipe *recipe,
	const struct layout *layout, struct keystore *keys, struct manifest *meta,
	struct diag *diag) _must_check_;
