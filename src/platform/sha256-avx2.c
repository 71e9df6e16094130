/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SHA-256 in eight lanes with AVX2.
 */

#include "sha256-lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx2")))

TARGET static inline __m256i ror(__m256i x, int n)
{
	return _mm256_or_si256(_mm256_srli_epi32(x, n), _mm256_slli_epi32(x, 32 - n));
}

TARGET static inline __m256i xor3(__m256i a, __m256i b, __m256i c)
{
	return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}

/* Eight rows of eight words, one row a lane, become eight vectors, one a word. */
TARGET static inline void transpose(__m256i v[8])
{
	__m256i a[8], b[8];

	for (size_t i = 0; i < 4; i++) {
		a[2 * i] = _mm256_unpacklo_epi32(v[2 * i], v[2 * i + 1]);
		a[2 * i + 1] = _mm256_unpackhi_epi32(v[2 * i], v[2 * i + 1]);
	}
	for (size_t i = 0; i < 2; i++) {
		b[4 * i] = _mm256_unpacklo_epi64(a[4 * i], a[4 * i + 2]);
		b[4 * i + 1] = _mm256_unpackhi_epi64(a[4 * i], a[4 * i + 2]);
		b[4 * i + 2] = _mm256_unpacklo_epi64(a[4 * i + 1], a[4 * i + 3]);
		b[4 * i + 3] = _mm256_unpackhi_epi64(a[4 * i + 1], a[4 * i + 3]);
	}
	for (size_t i = 0; i < 4; i++) {
		v[i] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x20);
		v[i + 4] = _mm256_permute2x128_si256(b[i], b[i + 4], 0x31);
	}
}

TARGET static inline void load(__m256i w[16], const uint8_t *const *data, size_t offset)
{
	const __m256i swap = _mm256_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3,
		12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);

	for (size_t half = 0; half < 2; half++) {
		for (size_t lane = 0; lane < 8; lane++)
			w[8 * half + lane] = _mm256_shuffle_epi8(
				_mm256_loadu_si256((const void *)(data[lane] + offset + 32 * half)),
				swap);
		transpose(w + 8 * half);
	}
}

/* The next word of the schedule replaces the oldest. */
TARGET static inline __m256i schedule(const __m256i w[16], unsigned t)
{
	__m256i w15 = w[(t + 1) & 15], w2 = w[(t + 14) & 15];
	__m256i s0 = xor3(ror(w15, 7), ror(w15, 18), _mm256_srli_epi32(w15, 3));
	__m256i s1 = xor3(ror(w2, 17), ror(w2, 19), _mm256_srli_epi32(w2, 10));

	return _mm256_add_epi32(
		_mm256_add_epi32(w[t & 15], s0), _mm256_add_epi32(w[(t + 9) & 15], s1));
}

TARGET static inline void round_step(__m256i s[8], unsigned t, __m256i w)
{
	__m256i *a = &s[(0 - t) & 7], *b = &s[(1 - t) & 7], *c = &s[(2 - t) & 7];
	__m256i *d = &s[(3 - t) & 7], *e = &s[(4 - t) & 7], *f = &s[(5 - t) & 7];
	__m256i *g = &s[(6 - t) & 7], *h = &s[(7 - t) & 7];
	__m256i sum1 = xor3(ror(*e, 6), ror(*e, 11), ror(*e, 25));
	__m256i sum0 = xor3(ror(*a, 2), ror(*a, 13), ror(*a, 22));
	__m256i choice = _mm256_xor_si256(*g, _mm256_and_si256(*e, _mm256_xor_si256(*f, *g)));
	__m256i majority = _mm256_or_si256(
		_mm256_and_si256(*a, *b), _mm256_and_si256(*c, _mm256_or_si256(*a, *b)));
	__m256i t1 =
		_mm256_add_epi32(_mm256_add_epi32(*h, _mm256_set1_epi32((int)sha256_constants[t])),
			_mm256_add_epi32(_mm256_add_epi32(sum1, w), choice));

	*d = _mm256_add_epi32(*d, t1);
	*h = _mm256_add_epi32(t1, _mm256_add_epi32(sum0, majority));
}

TARGET void sha256_avx2_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks)
{
	__m256i saved[8], s[8], w[16];

	for (size_t i = 0; i < 8; i++)
		saved[i] = _mm256_loadu_si256((const void *)(state + 8 * i));
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
			saved[i] = _mm256_add_epi32(saved[i], s[i]);
	}
	for (size_t i = 0; i < 8; i++)
		_mm256_storeu_si256((void *)(state + 8 * i), saved[i]);
}

#endif
