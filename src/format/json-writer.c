/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The writer of canonical JSON. It writes what json_scan() takes.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "json-text.h"
#include "json-writer.h"
#include "utf8.h"

static void write_string(struct json_writer *w, const char *text)
{
	/* The reader takes no escape of a control character, so there must be none. */
	if (find_control_character(text) || !utf8_is_valid(text, strlen(text))) {
		w->buf->error = -EINVAL;
		return;
	}
	json_text(w->buf, text);
}

static void write_indent(struct json_writer *w)
{
	buf_putc(w->buf, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_puts(w->buf, "  ");
}

/* The line up to where the value begins. */
static void write_name(struct json_writer *w, const char *name)
{
	if (w->depth > 0) {
		if (!w->first)
			buf_putc(w->buf, ',');
		write_indent(w);
	}
	w->first = false;
	if (!name)
		return;
	write_string(w, name);
	buf_puts(w->buf, ": ");
}

void json_write_open(struct json_writer *w, const char *name, char bracket)
{
	write_name(w, name);
	buf_putc(w->buf, bracket);
	w->depth++;
	w->first = true;
}

void json_write_close(struct json_writer *w, char bracket)
{
	w->depth--;
	if (!w->first)
		write_indent(w);
	w->first = false;
	buf_putc(w->buf, bracket);
}

void json_write_text(struct json_writer *w, const char *name, const char *text)
{
	if (!text)
		return;
	write_name(w, name);
	write_string(w, text);
}

void json_write_u64(struct json_writer *w, const char *name, uint64_t n)
{
	write_name(w, name);
	buf_printf(w->buf, "%" PRIu64, n);
}

void json_write_bool(struct json_writer *w, const char *name, bool b)
{
	write_name(w, name);
	buf_puts(w->buf, b ? "true" : "false");
}
