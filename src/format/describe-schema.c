/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The JSON Schema (draft 2020-12) of the manifest, from the table of layer types. It holds what a
 * schema can say: members, kinds and ranges; how layers fit together is beyond it.
 */

#include <stdio.h>

#include "cleanup.h"
#include "describe.h"
#include "json-writer.h"
#include "manifest.h"

#define NAME_PATTERN   "^[A-Za-z0-9#+:=@_-][A-Za-z0-9#+.:=@_-]*$"
#define DEVICE_PATTERN "^(/.+|[A-Z]+=.+|[A-Za-z0-9#+.:=@_-]+)$"
#define KEY_PATTERN    "^(-|none|ask|/.+|file:/.+|(credential|keyring|tpm2):.+)$"
#define UUID_PATTERN   "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
#define SPAN_PATTERN   "^([0-9]+ ?[a-z]* ?)+$|^infinity$"

static void put_string(
	struct json_writer *w, const char *name, const char *pattern, uint64_t max_length)
{
	json_write_open(w, name, '{');
	json_write_text(w, "type", "string");
	json_write_u64(w, "minLength", 1);
	json_write_u64(w, "maxLength", max_length);
	json_write_text(w, "pattern", pattern);
	json_write_close(w, '}');
}

static void put_u64(struct json_writer *w, const char *name, uint64_t max)
{
	json_write_open(w, name, '{');
	json_write_text(w, "type", "integer");
	json_write_u64(w, "minimum", 0);
	json_write_u64(w, "maximum", max);
	json_write_close(w, '}');
}

/* The text without the asterisks that are markup in the manual. */
static void put_description(struct json_writer *w, const char *help)
{
	_cleanup_(buf_done) struct buf text = {};

	for (; *help; help++)
		if (*help != '*')
			buf_putc(&text, *help);
	json_write_text(w, "description", buf_str(&text));
}

static void put_words(struct json_writer *w, const char *const *words)
{
	json_write_open(w, "enum", '[');
	for (size_t i = 0; words[i]; i++)
		json_write_text(w, NULL, words[i]);
	json_write_close(w, ']');
}

static void put_number(struct json_writer *w, const struct field *f)
{
	json_write_text(w, "type", "integer");
	json_write_u64(w, "minimum", f->min);
	json_write_u64(w, "maximum", f->max ? f->max : UINT64_MAX);
	if (f->multiple > 1)
		json_write_u64(w, "multipleOf", f->multiple);
	if (!(f->flags & FIELD_POW2) || f->max == 0)
		return;
	json_write_open(w, "enum", '[');
	for (uint64_t n = 1; n <= f->max && n != 0; n <<= 1)
		if (n >= f->min)
			json_write_u64(w, NULL, n);
	json_write_close(w, ']');
}

static void put_hex(struct json_writer *w, const struct field *f)
{
	char pattern[96];

	(void)snprintf(pattern, sizeof(pattern), "^([0-9a-fA-F]{2}){%llu,%llu}$%s",
		(unsigned long long)f->min, (unsigned long long)f->max, f->min ? "" : "|^-$");
	json_write_text(w, "type", "string");
	json_write_text(w, "pattern", pattern);
}

static void put_field(struct json_writer *w, const struct field *f)
{
	json_write_open(w, f->name, '{');
	put_description(w, f->help);
	switch (f->kind) {
	case FIELD_BOOL:
		json_write_text(w, "type", "boolean");
		break;
	case FIELD_U64:
	case FIELD_SIZE:
		put_number(w, f);
		break;
	case FIELD_USEC:
		json_write_text(w, "type", "string");
		json_write_text(w, "pattern", SPAN_PATTERN);
		break;
	case FIELD_ENUM:
		put_words(w, f->choices);
		break;
	case FIELD_STRING:
		json_write_text(w, "type", "string");
		json_write_u64(w, "minLength", f->min ? f->min : 1);
		json_write_u64(w, "maxLength", f->max ? f->max : MANIFEST_TEXT_MAX);
		json_write_text(w, "pattern", "^[^ ]*$");
		break;
	case FIELD_HEX:
		put_hex(w, f);
		break;
	case FIELD_UUID:
		json_write_text(w, "type", "string");
		json_write_text(w, "pattern", UUID_PATTERN);
		break;
	case FIELD_KEYREF:
		json_write_text(w, "type", "string");
		json_write_text(w, "pattern", KEY_PATTERN);
		break;
	case _FIELD_KIND_MAX:
		break;
	}
	json_write_close(w, '}');
}

static bool field_is_of_stack(const struct field *f)
{
	return streq(f->name, "phase") || streq(f->name, "fail");
}

/* Begins an object of which no other members are allowed than those that follow. */
static void open_object(struct json_writer *w, const char *name, const char *const *required)
{
	json_write_open(w, name, '{');
	json_write_text(w, "type", "object");
	json_write_bool(w, "additionalProperties", false);
	json_write_open(w, "required", '[');
	for (size_t i = 0; required[i]; i++)
		json_write_text(w, NULL, required[i]);
	json_write_close(w, ']');
	json_write_open(w, "properties", '{');
}

static void close_object(struct json_writer *w)
{
	json_write_close(w, '}');
	json_write_close(w, '}');
}

