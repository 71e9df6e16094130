/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The set of ranges against a plain array of flags.
 */

#include "test.h"

#include <string.h>

#include "cleanup.h"
#include "extents.h"

#define SIZE 200U

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

static void assert_same(const struct extents *set, const uint8_t *flags)
{
	uint64_t total = 0, covered = 0, at = 0;
	struct extent gap;

	for (size_t i = 0; i < SIZE; i++)
		total += flags[i];
	for (size_t i = 0; i < set->n; i++)
		covered += set->list[i].end - set->list[i].begin;
	assert_int_equal(covered, total);
	for (size_t i = 1; i < set->n; i++)
		assert_true(set->list[i - 1].end < set->list[i].begin);

	while (extents_gap(set, at, SIZE, &gap)) {
		assert_true(gap.begin >= at && gap.begin < gap.end && gap.end <= SIZE);
		for (; at < gap.begin; at++)
			assert_int_equal(flags[at], 1);
		for (; at < gap.end; at++)
			assert_int_equal(flags[at], 0);
	}
	for (; at < SIZE; at++)
		assert_int_equal(flags[at], 1);
}

static void test_random(void **state)
{
	for (unsigned seed = 0; seed < 200; seed++) {
		_cleanup_(extents_done) struct extents set = {};
		uint8_t flags[SIZE] = {};
		unsigned random = seed;

		for (unsigned i = 0; i < 60; i++) {
			uint64_t begin = next_random(&random) % SIZE;
			uint64_t len = 1 + next_random(&random) % (SIZE - begin);
			int fresh;

			len = MIN(len, (uint64_t)(1 + seed % 30));
			fresh = memchr(flags + begin, 1, len) == NULL;
			assert_int_equal(extents_add(&set, begin, len), fresh);
			memset(flags + begin, 1, len);
			assert_same(&set, flags);
		}
	}
}

/* What grows together takes the room of one. */
static void test_merge(void **state)
{
	_cleanup_(extents_done) struct extents set = {};

	for (uint64_t i = 0; i < 1000; i += 2)
		assert_int_equal(extents_add(&set, i * 10, 10), 1);
	assert_int_equal(set.n, 500);
	for (uint64_t i = 1; i < 1000; i += 2)
		assert_int_equal(extents_add(&set, i * 10, 10), 1);
	assert_int_equal(set.n, 1);
	assert_int_equal(extents_add(&set, 3, 5), 0);
	assert_int_equal(set.list[0].begin, 0);
	assert_int_equal(set.list[0].end, 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
