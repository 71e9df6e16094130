/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Reed-Solomon parity of many code words at a time, by ISA-L where dmstack was built with it and
 * else by reed-solomon.h; the bytes are the same. One encoder for each thread.
 */

#include "macro.h"

struct parity_encoder;

/* roots: 1..RS_ROOTS_MAX. columns: code words at a time. -EINVAL, -ENOMEM. */
int parity_encoder_new(unsigned roots, size_t columns, struct parity_encoder **ret) _must_check_;
struct parity_encoder *parity_encoder_free(struct parity_encoder *p);
/*
 * symbols: 255 - roots pointers to columns bytes each. Writes columns * roots bytes: the parity of
 * column 0, of column 1, ...
 */
void parity_encoder_run(struct parity_encoder *p, uint8_t *const *symbols, uint8_t *ret);

static inline void parity_encoder_freep(struct parity_encoder **p)
{
	if (*p)
		*p = parity_encoder_free(*p);
}
