/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The usual shift register of a systematic encoder, over whole blocks: register j of every column
 * lies in row j.
 *
 *	feedback = symbol + row[0]
 *	row[j]   = row[j + 1] + feedback * generator[j],   row[roots] = 0
 *
 * The rows do not move: `first` says which one is row 0, and it goes round. A product with a
 * constant is two look-ups by half bytes, which the vector units do for many columns at a time.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "overflow.h"
#include "reed-solomon.h"

#define FIELD_POLYNOMIAL 0x11d
#define ALIGNMENT	 64

/* The products of a constant with a low and with a high half byte. */
struct product {
	uint8_t low[16];
	uint8_t high[16];
};

struct rs_encoder {
	unsigned roots;
	unsigned first; /* the row that is row 0 */
	size_t columns;
	size_t row_size; /* bytes from row to row */
	struct product product[RS_ROOTS_MAX];
	uint8_t *feedback; /* within rows */
	uint8_t *rows;
	void (*multiply_add)(
		const struct product *p, const uint8_t *src, uint8_t *dst, size_t size);
};

static uint8_t multiply(uint8_t a, uint8_t b)
{
	unsigned product = 0, shifted = a;

	for (; b != 0; b >>= 1) {
		if (b & 1)
			product ^= shifted;
		shifted <<= 1;
		if (shifted & 0x100)
			shifted ^= FIELD_POLYNOMIAL;
	}
	return (uint8_t)product;
}

/* dst += src * constant */
static void multiply_add_portable(
	const struct product *p, const uint8_t *src, uint8_t *dst, size_t size)
{
	for (size_t i = 0; i < size; i++)
		dst[i] ^= p->low[src[i] & 15] ^ p->high[src[i] >> 4];
}

#ifdef __x86_64__
#include <immintrin.h>

__attribute__((target("avx2"))) static void multiply_add_avx2(
	const struct product *p, const uint8_t *src, uint8_t *dst, size_t size)
{
	const __m256i low = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p->low));
	const __m256i high = _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p->high));
	const __m256i mask = _mm256_set1_epi8(15);
	size_t i = 0;

	for (; i + 32 <= size; i += 32) {
		__m256i s = _mm256_loadu_si256((const void *)(src + i));
		__m256i d = _mm256_loadu_si256((const void *)(dst + i));

		d ^= _mm256_shuffle_epi8(low, s & mask);
		d ^= _mm256_shuffle_epi8(high, _mm256_srli_epi64(s, 4) & mask);
		_mm256_storeu_si256((void *)(dst + i), d);
	}
	multiply_add_portable(p, src + i, dst + i, size - i);
}

static bool has_avx2(void)
{
	return __builtin_cpu_supports("avx2");
}
#else
#define multiply_add_avx2 multiply_add_portable
static bool has_avx2(void)
{
	return false;
}
#endif

/* The product of (x + alpha^i) for all roots, highest power first, without the leading 1. */
static void make_generator(unsigned roots, uint8_t ret[RS_ROOTS_MAX])
{
	uint8_t g[RS_ROOTS_MAX + 1] = { 1 };
	uint8_t root = 1;

	for (unsigned i = 0; i < roots; i++) {
		for (unsigned j = i + 1; j > 0; j--)
			g[j] ^= multiply(g[j - 1], root);
		root = multiply(root, 2);
	}
	memcpy(ret, g + 1, RS_ROOTS_MAX);
}

static void make_products(struct rs_encoder *rs)
{
	uint8_t generator[RS_ROOTS_MAX];

	make_generator(rs->roots, generator);
	for (unsigned j = 0; j < rs->roots; j++)
		for (unsigned half = 0; half < 16; half++) {
			rs->product[j].low[half] = multiply(generator[j], (uint8_t)half);
			rs->product[j].high[half] = multiply(generator[j], (uint8_t)(half << 4));
		}
}

struct rs_encoder *rs_encoder_free(struct rs_encoder *rs)
{
	if (!rs)
		return NULL;
	free(rs->rows);
	free(rs);
	return NULL;
}

int rs_encoder_new(unsigned roots, size_t columns, struct rs_encoder **ret)
{
	if (roots < 1 || roots > RS_ROOTS_MAX || columns == 0 || columns > UINT32_MAX)
		return -EINVAL;

	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = calloc(1, sizeof(*rs));
	if (!rs)
		return -ENOMEM;
	rs->roots = roots;
	rs->columns = columns;
	rs->row_size = align_up_u64(columns, ALIGNMENT);
	rs->rows = aligned_alloc(ALIGNMENT, rs->row_size * (roots + 1));
	if (!rs->rows)
		return -ENOMEM;
	rs->feedback = rs->rows + rs->row_size * roots;
	rs->multiply_add = has_avx2() ? multiply_add_avx2 : multiply_add_portable;
	make_products(rs);
	rs_encoder_reset(rs);
	*ret = take_ptr(rs);
	return 0;
}

void rs_encoder_reset(struct rs_encoder *rs)
{
	memset(rs->rows, 0, rs->row_size * rs->roots);
	rs->first = 0;
}

static uint8_t *row(const struct rs_encoder *rs, unsigned j)
{
	return rs->rows + rs->row_size * ((rs->first + j) % rs->roots);
}

void rs_encoder_feed(struct rs_encoder *rs, const uint8_t *data)
{
	uint8_t *first = row(rs, 0);

	if (data)
		for (size_t i = 0; i < rs->columns; i++)
			rs->feedback[i] = first[i] ^ data[i];
	else
		memcpy(rs->feedback, first, rs->columns);
	/* What was row 0 becomes the last one, which starts from nothing. */
	memset(first, 0, rs->columns);
	rs->first = (rs->first + 1) % rs->roots;
	for (unsigned j = 0; j < rs->roots; j++)
		rs->multiply_add(&rs->product[j], rs->feedback, row(rs, j), rs->columns);
}

void rs_encoder_parity(const struct rs_encoder *rs, uint8_t *ret)
{
	for (unsigned j = 0; j < rs->roots; j++) {
		const uint8_t *from = row(rs, j);

		for (size_t i = 0; i < rs->columns; i++)
			ret[i * rs->roots + j] = from[i];
	}
}
