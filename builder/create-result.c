/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What create prints when it is done, and what --dry-run would have it do.
 */

#include <stdio.h>

#include "create-result.h"
#include "json-text.h"
#include "layer-verity.h"

static void result_text(const struct create_result *r, const struct manifest *m,
	const struct recipe *recipe, const struct layout *layout, struct buf *buf)
{
	layout_print(layout, recipe, buf);
	for (size_t i = 0; i < recipe->n_layers; i++) {
		if (recipe->layers[i]->type != &layer_type_verity)
			continue;

		const struct hexval *root = &verity_fields(recipe->layers[i])->root_hash;

		buf_printf(buf, "root hash of %s: ", recipe->layers[i]->name);
		buf_hex(buf, root->data, root->size);
		buf_putc(buf, '\n');
	}
	buf_printf(buf, "%s/%s.json\n", r->output, m->name);
}

static void json_layers(const struct recipe *recipe, const struct layout *layout, struct buf *buf)
{
	json_name(buf, "layers");
	buf_putc(buf, '[');
	for (size_t i = 0; i < recipe->n_layers; i++) {
		const struct layer *layer = recipe->layers[i];

		buf_puts(buf, i ? ",{" : "{");
		json_member(buf, "name", layer->name);
		json_member(buf, "type", layer->type->name);
		json_member_u64(buf, "needed", layout->wanted[i] * SECTOR_SIZE);
		json_member_u64(buf, "bytes", layout->length[i] * SECTOR_SIZE);
		if (layer->type == &layer_type_verity && verity_fields(layer)->root_hash.size) {
			json_name(buf, "root-hash");
			buf_putc(buf, '"');
			buf_hex(buf, verity_fields(layer)->root_hash.data,
				verity_fields(layer)->root_hash.size);
			buf_putc(buf, '"');
		}
		buf_putc(buf, '}');
	}
	buf_putc(buf, ']');
}

static void json_artifacts(const struct manifest *m, const struct recipe *recipe,
	const struct layout *layout, struct buf *buf)
{
	json_name(buf, "artifacts");
	buf_putc(buf, '[');
	for (size_t i = 0; i < layout->n_artifacts; i++) {
		const struct artifact *a = &layout->artifacts[i];
		const struct layer *layer = recipe->layers[a->layer];

		buf_puts(buf, i ? ",{" : "{");
		json_member(buf, "file", a->file);
		json_member(buf, "layer", layer->name);
		json_member(buf, "role", layer->type->roles[a->role].name);
		if (a->offset)
			json_member_u64(buf, "offset", a->offset);
		json_member_u64(buf, "bytes", a->bytes);
		if (i < m->n_artifacts && m->artifacts[i].has_sha256) {
			json_name(buf, "sha256");
			buf_putc(buf, '"');
			buf_hex(buf, m->artifacts[i].sha256, sizeof(m->artifacts[i].sha256));
			buf_putc(buf, '"');
		}
		buf_putc(buf, '}');
	}
	buf_putc(buf, ']');
}

int create_result_print(const struct create_result *r)
{
	const struct manifest *m = r->manifest;
	const struct recipe *recipe = r->recipe;
	const struct layout *layout = r->layout;
	_cleanup_(buf_done) struct buf buf = {};

	if (r->json) {
		buf_puts(&buf, "{\"result\":{");
		json_member(&buf, "name", m->name);
		if (!r->dry_run) {
			json_name(&buf, "manifest");
			buf_putc(&buf, '"');
			buf_printf(&buf, "%s.json\"", m->name);
		}
		json_layers(recipe, layout, &buf);
		json_artifacts(m, recipe, layout, &buf);
		buf_puts(&buf, "}}\n");
	} else if (r->dry_run) {
		layout_print(layout, recipe, &buf);
	} else {
		result_text(r, m, recipe, layout, &buf);
	}
	if (buf_error(&buf) < 0)
		return buf_error(&buf);
	fputs(buf_str(&buf), stdout);
	return 0;
}
