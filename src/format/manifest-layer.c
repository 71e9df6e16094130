/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One layer of a manifest. Its members are the fields of its type and those that every layer has;
 * only their JSON kinds are decided here.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "manifest-internal.h"

/* The field of that name, of the type or common; NULL: none. */
static const struct field *layer_find_field(const struct layer *layer, const char *name)
{
	int i = field_find(layer->type->fields, layer->type->n_fields, name);

	if (i >= 0)
		return &layer->type->fields[i];
	/* These two belong to the whole stack. */
	if (streq(name, "phase") || streq(name, "fail"))
		return NULL;
	i = field_find(layer_common_fields, layer_n_common_fields, name);
	return i >= 0 ? &layer_common_fields[i] : NULL;
}

static int read_field(const struct json_place *at, struct layer *layer, const char *name)
{
	const struct field *field = layer_find_field(layer, name);
	struct json_field_text space;
	const char *text;
	int r;

	if (!field)
		return json_fail(
			at, name, "unknown member of a layer of type %s", layer->type->name);
	r = json_get_field(at, field, &space, &text);
	if (r < 0)
		return r;
	return json_wrap(at, name, layer_set(layer, name, text, at->diag));
}

static int read_devices(const struct json_place *layer_at, struct layer *layer)
{
	struct json_place at = { .diag = layer_at->diag };
	_cleanup_free_ char *path = NULL;
	int r;

	r = json_get_object(layer_at, "devices", &at.object);
	if (r < 0)
		return r;
	if (r == 0)
		return json_fail(layer_at, NULL, "\"devices\" is missing");
	if (asprintf(&path, "%s.devices", layer_at->path) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	at.path = path;

	json_object_object_foreach(at.object, role, value)
	{
		const char *device = NULL;

		(void)value;
		r = json_get_text(&at, role, &device);
		if (r >= 0)
			r = json_wrap(&at, role, layer_set_device(layer, role, device, at.diag));
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_key(const struct json_place *at, struct layer *layer)
{
	const char *text;
	int r;

	r = json_get_text(at, "key", &text);
	if (r <= 0)
		return r;
	return json_wrap(at, "key", keyref_parse(text, &layer->key, at->diag));
}

static int layer_begin(const struct json_place *at, struct layer **ret)
{
	const struct layer_type *type;
	const char *name, *type_name;
	int r;

	r = json_need_text(at, "name", &name);
	if (r < 0)
		return r;
	r = json_need_text(at, "type", &type_name);
	if (r < 0)
		return r;
	type = layer_type_find(type_name);
	if (!type)
		return json_fail(at, "type", "unknown layer type \"%s\"", type_name);
	return json_wrap(at, "name", layer_new(name, type, ret, at->diag));
}

int manifest_read_layer(const struct json_place *at, struct layer **ret)
{
	static const char *const own[] = { "name", "type", "devices", "key" };
	_cleanup_(layer_freep) struct layer *layer = NULL;
	int r;

	r = layer_begin(at, &layer);
	if (r < 0)
		return r;
	r = read_devices(at, layer);
	if (r < 0)
		return r;
	r = read_key(at, layer);
	if (r < 0)
		return r;

	json_object_object_foreach(at->object, name, value)
	{
		bool is_own = false;

		(void)value;
		for (size_t i = 0; i < ARRAY_SIZE(own); i++)
			is_own = is_own || streq(name, own[i]);
		if (is_own)
			continue;
		r = read_field(at, layer, name);
		if (r < 0)
			return r;
	}

	*ret = take_ptr(layer);
	return 0;
}
