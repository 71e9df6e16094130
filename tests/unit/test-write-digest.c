/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The SHA-256 of a file in the making against libcrypto's of its bytes: many threads, any order,
 * holes, and changes behind what is already hashed.
 */

#include "test.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "cleanup.h"
#include "fd.h"
#include "write-digest.h"

#define PIECE	 65536U
#define N_PIECES 96U
#define SIZE	 (PIECE * N_PIECES - 512U)
#define THREADS	 4U

struct job {
	int fd;
	uint8_t *bytes;
	struct write_digest *digest;
	unsigned stride; /* pieces are written in this order, which is odd or even times a prime */
	atomic_uint next;
};

static void job_begin(struct job *job, unsigned stride)
{
	uint32_t x = stride;

	*job = (struct job){ .stride = stride };
	job->bytes = malloc(SIZE);
	assert_non_null(job->bytes);
	for (size_t i = 0; i < SIZE; i++) {
		x = x * 1664525U + 1013904223U;
		job->bytes[i] = (uint8_t)(x >> 24);
	}
	/* Pieces that are written as zeros. */
	memset(job->bytes + 20 * (size_t)PIECE, 0, 30 * (size_t)PIECE);
	job->fd = memfd_create("test", MFD_CLOEXEC);
	assert_true(job->fd >= 0);
	assert_int_equal(ftruncate(job->fd, SIZE), 0);
	assert_int_equal(write_digest_new(job->fd, 0, SIZE, &job->digest), 0);
}

static void write_range(struct job *job, uint64_t offset, uint64_t len, bool zero)
{
	const uint8_t *data = zero ? NULL : job->bytes + offset;

	if (data && fd_pwrite_full(job->fd, data, len, offset) < 0)
		abort();
	write_digest_add(job->digest, data, len, offset);
}

static void *write_pieces(void *userdata)
{
	struct job *job = userdata;
	unsigned i;

	while ((i = atomic_fetch_add(&job->next, 1)) < N_PIECES) {
		unsigned piece = i * job->stride % N_PIECES;
		uint64_t offset = (uint64_t)piece * PIECE;

		write_range(job, offset, MIN((uint64_t)PIECE, SIZE - offset),
			piece >= 20 && piece < 50);
	}
	return NULL;
}

static void write_all(struct job *job, unsigned n_threads)
{
	pthread_t threads[THREADS];

	for (unsigned i = 0; i < n_threads; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, write_pieces, job), 0);
	for (unsigned i = 0; i < n_threads; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void job_end(struct job *job)
{
	uint8_t got[FILE_DIGEST_SIZE], expected[FILE_DIGEST_SIZE];

	assert_int_equal(write_digest_final(job->digest, NULL, got), 0);
	assert_int_equal(EVP_Digest(job->bytes, SIZE, expected, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(got, expected, sizeof(got));
	job->digest = write_digest_free(job->digest);
	free(job->bytes);
	(void)close(job->fd);
}

static void test_orders(void **state)
{
	/* All are prime to the number of pieces, so each piece comes once. */
	static const unsigned strides[] = { 1, 5, 47, 95 };

	for (size_t i = 0; i < ARRAY_SIZE(strides); i++)
		for (unsigned n = 1; n <= THREADS; n++) {
			struct job job;

			job_begin(&job, strides[i]);
			write_all(&job, n);
			job_end(&job);
		}
}

/* What nobody writes is zeros. */
static void test_gap(void **state)
{
	struct job job;

	job_begin(&job, 1);
	atomic_store(&job.next, 3);
	memset(job.bytes, 0, 3 * (size_t)PIECE);
	write_all(&job, 2);
	job_end(&job);
}

static void test_change(void **state)
{
	static const uint64_t places[] = { 0, 5 * PIECE + 512, SIZE - 512 };

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct job job;

		job_begin(&job, 1);
		write_all(&job, 2);
		job.bytes[places[i]] ^= 1;
		write_range(&job, places[i], 512, false);
		job_end(&job);
	}
}

static void test_errors(void **state)
{
	static const volatile sig_atomic_t cancel = 1;
	uint8_t digest[FILE_DIGEST_SIZE];
	struct job job;

	job_begin(&job, 1);
	assert_int_equal(write_digest_final(job.digest, &cancel, digest), -ECANCELED);
	write_digest_free(job.digest);
	assert_int_equal(write_digest_new(job.fd, 0, SIZE, &job.digest), 0);
	assert_int_equal(ftruncate(job.fd, 512), 0);
	assert_int_equal(fd_pwrite_full(job.fd, job.bytes, 512, 0), 0);
	write_digest_add(job.digest, NULL, SIZE, 0);
	/* The file was cut: an error, and no digest of something else. */
	assert_int_equal(write_digest_final(job.digest, NULL, digest), -ENODATA);
	job.digest = write_digest_free(job.digest);
	free(job.bytes);
	(void)close(job.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
