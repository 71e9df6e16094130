/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Bytes that grow. Errors stick: after the first failure every append is a no-op, and
 * buf_error() or buf_steal() reports it, so that a caller checks once at the end. There is
 * always a NUL behind the last byte, which does not count.
 */

#include "macro.h"

struct buf {
	char *data;   /* owned; NULL while nothing was appended */
	size_t size;  /* bytes in use */
	size_t space; /* bytes allocated */
	int error;    /* 0 or the first error */
};

void buf_done(struct buf *buf);
/* Makes it empty and keeps the memory. */
void buf_reset(struct buf *buf);
void buf_append(struct buf *buf, const void *data, size_t size);
void buf_puts(struct buf *buf, const char *s);
void buf_putc(struct buf *buf, char c);
void buf_printf(struct buf *buf, const char *format, ...) _printf_(2, 3);
void buf_hex(struct buf *buf, const void *data, size_t size);
int buf_error(const struct buf *buf) _must_check_;
/* Hands the string to the caller and empties the buf; "" if nothing was appended. */
int buf_steal(struct buf *buf, char **ret) _must_check_;
/* The text so far; "" if there is none or an error stuck. Valid until the next append. */
const char *buf_str(const struct buf *buf);
