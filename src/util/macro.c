/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * String comparisons that libc does not have.
 */

#include <string.h>

#include "macro.h"

bool streq_ptr(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return streq(a, b);
}

const char *startswith(const char *s, const char *prefix)
{
	size_t len = strlen(prefix);

	return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

const char *endswith(const char *s, const char *suffix)
{
	size_t len = strlen(s);
	size_t suffix_len = strlen(suffix);

	if (suffix_len > len || !streq(s + len - suffix_len, suffix))
		return NULL;
	return s + len - suffix_len;
}
