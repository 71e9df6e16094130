/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 with AVX-512: rotation is one instruction, and so is every three-way boolean function. A
 * register has sixteen lanes; two streams of such registers, by turns, fill the time in which a
 * round waits for the one before.
 *
 * Messages that lie 4096 bytes apart share one set of the first cache, which has room for fewer
 * than sixteen lines. So what comes next is fetched during the rounds, two blocks of a message in a
 * row, and put aside until all lanes have theirs:
 *
 *	rounds of blocks   | 0 1 | 2 3 | 4 5 | ...
 *	blocks fetched     | 2 3 | 4 5 | 6 7 | ...
 *	stage filled       |  1  |  0  |  1  | ...
 */

#include "sha256-lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))
#define INLINE TARGET static inline __attribute__((always_inline)) /* for constant arguments */
/* To clear arrays which are then filled would be most of the work for a short message. */
#define UNCLEARED __attribute__((uninitialized))

#define REGISTER_LANES 16U
#define STREAMS_MAX    2U
#define STAGE_BLOCKS   2U

/*
 * A round waits for the one before, so what counts is how few additions come behind the two sums,
 * which come last. The compiler would add in another order.
 */
#define KEEP_ORDER(x) __asm__("" : "+v"(x))

#define XOR3	 0x96
#define CHOICE	 0xca
#define MAJORITY 0xe8

/*
 * Sixteen rows of sixteen words, one row a lane, become sixteen vectors, one a word. Pairs of
 * rows are interleaved by 32, 64, 128 and 256 bits.
 */
TARGET static inline void transpose(__m512i v[16])
{
	UNCLEARED __m512i a[16], b[16];

	for (size_t i = 0; i < 8; i++) {
		a[2 * i] = _mm512_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
		a[2 * i + 1] = _mm512_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
	}
	for (size_t i = 0; i < 4; i++) {
		b[4 * i] = _mm512_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
		b[4 * i + 1] = _mm512_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
		b[4 * i + 2] = _mm512_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
		b[4 * i + 3] = _mm512_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
	}
	for (size_t i = 0; i < 4; i++) {
		a[i] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0x88);
		a[i + 4] = _mm512_shuffle_i32x4(b[i], b[i + 4], 0xdd);
		a[i + 8] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0x88);
		a[i + 12] = _mm512_shuffle_i32x4(b[i + 8], b[i + 12], 0xdd);
	}
	for (size_t i = 0; i < 4; i++) {
		v[i] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0x88);
		v[i + 8] = _mm512_shuffle_i32x4(a[i], a[i + 8], 0xdd);
		v[i + 4] = _mm512_shuffle_i32x4(a[i + 4], a[i + 12], 0x88);
		v[i + 12] = _mm512_shuffle_i32x4(a[i + 4], a[i + 12], 0xdd);
	}
}

TARGET static inline __m512i load_line(const uint8_t *from)
{
	const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);

	return _mm512_shuffle_epi8(_mm512_loadu_si512((const void *)from), swap);
}

/* The next word of the schedule replaces the oldest. */
TARGET static inline __m512i schedule(const __m512i w[16], unsigned t)
{
	__m512i w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
	__m512i s0 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(w15, 7), _mm512_ror_epi32(w15, 18),
		_mm512_srli_epi32(w15, 3), XOR3);
	__m512i s1 = _mm512_ternarylogic_epi32(_mm512_ror_epi32(w2, 17), _mm512_ror_epi32(w2, 19),
		_mm512_srli_epi32(w2, 10), XOR3);

	return _mm512_add_epi32(
		_mm512_add_epi32(w[t & 15], s0), _mm512_add_epi32(w[(t + 9) & 15], s1));
}

TARGET static inline void round_step(__m512i s[8], unsigned t, __m512i w)
{
	__m512i *a = &s[(0 - t) & 7], *b = &s[(1 - t) & 7], *c = &s[(2 - t) & 7];
	__m512i *d = &s[(3 - t) & 7], *e = &s[(4 - t) & 7], *f = &s[(5 - t) & 7];
	__m512i *g = &s[(6 - t) & 7], *h = &s[(7 - t) & 7];
	__m512i sum1 = _mm512_ternarylogic_epi32(
		_mm512_ror_epi32(*e, 6), _mm512_ror_epi32(*e, 11), _mm512_ror_epi32(*e, 25), XOR3);
	__m512i sum0 = _mm512_ternarylogic_epi32(
		_mm512_ror_epi32(*a, 2), _mm512_ror_epi32(*a, 13), _mm512_ror_epi32(*a, 22), XOR3);
	__m512i early = _mm512_add_epi32(
		_mm512_add_epi32(*h, _mm512_set1_epi32((int)sha256_constants[t])), w);

	KEEP_ORDER(early);
	early = _mm512_add_epi32(early, _mm512_ternarylogic_epi32(*e, *f, *g, CHOICE));
	KEEP_ORDER(early);

	__m512i t1 = _mm512_add_epi32(early, sum1);
	__m512i next_e = _mm512_add_epi32(*d, early);
	__m512i next_a = _mm512_add_epi32(t1, _mm512_ternarylogic_epi32(*a, *b, *c, MAJORITY));

	KEEP_ORDER(next_e);
	KEEP_ORDER(next_a);
	*d = _mm512_add_epi32(next_e, sum1);
	*h = _mm512_add_epi32(next_a, sum0);
}

