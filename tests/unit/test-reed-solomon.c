/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parity that is right has no syndrome: a code word is zero at every root of its generator. The
 * golden verity images hold the encoder against veritysetup's as well.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "golden.h"
#include "parity.h"
#include "reed-solomon.h"

static uint8_t times(uint8_t a, uint8_t b)
{
	unsigned product = 0;

	for (unsigned i = 0; i < 8; i++)
		if (b >> i & 1)
			product ^= (unsigned)a << i;
	for (unsigned i = 15; i >= 8; i--)
		if (product >> i & 1)
			product ^= 0x11dU << (i - 8);
	return (uint8_t)product;
}

static uint8_t evaluate(const uint8_t *word, size_t size, uint8_t x)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum = times(sum, x) ^ word[i];
	return sum;
}

static void check_columns(unsigned roots, size_t columns)
{
	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
	size_t symbols = 255 - roots;
	_cleanup_free_ uint8_t *data = malloc(symbols * columns), *parity = malloc(roots * columns);

	assert_true(data && parity);
	golden_plain(roots * 4096, data, symbols * columns);
	assert_int_equal(rs_encoder_new(roots, columns, &rs), 0);
	for (size_t i = 0; i < symbols; i++)
		rs_encoder_feed(rs, data + i * columns);
	rs_encoder_parity(rs, parity);
	for (size_t c = 0; c < columns; c++) {
		uint8_t word[255], root = 1;

		for (size_t i = 0; i < symbols; i++)
			word[i] = data[i * columns + c];
		memcpy(word + symbols, parity + c * roots, roots);
		for (unsigned i = 0; i < roots; i++) {
			assert_int_equal(evaluate(word, sizeof(word), root), 0);
			root = times(root, 2);
		}
		word[c % 255] ^= 1;
		assert_int_not_equal(evaluate(word, sizeof(word), 1), 0);
	}
}

static void test_no_syndrome(void **state)
{
	static const size_t columns[] = { 1, 31, 32, 33, 100 };

	for (unsigned roots = 1; roots <= RS_ROOTS_MAX; roots++)
		for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
			check_columns(roots, columns[i]);
}

static void test_zeros_and_reset(void **state)
{
	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
	const uint8_t zeros[64] = {};
	uint8_t data[64], first[64 * 4], second[64 * 4];

	golden_plain(0, data, sizeof(data));
	assert_int_equal(rs_encoder_new(4, sizeof(data), &rs), 0);
	rs_encoder_feed(rs, data);
	rs_encoder_feed(rs, zeros);
	rs_encoder_feed(rs, zeros);
	rs_encoder_parity(rs, first);
	rs_encoder_reset(rs);
	/* Zeros before the first symbol change nothing, and NULL is a symbol of zeros. */
	rs_encoder_feed(rs, NULL);
	rs_encoder_feed(rs, data);
	rs_encoder_feed(rs, NULL);
	rs_encoder_feed(rs, NULL);
	rs_encoder_parity(rs, second);
	assert_memory_equal(first, second, sizeof(first));
}

/* The library's bytes, or our own through the same door, are those of the shift register. */
static void test_encoders_agree(void **state)
{
	enum { COLUMNS = 1536 };

	for (unsigned roots = 2; roots <= RS_ROOTS_MAX; roots++) {
		_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
		_cleanup_(parity_encoder_freep) struct parity_encoder *encoder = NULL;
		unsigned symbols = RS_WORD_SIZE - roots;
		_cleanup_free_ uint8_t *data = malloc((size_t)symbols * COLUMNS);
		static uint8_t expected[RS_ROOTS_MAX * COLUMNS], found[RS_ROOTS_MAX * COLUMNS];
		uint8_t *symbol[RS_WORD_SIZE];

		assert_non_null(data);
		golden_plain(roots * 4096, data, (size_t)symbols * COLUMNS);
		assert_int_equal(rs_encoder_new(roots, COLUMNS, &rs), 0);
		assert_int_equal(parity_encoder_new(roots, COLUMNS, &encoder), 0);
		for (unsigned i = 0; i < symbols; i++) {
			symbol[i] = data + (size_t)i * COLUMNS;
			rs_encoder_feed(rs, symbol[i]);
		}
		rs_encoder_parity(rs, expected);
		parity_encoder_run(encoder, symbol, found);
		assert_memory_equal(found, expected, (size_t)roots * COLUMNS);
	}
}

