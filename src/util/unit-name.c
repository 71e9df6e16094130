/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Escaping for unit names and unit files: systemd.unit(5), "String Escaping for Inclusion in Unit
 * Names" and "Specifiers"; systemd.syntax(7), "Quoting".
 */

#include <inttypes.h>
#include <string.h>

#include "unit-name.h"

static bool char_is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == ':' || c == '_' || c == '.';
}

static void escape_char(struct buf *buf, char c)
{
	const uint8_t byte = (uint8_t)c;

	buf_puts(buf, "\\x");
	buf_hex(buf, &byte, 1);
}

static void escape(struct buf *buf, const char *text, size_t size)
{
	size_t start = 0;

	for (size_t i = 0; i < size; i++) {
		/* A dot in front would make a hidden file. */
		if (char_is_plain(text[i]) && (i > 0 || text[i] != '.'))
			continue;
		buf_append(buf, text + start, i - start);
		if (text[i] == '/')
			buf_putc(buf, '-');
		else
			escape_char(buf, text[i]);
		start = i + 1;
	}
	buf_append(buf, text + start, size - start);
}

void unit_name_escape(struct buf *buf, const char *text)
{
	escape(buf, text, strlen(text));
}

/* The path without doubled and outer slashes and without "." elements, in place. */
static int path_simplify(char *path)
{
	char *to = path;

	for (const char *p = path; *p;) {
		const size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0)
			return -EINVAL;
		if (n > 0 && !(n == 1 && *p == '.')) {
			if (to > path)
				*to++ = '/';
			memmove(to, p, n);
			to += n;
		}
		p += n + (p[n] == '/');
	}
	*to = '\0';
	return 0;
}

int unit_name_escape_path(struct buf *buf, const char *path)
{
	char copy[4096];
	const size_t size = strlen(path);
	int r;

	if (path[0] != '/' || size >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, path, size + 1);
	r = path_simplify(copy);
	if (r < 0)
		return r;
	if (copy[0] == '\0')
		buf_putc(buf, '-');
	else
		escape(buf, copy, strlen(copy));
	return 0;
}

void unit_value_puts(struct buf *buf, const char *text)
{
	for (const char *p = text; *p; p++) {
		if (*p == '%')
			buf_putc(buf, '%');
		buf_putc(buf, *p);
	}
}

void unit_value_quote(struct buf *buf, const char *text)
{
	buf_putc(buf, '"');
	for (const char *p = text; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_putc(buf, '\\');
		if (*p == '%')
			buf_putc(buf, '%');
		buf_putc(buf, *p);
	}
	buf_putc(buf, '"');
}

void unit_value_usec(struct buf *buf, uint64_t usec)
{
	const uint64_t second = 1000000;

	if (usec == UINT64_MAX)
		buf_puts(buf, "infinity");
	else if (usec % second == 0)
		buf_printf(buf, "%" PRIu64 "s", usec / second);
	else
		buf_printf(buf, "%" PRIu64 ".%06" PRIu64 "s", usec / second, usec % second);
}
