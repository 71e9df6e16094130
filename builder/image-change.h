/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Changes the images of one layer of a stack, or those below it, that was built: in copies, which appear whole or not
 * at all, or where they are. What repair and recalculate share.
 */

#include "damage-list.h"
#include "image-set.h"
#include "keystore.h"
#include "options.h"
#include "pipeline.h"

struct image_change_opts {
	struct strlist keys;
	const char *output, *images, *layer, *name;
	uint64_t threads;
	bool in_place, force, json, quiet;
};

/* Rows of an option table; first is where the struct image_change_opts is in the verb's. */
#define IMAGE_CHANGE_OPTION(first, n, k, member, ...)                                              \
	{                                                                                          \
		.name = (n), .kind = (k),                                                          \
		.offset = (first) + offsetof(struct image_change_opts, member), __VA_ARGS__        \
	}
#define IMAGE_CHANGE_OPTIONS(first)                                                                \
	IMAGE_CHANGE_OPTION(first, "output", OPTION_STRING, output, .letter = 'o', .arg = "DIR",   \
		.help = "the folder for changed copies of the images"),                            \
		IMAGE_CHANGE_OPTION(first, "in-place", OPTION_FLAG, in_place,                      \
			.help = "change the images themselves"),                                   \
		IMAGE_CHANGE_OPTION(first, "name", OPTION_STRING, name, .letter = 'n',             \
			.arg = "NAME", .help = "the layer, where more than one is possible"),      \
		IMAGE_CHANGE_OPTION(first, "layer", OPTION_STRING, layer, .letter = 'l',           \
			.arg = "TYPE,...",                                                         \
			.help = "there is no manifest, but an image of this one layer"),           \
		IMAGE_CHANGE_OPTION(first, "key", OPTION_LIST, keys, .letter = 'k',                \
			.arg = "REF=FILE", .help = "where the bytes of a key are now"),            \
		IMAGE_CHANGE_OPTION(first, "images", OPTION_STRING, images, .letter = 'i',         \
			.arg = "DIR", .help = "where the images are, if not beside the manifest"), \
		IMAGE_CHANGE_OPTION(first, "threads", OPTION_U64, threads, .letter = 't',          \
			.arg = "N", .help = "default: one for each CPU"),                          \
		IMAGE_CHANGE_OPTION(first, "force", OPTION_FLAG, force, .letter = 'f',             \
			.help = "replace what is there"),                                          \
		IMAGE_CHANGE_OPTION(first, "json", OPTION_FLAG, json,                              \
			.help = "print progress and result as JSON, one a line"),                  \
		IMAGE_CHANGE_OPTION(first, "quiet", OPTION_FLAG, quiet, .letter = 'q',             \
			.help = "print nothing but errors; the exit status tells")

struct image_change {
	const struct image_change_opts *opts;
	const char *path; /* of the manifest */
	struct image_set set;
	struct keystore keys;
	struct damage_list reported;
	/* Layers below that the picked one is changed through; NULL: it must be on images. */
	bool (*through)(const struct layer *below);
	size_t layer; /* index */
	int images_fd, output_fd;
	struct pipeline pipeline;
};
#define IMAGE_CHANGE_INIT                                                                          \
	{                                                                                          \
		.reported = DAMAGE_LIST_INIT, .images_fd = -EBADF, .output_fd = -EBADF             \
	}

void image_change_done(struct image_change *c);
/*
 * Reads the options and the manifest. 0, an enum exit_code where the options make no sense, or a
 * negative errno. verb: for messages. opts and path must live as long as c.
 */
int image_change_load(struct image_change *c, const char *verb,
	const struct image_change_opts *opts, const char *path, struct diag *diag) _must_check_;
/*
 * Picks the layer that --layer names, else the only one that is wanted. -ENODATA: there is none,
 * and none says so. -EOPNOTSUPP: a device of it is no image of its own. -EINVAL: more than one.
 */
int image_change_pick(struct image_change *c, bool (*wanted)(const struct layer *layer),
	const char *none, struct diag *diag) _must_check_;
/* Makes copies, or opens the images to be changed, and the layer on them. */
int image_change_open(struct image_change *c, struct diag *diag) _must_check_;
/* Copies get their names. */
int image_change_publish(struct image_change *c, struct diag *diag) _must_check_;
/*
 * How many files do not have the sha256 of the manifest. With rewrite the manifest gets theirs,
 * beside the copies or where it is.
 */
int image_change_digests(
	struct image_change *c, bool rewrite, size_t *ret_wrong, struct diag *diag) _must_check_;
/* The lines, or JSON objects, of all places that were reported. */
void image_change_print_reported(struct image_change *c, struct buf *buf);

static inline struct layer *image_change_layer(const struct image_change *c)
{
	return c->set.layers[c->layer];
}
