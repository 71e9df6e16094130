/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From a laid-out stack to images on disk. The images have no name while they are made, and appear
 * together with the manifest.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "build-private.h"
#include "cleanup.h"
#include "fd.h"
#include "filter.h"
#include "in-place.h"
#include "interrupt.h"
#include "layer-integrity.h"
#include "output-folder.h"
#include "pipeline.h"
#include "vdev-file.h"

#define DERIVED_MAX 8160U /* bytes that seed_bytes() gives at once */

static void build_done(struct build *b)
{
	for (size_t i = b->recipe->n_layers; i-- > 0;)
		vdev_free(b->filters[i]);
	for (size_t i = 0; i < b->layout->n_artifacts; i++)
		vdev_free(b->files[i]);
	vdev_free(b->disk);
	vdev_free(b->input);
	partitions_done(&b->partitions);
	free(b->manifest_name);
	output_folder_done(&b->output);
}

static int check_key(const struct layer *layer, const struct keyref *ref, size_t needed,
	struct keystore *keys, size_t *ret_size, struct diag *diag)
{
	_cleanup_(buf_done) struct buf text = {};
	const struct secret *secret;
	int r;

	r = keystore_get(keys, ref, &secret, diag);
	if (r < 0)
		return diag_at(diag, r, "layer %s", layer->name);
	if (needed && secret_size(secret) != needed) {
		keyref_print(ref, &text);
		return diag_set(diag, -EINVAL,
			"layer %s: the key %s has %zu bytes, but %zu are needed", layer->name,
			buf_str(&text), secret_size(secret), needed);
	}
	*ret_size = secret_size(secret);
	return 0;
}

