/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pieces in any order, of any length, from several threads, come out as whole blocks, each once.
 */

#include "test.h"

#include <pthread.h>
#include <string.h>

#include "block-assembler.h"

#define BLOCK 256U
#define SIZE  (BLOCK * 64U)

struct sink {
	pthread_mutex_t lock;
	uint8_t data[SIZE];
	unsigned times[SIZE / BLOCK]; /* that each block came */
	uint64_t last;		      /* offset of the last block that came */
	bool ascending;
	int error;
};

static int sink_emit(void *userdata, const void *data, uint64_t len, uint64_t offset)
{
	struct sink *s = userdata;
	int r = s->error;

	(void)pthread_mutex_lock(&s->lock);
	assert_true(len > 0 && len % BLOCK == 0 && offset % BLOCK == 0);
	assert_true(offset + len <= SIZE);
	memcpy(s->data + offset, data, len);
	for (uint64_t i = offset; i < offset + len; i += BLOCK)
		s->times[i / BLOCK]++;
	if (offset < s->last)
		s->ascending = false;
	s->last = offset;
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

static int sink_fill(void *userdata, void *ret, uint64_t len, uint64_t offset)
{
	for (uint64_t i = 0; i < len; i++)
		((uint8_t *)ret)[i] = (uint8_t)((offset + i) * 7 + 1);
	return 0;
}

static struct block_assembler *make(struct sink *s, bool fill)
{
	struct block_assembler_args args = {
		.block_size = BLOCK,
		.emit = sink_emit,
		.fill = fill ? sink_fill : NULL,
		.userdata = s,
	};
	struct block_assembler *a = NULL;

	memset(s, 0, sizeof(*s));
	s->ascending = true;
	assert_int_equal(pthread_mutex_init(&s->lock, NULL), 0);
	assert_int_equal(block_assembler_new(&args, &a), 0);
	return a;
}

static void make_data(uint8_t data[SIZE])
{
	for (size_t i = 0; i < SIZE; i++)
		data[i] = (uint8_t)(i * 31 + (i >> 8) * 17 + 5);
}

static unsigned next_random(unsigned *state)
{
	*state = *state * 1664525U + 1013904223U;
	return *state >> 8;
}

/* Cuts the whole into pieces; returns how many. cuts[n] is the end. */
static size_t make_cuts(unsigned seed, unsigned longest, uint64_t *cuts)
{
	size_t n = 0;

	for (uint64_t at = 0; at < SIZE; at += 1 + next_random(&seed) % longest)
		cuts[n++] = at;
	cuts[n] = SIZE;
	return n;
}

static void assert_complete(const struct sink *s, const uint8_t *data)
{
	assert_memory_equal(s->data, data, SIZE);
	for (size_t i = 0; i < SIZE / BLOCK; i++)
		assert_int_equal(s->times[i], 1);
}

static void shuffle(size_t *order, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		size_t j = next_random(&seed) % (i + 1);

		order[i] = order[j];
		order[j] = i;
	}
}

static void test_any_order(void **state)
{
	static const unsigned longest[] = { 1, 7, BLOCK, 5 * BLOCK };
	static uint64_t cuts[SIZE + 1];
	static size_t order[SIZE];
	static uint8_t data[SIZE];
	static struct sink s;

	make_data(data);
	for (unsigned seed = 0; seed < 40; seed++) {
		_cleanup_(block_assembler_freep) struct block_assembler *a = make(&s, false);
		size_t n = make_cuts(seed, longest[seed % ARRAY_SIZE(longest)], cuts);

		shuffle(order, n, seed);
		for (size_t i = 0; i < n; i++) {
			uint64_t begin = cuts[order[i]], end = cuts[order[i] + 1];

			assert_int_equal(
				block_assembler_put(a, data + begin, end - begin, begin), 0);
		}
		assert_complete(&s, data);
		/* Nothing is left over. */
		assert_int_equal(block_assembler_flush(a), 0);
		assert_complete(&s, data);
	}
}

/* What waits is seen, what went out or never came is left as it was. */
static void test_peek(void **state)
{
	static uint8_t data[SIZE], got[3 * BLOCK];
	static struct sink s;
	_cleanup_(block_assembler_freep) struct block_assembler *a = make(&s, false);

	make_data(data);
	assert_int_equal(block_assembler_put(a, data + 10, 20, 10), 0);
	assert_int_equal(block_assembler_put(a, data + BLOCK, BLOCK, BLOCK), 0);
	assert_int_equal(block_assembler_put(a, data + 2 * BLOCK, 5, 2 * BLOCK), 0);
	memset(got, 0xee, sizeof(got));
	block_assembler_peek(a, got, sizeof(got) - 3, 3);
	for (size_t i = 3; i < sizeof(got); i++) {
		bool waits = (i >= 10 && i < 30) || (i >= 2 * BLOCK && i < 2 * BLOCK + 5);

		assert_int_equal(got[i - 3], waits ? data[i] : 0xee);
	}
}