static void test_refusals(void **state)
{
	struct rs_encoder *rs = NULL;

	assert_int_equal(rs_encoder_new(0, 512, &rs), -EINVAL);
	assert_int_equal(rs_encoder_new(25, 512, &rs), -EINVAL);
	assert_int_equal(rs_encoder_new(2, 0, &rs), -EINVAL);
	assert_null(rs);
	assert_null(rs_encoder_free(NULL));
}

/* A code word, errors at places that are all different, some of them named. */
static void damage_and_repair(unsigned roots, unsigned erased, unsigned errors, unsigned seed)
{
	_cleanup_(rs_encoder_freep) struct rs_encoder *rs = NULL;
	uint8_t right[RS_WORD_SIZE], word[RS_WORD_SIZE], parity[RS_ROOTS_MAX];
	unsigned erasures[RS_ROOTS_MAX];
	struct rs_decoder decoder;
	bool any = errors > 0;

	assert_int_equal(rs_encoder_new(roots, 1, &rs), 0);
	golden_plain(seed * 4096, right, sizeof(right));
	for (unsigned i = 0; i < RS_WORD_SIZE - roots; i++)
		rs_encoder_feed(rs, right + i);
	rs_encoder_parity(rs, parity);
	memcpy(right + RS_WORD_SIZE - roots, parity, roots);

	memcpy(word, right, sizeof(word));
	for (unsigned i = 0; i < erased + errors; i++) {
		unsigned place = (seed * 31 + i * 97) % RS_WORD_SIZE;
		/* A named place may be right. */
		uint8_t wrong = (uint8_t)(i < erased ? i * 37 : i * 37 + 1);

		if (i < erased)
			erasures[i] = place;
		else if (wrong == 0)
			wrong = 1;
		word[place] ^= wrong;
		any = any || wrong;
	}
	rs_decoder_init(&decoder, roots);
	assert_int_equal(rs_decode(&decoder, word, erasures, erased), any ? 1 : 0);
	assert_memory_equal(word, right, sizeof(word));
}

static void test_decode(void **state)
{
	for (unsigned roots = 2; roots <= RS_ROOTS_MAX; roots++)
		for (unsigned erased = 0; erased <= roots; erased++)
			for (unsigned errors = 0; 2 * errors + erased <= roots; errors++)
				damage_and_repair(roots, erased, errors, roots + erased + errors);
}

/*
 * What is beyond repair is told and left as it is, or is another code word, which nobody can tell.
 */
static void test_decode_too_many(void **state)
{
	struct rs_decoder decoder;
	unsigned refused = 0;

	for (unsigned roots = 4; roots <= RS_ROOTS_MAX; roots++) {
		uint8_t word[RS_WORD_SIZE] = {}, copy[RS_WORD_SIZE];

		for (unsigned i = 0; i <= roots / 2 + 1; i++)
			word[i * 9] = (uint8_t)(i * 53 + 7);
		memcpy(copy, word, sizeof(word));
		rs_decoder_init(&decoder, roots);
		if (rs_decode(&decoder, word, NULL, 0) == -EBADMSG) {
			assert_memory_equal(word, copy, sizeof(word));
			refused++;
		}
		const unsigned erasures[RS_ROOTS_MAX + 1] = {};

		assert_int_equal(rs_decode(&decoder, word, erasures, roots + 1), -EINVAL);
	}
	assert_true(refused > 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_syndrome),
		cmocka_unit_test(test_zeros_and_reset),
		cmocka_unit_test(test_encoders_agree),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_decode_too_many),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("reed-solomon", tests, NULL, NULL);
}
