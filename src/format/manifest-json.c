/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Typed access to JSON objects, with the path of what is wrong.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "json-scan.h"
#include "manifest-internal.h"
#include "utf8.h"

int json_fail(const struct json_place *at, const char *member, const char *format, ...)
{
	_cleanup_free_ char *what = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&what, format, ap);
	va_end(ap);
	if (n < 0) {
		what = NULL;
		return -ENOMEM;
	}
	(void)diag_set(at->diag, -EINVAL, "%s", what);
	return json_wrap(at, member, -EINVAL);
}

int json_wrap(const struct json_place *at, const char *member, int r)
{
	if (r >= 0 || r == -ENOMEM)
		return r;
	return diag_at(at->diag, r, "%s%s%s", at->path, member ? "." : "", member ? member : "");
}

int json_check_members(const struct json_place *at, const char *const *names)
{
	json_object_object_foreach(at->object, key, value)
	{
		bool known = false;

		(void)value;
		for (size_t i = 0; names[i]; i++)
			known = known || streq(key, names[i]);
		if (!known)
			return json_fail(at, key, "unknown member");
	}
	return 0;
}

/* Returns 1, or 0 if it is absent. */
static int json_get(const struct json_place *at, const char *member, enum json_type type,
	struct json_object **ret)
{
	struct json_object *value = NULL;

	if (!json_object_object_get_ex(at->object, member, &value))
		return 0;
	if (json_object_get_type(value) != type)
		return json_fail(at, member, "must be %s, not %s",
			type == json_type_int	    ? "a number"
			: type == json_type_boolean ? "true or false"
						    : json_type_to_name(type),
			json_type_to_name(json_object_get_type(value)));
	*ret = value;
	return 1;
}

int json_get_text(const struct json_place *at, const char *member, const char **ret)
{
	struct json_object *value = NULL;
	const char *text = NULL;
	int r;

	r = json_get(at, member, json_type_string, &value);
	if (r <= 0)
		return r;
	text = json_object_get_string(value);
	if (*text == '\0')
		return json_fail(at, member, "must not be empty");
	if (strlen(text) > MANIFEST_TEXT_MAX)
		return json_fail(at, member, "longer than %u bytes", MANIFEST_TEXT_MAX);
	*ret = text;
	return 1;
}

int json_get_u64(const struct json_place *at, const char *member, uint64_t *ret)
{
	struct json_object *value = NULL;
	int r;

	r = json_get(at, member, json_type_int, &value);
	if (r <= 0)
		return r;
	*ret = json_object_get_uint64(value);
	return 1;
}

int json_get_object(const struct json_place *at, const char *member, struct json_object **ret)
{
	return json_get(at, member, json_type_object, ret);
}

int json_get_array(
	const struct json_place *at, const char *member, size_t limit, struct json_object **ret)
{
	struct json_object *value = NULL;
	int r;

	r = json_get(at, member, json_type_array, &value);
	if (r <= 0)
		return r;
	if (json_object_array_length(value) > limit)
		return json_fail(at, member, "more than %zu elements", limit);
	*ret = value;
	return 1;
}

int json_need_text(const struct json_place *at, const char *member, const char **ret)
{
	int r = json_get_text(at, member, ret);

	return r == 0 ? json_fail(at, NULL, "\"%s\" is missing", member) : r;
}

int json_need_u64(const struct json_place *at, const char *member, uint64_t *ret)
{
	int r = json_get_u64(at, member, ret);

	return r == 0 ? json_fail(at, NULL, "\"%s\" is missing", member) : r;
}

int json_get_field(const struct json_place *at, const struct field *field,
	struct json_field_text *space, const char **ret)
{
	struct json_object *value = NULL;
	uint64_t n;
	int r;

	switch (field->kind) {
	case FIELD_BOOL:
		r = json_get(at, field->name, json_type_boolean, &value);
		if (r > 0)
			*ret = json_object_get_boolean(value) ? "yes" : "no";
		return r;
	case FIELD_U64:
	case FIELD_SIZE:
		r = json_get_u64(at, field->name, &n);
		if (r <= 0)
			return r;
		(void)snprintf(space->number, sizeof(space->number), "%" PRIu64, n);
		*ret = space->number;
		return r;
	case FIELD_USEC:
	case FIELD_ENUM:
	case FIELD_STRING:
	case FIELD_HEX:
	case FIELD_UUID:
	case FIELD_KEYREF:
	case _FIELD_KIND_MAX:
		break;
	}
	return json_get_text(at, field->name, ret);
}

int json_dup_text(const struct json_place *at, const char *member, char **ret)
{
	const char *text = NULL;
	int r;

	r = json_get_text(at, member, &text);
	if (r <= 0)
		return r;
	*ret = strdup(text);
	return *ret ? 1 : -ENOMEM;
}

int json_read(const char *text, size_t size, const char *file, struct json_object **ret,
	struct diag *diag)
{
	struct json_tokener *tokener;
	struct json_object *root;
	int r;

	if (size > MANIFEST_SIZE_MAX) {
		(void)diag_at(diag, -EINVAL, "%s", file);
		return diag_set(diag, -EINVAL, "larger than %zu bytes", MANIFEST_SIZE_MAX);
	}
	r = json_scan(text, size, file, diag);
	if (r < 0)
		return r;

	/* json-c counts the innermost values as a level. */
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 1);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	root = json_tokener_parse_ex(tokener, text, (int)size);
	enum json_tokener_error error = json_tokener_get_error(tokener);

	json_tokener_free(tokener);
	/* A literal or a number alone is not known to be complete; no such value is wanted. */
	if (error != json_tokener_success || !json_object_is_type(root, json_type_object)) {
		(void)json_object_put(root);
		(void)diag_at(diag, -EINVAL, "%s: $", file);
		return diag_set(diag, -EINVAL, "must be an object");
	}
	*ret = root;
	return 0;
}
