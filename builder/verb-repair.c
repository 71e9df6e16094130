/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build repair: puts damaged blocks of a verity layer right from its parity. Of an
 * integrity layer, which has nothing to put data right from: writes its journal back, and makes
 * tags fit the data, if that is asked for.
 */

#include "build-verbs.h"
#include "change-integrity.h"
#include "interrupt.h"
#include "json-text.h"
#include "layer-integrity.h"
#include "layer-linear.h"
#include "layer-luks.h"
#include "layer-verity.h"
#include "verity-repair.h"

struct repair_opts {
	struct image_change_opts change;
	bool replay, accept_data;
};

static const struct option_def options[] = {
	IMAGE_CHANGE_OPTIONS(offsetof(struct repair_opts, change)),
	{ .name = "replay",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct repair_opts, replay),
		.help = "write the journal of an integrity layer back, and nothing else" },
	{ .name = "accept-data",
		.kind = OPTION_FLAG,
		.offset = offsetof(struct repair_opts, accept_data),
		.help = "compute wrong tags of an integrity layer anew: the data are taken as they "
			"are" },
};

static bool has_parity(const struct layer *layer)
{
	return layer->type == &layer_type_verity && layer_device(layer, "fec");
}

/* Not where the tags of authenticated encryption would have to be written as well. */
static bool can_write_through(const struct layer *below)
{
	if (below->type == &layer_type_integrity)
		return !integrity_is_tag_store(below);
	if (below->type == &layer_type_crypt || below->type == &layer_type_luks)
		return !crypt_fields(below)->integrity;
	return below->type == &layer_type_linear;
}

static int print_result(struct image_change *c, const struct verity_repair *result)
{
	_cleanup_(buf_done) struct buf buf = {};
	const char *name = image_change_layer(c)->name;

	if (c->opts->quiet)
		return 0;
	image_change_print_reported(c, &buf);
	if (c->opts->json) {
		buf_puts(&buf, "{\"result\":{");
		json_member(&buf, "name", name);
		json_member_u64(&buf, "data-blocks", result->data_blocks);
		json_member_u64(&buf, "tree-blocks", result->tree_blocks);
		json_member_u64(&buf, "parity-blocks", result->parity_blocks);
		json_member_bool(&buf, "superblock", result->superblock);
		json_member_u64(&buf, "lost-blocks", result->lost_blocks);
		buf_puts(&buf, "}}\n");
	} else {
		buf_printf(&buf,
			"%s: repaired %ju blocks of data, %ju of the tree and %ju of the parity%s; "
			"%ju are lost\n",
			name, (uintmax_t)result->data_blocks, (uintmax_t)result->tree_blocks,
			(uintmax_t)result->parity_blocks,
			result->superblock ? ", and the superblock" : "",
			(uintmax_t)result->lost_blocks);
	}
	if (buf_error(&buf) < 0)
		return buf_error(&buf);
	fputs(buf_str(&buf), stdout);
	return 0;
}

/* Bytes that no layer looks at, such as those behind the parity, can differ still. */
static int repair_verity(struct image_change *c, struct diag *diag)
{
	struct verity_repair result;
	size_t wrong = 0;
	int r;

	c->through = can_write_through;
	r = image_change_pick(c, has_parity, "has no verity layer with a fec device", diag);
	if (r >= 0)
		r = image_change_open(c, diag);
	if (r >= 0)
		r = verity_repair(c->set.filters[c->layer], &interrupted, &result, diag);
	if (r >= 0 && result.lost_blocks == 0)
		r = image_change_digests(c, false, &wrong, diag);
	if (r >= 0 && (c->opts->in_place || result.lost_blocks + wrong == 0))
		r = image_change_publish(c, diag);
	if (r >= 0)
		r = print_result(c, &result);
	if (r < 0)
		return r;
	if (result.lost_blocks > 0)
		return diag_set(diag, -EILSEQ,
			"%s: %ju blocks have more damage than the parity can repair%s", c->path,
			(uintmax_t)result.lost_blocks,
			c->opts->in_place ? "" : "; nothing was written");
	return wrong ? EXIT_FAILED : EXIT_DONE;
}

static int repair_run(const void *opts, const char *const *args, struct diag *diag)
{
	_cleanup_(image_change_done) struct image_change c = IMAGE_CHANGE_INIT;
	const struct repair_opts *o = opts;
	int r;

	if (o->replay && o->accept_data)
		return usage_error(diag, "repair: --accept-data writes the journal back as well, "
					 "so --replay does not go with it");
	r = image_change_load(&c, "repair", &o->change, args[0], diag);
	if (r != 0)
		return r;
	if (o->replay)
		return change_integrity(&c, INTEGRITY_REPLAY, diag);
	return o->accept_data ? change_integrity(&c, INTEGRITY_ACCEPT, diag)
			      : repair_verity(&c, diag);
}

const struct verb verb_repair = {
	.name = "repair",
	.args = "MANIFEST|IMAGE",
	.n_args = 1,
	.summary = "Repair the images of a verity or integrity layer",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct repair_opts),
	.run = repair_run,
};
