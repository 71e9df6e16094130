/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build create: from a file-system image to the images and the manifest of a stack.
 */

#include <fcntl.h>
#include <string.h>

#include "build.h"
#include "create-result.h"
#include "fs-probe.h"
#include "in-place.h"
#include "log.h"
#include "partitions.h"
#include "seal-spec.h"
#include "vdev-file.h"
#include "build-verbs.h"

#define ALIGN_DEFAULT 4096U

struct create_opts {
	const char *input, *output, *name;
	const char *stack;
	struct strlist layers, layer_options, keys, devices, keyslots, tokens;
	uint64_t device_size, partition_size, align;
	const char *mount, *phase, *fail, *seal, *seed;
	uint64_t generation, threads;
	const char *repart, *architecture;
	bool json, quiet, dry_run, force, in_place, consume, gpt, no_digest;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct create_opts, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("input", OPTION_STRING, input, .letter = 'i', .arg = "FILE",
		.help = "the file-system image"),
	OPTION("output", OPTION_STRING, output, .letter = 'o', .arg = "DIR",
		.help = "the folder for images and manifest"),
	OPTION("name", OPTION_STRING, name, .letter = 'n', .arg = "NAME",
		.help = "the name of the stack and of its top layer"),
	OPTION("stack", OPTION_STRING, stack, .letter = 's', .arg = "PRESET",
		.help = "a stack that has a name, such as verity-then-crypt"),
	OPTION("layer", OPTION_LIST, layers, .letter = 'l', .arg = "TYPE[,OPTION[=VALUE]...]",
		.help = "a layer; repeated, bottom first"),
	OPTION("layer-option", OPTION_LIST, layer_options, .arg = "LAYER.OPTION[=VALUE]",
		.help = "an option of the layer with this name or type"),
	OPTION("key", OPTION_LIST, keys, .letter = 'k', .arg = "REF=FILE",
		.help = "where the bytes of a key are now"),
	OPTION("keyslot", OPTION_LIST, keyslots, .arg = "LAYER,key=REF[,OPTION=VALUE]...",
		.help = "one more keyslot for a LUKS2 header"),
	OPTION("token", OPTION_LIST, tokens, .arg = "LAYER,FILE",
		.help = "a token for a LUKS2 header: a file with a JSON object"),
	OPTION("device", OPTION_LIST, devices, .letter = 'd', .arg = "[LAYER.]ROLE=DEVICE",
		.help = "the device on the target that an image goes to"),
	OPTION("device-size", OPTION_SIZE, device_size, .arg = "BYTES",
		.help = "make the data image exactly so large"),
	OPTION("partition-size", OPTION_SIZE, partition_size, .arg = "BYTES",
		.help = "the partition is so large; add a linear layer if the data image is not"),
	OPTION("align", OPTION_SIZE, align, .arg = "BYTES",
		.help = "round the data image up to a multiple (default 4096)"),
	OPTION("data-in-place", OPTION_FLAG, in_place,
		.help = "the input is the data image: write only tree, tags and parity"),
	OPTION("consume-input", OPTION_FLAG, consume,
		.help = "change the input where it lies and rename it to the data image"),
	OPTION("no-digest", OPTION_FLAG, no_digest,
		.help = "leave the sha256 of the images out of the manifest"),
	OPTION("gpt", OPTION_FLAG, gpt,
		.help = "make one disk image with the images as partitions"),
	OPTION("repart", OPTION_STRING, repart, .arg = "DIR",
		.help = "write definitions for systemd-repart, which finds the images in DIR"),
	OPTION("architecture", OPTION_STRING, architecture, .letter = 'a', .arg = "NAME",
		.help = "for the types of partitions (default: this machine's)"),
	OPTION("mount", OPTION_STRING, mount, .letter = 'm', .arg = "WHERE[:TYPE[:OPTIONS]]",
		.help = "how the target mounts it"),
	OPTION("generation", OPTION_U64, generation, .arg = "N", .help = "the rollback number"),
	OPTION("phase", OPTION_STRING, phase, .arg = "PHASE", .help = "bootstrap or sealed"),
	OPTION("fail", OPTION_STRING, fail, .arg = "ACTION",
		.help = "what a failure does in the sealed phase"),
	OPTION("seal", OPTION_STRING, seal, .arg = "DEVICE[,OPTION[=VALUE]...]",
		.help = "where the TPM's share of the keys lies"),
	OPTION("seed", OPTION_STRING, seed, .arg = "HEX",
		.help = "derive salts and UUIDs, for the same bytes every time"),
	OPTION("threads", OPTION_U64, threads, .letter = 't', .arg = "N",
		.help = "default: one for each CPU"),
	OPTION("dry-run", OPTION_FLAG, dry_run, .help = "show the sizes and write nothing"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
	OPTION("json", OPTION_FLAG, json, .help = "print progress and result as JSON, one a line"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q', .help = "print nothing but errors"),
};

/* What a seal has to be is known before anything is made. */
static int check_seal(const struct create_opts *o, struct diag *diag)
{
	_cleanup_(seal_freep) struct seal *seal = NULL;
	int r;

	r = o->seal ? seal_spec_parse(o->seal, &seal, diag) : 0;
	return r < 0 && r != -ENOMEM ? (int)EXIT_USAGE : r;
}

static int check_options(const struct create_opts *o, struct diag *diag)
{
	const struct {
		const char *name;
		const char *value;
	} needed[] = { { "input", o->input }, { "output", o->output }, { "name", o->name } };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!needed[i].value && !(o->dry_run && streq(needed[i].name, "output")))
			return usage_error(diag, "create: --%s is missing", needed[i].name);
	if (o->gpt && (o->repart || o->in_place || o->consume))
		return usage_error(diag, "create: --gpt and --%s exclude each other",
			o->repart     ? "repart"
			: o->in_place ? "data-in-place"
				      : "consume-input");
	if (o->in_place && o->consume)
		return usage_error(
			diag, "create: --data-in-place and --consume-input exclude each other");
	if (o->partition_size && o->device_size)
		return usage_error(
			diag, "create: --partition-size and --device-size exclude each other");
	if (o->partition_size % SECTOR_SIZE)
		return usage_error(diag, "--partition-size: %ju is not a multiple of %u",
			(uintmax_t)o->partition_size, SECTOR_SIZE);
	if (o->repart && *o->repart != '/')
		return usage_error(diag, "--repart: \"%s\" is not an absolute path", o->repart);
	if (o->gpt && !gpt_is_supported())
		return usage_error(diag, "--gpt: dmstack was built without libfdisk");
	if (o->threads > 1024)
		return usage_error(
			diag, "--threads: %ju is not between 0 and 1024", (uintmax_t)o->threads);
	if (o->phase && !streq(o->phase, "bootstrap") && !streq(o->phase, "sealed"))
		return usage_error(
			diag, "--phase: \"%s\" is neither bootstrap nor sealed", o->phase);
	return check_seal(o, diag);
}

/*
 * What is known about the input: its size, and its file system if there is one. An unknown one
 * gives type NULL.
 */
static int probe_input(
	const char *path, uint64_t *ret_bytes, struct fs_info *ret, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	_cleanup_free_ uint8_t *head = NULL;
	uint64_t n;
	int r;

	r = vdev_file_open(AT_FDCWD, path, 0, &v, diag);
	if (r < 0)
		return r;
	n = MIN(v->size_bytes, (uint64_t)FS_PROBE_SIZE);
	head = malloc(FS_PROBE_SIZE);
	if (!head)
		return -ENOMEM;
	r = vdev_read(v, head, n, 0);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
	*ret_bytes = v->size_bytes;
	*ret = (struct fs_info){};
	r = fs_probe(head, n, ret);
	if (r == -EINVAL)
		return diag_set(
			diag, r, "%s: the superblock of the file system makes no sense", path);
	return r == -ENODATA ? 0 : r;
}

/* Options with which ext4 leaves its journal alone. */
static bool skips_recovery(const char *mount)
{
	return mount && (strstr(mount, "noload") || strstr(mount, "norecovery"));
}

/* Refuses what the kernel would not mount. */
static int check_fs(const struct create_opts *o, const struct fs_info *fs, uint64_t input_bytes,
	const struct recipe *recipe, struct diag *diag)
{
	uint32_t block_size = layout_block_size(recipe, recipe->n_layers - 1);

	if (!fs->type) {
		log_warning("the input has no file system that is known here; whether it can be "
			    "mounted is not checked");
		return 0;
	}
	if (fs->block_size < block_size)
		return diag_set(diag, -EINVAL,
			"the %s file system has blocks of %u bytes, but layer %s has blocks of %u, "
			"so it could not be mounted: make it with larger blocks, or give the layers "
			"smaller ones",
			fs->type, fs->block_size, recipe_top(recipe)->name, block_size);
	if (fs->size > input_bytes)
		return diag_set(diag, -EINVAL,
			"the %s file system has %ju bytes, but the input only %ju", fs->type,
			(uintmax_t)fs->size, (uintmax_t)input_bytes);
	if (fs->needs_recovery && layer_is_read_only(recipe_top(recipe)) &&
		!skips_recovery(o->mount))
		return diag_set(diag, -EINVAL,
			"the %s file system was not unmounted, and could not be mounted from layer "
			"%s, which cannot be written: replay its journal first, with e2fsck -p",
			fs->type, recipe_top(recipe)->name);
	return 0;
}

/* WHERE[:TYPE[:OPTIONS]]; what is not given comes from the input and the stack. */
static int make_mount(const struct create_opts *o, const struct fs_info *fs,
	const struct recipe *recipe, struct mount_hint **ret, struct diag *diag)
{
	_cleanup_(mount_hint_freep) struct mount_hint *mount = NULL;
	_cleanup_free_ char *text = NULL;
	char *type, *opts = NULL;

	if (!o->mount)
		return 0;
	if (*o->mount != '/')
		return diag_set(diag, -EINVAL, "--mount: \"%s\" is not an absolute path", o->mount);
	text = strdup(o->mount);
	mount = calloc(1, sizeof(*mount));
	if (!text || !mount)
		return -ENOMEM;
	type = strchr(text, ':');
	if (type) {
		*type++ = '\0';
		opts = strchr(type, ':');
		if (opts)
			*opts++ = '\0';
	}
	if ((!type || !*type) && fs->type)
		type = (char *)fs->type;
	if ((!opts || !*opts) && layer_is_read_only(recipe_top(recipe)))
		opts = (char *)"ro";

	mount->where = strdup(text);
	if (type && *type)
		mount->type = strdup(type);
	if (opts && *opts)
		mount->options = strdup(opts);
	if (!mount->where || (type && *type && !mount->type) || (opts && *opts && !mount->options))
		return -ENOMEM;
	*ret = take_ptr(mount);
	return 0;
}

static int make_manifest(const struct create_opts *o, const struct fs_info *fs,
	const struct recipe *recipe, struct manifest **ret, struct diag *diag)
{
	_cleanup_(manifest_freep) struct manifest *m = calloc(1, sizeof(*m));
	const struct layer *top = recipe_top(recipe);
	int r;

	if (!m)
		return -ENOMEM;
	m->name = strdup(recipe->name);
	if (!m->name)
		return -ENOMEM;
	m->generation = o->generation;
	m->phase = top->common.phase;
	m->fail = top->common.fail;
	r = make_mount(o, fs, recipe, &m->mount, diag);
	if (r >= 0 && o->seal)
		r = seal_spec_parse(o->seal, &m->seal, diag);
	if (r < 0)
		return r;
	*ret = take_ptr(m);
	return 0;
}

static struct layout_args make_layout_args(const struct create_opts *o)
{
	return (struct layout_args){
		.align = o->align
				 ?: o->in_place ? SECTOR_SIZE
						: ALIGN_DEFAULT,
		.device_bytes = o->device_size,
	};
}

/* Whether the data image, which is smaller than the partition, holds only for its own size. */
static int find_wrap(
	const struct create_opts *o, const struct recipe *recipe, bool *ret, struct diag *diag)
{
	_cleanup_(layout_done) struct layout layout = {};
	struct layout_args args = make_layout_args(o);
	struct fs_info fs;
	int r;

	r = probe_input(o->input, &args.input_bytes, &fs, diag);
	if (r >= 0)
		r = layout_init(&layout, recipe, &args, diag);
	if (r < 0)
		return r;
	if (layout.artifacts[0].bytes > o->partition_size)
		return diag_set(diag, -ENOSPC,
			"--partition-size: %ju bytes are too small, the data image has %ju",
			(uintmax_t)o->partition_size, (uintmax_t)layout.artifacts[0].bytes);
	*ret = layout.artifacts[0].bytes < o->partition_size && recipe->layers[0]->type->exact_size;
	return 0;
}

/* What would be refused when all is written is refused before. */
static int check_partitions(const struct build_args *args, const struct recipe *recipe,
	const struct layout *layout, const struct manifest *m, struct diag *diag)
{
	_cleanup_(partitions_done) struct partitions partitions = {};
	_cleanup_(buf_done) struct buf text = {};
	int r;

	r = partitions_init(&partitions,
		&(struct partitions_args){
			.recipe = recipe,
			.layout = layout,
			.mount = m->mount,
			.architecture = args->architecture,
			.seed = args->seed,
		},
		diag);
	for (size_t i = 0; r >= 0 && args->repart && i < partitions.n; i++)
		r = partition_print_repart(&partitions.items[i], args->repart, &text, diag);
	return r;
}

static int create_stack(const struct create_opts *o, const struct seed *seed, struct keystore *keys,
	const struct recipe *recipe, struct diag *diag)
{
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(layout_done) struct layout layout = {};
	struct layout_args layout_args = make_layout_args(o);
	struct build_args build_args = {
		.input = o->input,
		.output = o->output,
		.threads = (unsigned)o->threads,
		.seed = seed,
		.force = o->force,
		.no_digest = o->no_digest,
		.architecture = o->architecture,
		.repart = o->repart,
		.progress = progress_choose(o->json, o->quiet),
	};
	struct fs_info fs;
	int r;

	r = probe_input(o->input, &layout_args.input_bytes, &fs, diag);
	if (r >= 0)
		r = check_fs(o, &fs, layout_args.input_bytes, recipe, diag);
	if (r >= 0)
		r = layout_init(&layout, recipe, &layout_args, diag);
	if (r >= 0 && o->partition_size)
		layout.artifacts[0].room = o->partition_size;
	if (r >= 0 && (o->in_place || o->consume))
		r = (o->consume ? in_place_consume : in_place_prepare)(&layout, recipe,
			&(struct in_place_args){
				.input = o->input,
				.input_bytes = layout_args.input_bytes,
				.output = o->output,
			},
			diag);
	if (r >= 0 && o->gpt)
		r = layout_place_on_disk(&layout, recipe, diag);
	if (r >= 0)
		r = make_manifest(o, &fs, recipe, &m, diag);
	if (r >= 0 && (o->gpt || o->repart))
		r = check_partitions(&build_args, recipe, &layout, m, diag);
	if (r >= 0 && !o->dry_run)
		r = build_check_keys(recipe, keys, diag);
	if (r >= 0 && !o->dry_run)
		r = build_run(&build_args, recipe, &layout, keys, m, diag);
	if (r < 0)
		return r;
	if (o->quiet)
		return 0;
	return create_result_print(&(struct create_result){
		.output = o->output,
		.manifest = m,
		.recipe = recipe,
		.layout = &layout,
		.dry_run = o->dry_run,
		.json = o->json,
	});
}

static int create_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct create_opts *o = opts;
	_cleanup_(keystore_done) struct keystore keys = {};
	_cleanup_(recipe_done) struct recipe recipe = {};
	struct recipe_args recipe_args = {
		.name = o->name,
		.preset = o->stack,
		.layers = &o->layers,
		.layer_options = &o->layer_options,
		.devices = &o->devices,
		.keyslots = &o->keyslots,
		.tokens = &o->tokens,
		.phase = o->phase,
		.fail = o->fail,
		.generation = o->generation,
	};
	struct seed seed;
	int r;

	r = check_options(o, diag);
	if (r != 0)
		return r;
	if (o->quiet)
		log_set_max_level(LOG_LEVEL_ERR);
	r = keystore_init(&keys, &o->keys, diag);
	if (r >= 0)
		r = seed_init(&seed, o->seed, diag);
	if (r >= 0)
		r = recipe_init(&recipe, &recipe_args, &keys, &seed, diag);
	if (r < 0)
		return r == -ENOMEM ? r : EXIT_USAGE;
	if (o->partition_size) {
		r = find_wrap(o, &recipe, &recipe_args.wrap, diag);
		if (r < 0)
			return r;
		/* Sizes were filled in, so it is made anew in any case. */
		recipe_done(&recipe);
		r = recipe_init(&recipe, &recipe_args, &keys, &seed, diag);
		if (r < 0)
			return r;
	}
	return create_stack(o, &seed, &keys, &recipe, diag);
}

const struct verb verb_create = {
	.name = "create",
	.summary = "Build the images and the manifest of a stack",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct create_opts),
	.run = create_run,
};
