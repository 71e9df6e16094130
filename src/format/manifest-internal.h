/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the manifest's reader shares between its files: typed access to the members of an object,
 * and the place of each for messages.
 */

#include <json.h>

#include "manifest.h"

/* One object and its path, such as "$.layers[1]". */
struct json_place {
	struct json_object *object;
	const char *path;
	struct diag *diag;
};

/* Sets the place to the member, and what is wrong with it. Returns -EINVAL. */
int json_fail(const struct json_place *at, const char *member, const char *format, ...)
	_printf_(3, 4);
/* Makes an error of a model function (r < 0) one of the member. Returns r. */
int json_wrap(const struct json_place *at, const char *member, int r);
/* -EINVAL: the object has a member that is not among the names. */
int json_check_members(const struct json_place *at, const char *const *names) _must_check_;

/*
 * A member of that kind. Returns 1, or 0 if the object does not have it; -EINVAL: another kind,
 * or a text that is empty or too long. The text belongs to the object.
 */
int json_get_text(const struct json_place *at, const char *member, const char **ret) _must_check_;
int json_get_u64(const struct json_place *at, const char *member, uint64_t *ret) _must_check_;
int json_get_object(
	const struct json_place *at, const char *member, struct json_object **ret) _must_check_;
int json_get_array(const struct json_place *at, const char *member, size_t limit,
	struct json_object **ret) _must_check_;

/* The same for members that must be there. */
int json_need_text(const struct json_place *at, const char *member, const char **ret) _must_check_;
int json_need_u64(const struct json_place *at, const char *member, uint64_t *ret) _must_check_;

/* Where a number is turned into text. */
struct json_field_text {
	char number[3 * sizeof(uint64_t) + 1];
};

/*
 * The member of the field's name, which is there, in the JSON kind of the field and as text for
 * field_set(). The text belongs to the object or to space.
 */
int json_get_field(const struct json_place *at, const struct field *field,
	struct json_field_text *space, const char **ret) _must_check_;

/* A copy of the text, or NULL where the object does not have it. */
int json_dup_text(const struct json_place *at, const char *member, char **ret) _must_check_;

/*
 * Scans and parses the text; the value must be an object. *ret is to be freed with
 * json_object_put().
 */
int json_read(const char *text, size_t size, const char *file, struct json_object **ret,
	struct diag *diag) _must_check_;

static inline void json_object_putp(struct json_object **p)
{
	if (*p)
		(void)json_object_put(*p);
}

/* The member "seal". Returns 0 if there is none. */
int manifest_read_seal(const struct json_place *root, struct seal **ret) _must_check_;
/* One element of "layers". */
int manifest_read_layer(const struct json_place *at, struct layer **ret) _must_check_;
