/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Looks into JSON text that json_scan() has passed, without building anything: a view is the text
 * of one value. For the floors below format, where json-c is not.
 */

#include "macro.h"

struct json_view {
	const char *text; /* begins with the first character of the value; not owned */
	size_t size;
};

/* The value of the whole text. */
struct json_view json_view_of(const char *text, size_t size);
/* -ENOENT: the object has no such member; -EINVAL: it is no object. */
int json_view_member(struct json_view object, const char *name, struct json_view *ret) _must_check_;
/*
 * Goes through an object or array: *pos is 0 first. Returns 1 and the next value, 0 at the end,
 * -EINVAL if it is neither. ret_key is the name without quotes, or empty in an array.
 */
int json_view_next(struct json_view container, size_t *pos, struct json_view *ret_key,
	struct json_view *ret) _must_check_;
/* Not more than size - 1 bytes and a NUL. -EINVAL: no string, too long, or one with \u escapes. */
int json_view_string(struct json_view v, char *ret, size_t size) _must_check_;
int json_view_u64(struct json_view v, uint64_t *ret) _must_check_;
bool json_view_equal(struct json_view v, const char *text);
