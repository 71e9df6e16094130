/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Threads that share out work: each item once, rounds one after the other, the first error.
 */

#include "test.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "workers.h"

#define ITEMS 1000

struct count {
	atomic_uint items[ITEMS];
	atomic_uint busy[16]; /* by worker */
	atomic_uint calls;
	size_t bad; /* this item fails */
};

static int work(void *userdata, unsigned worker, size_t item)
{
	struct count *count = userdata;

	/* Nobody else is this worker now. */
	if (atomic_fetch_add(&count->busy[worker], 1) != 0)
		return -EDEADLK;
	atomic_fetch_add(&count->items[item], 1);
	atomic_fetch_add(&count->calls, 1);
	atomic_fetch_sub(&count->busy[worker], 1);
	return item == count->bad ? -ENODATA : 0;
}

static void test_rounds(void **state)
{
	_cleanup_(workers_freep) struct workers *workers = NULL;
	static struct count count;

	count.bad = SIZE_MAX;
	assert_int_equal(workers_new(4, &workers), 0);
	assert_in_range(workers_count(workers), 1, 4);
	for (unsigned round = 1; round <= 50; round++) {
		assert_int_equal(workers_run(workers, work, &count, ITEMS), 0);
		for (size_t i = 0; i < ITEMS; i++)
			assert_int_equal(count.items[i], round);
	}
	assert_int_equal(workers_run(workers, work, &count, 0), 0);
}

static void test_error(void **state)
{
	_cleanup_(workers_freep) struct workers *workers = NULL;
	static struct count count;

	assert_int_equal(workers_new(3, &workers), 0);
	count.bad = 10;
	assert_int_equal(workers_run(workers, work, &count, ITEMS), -ENODATA);
	/* Others may have been at work, but nobody began anew. */
	assert_in_range(count.calls, 11, 11 + 3);
	count.bad = SIZE_MAX;
	assert_int_equal(workers_run(workers, work, &count, ITEMS), 0);
}

static void test_one(void **state)
{
	_cleanup_(workers_freep) struct workers *workers = NULL;
	static struct count count;

	count.bad = SIZE_MAX;
	assert_int_equal(workers_new(1, &workers), 0);
	assert_int_equal(workers_count(workers), 1);
	assert_int_equal(workers_run(workers, work, &count, ITEMS), 0);
	assert_int_equal(count.calls, ITEMS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rounds),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
