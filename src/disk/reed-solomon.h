/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reed-Solomon parity as dm-verity's forward error correction has it: GF(256) with the polynomial
 * 0x11d, generator roots alpha^0 .. alpha^(roots - 1), systematic, RS(255, 255 - roots).
 *
 * One encoder computes many code words at a time, a column each: a block of data holds one symbol
 * of each of them. An encoder may be used by one thread at a time.
 */

#include "macro.h"

#define RS_ROOTS_MAX 24
#define RS_WORD_SIZE 255 /* bytes of a code word: data, then parity */

struct rs_encoder;

/* roots: 1..RS_ROOTS_MAX. columns: code words at a time, the block size. -EINVAL, -ENOMEM. */
int rs_encoder_new(unsigned roots, size_t columns, struct rs_encoder **ret) _must_check_;
struct rs_encoder *rs_encoder_free(struct rs_encoder *rs);
/* Begins the next code words. */
void rs_encoder_reset(struct rs_encoder *rs);

/*
 * Feeds one symbol to each code word: column c takes data[c]; NULL feeds zeros. 255 - roots symbols
 * make a code word; zeros before the first other symbol change nothing.
 */
void rs_encoder_feed(struct rs_encoder *rs, const uint8_t *data);
/* Writes columns * roots bytes: the parity of column 0, of column 1, ... */
void rs_encoder_parity(const struct rs_encoder *rs, uint8_t *ret);

/* Corrects code words, one at a time; read-only once it is made. */
struct rs_decoder {
	unsigned roots;
	uint8_t exp[2 * 255];
	uint8_t log[256];
};
void rs_decoder_init(struct rs_decoder *rs, unsigned roots);
/*
 * Corrects errors + erasures with 2 * errors + erasures <= roots. erasures are places in the word
 * which are likely wrong. 0: it was right; 1: corrected; -EBADMSG: too many errors, the word is
 * untouched.
 */
int rs_decode(const struct rs_decoder *rs, uint8_t word[RS_WORD_SIZE], const unsigned *erasures,
	unsigned n_erasures) _must_check_;

static inline void rs_encoder_freep(struct rs_encoder **p)
{
	if (*p)
		*p = rs_encoder_free(*p);
}
