/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build repair: puts damaged blocks of a verity layer right from its parity, in copies that
 * appear whole or not at all, or where they are.
 */

#include <fcntl.h>
#include <string.h>

#include "damage-list.h"
#include "fd.h"
#include "file-digest.h"
#include "image-set.h"
#include "interrupt.h"
#include "json-text.h"
#include "layer-verity.h"
#include "pipeline.h"
#include "progress.h"
#include "verity-repair.h"
#include "vdev-file.h"
#include "build-verbs.h"

#define IMAGE_MODE 0644

struct repair_opts {
	const char *output, *images;
	uint64_t threads;
	bool in_place, force, json, quiet;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct repair_opts, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("output", OPTION_STRING, output, .letter = 'o', .arg = "DIR",
		.help = "the folder for repaired copies of the images"),
	OPTION("in-place", OPTION_FLAG, in_place, .help = "change the images themselves"),
	OPTION("images", OPTION_STRING, images, .letter = 'i', .arg = "DIR",
		.help = "where the images are, if not beside the manifest"),
	OPTION("threads", OPTION_U64, threads, .letter = 't', .arg = "N",
		.help = "default: one for each CPU"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
	OPTION("json", OPTION_FLAG, json, .help = "print progress and result as JSON, one a line"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q',
		.help = "print nothing but errors; the exit status tells"),
};

struct repair_job {
	const struct repair_opts *opts;
	struct image_set set;
	struct damage_list repaired;
	struct verity_repair result;
	size_t layer;	/* index */
	size_t n_wrong; /* files whose sha256 is not that of the manifest */
	int images_fd, output_fd;
	struct pipeline pipeline;
};

static void repair_job_done(struct repair_job *job)
{
	image_set_done(&job->set);
	damage_list_done(&job->repaired);
	if (job->images_fd >= 0)
		(void)close(job->images_fd);
	if (job->output_fd >= 0)
		(void)close(job->output_fd);
}

static bool is_of_layer(const struct repair_job *job, const struct manifest_artifact *a)
{
	return streq(a->layer, job->set.layers[job->layer]->name);
}

/*
 * The layer with parity. Its devices must be files: what lies in a layer below cannot be written.
 */
static int find_layer(struct repair_job *job, struct diag *diag)
{
	for (size_t i = 0; i < job->set.n_layers; i++) {
		const struct layer *layer = job->set.layers[i];

		if (layer->type != &layer_type_verity || !layer_device(layer, "fec"))
			continue;
		for (size_t k = 0; k < layer->n_devices; k++)
			if (layer->devices[k].layer)
				return diag_set(diag, -EOPNOTSUPP,
					"layer %s lies on layer %s; only what is an image of its "
					"own can be repaired",
					layer->name, layer->devices[k].layer->name);
		job->layer = i;
		return 0;
	}
	return diag_set(diag, -ENODATA, "the manifest has no verity layer with a fec device");
}

static int open_folder(const char *path, int *ret, struct diag *diag)
{
	*ret = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return *ret < 0 ? diag_set(diag, -errno, "%s: %s", path, strerror(errno)) : 0;
}

static int open_folders(struct repair_job *job, struct diag *diag)
{
	const char *output = job->opts->output;
	int r;

	r = open_folder(job->set.folder, &job->images_fd, diag);
	if (r < 0 || job->opts->in_place)
		return r;
	r = mkdir_parents(AT_FDCWD, output);
	if (r < 0)
		return diag_set(diag, r, "cannot make the folder %s: %s", output, strerror(-r));
	r = open_folder(output, &job->output_fd, diag);
	for (size_t i = 0; r >= 0 && i < job->set.manifest->n_artifacts; i++) {
		const struct manifest_artifact *a = &job->set.manifest->artifacts[i];

		if (is_of_layer(job, a) && !job->opts->force &&
			faccessat(job->output_fd, a->file, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			r = diag_set(diag, -EEXIST, "%s/%s exists (--force replaces it)", output,
				a->file);
	}
	return r;
}

/* A copy that has no name yet in place of the image. */
static int copy_image(struct repair_job *job, size_t index, struct diag *diag)
{
	const struct manifest_artifact *a = &job->set.manifest->artifacts[index];
	_cleanup_(vdev_freep) struct vdev *copy = NULL;
	struct vdev *from = job->set.files[index];
	int r;

	r = vdev_file_create(job->output_fd, a->file, a->bytes, IMAGE_MODE, &copy, diag);
	if (r >= 0)
		r = pipeline_extract(&job->pipeline, from, copy, a->bytes, diag);
	if (r < 0)
		return r;
	vdev_free(from);
	job->set.files[index] = take_ptr(copy);
	return 0;
}

static int change_image(struct repair_job *job, size_t index, struct diag *diag)
{
	struct vdev *v;
	int r;

	r = vdev_file_change(job->images_fd, job->set.manifest->artifacts[index].file, &v, diag);
	if (r < 0)
		return r;
	vdev_free(job->set.files[index]);
	job->set.files[index] = v;
	return 0;
}

static int open_images(struct repair_job *job, struct diag *diag)
{
	int r;

	r = image_set_open_files(&job->set, diag);
	for (size_t i = 0; r >= 0 && i < job->set.manifest->n_artifacts; i++)
		if (is_of_layer(job, &job->set.manifest->artifacts[i]))
			r = job->opts->in_place ? change_image(job, i, diag)
						: copy_image(job, i, diag);
	return r;
}

/*
 * Bytes that neither data nor tree nor parity are, such as a superblock's padding, can differ
 * still.
 */
static int check_digests(struct repair_job *job, struct diag *diag)
{
	for (size_t i = 0; i < job->set.manifest->n_artifacts; i++) {
		const struct manifest_artifact *a = &job->set.manifest->artifacts[i];
		uint8_t digest[FILE_DIGEST_SIZE];
		int r;

		if (!is_of_layer(job, a) || !a->has_sha256)
			continue;
		r = file_sha256(vdev_file_fd(job->set.files[i]), a->bytes, &interrupted, digest);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s: %s", a->file, strerror(-r));
		if (memcmp(digest, a->sha256, sizeof(digest)) == 0)
			continue;
		job->n_wrong++;
		(void)diag_set(
			diag, -EILSEQ, "%s: the sha256 is still not that of the manifest", a->file);
	}
	return 0;
}

static int publish(struct repair_job *job, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < job->set.manifest->n_artifacts; i++) {
		if (!is_of_layer(job, &job->set.manifest->artifacts[i]))
			continue;
		r = vdev_finish(job->set.files[i], diag);
		if (r >= 0 && !job->opts->in_place)
			r = vdev_file_publish(job->set.files[i], job->opts->force, diag);
	}
	return r;
}

static int print_result(struct repair_job *job)
{
	const struct verity_repair *result = &job->result;
	_cleanup_(buf_done) struct buf buf = {};

	if (job->opts->quiet)
		return 0;
	damage_list_finish(&job->repaired);
	for (size_t i = 0; i < job->repaired.n; i++)
		damage_print(&job->repaired.items[i], job->opts->json, &buf);
	if (job->opts->json) {
		buf_puts(&buf, "{\"result\":{");
		json_member(&buf, "name", job->set.layers[job->layer]->name);
		json_member_u64(&buf, "data-blocks", result->data_blocks);
		json_member_u64(&buf, "tree-blocks", result->tree_blocks);
		json_member_u64(&buf, "parity-blocks", result->parity_blocks);
		json_member_u64(&buf, "lost-blocks", result->lost_blocks);
		buf_puts(&buf, "}}\n");
	} else {
		buf_printf(&buf,
			"%s: repaired %ju blocks of data, %ju of the tree and %ju of the parity; "
			"%ju are lost\n",
			job->set.layers[job->layer]->name, (uintmax_t)result->data_blocks,
			(uintmax_t)result->tree_blocks, (uintmax_t)result->parity_blocks,
			(uintmax_t)result->lost_blocks);
	}
	if (buf_error(&buf) < 0)
		return buf_error(&buf);
	fputs(buf_str(&buf), stdout);
	return 0;
}

static int repair_images(struct repair_job *job, struct diag *diag)
{
	struct progress progress;
	int r;

	job->pipeline.progress = progress_update;
	job->pipeline.userdata = &progress;
	progress_begin(&progress, progress_choose(job->opts->json, job->opts->quiet), "copy");
	r = open_images(job, diag);
	progress_end(&progress);
	if (r >= 0)
		r = image_set_open_layer(
			&job->set, job->layer, pipeline_threads(&job->pipeline), diag);
	if (r >= 0)
		r = verity_repair(job->set.filters[job->layer], &interrupted, &job->result, diag);
	if (r >= 0 && job->result.lost_blocks == 0)
		r = check_digests(job, diag);
	if (r >= 0 && (job->opts->in_place || job->result.lost_blocks + job->n_wrong == 0))
		r = publish(job, diag);
	if (r >= 0)
		r = print_result(job);
	return r;
}

static int repair_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(keystore_done) struct keystore keys = {};
	_cleanup_(repair_job_done) struct repair_job job = {
		.opts = opts,
		.repaired = DAMAGE_LIST_INIT,
		.images_fd = -EBADF,
		.output_fd = -EBADF,
		.pipeline = { .cancel = &interrupted },
	};
	int r;

	if (!job.opts->output == !job.opts->in_place)
		return usage_error(diag, "repair: give either --output or --in-place");
	if (job.opts->threads > 1024)
		return usage_error(diag, "--threads: %ju is not between 0 and 1024",
			(uintmax_t)job.opts->threads);
	job.pipeline.threads = (unsigned)job.opts->threads;

	r = image_set_load(&job.set, args[0], job.opts->images, diag);
	if (r < 0)
		return r;
	job.set.keys = &keys;
	job.set.report = damage_list_report;
	job.set.userdata = &job.repaired;
	r = find_layer(&job, diag);
	if (r >= 0)
		r = open_folders(&job, diag);
	if (r >= 0)
		r = repair_images(&job, diag);
	if (r < 0)
		return r;
	if (job.result.lost_blocks > 0)
		return diag_set(diag, -EILSEQ,
			"%s: %ju blocks have more damage than the parity can repair%s", args[0],
			(uintmax_t)job.result.lost_blocks,
			job.opts->in_place ? "" : "; nothing was written");
	return job.n_wrong ? EXIT_FAILED : EXIT_DONE;
}

const struct verb verb_repair = {
	.name = "repair",
	.args = "MANIFEST",
	.n_args = 1,
	.summary = "Repair the images of a verity layer from its parity",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct repair_opts),
	.run = repair_run,
};
