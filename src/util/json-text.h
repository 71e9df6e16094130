/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The few pieces of JSON that --json prints.
 */

#include "buf.h"

/* A string with its quotes. text is UTF-8; control characters are escaped. */
void json_text(struct buf *buf, const char *text);
/* "name": and the string, with a comma before if buf does not end with a bracket. */
void json_member(struct buf *buf, const char *name, const char *text);
void json_member_u64(struct buf *buf, const char *name, uint64_t value);
void json_member_bool(struct buf *buf, const char *name, bool value);
/* A comma, unless buf ends with an opening bracket or is empty: before an element of an array. */
void json_separate(struct buf *buf);
/* Only the name and the colon, for a value that follows. */
void json_name(struct buf *buf, const char *name);
