/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 of two messages by turns with the SHA extensions. An instruction does two rounds and has
 * to wait for the one before, and while it waits there is time for the other message's.
 *
 * The instructions keep the eight words of a state in two registers, in this order:
 *
 *	           127      96 95       64 63       32 31        0
 *	first     |    a      |     b     |     e     |     f     |
 *	second    |    c      |     d     |     g     |     h     |
 */

#include "sha256-lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("sha,sse4.1,ssse3")))
#define INLINE TARGET static inline __attribute__((always_inline))
#define LANES  2U

/* One message: its state, and the last sixteen words, four in each register. */
struct message {
	__m128i abef, cdgh;
	__m128i w[4];
};

/* Word i of the lane's state. */
INLINE int word(const uint32_t *state, unsigned i, unsigned lane)
{
	return (int)state[i * LANES + lane];
}

INLINE void load_state(struct message *m, const uint32_t *state, unsigned lane)
{
	m->abef = _mm_set_epi32(word(state, 0, lane), word(state, 1, lane), word(state, 4, lane),
		word(state, 5, lane));
	m->cdgh = _mm_set_epi32(word(state, 2, lane), word(state, 3, lane), word(state, 6, lane),
		word(state, 7, lane));
}

INLINE void store_state(const struct message *m, uint32_t *state, unsigned lane)
{
	static const uint8_t abef[] = { 5, 4, 1, 0 }, cdgh[] = { 7, 6, 3, 2 };
	uint32_t words[2][4];

	_mm_storeu_si128((void *)words[0], m->abef);
	_mm_storeu_si128((void *)words[1], m->cdgh);
	for (unsigned i = 0; i < 4; i++) {
		state[abef[i] * LANES + lane] = words[0][i];
		state[cdgh[i] * LANES + lane] = words[1][i];
	}
}

INLINE void load_block(struct message *m, const uint8_t *data)
{
	const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);

	for (unsigned i = 0; i < 4; i++)
		m->w[i] = _mm_shuffle_epi8(_mm_loadu_si128((const void *)(data + 16 * i)), swap);
}

/* The next four words of the schedule replace the oldest. */
INLINE void schedule(struct message *m, unsigned i)
{
	__m128i *oldest = &m->w[i & 3], last = m->w[(i + 3) & 3];
	__m128i w7 = _mm_alignr_epi8(last, m->w[(i + 2) & 3], 4);

	*oldest = _mm_add_epi32(_mm_sha256msg1_epu32(*oldest, m->w[(i + 1) & 3]), w7);
	*oldest = _mm_sha256msg2_epu32(*oldest, last);
}

/* Rounds 4i to 4i + 3. */
INLINE void four_rounds(struct message *m, unsigned i)
{
	__m128i k = _mm_loadu_si128((const void *)(sha256_constants + 4 * i));
	__m128i sum = _mm_add_epi32(m->w[i & 3], k);

	m->cdgh = _mm_sha256rnds2_epu32(m->cdgh, m->abef, sum);
	m->abef = _mm_sha256rnds2_epu32(m->abef, m->cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

TARGET void sha256_ni_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks)
{
	struct message m[LANES], before[LANES];

	for (unsigned lane = 0; lane < LANES; lane++)
		load_state(&m[lane], state, lane);
	for (size_t block = 0; block < n_blocks; block++) {
		for (unsigned lane = 0; lane < LANES; lane++) {
			before[lane] = m[lane];
			load_block(&m[lane], data[lane] + block * SHA256_BLOCK_SIZE);
		}
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++)
			for (unsigned lane = 0; lane < LANES; lane++) {
				if (i >= 4)
					schedule(&m[lane], i);
				four_rounds(&m[lane], i);
			}
		for (unsigned lane = 0; lane < LANES; lane++) {
			m[lane].abef = _mm_add_epi32(m[lane].abef, before[lane].abef);
			m[lane].cdgh = _mm_add_epi32(m[lane].cdgh, before[lane].cdgh);
		}
	}
	for (unsigned lane = 0; lane < LANES; lane++)
		store_state(&m[lane], state, lane);
}

#endif
