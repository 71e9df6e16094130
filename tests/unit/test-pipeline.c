/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Chunks and threads: everything is moved once, zeros as zeros, and the first error or a signal
 * ends it.
 */

#include "test.h"

#include <pthread.h>
#include <string.h>

#include "memory-vdev.h"
#include "pipeline.h"

/* A device that counts, and fails where it is told to. */
struct probe_vdev {
	struct vdev vdev;
	struct vdev *memory;
	pthread_mutex_t lock;
	uint64_t written, zeros, calls;
	uint64_t fail_at; /* offset; UINT64_MAX: never */
	int error;
};

static struct probe_vdev *probe(struct vdev *v)
{
	return (struct probe_vdev *)v;
}

static int probe_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	struct probe_vdev *p = probe(v);
	bool fails = p->fail_at >= offset && p->fail_at - offset < len;

	(void)pthread_mutex_lock(&p->lock);
	p->calls++;
	p->written += len;
	if (!data)
		p->zeros += len;
	(void)pthread_mutex_unlock(&p->lock);
	return fails ? p->error : vdev_write(p->memory, data, len, offset);
}

static int probe_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	struct probe_vdev *p = probe(v);

	(void)pthread_mutex_lock(&p->lock);
	p->calls++;
	(void)pthread_mutex_unlock(&p->lock);
	if (p->fail_at >= offset && p->fail_at - offset < len)
		return p->error;
	return vdev_read(p->memory, ret, len, offset);
}

static void probe_free(struct vdev *v)
{
	vdev_free(probe(v)->memory);
	free(v);
}

#define HOLE_SIZE UINT64_C(65536)

/* Every second stretch is one. */
static bool probe_is_hole(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len)
{
	*ret_len = MIN(len, HOLE_SIZE - offset % HOLE_SIZE);
	return offset / HOLE_SIZE % 2 == 1;
}

static const struct vdev_ops probe_ops = {
	.write = probe_write,
	.read = probe_read,
	.is_hole = probe_is_hole,
	.free = probe_free,
};

static struct vdev *probe_new(uint64_t size, uint32_t block_size)
{
	struct probe_vdev *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	p->vdev = (struct vdev){
		.ops = &probe_ops,
		.size_bytes = size,
		.block_size = block_size,
		.name = "probe",
	};
	p->memory = memory_vdev_new(NULL, size, 512);
	p->fail_at = UINT64_MAX;
	assert_int_equal(pthread_mutex_init(&p->lock, NULL), 0);
	return &p->vdev;
}

static void fill(uint8_t *bytes, uint64_t size)
{
	for (uint64_t i = 0; i < size; i++)
		bytes[i] = (uint8_t)(i * 13 + (i >> 9) + 1);
}

#define SIZE UINT64_C(3000 * 1024)

static void check_write(unsigned threads, size_t chunk_size)
{
	_cleanup_(vdev_freep) struct vdev *input = memory_vdev_new(NULL, SIZE, 512);
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE + 8192, 4096);
	struct pipeline p = { .threads = threads, .chunk_size = chunk_size };
	uint8_t *bytes = memory_vdev_bytes(input);

	fill(bytes, SIZE);
	memset(bytes + 1048576, 0, 655360);
	assert_int_equal(pipeline_write(&p, input, top, NULL), 0);
	/* All of it, once; the input's zeros and at least a block behind its end as zeros. */
	assert_int_equal(probe(top)->written, SIZE + 8192);
	assert_true(probe(top)->zeros >= 655360);
	assert_memory_equal(memory_vdev_bytes(probe(top)->memory), bytes, SIZE);
	for (uint64_t i = 0; i < 8192; i++)
		assert_int_equal(memory_vdev_bytes(probe(top)->memory)[SIZE + i], 0);
}

static void test_write(void **state)
{
	for (unsigned threads = 1; threads <= 5; threads++) {
		check_write(threads, 0);
		check_write(threads, 65536);
		check_write(threads, 4096);
	}
}

/* More holes than are put off at a time, and threads that pass by them: all is written once. */
static void test_holes(void **state)
{
	const uint64_t size = 160 * HOLE_SIZE;

	for (unsigned threads = 1; threads <= 5; threads++) {
		_cleanup_(vdev_freep) struct vdev *input = probe_new(size, 512);
		_cleanup_(vdev_freep) struct vdev *top = probe_new(size, 4096);
		struct pipeline p = { .threads = threads, .chunk_size = HOLE_SIZE };
		uint8_t *bytes = memory_vdev_bytes(probe(input)->memory);

		fill(bytes, size);
		for (uint64_t i = HOLE_SIZE; i < size; i += 2 * HOLE_SIZE)
			memset(bytes + i, 0, HOLE_SIZE);
		assert_int_equal(pipeline_write(&p, input, top, NULL), 0);
		assert_int_equal(probe(top)->written, size);
		assert_int_equal(probe(top)->zeros, size / 2);
		assert_memory_equal(memory_vdev_bytes(probe(top)->memory), bytes, size);
		/* A hole is not read. */
		assert_int_equal(probe(input)->calls, size / HOLE_SIZE / 2);
	}
}