int build_check_keys(const struct recipe *recipe, struct keystore *keys, struct diag *diag)
{
	for (size_t i = 0; i < recipe->n_layers; i++) {
		struct layer *layer = recipe->layers[i];
		size_t size = 0, other;
		int r = 0;

		if (layer->key.kind != KEYREF_NONE)
			r = check_key(layer, &layer->key,
				layer->type->key_size ? layer->type->key_size(layer) : 0, keys,
				&size, diag);
		for (size_t k = 0; r >= 0 && k < recipe->luks[i].n_slots; k++)
			r = check_key(layer, &recipe->luks[i].slots[k]->key, 0, keys, &other, diag);
		if (r < 0)
			return r;
		if (layer->type != &layer_type_integrity)
			continue;

		struct integrity_fields *f = integrity_fields(layer);

		if (size && !f->key_size) {
			f->key_size = size;
			layer_mark_set(layer, "key-size");
		}
		if (f->journal_integrity_key.kind != KEYREF_NONE)
			r = check_key(layer, &f->journal_integrity_key, 0, keys, &other, diag);
		if (r >= 0 && f->journal_crypt_key.kind != KEYREF_NONE)
			r = check_key(layer, &f->journal_crypt_key, 0, keys, &other, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_files(struct build *b, struct diag *diag)
{
	int fd = output_folder_work_fd(&b->output);
	int r;

	r = vdev_file_open(AT_FDCWD, b->args->input, 0, &b->input, diag);
	if (r >= 0 && b->layout->disk_bytes)
		r = vdev_file_create(fd, b->layout->artifacts[0].file, b->layout->disk_bytes,
			BUILD_FILE_MODE, &b->disk, diag);
	for (size_t i = 0; r >= 0 && i < b->layout->n_artifacts; i++) {
		const struct artifact *a = &b->layout->artifacts[i];

		if (a->in_place)
			r = vdev_file_keep(fd, a->file, &b->files[i], diag);
		else if (a->consumed)
			r = vdev_file_convert(
				fd, a->file, b->args->input, a->bytes, &b->files[i], diag);
		else if (b->disk)
			r = vdev_file_slice(b->disk, a->offset, a->bytes, &b->files[i], diag);
		else
			r = vdev_file_create(
				fd, a->file, a->bytes, BUILD_FILE_MODE, &b->files[i], diag);
		if (r >= 0 && !a->in_place && !b->args->no_digest)
			r = vdev_file_start_digest(b->files[i]);
	}
	return r;
}

static int find_key(
	void *userdata, const struct keyref *ref, const struct secret **ret, struct diag *diag)
{
	return keystore_get(((struct build *)userdata)->keys, ref, ret, diag);
}

/* The filter of the layer that a device is, or its file; NULL: there is no such device. */
static struct vdev *find_below(const struct build *b, size_t index, size_t role)
{
	const struct layer *layer = b->recipe->layers[index];
	const struct layer_device *device;
	const struct artifact *artifact;

	if (role >= layer->type->n_roles)
		return NULL;
	device = layer_device(layer, layer->type->roles[role].name);
	for (size_t i = 0; device && device->layer && i < index; i++)
		if (b->recipe->layers[i] == device->layer)
			return b->filters[i];
	artifact = layout_find_artifact(b->layout, b->recipe, index, role);
	return artifact ? b->files[artifact - b->layout->artifacts] : NULL;
}

/* Pieces have labels of their own, since there is a limit to what one label gives. */
static int derive_bytes(
	void *userdata, const struct layer *layer, const char *label, void *ret, size_t size)
{
	const struct build *b = userdata;

	for (size_t done = 0; done < size; done += DERIVED_MAX) {
		_cleanup_(buf_done) struct buf text = {};
		int r;

		buf_printf(&text, "%s/%s/%zu", layer->name, label, done / DERIVED_MAX);
		if (buf_error(&text) < 0)
			return -ENOMEM;
		r = seed_bytes(b->args->seed, text.data, (uint8_t *)ret + done,
			MIN(size - done, (size_t)DERIVED_MAX));
		if (r < 0)
			return r;
	}
	return 0;
}

static int open_filters(struct build *b, unsigned threads, struct diag *diag)
{
	int r;

	for (size_t i = 0; i < b->recipe->n_layers; i++) {
		struct filter_args args = {
			.layer = b->recipe->layers[i],
			.mode = FILTER_CREATE,
			.threads = threads,
			.key = find_key,
			.random = b->args->seed->given ? derive_bytes : NULL,
			.luks = &b->recipe->luks[i],
			.userdata = b,
		};

		for (size_t k = 0; k < LAYER_ROLES_MAX; k++)
			args.below[k] = find_below(b, i, k);
		r = filter_open(&args, &b->filters[i], diag);
		if (r < 0)
			return diag_at(diag, r, "layer %s", args.layer->name);
		if (b->filters[i]->size_bytes != b->layout->length[i] * SECTOR_SIZE)
			return diag_set(diag, -EIO,
				"layer %s: %ju bytes were planned, but it has %ju",
				args.layer->name, (uintmax_t)(b->layout->length[i] * SECTOR_SIZE),
				(uintmax_t)b->filters[i]->size_bytes);
	}
	return 0;
}

/* Not before everything that can be refused has been looked at. */
static int claim_input(struct build *b, struct diag *diag)
{
	int r;

	if (!b->layout->artifacts[0].consumed)
		return 0;
	r = vdev_file_claim(b->files[0], b->args->input, diag);
	b->claimed = r >= 0;
	return r;
}

static int write_all(struct build *b, struct diag *diag)
{
	struct progress progress;
	struct pipeline pipeline = {
		.threads = b->args->threads,
		.cancel = &interrupted,
		.progress = progress_update,
		.userdata = &progress,
	};
	int r;

	r = open_filters(b, pipeline_threads(&pipeline), diag);
	if (r >= 0)
		r = claim_input(b, diag);
	if (r < 0)
		return r;
	progress_begin(&progress, b->args->progress, "write");
	r = pipeline_write(&pipeline, b->input, b->filters[b->recipe->n_layers - 1], diag);
	progress_end(&progress);
	for (size_t i = b->recipe->n_layers; r >= 0 && i-- > 0;) {
		r = interrupted ? -ECANCELED : vdev_finish(b->filters[i], diag);
		if (r < 0)
			(void)diag_at(diag, r, "layer %s", b->recipe->layers[i]->name);
	}
	for (size_t i = 0; r >= 0 && i < b->layout->n_artifacts; i++)
		r = vdev_finish(b->files[i], diag);
	return r;
}

static int describe_artifacts(const struct build *b, struct manifest *meta, struct diag *diag)
{
	int r;

	meta->artifacts = calloc(b->layout->n_artifacts, sizeof(*meta->artifacts));
	if (!meta->artifacts)
		return -ENOMEM;
	for (size_t i = 0; i < b->layout->n_artifacts; i++) {
		const struct artifact *a = &b->layout->artifacts[i];
		const struct layer *layer = b->recipe->layers[a->layer];
		struct manifest_artifact *to = &meta->artifacts[meta->n_artifacts++];

		to->file = strdup(a->file);
		to->layer = strdup(layer->name);
		to->role = strdup(layer->type->roles[a->role].name);
		to->offset = a->offset;
		to->bytes = a->bytes;
		if (!to->file || !to->layer || !to->role)
			return -ENOMEM;
		/*
		 * The root hash says what the data are, and reading them again would take longer.
		 */
		if (b->args->no_digest || (a->in_place && in_place_has_tree(b->recipe)))
			continue;
		to->has_sha256 = true;
		r = vdev_file_sha256(b->files[i], a->bytes, &interrupted, to->sha256);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s again: %s", a->file, strerror(-r));
	}
	return 0;
}

/* The UUIDs of partitions may follow from root hashes, so that the table comes last. */
static int make_partitions(struct build *b, const struct manifest *meta, struct diag *diag)
{
	struct partitions_args args = {
		.recipe = b->recipe,
		.layout = b->layout,
		.mount = meta->mount,
		.architecture = b->args->architecture,
		.seed = b->args->seed,
	};
	int r;

	if (!b->disk && !b->args->repart)
		return 0;
	r = partitions_init(&b->partitions, &args, diag);
	if (r < 0 || !b->disk)
		return r;
	return partitions_write_gpt(
		&b->partitions, vdev_file_fd(b->disk), b->layout->artifacts[0].file, diag);
}

static int build_end(const struct build *b, int r, struct diag *diag)
{
	return r < 0 && b->claimed
		       ? diag_at(diag, r, "%s, which was being changed and is lost", b->args->input)
		       : r;
}

int build_run(const struct build_args *args, const struct recipe *recipe,
	const struct layout *layout, struct keystore *keys, struct manifest *meta,
	struct diag *diag)
{
	_cleanup_(build_done) struct build b = {
		.args = args,
		.recipe = recipe,
		.layout = layout,
		.keys = keys,
		.output = OUTPUT_FOLDER_INIT,
	};
	int r;

	r = build_open_folder(&b, diag);
	if (r >= 0)
		r = open_files(&b, diag);
	if (r >= 0)
		r = write_all(&b, diag);
	if (r < 0)
		return build_end(&b, r, diag);

	/* The root hashes are known now, so the layers can be described. */
	meta->layers = (struct layer **)recipe->layers;
	meta->n_layers = recipe->n_layers;
	r = make_partitions(&b, meta, diag);
	if (r >= 0)
		r = describe_artifacts(&b, meta, diag);
	if (r >= 0)
		r = build_publish(&b, meta, diag);
	meta->layers = NULL;
	meta->n_layers = 0;
	return build_end(&b, r, diag);
}
