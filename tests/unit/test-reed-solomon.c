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

static void test_refusals(void **state)
{
	struct rs_encoder *rs = NULL;

	assert_int_equal(rs_encoder_new(0, 512, &rs), -EINVAL);
	assert_int_equal(rs_encoder_new(25, 512, &rs), -EINVAL);
	assert_int_equal(rs_encoder_new(2, 0, &rs), -EINVAL);
	assert_null(rs);
	assert_null(rs_encoder_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_syndrome),
		cmocka_unit_test(test_zeros_and_reset),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests_name("reed-solomon", tests, NULL, NULL);
}
