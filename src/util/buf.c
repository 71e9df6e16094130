/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A growing buffer with an error that sticks.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "hex.h"
#include "overflow.h"

#define BUF_SPACE_MIN 64U

void buf_done(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){};
}

void buf_reset(struct buf *buf)
{
	buf->size = 0;
	buf->error = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

/* Makes room for size more bytes and the NUL. Returns false if an error sticks. */
static bool buf_reserve(struct buf *buf, size_t size)
{
	size_t need, space;
	char *data;

	if (buf->error < 0)
		return false;
	if (add_overflows(buf->size, size, &need) || add_overflows(need, 1U, &need)) {
		buf->error = -EOVERFLOW;
		return false;
	}
	if (need <= buf->space)
		return true;

	if (mul_overflows(buf->space, 2U, &space))
		space = need;
	space = MAX(space, need);
	space = MAX(space, (size_t)BUF_SPACE_MIN);
	data = realloc(buf->data, space);
	if (!data) {
		buf->error = -ENOMEM;
		return false;
	}
	buf->data = data;
	buf->space = space;
	return true;
}

void buf_append(struct buf *buf, const void *data, size_t size)
{
	if (!buf_reserve(buf, size))
		return;
	if (size > 0)
		memcpy(buf->data + buf->size, data, size);
	buf->size += size;
	buf->data[buf->size] = '\0';
}

void buf_puts(struct buf *buf, const char *s)
{
	buf_append(buf, s, strlen(s));
}

void buf_putc(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
	va_list ap;
	int n;

	if (buf->error < 0)
		return;

	va_start(ap, format);
	n = vsnprintf(NULL, 0, format, ap);
	va_end(ap);
	if (n < 0) {
		buf->error = -EINVAL;
		return;
	}
	if (!buf_reserve(buf, (size_t)n))
		return;

	va_start(ap, format);
	(void)vsnprintf(buf->data + buf->size, (size_t)n + 1, format, ap);
	va_end(ap);
	buf->size += (size_t)n;
}

void buf_hex(struct buf *buf, const void *data, size_t size)
{
	size_t digits;

	if (mul_overflows(size, 2U, &digits)) {
		buf->error = buf->error < 0 ? buf->error : -EOVERFLOW;
		return;
	}
	if (!buf_reserve(buf, digits))
		return;
	hex_encode(data, size, buf->data + buf->size);
	buf->size += digits;
}

int buf_error(const struct buf *buf)
{
	return buf->error;
}

int buf_steal(struct buf *buf, char **ret)
{
	/* Allocates the NUL where nothing was appended. */
	buf_append(buf, "", 0);
	if (buf->error < 0)
		return buf->error;

	*ret = take_ptr(buf->data);
	*buf = (struct buf){};
	return 0;
}

const char *buf_str(const struct buf *buf)
{
	return buf->data && buf->error == 0 ? buf->data : "";
}