static void put_devices(struct json_writer *w, const struct layer_type *type)
{
	const char *required[LAYER_ROLES_MAX + 1] = { NULL };
	size_t n = 0;

	for (size_t i = 0; i < type->n_roles && n < LAYER_ROLES_MAX; i++)
		if (type->roles[i].required)
			required[n++] = type->roles[i].name;
	open_object(w, "devices", required);
	for (size_t i = 0; i < type->n_roles; i++)
		put_string(w, type->roles[i].name, DEVICE_PATTERN, MANIFEST_TEXT_MAX);
	close_object(w);
}

static void put_layer_type(struct json_writer *w, const struct layer_type *type)
{
	const char *required[64 + 4] = { "name", "type", "devices" };
	size_t n = 3;

	for (size_t i = 0; i < type->n_fields; i++)
		if (type->fields[i].flags & FIELD_REQUIRED)
			required[n++] = type->fields[i].name;
	open_object(w, type->name, required);
	put_string(w, "name", NAME_PATTERN, LAYER_NAME_MAX);
	json_write_open(w, "type", '{');
	json_write_text(w, "const", type->name);
	json_write_close(w, '}');
	put_devices(w, type);
	if (type->key != KEY_NEVER)
		put_string(w, "key", KEY_PATTERN, MANIFEST_TEXT_MAX);
	for (size_t i = 0; i < layer_n_common_fields; i++)
		if (!field_is_of_stack(&layer_common_fields[i]))
			put_field(w, &layer_common_fields[i]);
	for (size_t i = 0; i < type->n_fields; i++)
		put_field(w, &type->fields[i]);
	close_object(w);
}

/* "layers": each is an object of one of the types. */
static void put_layers(struct json_writer *w)
{
	char reference[64];

	json_write_open(w, "layers", '{');
	json_write_text(w, "type", "array");
	json_write_u64(w, "minItems", 1);
	json_write_u64(w, "maxItems", MANIFEST_LAYERS_MAX);
	json_write_open(w, "items", '{');
	json_write_open(w, "oneOf", '[');
	for (size_t i = 0; layer_types[i]; i++) {
		(void)snprintf(reference, sizeof(reference), "#/$defs/%s", layer_types[i]->name);
		json_write_open(w, NULL, '{');
		json_write_text(w, "$ref", reference);
		json_write_close(w, '}');
	}
	json_write_close(w, ']');
	json_write_close(w, '}');
	json_write_close(w, '}');
}

static void put_seal(struct json_writer *w)
{
	static const char *const required[] = { "name", "device", NULL };

	open_object(w, "seal", required);
	put_string(w, "name", NAME_PATTERN, LAYER_NAME_MAX);
	put_string(w, "device", DEVICE_PATTERN, MANIFEST_TEXT_MAX);
	for (size_t i = 0; i < seal_n_fields; i++)
		if (!seal_field_is_local(&seal_fields[i]))
			put_field(w, &seal_fields[i]);
	close_object(w);
}

static void put_mount(struct json_writer *w)
{
	static const char *const required[] = { "where", NULL };

	open_object(w, "mount", required);
	put_string(w, "where", "^/", MANIFEST_TEXT_MAX);
	put_string(w, "type", ".", MANIFEST_TEXT_MAX);
	put_string(w, "options", ".", MANIFEST_TEXT_MAX);
	put_string(w, "options-sealed", ".", MANIFEST_TEXT_MAX);
	close_object(w);
}

static void put_artifacts(struct json_writer *w)
{
	static const char *const required[] = { "file", "device", "bytes", NULL };

	json_write_open(w, "artifacts", '{');
	json_write_text(w, "type", "array");
	json_write_u64(w, "maxItems", MANIFEST_ARTIFACTS_MAX);
	open_object(w, "items", required);
	put_string(w, "file", "^[^/]+$", MANIFEST_TEXT_MAX);
	put_string(w, "device", "^.+\\.[a-z]+$", MANIFEST_TEXT_MAX);
	put_u64(w, "offset", UINT64_MAX);
	put_u64(w, "bytes", UINT64_MAX);
	put_string(w, "sha256", "^[0-9a-fA-F]{64}$", 64);
	close_object(w);
	json_write_close(w, '}');
}

void describe_schema(struct buf *out)
{
	static const char *const required[] = { "dmstack", "name", "layers", NULL };
	struct json_writer w = { .buf = out };

	json_write_open(&w, NULL, '{');
	json_write_text(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
	json_write_text(&w, "title", "dmstack manifest");
	json_write_text(&w, "type", "object");
	json_write_bool(&w, "additionalProperties", false);
	json_write_open(&w, "required", '[');
	for (size_t i = 0; required[i]; i++)
		json_write_text(&w, NULL, required[i]);
	json_write_close(&w, ']');

	json_write_open(&w, "properties", '{');
	json_write_open(&w, "dmstack", '{');
	json_write_u64(&w, "const", MANIFEST_VERSION);
	json_write_close(&w, '}');
	put_string(&w, "name", NAME_PATTERN, LAYER_NAME_MAX);
	put_u64(&w, "generation", UINT64_MAX);
	for (size_t i = 0; i < layer_n_common_fields; i++)
		if (field_is_of_stack(&layer_common_fields[i]))
			put_field(&w, &layer_common_fields[i]);
	put_seal(&w);
	put_layers(&w);
	put_mount(&w);
	put_artifacts(&w);
	json_write_close(&w, '}');

	json_write_open(&w, "$defs", '{');
	for (size_t i = 0; layer_types[i]; i++)
		put_layer_type(&w, layer_types[i]);
	json_write_close(&w, '}');
	json_write_close(&w, '}');
	buf_putc(out, '\n');
}
