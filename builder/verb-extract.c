/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build extract: the plaintext of a stack, read through all its layers and checked by them.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "damage-list.h"
#include "image-set.h"
#include "interrupt.h"
#include "json-text.h"
#include "log.h"
#include "pipeline.h"
#include "progress.h"
#include "vdev-file.h"
#include "build-verbs.h"

/* It may be what was encrypted, so it is for its owner only. */
#define OUTPUT_MODE 0600

struct extract_opts {
	struct strlist keys;
	const char *output, *images, *layer;
	uint64_t size, threads;
	bool force, json, quiet;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct extract_opts, member),         \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("output", OPTION_STRING, output, .letter = 'o', .arg = "FILE",
		.help = "where the plaintext goes"),
	OPTION("key", OPTION_LIST, keys, .letter = 'k', .arg = "REF=FILE",
		.help = "where the bytes of a key are now"),
	OPTION("layer", OPTION_STRING, layer, .letter = 'l', .arg = "TYPE,...",
		.help = "there is no manifest, but an image of this one layer"),
	OPTION("images", OPTION_STRING, images, .letter = 'i', .arg = "DIR",
		.help = "where the images are, if not beside the manifest"),
	OPTION("size", OPTION_SIZE, size, .arg = "BYTES",
		.help = "only so much from the begin; default: the whole device"),
	OPTION("threads", OPTION_U64, threads, .letter = 't', .arg = "N",
		.help = "default: one for each CPU"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
	OPTION("json", OPTION_FLAG, json, .help = "print progress and result as JSON, one a line"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q', .help = "print nothing but errors"),
};

static int check_options(const struct extract_opts *o, struct diag *diag)
{
	struct stat st;

	if (!o->output)
		return usage_error(diag, "extract: --output is missing");
	if (o->layer && o->images)
		return usage_error(diag, "--layer: without a manifest there is no --images");
	if (o->size % SECTOR_SIZE)
		return usage_error(diag, "--size: %ju is not a multiple of %u", (uintmax_t)o->size,
			SECTOR_SIZE);
	if (o->threads > 1024)
		return usage_error(
			diag, "--threads: %ju is not between 0 and 1024", (uintmax_t)o->threads);
	if (!o->force && lstat(o->output, &st) == 0)
		return diag_set(diag, -EEXIST, "%s exists (--force replaces it)", o->output);
	return 0;
}

static void print_damage(const struct extract_opts *o, struct damage_list *list)
{
	_cleanup_(buf_done) struct buf buf = {};

	damage_list_finish(list);
	for (size_t i = 0; !o->quiet && i < list->n; i++)
		damage_print(&list->items[i], o->json, &buf);
	fputs(buf_str(&buf), stdout);
}

static int copy_all(const struct extract_opts *o, struct image_set *set, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *output = NULL;
	struct progress progress;
	struct pipeline pipeline = {
		.threads = (unsigned)o->threads,
		.cancel = &interrupted,
		.progress = progress_update,
		.userdata = &progress,
	};
	uint64_t size;
	int r;

	r = image_set_open_layers(set, pipeline_threads(&pipeline), diag);
	if (r < 0)
		return r;
	size = o->size ?: image_set_top(set)->size_bytes;
	if (size > image_set_top(set)->size_bytes)
		return diag_set(diag, -ENOSPC, "--size: %ju is more than the %ju bytes of %s",
			(uintmax_t)size, (uintmax_t)image_set_top(set)->size_bytes,
			image_set_top(set)->name);
	r = vdev_file_create(AT_FDCWD, o->output, size, OUTPUT_MODE, &output, diag);
	if (r < 0)
		return r;
	progress_begin(&progress, progress_choose(o->json, o->quiet), "extract");
	r = pipeline_extract(&pipeline, image_set_top(set), output, size, diag);
	progress_end(&progress);
	if (r >= 0)
		r = vdev_finish(output, diag);
	if (r >= 0)
		r = vdev_file_publish(output, o->force, diag);
	return r;
}

static int extract_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct extract_opts *o = opts;
	_cleanup_(damage_list_done) struct damage_list damages = DAMAGE_LIST_INIT;
	_cleanup_(keystore_done) struct keystore keys = {};
	_cleanup_(image_set_done) struct image_set set = {};
	int r;

	r = check_options(o, diag);
	if (r != 0)
		return r;
	r = keystore_init(&keys, &o->keys, diag);
	if (r < 0)
		return r == -ENOMEM ? r : EXIT_USAGE;
	r = o->layer ? image_set_describe(&set, o->layer, args[0], diag)
		     : image_set_load(&set, args[0], o->images, diag);
	if (r < 0)
		return r;
	set.keys = &keys;
	set.report = damage_list_report;
	set.userdata = &damages;
	r = image_set_open_files(&set, diag);
	if (r >= 0)
		r = copy_all(o, &set, diag);
	print_damage(o, &damages);
	if (r == -EILSEQ)
		return diag_set(diag, r, "%s is damaged, nothing was extracted", args[0]);
	if (r >= 0 && !o->quiet)
		printf(o->json ? "{\"result\":{\"extracted\":true}}\n" : "%s\n", o->output);
	return r;
}

const struct verb verb_extract = {
	.name = "extract",
	.args = "MANIFEST|IMAGE",
	.n_args = 1,
	.summary = "Copy the plaintext out of a stack, checked by all layers",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct extract_opts),
	.run = extract_run,
};
