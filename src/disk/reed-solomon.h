/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reed-Solomon parity as dm-verity's forward error correction has it: GF(256) with the polynomial
 * 0x11d, generator roots alpha^0 .. alpha^(roots - 1), systematic, RS(255, 255 - roots).
 */

#include "macro.h"

#define RS_ROOTS_MAX 24
/* The parity of one byte column while it grows: roots bytes in use. */
#define RS_STATE_SIZE 32

struct rs;

/* Tables for so many roots (1..RS_ROOTS_MAX); constant afterwards, so threads share one. -EINVAL, -ENOMEM. */
int rs_new(unsigned roots, struct rs **ret) _must_check_;
struct rs *rs_free(struct rs *rs);

static inline void rs_freep(struct rs **p)
{
	if (*p)
		*p = rs_free(*p);
}

/*
 * Feeds one symbol to each of `columns` code words: column c takes data[c]. state holds
 * columns * RS_STATE_SIZE bytes, zero before the first symbol. Feed 255 - roots symbols
 * in order; zero symbols before the first non-zero one may be left out.
 */
void rs_feed(const struct rs *rs, const uint8_t *data, size_t columns, uint8_t *state);
/* The same for a symbol that is zero in every column. */
void rs_feed_zero(const struct rs *rs, size_t columns, uint8_t *state);
/* Writes columns * roots bytes of parity, column after column. */
void rs_parity(const struct rs *rs, const uint8_t *state, size_t columns, uint8_t *ret);
