/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 in sixteen lanes with AVX-512: rotation is one instruction, and so is every three-way
 * boolean function.
 */

#include "sha256-lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f,avx512bw")))

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
	__m512i a[16], b[16];

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

TARGET static inline void load(__m512i w[16], const uint8_t *const data[16], size_t offset)
{
	const __m512i swap = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);

	for (size_t lane = 0; lane < 16; lane++)
		w[lane] = _mm512_shuffle_epi8(
			_mm512_loadu_si512((const void *)(data[lane] + offset)), swap);
	transpose(w);
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

TARGET void sha256_avx512_blocks(
	uint32_t state[8][16], const uint8_t *const data[16], size_t n_blocks)
{
	__m512i saved[8], s[8], w[16];

	for (size_t i = 0; i < 8; i++)
		saved[i] = _mm512_loadu_si512((const void *)state[i]);
	for (size_t block = 0; block < n_blocks; block++) {
		load(w, data, block * SHA256_BLOCK_SIZE);
		for (size_t i = 0; i < 8; i++)
			s[i] = saved[i];
#pragma GCC unroll 16
		for (unsigned t = 0; t < 16; t++)
			round_step(s, t, w[t]);
		for (unsigned t = 16; t < 64; t += 16)
#pragma GCC unroll 16
			for (unsigned i = 0; i < 16; i++) {
				w[i] = schedule(w, i);
				round_step(s, t + i, w[i]);
			}
		for (size_t i = 0; i < 8; i++)
			saved[i] = _mm512_add_epi32(saved[i], s[i]);
	}
	for (size_t i = 0; i < 8; i++)
		_mm512_storeu_si512((void *)state[i], saved[i]);
}

#endif
