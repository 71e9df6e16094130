/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * JSON text in one form only: two blanks a level, one line a value. Errors stick to the buf.
 */

#include "buf.h"

struct json_writer {
	struct buf *buf;
	unsigned depth;
	bool first; /* nothing was written at this level yet */
};

/* bracket is one of "{[" and "}]". name NULL: the outermost value, or an element of an array. */
void json_write_open(struct json_writer *w, const char *name, char bracket);
void json_write_close(struct json_writer *w, char bracket);
/* Nothing for NULL. A text with control characters, or not UTF-8, is an error: -EINVAL. */
void json_write_text(struct json_writer *w, const char *name, const char *text);
void json_write_u64(struct json_writer *w, const char *name, uint64_t n);
void json_write_bool(struct json_writer *w, const char *name, bool b);
