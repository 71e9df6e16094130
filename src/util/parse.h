/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Strict readers of single words: the whole word or an error, no white space, no sign.
 * All return 0, -EINVAL (not such a word) or -ERANGE (too large) and leave *ret alone then.
 */

#include "macro.h"

/* Decimal, or hexadecimal behind 0x. "010" is refused, since it is octal for some. */
int parse_u64(const char *word, uint64_t *ret) _must_check_;
/* yes, no, true, false, on, off, 1, 0: systemd's words. */
int parse_bool(const char *word, bool *ret) _must_check_;
/* Bytes, with K, M, G, T (powers of 1024) or none behind the number. */
int parse_size(const char *word, uint64_t *ret) _must_check_;
/* A time as systemd writes it: 30, 30s, 500ms, 2min, 1h, 1min 30s, infinity (= UINT64_MAX). */
int parse_usec(const char *word, uint64_t *ret) _must_check_;
/* xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx of either case. */
int parse_uuid(const char *word, uint8_t ret[16]) _must_check_;
/* Lower case; 37 bytes with the NUL. */
void format_uuid(const uint8_t uuid[16], char ret[37]);

/*
 * The next word of a white-space separated line; the line is cut in place. *line moves behind
 * the word. Returns 1 and the word, or 0 at the end. There is no quoting.
 */
int parse_next_word(char **line, char **ret);
/*
 * The next element of a comma separated list, in the same way; an empty element is "". *list is
 * NULL behind the last one.
 */
int parse_next_comma(char **list, char **ret);