/* A line is a block of one message, as sixteen words. */
struct stage {
	__m512i lines[STAGE_BLOCKS][STREAMS_MAX * REGISTER_LANES];
};

/* What is fetched during the rounds of one block. */
struct fetch {
	struct stage *to;
	const uint8_t *const *data; /* of the first lane that is fetched */
	size_t lane;		    /* its number */
	size_t offsets[STAGE_BLOCKS];
};

/* Round t + i, and what is fetched meanwhile. The first sixteen take the words as they are. */
INLINE void step(unsigned streams, const struct fetch *fetch, unsigned t, unsigned i,
	__m512i s[STREAMS_MAX][8], __m512i w[STREAMS_MAX][16])
{
	const unsigned every = 4 / streams, n = (t + i) / every, lane = n / STAGE_BLOCKS;

	if (i % every == 0)
		fetch->to->lines[n % STAGE_BLOCKS][fetch->lane + lane] =
			load_line(fetch->data[lane] + fetch->offsets[n % STAGE_BLOCKS]);
	if (t > 0)
		w[0][i] = schedule(w[0], i);
	round_step(s[0], t + i, w[0][i]);
	if (streams == 1)
		return;
	if (t > 0)
		w[1][i] = schedule(w[1], i);
	round_step(s[1], t + i, w[1][i]);
}

INLINE void run_rounds(unsigned streams, const struct fetch fetch, __m512i s[STREAMS_MAX][8],
	__m512i w[STREAMS_MAX][16])
{
#pragma GCC unroll 16
	for (unsigned i = 0; i < 16; i++)
		step(streams, &fetch, 0, i, s, w);
	for (unsigned t = 16; t < 64; t += 16)
#pragma GCC unroll 16
		for (unsigned i = 0; i < 16; i++)
			step(streams, &fetch, t, i, s, w);
}

/* Behind the end there is nothing to fetch, but a branch would cost more than a load. */
INLINE struct fetch fetch_plan(struct stage stages[2], const uint8_t *const *data, size_t lanes,
	size_t block, size_t n_blocks)
{
	size_t first = (block / STAGE_BLOCKS + 1) * STAGE_BLOCKS;
	size_t lane = block % STAGE_BLOCKS * (lanes / STAGE_BLOCKS);
	struct fetch fetch = {
		.to = &stages[first / STAGE_BLOCKS % 2],
		.data = data + lane,
		.lane = lane,
	};

	for (size_t i = 0; i < STAGE_BLOCKS; i++)
		fetch.offsets[i] = MIN(first + i, n_blocks - 1) * SHA256_BLOCK_SIZE;
	return fetch;
}

INLINE void compress(unsigned streams, uint32_t *state, const uint8_t *const *data, size_t n_blocks)
{
	UNCLEARED __m512i saved[STREAMS_MAX][8], s[STREAMS_MAX][8], w[STREAMS_MAX][16];
	UNCLEARED struct stage stages[2];
	size_t lanes = streams * REGISTER_LANES;

	for (size_t i = 0; i < STAGE_BLOCKS && i < n_blocks; i++)
		for (size_t lane = 0; lane < lanes; lane++)
			stages[0].lines[i][lane] = load_line(data[lane] + i * SHA256_BLOCK_SIZE);
	for (size_t k = 0; k < streams; k++)
		for (size_t i = 0; i < 8; i++)
			saved[k][i] = _mm512_loadu_si512(state + i * lanes + k * REGISTER_LANES);
	for (size_t block = 0; block < n_blocks; block++) {
		const __m512i *lines = stages[block / STAGE_BLOCKS % 2].lines[block % STAGE_BLOCKS];

		for (size_t k = 0; k < streams; k++) {
			for (size_t i = 0; i < 16; i++)
				w[k][i] = lines[k * REGISTER_LANES + i];
			transpose(w[k]);
			for (size_t i = 0; i < 8; i++)
				s[k][i] = saved[k][i];
		}
		run_rounds(streams, fetch_plan(stages, data, lanes, block, n_blocks), s, w);
		for (size_t k = 0; k < streams; k++)
			for (size_t i = 0; i < 8; i++)
				saved[k][i] = _mm512_add_epi32(saved[k][i], s[k][i]);
	}
	for (size_t k = 0; k < streams; k++)
		for (size_t i = 0; i < 8; i++)
			_mm512_storeu_si512(state + i * lanes + k * REGISTER_LANES, saved[k][i]);
}

TARGET void sha256_avx512_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks)
{
	compress(1, state, data, n_blocks);
}

TARGET void sha256_avx512_pair_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks)
{
	compress(2, state, data, n_blocks);
}

#endif
