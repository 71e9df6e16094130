/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build verify: reads every block of a stack through all its layers and says what is
 * damaged, and where.
 */

#include <string.h>

#include "damage-list.h"
#include "file-digest.h"
#include "image-set.h"
#include "interrupt.h"
#include "integrity-repair.h"
#include "json-text.h"
#include "layer-integrity.h"
#include "manifest-trust.h"
#include "log.h"
#include "pipeline.h"
#include "progress.h"
#include "vdev-file.h"
#include "build-verbs.h"

/* More lines help nobody; the number of all is printed too. */
#define LINES_MAX 1000U

struct verify_opts {
	struct strlist keys, certificates;
	const char *images, *layer;
	uint64_t threads;
	bool no_digest, json, quiet;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct verify_opts, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("key", OPTION_LIST, keys, .letter = 'k', .arg = "REF=FILE",
		.help = "where the bytes of a key are now"),
	OPTION("layer", OPTION_STRING, layer, .letter = 'l', .arg = "TYPE,...",
		.help = "there is no manifest, but an image of this one layer"),
	OPTION("images", OPTION_STRING, images, .letter = 'i', .arg = "DIR",
		.help = "where the images are, if not beside the manifest"),
	OPTION("certificate", OPTION_LIST, certificates, .letter = 'c', .arg = "FILE",
		.help = "refuse a manifest that is not signed by this key"),
	OPTION("no-digest", OPTION_FLAG, no_digest,
		.help = "leave out the sha256 of the images; the layers have to find it"),
	OPTION("threads", OPTION_U64, threads, .letter = 't', .arg = "N",
		.help = "default: one for each CPU"),
	OPTION("json", OPTION_FLAG, json, .help = "print progress and result as JSON, one a line"),
	OPTION("quiet", OPTION_FLAG, quiet, .letter = 'q',
		.help = "print nothing but errors; the exit status tells"),
};

struct verify {
	const struct verify_opts *opts;
	struct image_set set;
	struct damage_list damages;
	uint64_t n_bad_files;
	uint64_t damaged_bytes; /* of the top device */
	bool unreadable;	/* a layer could not be opened */
};

static void verify_done(struct verify *v)
{
	image_set_done(&v->set);
	damage_list_done(&v->damages);
}

static void print_bad_file(struct verify *v, const char *file, const char *what)
{
	_cleanup_(buf_done) struct buf buf = {};

	v->n_bad_files++;
	if (v->opts->quiet)
		return;
	if (v->opts->json) {
		buf_puts(&buf, "{\"damage\":{");
		json_member(&buf, "file", file);
		json_member(&buf, "what", what);
		buf_puts(&buf, "}}\n");
	} else {
		buf_printf(&buf, "%s: %s\n", file, what);
	}
	fputs(buf_str(&buf), stdout);
}

static int check_digests(struct verify *v, struct diag *diag)
{
	for (size_t i = 0; i < v->set.manifest->n_artifacts; i++) {
		const struct manifest_artifact *a = &v->set.manifest->artifacts[i];
		uint8_t digest[FILE_DIGEST_SIZE];
		int r;

		if (!a->has_sha256)
			continue;
		r = vdev_file_sha256(v->set.files[i], a->bytes, &interrupted, digest);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s: %s", a->file, strerror(-r));
		if (memcmp(digest, a->sha256, sizeof(digest)) != 0)
			print_bad_file(v, a->file, "the sha256 is not that of the manifest");
	}
	return 0;
}

/*
 * True if the error says that the image is not what was built, false if it could not be looked at.
 */
static bool is_damage(int r)
{
	return r == -ENODATA || r == -EUCLEAN || r == -EMEDIUMTYPE || r == -EILSEQ ||
	       r == -EBADMSG || r == -EPROTONOSUPPORT || r == -EINVAL;
}

static int read_all(struct verify *v, struct diag *diag)
{
	struct progress progress;
	struct pipeline pipeline = {
		.threads = (unsigned)v->opts->threads,
		.cancel = &interrupted,
		.progress = progress_update,
		.userdata = &progress,
	};
	int r;

	v->set.report = damage_list_report;
	v->set.userdata = &v->damages;
	r = image_set_open_layers(&v->set, pipeline_threads(&pipeline), diag);
	if (r < 0 && is_damage(r)) {
		/* The diag is the finding. Without this layer nothing above it can be read. */
		v->unreadable = true;
		return 0;
	}
	if (r < 0)
		return r;

	progress_begin(&progress, progress_choose(v->opts->json, v->opts->quiet), "verify");
	r = pipeline_verify(&pipeline, image_set_top(&v->set), &v->damaged_bytes, diag);
	progress_end(&progress);
	/* What the layer above does not use of the one below has tags all the same. */
	for (size_t i = v->set.n_layers; r >= 0 && i-- > 0;)
		r = vdev_finish(v->set.filters[i], diag);
	return r;
}

