/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build recalculate, and the part of repair that is for integrity layers.
 */

#include "build-verbs.h"
#include "change-integrity.h"
#include "json-text.h"
#include "layer-integrity.h"
#include "progress.h"

static bool is_integrity(const struct layer *layer)
{
	return layer->type == &layer_type_integrity;
}

static int print_result(
	struct image_change *c, const struct integrity_repair *result, size_t changed_files)
{
	_cleanup_(buf_done) struct buf buf = {};
	const char *name = image_change_layer(c)->name;

	if (c->opts->quiet)
		return 0;
	image_change_print_reported(c, &buf);
	if (c->opts->json) {
		buf_puts(&buf, "{\"result\":{");
		json_member(&buf, "name", name);
		json_member_u64(&buf, "replayed-blocks", result->replayed_blocks);
		json_member_u64(&buf, "changed-tags", result->tags);
		json_member_u64(&buf, "damaged-blocks", result->damaged_blocks);
		json_member_bool(&buf, "finished", result->cleared);
		json_member_u64(&buf, "changed-digests", changed_files);
		buf_puts(&buf, "}}\n");
	} else {
		buf_printf(&buf,
			"%s: %ju blocks written back from the journal, %ju tags changed, %ju "
			"blocks damaged\n",
			name, (uintmax_t)result->replayed_blocks, (uintmax_t)result->tags,
			(uintmax_t)result->damaged_blocks);
		if (result->cleared)
			buf_printf(&buf, "%s: what was unfinished is finished\n", name);
		if (changed_files > 0)
			buf_printf(&buf,
				"%s: the manifest has new digests; a signature of it has to be "
				"made anew\n",
				name);
	}
	if (buf_error(&buf) < 0)
		return buf_error(&buf);
	fputs(buf_str(&buf), stdout);
	return 0;
}

int change_integrity(struct image_change *c, enum integrity_repair_kind kind, struct diag *diag)
{
	struct integrity_repair result = {};
	struct progress progress;
	size_t changed_files = 0;
	bool whole;
	int r;

	r = image_change_pick(c, is_integrity, "has no integrity layer", diag);
	if (r >= 0)
		r = image_change_open(c, diag);
	if (r < 0)
		return r;
	c->pipeline.progress = progress_update;
	c->pipeline.userdata = &progress;
	progress_begin(&progress, progress_choose(c->opts->json, c->opts->quiet), "tags");
	r = integrity_repair(c->set.filters[c->layer], kind, &c->pipeline, &result, diag);
	progress_end(&progress);
	whole = result.damaged_blocks == 0;
	if (r >= 0 && (c->opts->in_place || whole))
		r = image_change_publish(c, diag);
	if (r >= 0 && (c->opts->in_place || whole))
		r = image_change_digests(c, true, &changed_files, diag);
	if (r >= 0)
		r = print_result(c, &result, changed_files);
	if (r < 0)
		return r;
	if (!whole)
		return diag_set(diag, -EILSEQ,
			"%s: %ju blocks outside of what is unfinished are damaged%s", c->path,
			(uintmax_t)result.damaged_blocks,
			c->opts->in_place ? "" : "; nothing was written");
	return EXIT_DONE;
}

struct recalculate_opts {
	struct image_change_opts change;
	bool reset;
};

static const struct option_def options[] = {
	IMAGE_CHANGE_OPTIONS(offsetof(struct recalculate_opts, change)),
	{ .name = "reset",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct recalculate_opts, reset),
		.help = "all tags, also where the superblock calls only some of them unfinished" },
};

static int recalculate_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(image_change_done) struct image_change c = IMAGE_CHANGE_INIT;
	const struct recalculate_opts *o = opts;
	int r;

	r = image_change_load(&c, "recalculate", &o->change, args[0], diag);
	if (r != 0)
		return r;
	return change_integrity(&c, o->reset ? INTEGRITY_RESET : INTEGRITY_RECALCULATE, diag);
}

const struct verb verb_recalculate = {
	.name = "recalculate",
	.args = "MANIFEST|IMAGE",
	.n_args = 1,
	.summary = "Compute the tags of an integrity layer from its data",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct recalculate_opts),
	.run = recalculate_run,
};