static void test_too_large(void **state)
{
	_cleanup_(vdev_freep) struct vdev *input = memory_vdev_new(NULL, 8192, 512);
	_cleanup_(vdev_freep) struct vdev *top = probe_new(4096, 4096);
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(pipeline_write(&(struct pipeline){}, input, top, &diag), -EFBIG);
	assert_non_null(strstr(diag.what, "8192"));
	assert_int_equal(probe(top)->written, 0);
}

static void test_error(void **state)
{
	_cleanup_(vdev_freep) struct vdev *input = memory_vdev_new(NULL, SIZE, 512);
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE, 4096);
	struct pipeline p = { .threads = 3, .chunk_size = 65536 };
	_cleanup_(diag_done) struct diag diag = {};

	fill(memory_vdev_bytes(input), SIZE);
	probe(top)->fail_at = 700000;
	probe(top)->error = -ENOSPC;
	assert_int_equal(pipeline_write(&p, input, top, &diag), -ENOSPC);
	assert_non_null(strstr(diag.what, "probe: cannot write"));
	/* The others stop too. */
	assert_true(probe(top)->written < SIZE);
}

static void test_cancel(void **state)
{
	_cleanup_(vdev_freep) struct vdev *input = memory_vdev_new(NULL, SIZE, 512);
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE, 4096);
	_cleanup_(diag_done) struct diag diag = {};
	volatile sig_atomic_t cancel = 1;
	struct pipeline p = { .threads = 2, .cancel = &cancel };

	assert_int_equal(pipeline_write(&p, input, top, &diag), -ECANCELED);
	assert_int_equal(probe(top)->written, 0);
	cancel = 0;
	assert_int_equal(pipeline_write(&p, input, top, NULL), 0);
}

struct progress {
	uint64_t last;
	unsigned calls;
};

static void on_progress(void *userdata, uint64_t done, uint64_t total)
{
	struct progress *progress = userdata;

	assert_int_equal(total, SIZE);
	assert_true(done > progress->last && done <= total);
	progress->last = done;
	progress->calls++;
}

static void test_progress(void **state)
{
	_cleanup_(vdev_freep) struct vdev *input = memory_vdev_new(NULL, SIZE, 512);
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE, 4096);
	struct progress progress = {};
	struct pipeline p = {
		.threads = 1, .chunk_size = 1 << 18, .progress = on_progress, .userdata = &progress
	};

	assert_int_equal(pipeline_write(&p, input, top, NULL), 0);
	assert_int_equal(progress.last, SIZE);
	assert_int_equal(progress.calls, (SIZE + (1 << 18) - 1) >> 18);
}

/* Damage is counted by the block, and does not end the reading; another error does. */
static void test_verify(void **state)
{
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE, 4096);
	_cleanup_(diag_done) struct diag diag = {};
	struct pipeline p = { .threads = 2, .chunk_size = 65536 };
	uint64_t damaged = 1;

	assert_int_equal(pipeline_verify(&p, top, &damaged, NULL), 0);
	assert_int_equal(damaged, 0);
	probe(top)->fail_at = 1234567;
	probe(top)->error = -EILSEQ;
	assert_int_equal(pipeline_verify(&p, top, &damaged, NULL), 0);
	assert_int_equal(damaged, 4096);
	probe(top)->error = -EIO;
	assert_int_equal(pipeline_verify(&p, top, &damaged, &diag), -EIO);
	assert_non_null(strstr(diag.what, "cannot read"));
}

static void test_extract(void **state)
{
	_cleanup_(vdev_freep) struct vdev *top = probe_new(SIZE, 4096);
	_cleanup_(vdev_freep) struct vdev *output = probe_new(SIZE - 1536, 512);
	_cleanup_(diag_done) struct diag diag = {};
	struct pipeline p = { .threads = 2, .chunk_size = 65536 };
	uint8_t *bytes = memory_vdev_bytes(probe(top)->memory);

	fill(bytes, SIZE);
	memset(bytes + 131072, 0, 262144);
	/* Less than the last block of the top. */
	assert_int_equal(pipeline_extract(&p, top, output, SIZE - 1536, NULL), 0);
	assert_memory_equal(memory_vdev_bytes(probe(output)->memory), bytes, SIZE - 1536);
	assert_int_equal(probe(output)->written, SIZE - 1536);
	assert_true(probe(output)->zeros >= 131072);

	probe(top)->fail_at = 99;
	probe(top)->error = -EILSEQ;
	assert_int_equal(pipeline_extract(&p, top, output, SIZE - 1536, &diag), -EILSEQ);
	assert_non_null(strstr(diag.what, "damaged"));
	assert_int_equal(pipeline_extract(&p, top, output, SIZE, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),
		cmocka_unit_test(test_holes),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_cancel),
		cmocka_unit_test(test_progress),
		cmocka_unit_test(test_verify),
		cmocka_unit_test(test_extract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