struct worker {
	struct block_assembler *a;
	const uint8_t *data;
	const uint64_t *cuts;
	size_t begin, step, n;
	int error;
};

static void *work(void *userdata)
{
	struct worker *w = userdata;

	for (size_t i = w->begin; i < w->n; i += w->step) {
		int r = block_assembler_put(
			w->a, w->data + w->cuts[i], w->cuts[i + 1] - w->cuts[i], w->cuts[i]);

		if (r < 0)
			w->error = r;
	}
	return NULL;
}

static void test_threads(void **state)
{
	static uint64_t cuts[SIZE + 1];
	static uint8_t data[SIZE];
	static struct sink s;

	make_data(data);
	for (unsigned seed = 0; seed < 20; seed++) {
		_cleanup_(block_assembler_freep) struct block_assembler *a = make(&s, false);
		size_t n = make_cuts(seed, 1 + seed * 20, cuts);
		struct worker workers[4];
		pthread_t threads[4];

		for (size_t i = 0; i < 4; i++) {
			workers[i] = (struct worker){ a, data, cuts, i, 4, n, 0 };
			assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
		}
		for (size_t i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(threads[i], NULL), 0);
			assert_int_equal(workers[i].error, 0);
		}
		assert_complete(&s, data);
	}
}

static void check_flush(bool fill)
{
	static uint8_t data[SIZE], expected[SIZE];
	static struct sink s;
	_cleanup_(block_assembler_freep) struct block_assembler *a = make(&s, fill);

	make_data(data);
	/* Blocks 40, 3 and 21 get ten bytes each, and block 3 some more. */
	assert_int_equal(block_assembler_put(a, data + 40 * BLOCK, 10, 40 * BLOCK), 0);
	assert_int_equal(block_assembler_put(a, data + 3 * BLOCK + 100, 10, 3 * BLOCK + 100), 0);
	assert_int_equal(block_assembler_put(a, data + 22 * BLOCK - 10, 10, 22 * BLOCK - 10), 0);
	assert_int_equal(block_assembler_put(a, data + 3 * BLOCK + 7, 1, 3 * BLOCK + 7), 0);
	for (size_t i = 0; i < SIZE / BLOCK; i++)
		assert_int_equal(s.times[i], 0);
	assert_int_equal(block_assembler_flush(a), 0);
	assert_true(s.ascending);

	if (fill)
		(void)sink_fill(NULL, expected, SIZE, 0);
	else
		memset(expected, 0, SIZE);
	memcpy(expected + 40 * BLOCK, data + 40 * BLOCK, 10);
	memcpy(expected + 3 * BLOCK + 100, data + 3 * BLOCK + 100, 10);
	memcpy(expected + 22 * BLOCK - 10, data + 22 * BLOCK - 10, 10);
	expected[3 * BLOCK + 7] = data[3 * BLOCK + 7];
	for (size_t i = 0; i < SIZE / BLOCK; i++) {
		bool open = i == 3 || i == 21 || i == 40;

		assert_int_equal(s.times[i], open);
		if (open)
			assert_memory_equal(s.data + i * BLOCK, expected + i * BLOCK, BLOCK);
	}
	/* It can be used again, and a flush of nothing is nothing. */
	assert_int_equal(block_assembler_flush(a), 0);
	assert_int_equal(s.times[3], 1);
}

static void test_flush(void **state)
{
	check_flush(false);
	check_flush(true);
}

static void test_errors(void **state)
{
	static struct sink s;
	_cleanup_(block_assembler_freep) struct block_assembler *a = make(&s, false);
	uint8_t data[2 * BLOCK] = {};

	assert_int_equal(block_assembler_put(a, data, 10, 5), 0);
	assert_int_equal(block_assembler_put(a, data, 10, 14), -EALREADY);
	assert_int_equal(block_assembler_put(a, data, 10, 15), 0);
	s.error = -ENOSPC;
	assert_int_equal(block_assembler_put(a, data, BLOCK, BLOCK), -ENOSPC);
	assert_int_equal(block_assembler_put(a, data, 10, 3 * BLOCK - 10), 0);
	assert_int_equal(block_assembler_flush(a), -ENOSPC);

	struct block_assembler_args odd = { .block_size = 500, .emit = sink_emit };
	struct block_assembler *b = NULL;
	assert_int_equal(block_assembler_new(&odd, &b), -EINVAL);
	assert_null(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
