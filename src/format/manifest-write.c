/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The manifest's canonical text: all members in a fixed order.
 */

#include <errno.h>
#include <stdlib.h>

#include "json-writer.h"
#include "manifest.h"

static int write_field(struct json_writer *w, const struct field *field, const void *params)
{
	_cleanup_(buf_done) struct buf text = {};
	const void *value = (const char *)params + field->offset;

	switch (field->kind) {
	case FIELD_BOOL:
		json_write_bool(w, field->name, *(const bool *)value);
		return 0;
	case FIELD_U64:
	case FIELD_SIZE:
		json_write_u64(w, field->name, *(const uint64_t *)value);
		return 0;
	case FIELD_USEC:
	case FIELD_ENUM:
	case FIELD_STRING:
	case FIELD_HEX:
	case FIELD_UUID:
	case FIELD_KEYREF:
	case _FIELD_KIND_MAX:
		break;
	}

	field_print(field, params, &text);
	if (buf_error(&text) < 0)
		return buf_error(&text);
	/* An empty text says no more than an absent one, and is not allowed. */
	if (text.size > 0)
		json_write_text(w, field->name, buf_str(&text));
	return 0;
}

/* plain has the values that need not be written. */
static int write_fields(struct json_writer *w, const struct field *fields, size_t n, uint64_t set,
	const void *params, const void *plain)
{
	for (size_t i = 0; i < n; i++) {
		bool given = set & (UINT64_C(1) << i);
		int r;

		if (!given && (fields[i].flags & FIELD_CREATE))
			continue;
		if (!given && field_equal(&fields[i], params, plain))
			continue;
		r = write_field(w, &fields[i], params);
		if (r < 0)
			return r;
	}
	return 0;
}

/*
 * Defaults are not written here: these options say how a host uses the stack, and dmstack.conf may
 * add to them.
 */
static int write_common(struct json_writer *w, const struct layer *layer)
{
	for (size_t i = 0; i < layer_n_common_fields; i++) {
		const struct field *field = &layer_common_fields[i];
		struct layer_common plain = {};
		int r;

		/* The manifest says these two once, for all layers. */
		if (streq(field->name, "phase") || streq(field->name, "fail"))
			continue;
		if (field->dflt) {
			r = field_set(field, &plain, field->dflt, NULL);
			if (r < 0)
				return r;
		}
		r = write_fields(w, field, 1, layer->common_set >> i & 1, &layer->common, &plain);
		if (r < 0)
			return r;
	}
	return 0;
}

static int write_layer(struct json_writer *w, const struct layer *layer)
{
	_cleanup_free_ void *zero = calloc(1, layer->type->params_size + 1);
	_cleanup_(buf_done) struct buf text = {};
	int r;

	if (!zero)
		return -ENOMEM;

	json_write_open(w, NULL, '{');
	json_write_text(w, "name", layer->name);
	json_write_text(w, "type", layer->type->name);
	json_write_open(w, "devices", '{');
	/* In the order of the type's roles, whatever the order in which they were given. */
	for (size_t i = 0; i < layer->type->n_roles; i++) {
		const struct layer_device *device = layer_device(layer, layer->type->roles[i].name);

		if (!device)
			continue;
		buf_reset(&text);
		devref_print(&device->ref, &text);
		json_write_text(w, layer->type->roles[i].name, buf_str(&text));
	}
	json_write_close(w, '}');
	if (layer->key.kind != KEYREF_NONE) {
		buf_reset(&text);
		keyref_print(&layer->key, &text);
		json_write_text(w, "key", buf_str(&text));
	}
	if (buf_error(&text) < 0)
		return buf_error(&text);

	r = write_common(w, layer);
	if (r < 0)
		return r;
	r = write_fields(
		w, layer->type->fields, layer->type->n_fields, layer->set, layer->params, zero);
	if (r < 0)
		return r;
	json_write_close(w, '}');
	return 0;
}

static int write_choice(struct json_writer *w, const char *name, unsigned value)
{
	const struct layer_common common = {
		.phase = value,
		.fail = value,
	};
	int i = field_find(layer_common_fields, layer_n_common_fields, name);

	return i < 0 ? -EINVAL : write_field(w, &layer_common_fields[i], &common);
}

/* Only what was given: defaults may become stricter, and the reader knows them as well. */
static int write_seal(struct json_writer *w, const struct seal *seal)
{
	_cleanup_(buf_done) struct buf device = {};

	if (!seal)
		return 0;
	devref_print(&seal->device, &device);
	if (buf_error(&device) < 0)
		return buf_error(&device);
	json_write_open(w, "seal", '{');
	json_write_text(w, "name", seal->name);
	json_write_text(w, "device", buf_str(&device));
	for (size_t i = 0; i < seal_n_fields; i++) {
		int r;

		if (seal_field_is_local(&seal_fields[i]) || !(seal->set & UINT64_C(1) << i))
			continue;
		r = write_field(w, &seal_fields[i], seal);
		if (r < 0)
			return r;
	}
	json_write_close(w, '}');
	return 0;
}

static void write_mount(struct json_writer *w, const struct mount_hint *mount)
{
	if (!mount)
		return;
	json_write_open(w, "mount", '{');
	json_write_text(w, "where", mount->where);
	json_write_text(w, "type", mount->type);
	json_write_text(w, "options", mount->options);
	json_write_text(w, "options-sealed", mount->options_sealed);
	json_write_close(w, '}');
}

static int write_artifact(struct json_writer *w, const struct manifest_artifact *artifact)
{
	_cleanup_(buf_done) struct buf text = {};

	json_write_open(w, NULL, '{');
	json_write_text(w, "file", artifact->file);
	buf_printf(&text, "%s.%s", artifact->layer, artifact->role);
	json_write_text(w, "device", buf_str(&text));
	if (artifact->offset)
		json_write_u64(w, "offset", artifact->offset);
	json_write_u64(w, "bytes", artifact->bytes);
	if (artifact->has_sha256) {
		buf_reset(&text);
		buf_hex(&text, artifact->sha256, sizeof(artifact->sha256));
		json_write_text(w, "sha256", buf_str(&text));
	}
	json_write_close(w, '}');
	return buf_error(&text);
}

static int write_arrays(struct json_writer *w, const struct manifest *m)
{
	int r;

	json_write_open(w, "layers", '[');
	for (size_t i = 0; i < m->n_layers; i++) {
		r = write_layer(w, m->layers[i]);
		if (r < 0)
			return r;
	}
	json_write_close(w, ']');
	write_mount(w, m->mount);
	if (m->n_artifacts == 0)
		return 0;

	json_write_open(w, "artifacts", '[');
	for (size_t i = 0; i < m->n_artifacts; i++) {
		r = write_artifact(w, &m->artifacts[i]);
		if (r < 0)
			return r;
	}
	json_write_close(w, ']');
	return 0;
}

int manifest_write(const struct manifest *m, struct buf *buf)
{
	struct json_writer w = { .buf = buf };
	int r;

	json_write_open(&w, NULL, '{');
	json_write_u64(&w, "dmstack", MANIFEST_VERSION);
	json_write_text(&w, "name", m->name);
	json_write_u64(&w, "generation", m->generation);
	r = write_choice(&w, "phase", m->phase);
	if (r >= 0)
		r = write_choice(&w, "fail", m->fail);
	if (r >= 0)
		r = write_seal(&w, m->seal);
	if (r >= 0)
		r = write_arrays(&w, m);
	if (r < 0)
		return r;
	json_write_close(&w, '}');
	buf_putc(buf, '\n');
	return buf_error(buf);
}
