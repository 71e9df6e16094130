/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * UTF-8 as RFC 3629 defines it.
 */

#include "utf8.h"

/* The length of the character that starts with this byte, or 0 if none does. */
static size_t sequence_length(unsigned char first)
{
	if (first < 0x80)
		return first != 0;
	if (first < 0xc2)
		return 0;
	if (first < 0xe0)
		return 2;
	if (first < 0xf0)
		return 3;
	return first < 0xf5 ? 4 : 0;
}

/* The second byte carries what the first cannot exclude: over-long forms, surrogates, > 10ffff. */
static bool second_is_valid(unsigned char first, unsigned char second)
{
	switch (first) {
	case 0xe0:
		return second >= 0xa0;
	case 0xed:
		return second < 0xa0;
	case 0xf0:
		return second >= 0x90;
	case 0xf4:
		return second < 0x90;
	default:
		return true;
	}
}

bool utf8_is_valid(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	const unsigned char *end = p + len;

	while (p < end) {
		size_t n = sequence_length(*p);

		if (n == 0 || n > (size_t)(end - p))
			return false;
		if (n > 1 && !second_is_valid(p[0], p[1]))
			return false;
		for (size_t i = 1; i < n; i++)
			if ((p[i] & 0xc0) != 0x80)
				return false;
		p += n;
	}
	return true;
}

const char *find_control_character(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return s;
	return NULL;
}
