/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Correction of one code word: syndromes, Berlekamp-Massey that starts from the erasures, and the
 * amount of each error after Forney. The symbol at place i is the coefficient of x^(254 - i), and
 * the generator's first root is alpha^0.
 */

#include <errno.h>
#include <string.h>

#include "reed-solomon.h"

#define FIELD_POLYNOMIAL 0x11d
#define ORDER		 255U
/* Where a polynomial's degree may pass through. */
#define TERMS (RS_ROOTS_MAX + 2)

void rs_decoder_init(struct rs_decoder *rs, unsigned roots)
{
	unsigned x = 1;

	*rs = (struct rs_decoder){ .roots = roots };
	for (unsigned i = 0; i < ORDER; i++) {
		rs->exp[i] = rs->exp[i + ORDER] = (uint8_t)x;
		rs->log[x] = (uint8_t)i;
		x <<= 1;
		if (x & 0x100)
			x ^= FIELD_POLYNOMIAL;
	}
}

static uint8_t times(const struct rs_decoder *rs, uint8_t a, uint8_t b)
{
	return a && b ? rs->exp[rs->log[a] + rs->log[b]] : 0;
}

static uint8_t divided(const struct rs_decoder *rs, uint8_t a, uint8_t b)
{
	return a ? rs->exp[rs->log[a] + ORDER - rs->log[b]] : 0;
}

/* alpha^power */
static uint8_t power(const struct rs_decoder *rs, unsigned n)
{
	return rs->exp[n % ORDER];
}

/* True if all are zero: the word is right. */
static bool syndromes(
	const struct rs_decoder *rs, const uint8_t word[RS_WORD_SIZE], uint8_t ret[RS_ROOTS_MAX])
{
	uint8_t any = 0;

	for (unsigned j = 0; j < rs->roots; j++) {
		uint8_t sum = 0;

		for (unsigned i = 0; i < RS_WORD_SIZE; i++)
			sum = times(rs, sum, rs->exp[j]) ^ word[i];
		ret[j] = sum;
		any |= sum;
	}
	return any == 0;
}

/* The polynomial whose roots are the inverses of the erased places. */
static void erasure_locator(
	const struct rs_decoder *rs, const unsigned *erasures, unsigned n, uint8_t ret[TERMS])
{
	memset(ret, 0, TERMS);
	ret[0] = 1;
	for (unsigned k = 0; k < n; k++) {
		uint8_t x = power(rs, ORDER - 1 - erasures[k]);

		for (unsigned i = k + 1; i > 0; i--)
			ret[i] ^= times(rs, x, ret[i - 1]);
	}
}

/* p = x * p */
static void shift(uint8_t p[TERMS])
{
	memmove(p + 1, p, TERMS - 1);
	p[0] = 0;
}

/* Extends the locator by the errors that nobody named. Returns its degree. */
static unsigned find_locator(const struct rs_decoder *rs, const uint8_t *syndrome, unsigned erased,
	uint8_t locator[TERMS])
{
	uint8_t helper[TERMS], next[TERMS];
	unsigned length = erased, degree = 0;

	memcpy(helper, locator, TERMS);
	for (unsigned r = erased + 1; r <= rs->roots; r++) {
		uint8_t discrepancy = 0;

		for (unsigned i = 0; i < r && i < TERMS; i++)
			discrepancy ^= times(rs, locator[i], syndrome[r - i - 1]);
		shift(helper);
		if (discrepancy == 0)
			continue;
		for (unsigned i = 0; i < TERMS; i++)
			next[i] = locator[i] ^ times(rs, discrepancy, helper[i]);
		if (2 * length <= r + erased - 1) {
			length = r + erased - length;
			for (unsigned i = 0; i < TERMS; i++)
				helper[i] = divided(rs, locator[i], discrepancy);
		}
		memcpy(locator, next, TERMS);
	}
	for (unsigned i = 0; i < TERMS; i++)
		if (locator[i])
			degree = i;
	return degree;
}

static uint8_t evaluate(const struct rs_decoder *rs, const uint8_t *p, unsigned n, uint8_t x)
{
	uint8_t sum = 0;

	while (n-- > 0)
		sum = times(rs, sum, x) ^ p[n];
	return sum;
}

/* Puts the places right at which the locator is zero. Returns how many there are. */
static unsigned correct(const struct rs_decoder *rs, const uint8_t *syndrome,
	const uint8_t locator[TERMS], unsigned degree, uint8_t word[RS_WORD_SIZE])
{
	uint8_t omega[RS_ROOTS_MAX] = {}, derivative[TERMS] = {};
	unsigned found = 0;

	for (unsigned i = 0; i < rs->roots; i++)
		for (unsigned k = 0; k <= i && k <= degree; k++)
			omega[i] ^= times(rs, locator[k], syndrome[i - k]);
	for (unsigned i = 1; i <= degree; i += 2)
		derivative[i - 1] = locator[i];

	for (unsigned place = 0; place < RS_WORD_SIZE; place++) {
		uint8_t x = power(rs, ORDER - 1 - place), inverse = power(rs, place + 1);
		uint8_t slope;

		if (evaluate(rs, locator, degree + 1, inverse) != 0)
			continue;
		slope = evaluate(rs, derivative, TERMS, inverse);
		if (slope == 0)
			return 0;
		found++;
		word[place] ^=
			times(rs, x, divided(rs, evaluate(rs, omega, rs->roots, inverse), slope));
	}
	return found;
}

int rs_decode(const struct rs_decoder *rs, uint8_t word[RS_WORD_SIZE], const unsigned *erasures,
	unsigned n_erasures)
{
	uint8_t syndrome[RS_ROOTS_MAX], locator[TERMS], fixed[RS_WORD_SIZE];
	unsigned degree;

	if (n_erasures > rs->roots)
		return -EINVAL;
	if (syndromes(rs, word, syndrome))
		return 0;
	memcpy(fixed, word, sizeof(fixed));
	erasure_locator(rs, erasures, n_erasures, locator);
	degree = find_locator(rs, syndrome, n_erasures, locator);
	if (degree == 0 || degree > rs->roots || 2 * degree > rs->roots + n_erasures ||
		correct(rs, syndrome, locator, degree, fixed) != degree ||
		!syndromes(rs, fixed, syndrome))
		return -EBADMSG;
	memcpy(word, fixed, sizeof(fixed));
	return 1;
}
