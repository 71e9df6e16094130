/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Base64, for salts and digests in JSON.
 */

#include "base64.h"

#include <errno.h>
#include <string.h>

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_append(struct buf *buf, const void *data, size_t size)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < size; i += 3) {
		size_t n = MIN(size - i, (size_t)3);
		uint32_t word = (uint32_t)p[i] << 16 | (n > 1 ? (uint32_t)p[i + 1] << 8 : 0) |
				(n > 2 ? p[i + 2] : 0U);

		for (size_t k = 0; k < 4; k++)
			buf_putc(buf, k <= n ? digits[word >> (18 - 6 * k) & 63] : '=');
	}
}

/* Four characters to one to three bytes; returns how many, or -EINVAL. */
static int decode_group(const char *text, bool last, uint8_t ret[3])
{
	uint32_t word = 0;
	int n = 3;

	if (last && text[3] == '=')
		n = text[2] == '=' ? 1 : 2;
	for (int k = 0; k < 4; k++) {
		const char *digit = k <= n ? memchr(digits, text[k], 64) : digits;

		if (!digit)
			return -EINVAL;
		word = word << 6 | (uint32_t)(digit - digits);
	}
	if (word & ((1U << (24 - 8 * n)) - 1))
		return -EINVAL;
	for (int k = 0; k < n; k++)
		ret[k] = (uint8_t)(word >> (16 - 8 * k));
	return n;
}

int base64_decode(const char *text, size_t len, uint8_t *ret, size_t space, size_t *ret_size)
{
	size_t size = 0;

	if (len % 4)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 4) {
		uint8_t bytes[3];
		int n = decode_group(text + i, i + 4 == len, bytes);

		if (n < 0)
			return n;
		if ((size_t)n > space - size)
			return -E2BIG;
		memcpy(ret + size, bytes, (size_t)n);
		size += (size_t)n;
	}
	*ret_size = size;
	return 0;
}