static bool is_clean(const struct verify *v)
{
	return v->n_bad_files == 0 && v->damages.n_all == 0 && v->damaged_bytes == 0 &&
	       !v->unreadable;
}

/* Blocks that were read from journals, which is sound, but not what was built. */
static uint64_t print_journals(const struct verify *v, struct buf *buf)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < v->set.n_layers && !v->unreadable; i++) {
		uint64_t n = 0;

		if (v->set.layers[i]->type == &layer_type_integrity)
			n = integrity_journal_blocks(v->set.filters[i]);
		sum += n;
		if (n > 0 && !v->opts->json)
			buf_printf(buf,
				"%s: %ju blocks are in the journal only, and were read from there; "
				"repair --replay writes them back\n",
				v->set.layers[i]->name, (uintmax_t)n);
	}
	return sum;
}

static int print_result(struct verify *v, const struct diag *diag)
{
	_cleanup_(buf_done) struct buf buf = {};
	uint64_t journal;
	size_t n;

	if (v->opts->quiet)
		return 0;
	damage_list_finish(&v->damages);
	n = MIN(v->damages.n, (size_t)LINES_MAX);
	for (size_t i = 0; i < n; i++)
		damage_print(&v->damages.items[i], v->opts->json, &buf);
	if (!v->opts->json && n < v->damages.n)
		buf_printf(&buf, "... and %zu more places\n", v->damages.n - n);

	journal = print_journals(v, &buf);
	if (v->opts->json) {
		buf_puts(&buf, "{\"result\":{");
		json_member(&buf, "name", v->set.manifest->name);
		json_member_bool(&buf, "clean", is_clean(v));
		json_member_u64(&buf, "reports", v->damages.n_all);
		json_member_u64(&buf, "journal-blocks", journal);
		if (v->unreadable && diag->what)
			json_member(&buf, "unreadable", diag->what);
		else
			json_member_u64(&buf, "damaged-bytes", v->damaged_bytes);
		buf_puts(&buf, "}}\n");
	} else if (is_clean(v)) {
		buf_printf(&buf, "%s: every block of %zu layers is sound\n", v->set.manifest->name,
			v->set.n_layers);
	} else if (!v->unreadable) {
		buf_printf(&buf, "%s: damaged, %ju bytes of %s cannot be read\n",
			v->set.manifest->name, (uintmax_t)v->damaged_bytes,
			v->set.layers[v->set.n_layers - 1]->name);
	}
	if (buf_error(&buf) < 0)
		return buf_error(&buf);
	fputs(buf_str(&buf), stdout);
	return 0;
}

static int verify_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(keystore_done) struct keystore keys = {};
	_cleanup_(verify_done) struct verify v = {
		.opts = opts,
		.damages = DAMAGE_LIST_INIT,
	};
	int r;

	if (v.opts->threads > 1024)
		return usage_error(diag, "--threads: %ju is not between 0 and 1024",
			(uintmax_t)v.opts->threads);
	r = keystore_init(&keys, &v.opts->keys, diag);
	if (r < 0)
		return r == -ENOMEM ? r : EXIT_USAGE;

	if (v.opts->layer && (v.opts->certificates.n > 0 || v.opts->images))
		return usage_error(diag,
			"--layer: without a manifest there is no --certificate and "
			"no --images");
	if (v.opts->certificates.n > 0) {
		r = manifest_check_signature(args[0], &v.opts->certificates, diag);
		if (r < 0)
			return r;
	}
	r = v.opts->layer ? image_set_describe(&v.set, v.opts->layer, args[0], diag)
			  : image_set_load(&v.set, args[0], v.opts->images, diag);
	if (r < 0)
		return r;
	v.set.keys = &keys;
	r = image_set_open_files(&v.set, diag);
	if (r >= 0 && !v.opts->no_digest)
		r = check_digests(&v, diag);
	if (r >= 0)
		r = read_all(&v, diag);
	if (r < 0)
		return r;
	r = print_result(&v, diag);
	if (r < 0)
		return r;
	return is_clean(&v) ? EXIT_DONE : EXIT_FAILED;
}

const struct verb verb_verify = {
	.name = "verify",
	.args = "MANIFEST|IMAGE",
	.n_args = 1,
	.summary = "Read every block through all layers and list what is damaged",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct verify_opts),
	.run = verify_run,
};
