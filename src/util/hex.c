/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Hexadecimal without branches or table look-ups that depend on the digits.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hex.h"

/* '0' + n, and 'a' - '0' - 10 more where n > 9: then 9 - n is negative and its high bits are 1. */
static char digit_from_nibble(unsigned n)
{
	return (char)('0' + n + (((9U - n) >> 8) & ('a' - '0' - 10U)));
}

/* All ones if low <= c <= high, else 0. The arguments are below 256. */
static unsigned mask_in_range(unsigned c, unsigned low, unsigned high)
{
	return ~(((c - low) | (high - c)) >> 8) & 0xffffU;
}

/* The value, or bits above the lowest eight if it is no digit. */
static unsigned nibble_from_digit(char digit)
{
	unsigned c = (unsigned char)digit;
	unsigned lower = c | 0x20U;
	unsigned is_decimal = mask_in_range(c, '0', '9') & 0xffU;
	unsigned is_letter = mask_in_range(lower, 'a', 'f') & 0xffU;
	unsigned value = (is_decimal & (c - '0')) | (is_letter & (lower - 'a' + 10U));

	return (value & 0xfU) | ((~(is_decimal | is_letter) & 0xffU) << 8);
}

void hex_encode(const void *data, size_t size, char *ret)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++) {
		ret[2 * i] = digit_from_nibble(bytes[i] >> 4);
		ret[2 * i + 1] = digit_from_nibble(bytes[i] & 0xfU);
	}
	ret[2 * size] = '\0';
}

int hex_decode(const char *text, void *ret, size_t size)
{
	uint8_t *bytes = ret;
	unsigned wrong = 0;

	/* A first pass, so that the output stays untouched if a character is wrong. */
	for (size_t i = 0; i < 2 * size; i++)
		wrong |= nibble_from_digit(text[i]) >> 8;
	if (wrong)
		return -EINVAL;

	for (size_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(nibble_from_digit(text[2 * i]) << 4 |
				     nibble_from_digit(text[2 * i + 1]));
	return 0;
}

int hex_parse(const char *text, uint8_t **ret, size_t *ret_size)
{
	size_t len = strlen(text);

	if (len % 2 != 0)
		return -EINVAL;

	/* One byte more, since an empty string must not give NULL. */
	_cleanup_free_ uint8_t *bytes = malloc(len / 2 + 1);
	int r;

	if (!bytes)
		return -ENOMEM;
	r = hex_decode(text, bytes, len / 2);
	if (r < 0)
		return r;

	*ret = take_ptr(bytes);
	*ret_size = len / 2;
	return 0;
}
