/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * JSON as text. Output only; whatever is read goes through format's strict reader.
 */

#include <inttypes.h>

#include "json-text.h"

void json_text(struct buf *buf, const char *text)
{
	buf_putc(buf, '"');
	for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_printf(buf, "\\%c", *p);
		else if (*p < ' ' || *p == 0x7f)
			buf_printf(buf, "\\u%04x", *p);
		else
			buf_putc(buf, (char)*p);
	}
	buf_putc(buf, '"');
}

void json_separate(struct buf *buf)
{
	const char last = buf->size > 0 ? buf->data[buf->size - 1] : '{';

	if (last != '{' && last != '[')
		buf_putc(buf, ',');
}

void json_name(struct buf *buf, const char *name)
{
	json_separate(buf);
	json_text(buf, name);
	buf_putc(buf, ':');
}

void json_member(struct buf *buf, const char *name, const char *text)
{
	json_name(buf, name);
	json_text(buf, text);
}

void json_member_u64(struct buf *buf, const char *name, uint64_t value)
{
	json_name(buf, name);
	buf_printf(buf, "%" PRIu64, value);
}

void json_member_bool(struct buf *buf, const char *name, bool value)
{
	json_name(buf, name);
	buf_puts(buf, value ? "true" : "false");
}
