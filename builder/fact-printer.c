/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Two columns, or JSON.
 */

#include <inttypes.h>

#include "cleanup.h"
#include "fact-printer.h"
#include "json-text.h"

#define COLUMN 28 /* where values begin */

static void print_name(struct fact_printer *p, const char *name)
{
	int indent = 2 + 2 * (int)p->depth;

	buf_printf(p->buf, "%*s%-*s", indent, "", COLUMN - indent, name);
}

void fact_text(struct fact_printer *p, const char *name, const char *value)
{
	if (p->json) {
		json_member(p->buf, name, value);
		return;
	}
	print_name(p, name);
	buf_printf(p->buf, "%s\n", value);
}

void fact_u64(struct fact_printer *p, const char *name, uint64_t value)
{
	if (p->json) {
		json_member_u64(p->buf, name, value);
		return;
	}
	print_name(p, name);
	buf_printf(p->buf, "%" PRIu64 "\n", value);
}

void fact_hex(struct fact_printer *p, const char *name, const void *data, size_t size)
{
	_cleanup_(buf_done) struct buf text = {};

	buf_hex(&text, data, size);
	fact_text(p, name, size ? buf_str(&text) : "-");
}

void fact_list_begin(struct fact_printer *p, const char *plural)
{
	if (!p->json)
		return;
	json_name(p->buf, plural);
	buf_putc(p->buf, '[');
}

void fact_list_end(struct fact_printer *p)
{
	if (p->json)
		buf_putc(p->buf, ']');
}

void fact_item_begin(struct fact_printer *p, const char *name, unsigned number)
{
	if (p->json) {
		json_separate(p->buf);
		buf_putc(p->buf, '{');
		json_member_u64(p->buf, "number", number);
	} else {
		buf_printf(p->buf, "  %s %u\n", name, number);
	}
	p->depth++;
}

void fact_item_end(struct fact_printer *p)
{
	p->depth--;
	if (p->json)
		buf_putc(p->buf, '}');
}
