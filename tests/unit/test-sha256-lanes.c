/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every vector path that this CPU can run against libcrypto, over sizes around the block
 * boundaries; and digest_blocks() against digest_vec() for every kind of algorithm.
 */

#include "test.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "cleanup.h"
#include "digest.h"
#include "sha256-lanes.h"

#define DATA_SIZE (40 * 4096)

static uint8_t *make_data(void)
{
	uint8_t *data = malloc(DATA_SIZE);
	uint32_t x = 1;

	assert_non_null(data);
	for (size_t i = 0; i < DATA_SIZE; i++) {
		x = x * 1664525U + 1013904223U;
		data[i] = (uint8_t)(x >> 24);
	}
	return data;
}

static void check_messages(unsigned lanes, const struct sha256_messages *m)
{
	struct sha256_start start;
	uint8_t got[40 * SHA256_SIZE], expected[SHA256_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	sha256_start_init(&start);
	sha256_lanes_run(lanes, &start, m, got, SHA256_SIZE);
	for (size_t i = 0; i < m->n; i++) {
		assert_int_equal(EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), 1);
		assert_int_equal(EVP_DigestUpdate(ctx, m->prefix, m->prefix_size), 1);
		assert_int_equal(
			EVP_DigestUpdate(ctx, m->heads + i * m->head_size, m->head_size), 1);
		assert_int_equal(
			EVP_DigestUpdate(ctx, m->data + i * m->data_size, m->data_size), 1);
		assert_int_equal(EVP_DigestFinal_ex(ctx, expected, NULL), 1);
		assert_memory_equal(got + i * SHA256_SIZE, expected, SHA256_SIZE);
	}
	EVP_MD_CTX_free(ctx);
}

static void check_lanes(unsigned lanes)
{
	_cleanup_free_ uint8_t *data = make_data();
	unsigned round = 0;

	if (!sha256_lanes_usable(lanes))
		test_skip("this CPU does not have the instructions");
	for (size_t size = 64; size <= 4096; size += size < 256 ? 13 : 640)
		for (size_t prefix = 0; prefix <= 64; prefix += 16)
			for (size_t head = 0; head <= 72; head += 8)
				check_messages(lanes, &(struct sha256_messages){
							      .prefix = data + 7,
							      .prefix_size = prefix,
							      .heads = data + 99,
							      .head_size = head,
							      .data = data,
							      .data_size = size,
							      .n = 1 + round++ * 7 % 38,
						      });
}

static void test_avx512(void **state)
{
	check_lanes(32);
}

static void test_sha_ni(void **state)
{
	check_lanes(2);
}

static void test_avx2(void **state)
{
	check_lanes(8);
}

static void test_start_block(void **state)
{
	_cleanup_free_ uint8_t *data = make_data();
	struct sha256_start start;
	uint8_t got[SHA256_SIZE], expected[SHA256_SIZE];
	unsigned lanes;

	assert_int_equal(unsetenv("DMSTACK_SHA256"), 0);
	assert_int_equal(sha256_lanes(&lanes), 0);
	if (lanes == 0)
		test_skip("this CPU does not have the instructions");
	sha256_start_init(&start);
	sha256_start_block(&start, data);
	sha256_lanes_run(lanes, &start,
		&(struct sha256_messages){
			.prefix = data,
			.heads = data,
			.data = data + SHA256_BLOCK_SIZE,
			.data_size = 512,
			.n = 1,
		},
		got, SHA256_SIZE);
	assert_int_equal(
		EVP_Digest(data, SHA256_BLOCK_SIZE + 512, expected, NULL, EVP_sha256(), NULL), 1);
	assert_memory_equal(got, expected, SHA256_SIZE);
}

static void test_choice(void **state)
{
	static const struct {
		const char *name;
		unsigned lanes;
	} paths[] = { { "avx512", 32 }, { "sha-ni", 2 }, { "avx2", 8 }, { "libcrypto", 0 } };
	unsigned best = UINT_MAX, lanes;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		bool usable = sha256_lanes_usable(paths[i].lanes);

		assert_int_equal(setenv("DMSTACK_SHA256", paths[i].name, 1), 0);
		assert_int_equal(sha256_lanes(&lanes), usable ? 0 : -EOPNOTSUPP);
		if (usable)
			assert_int_equal(lanes, paths[i].lanes);
		if (usable && best == UINT_MAX)
			best = lanes;
	}
	assert_int_equal(setenv("DMSTACK_SHA256", "md5", 1), 0);
	assert_int_equal(sha256_lanes(&lanes), -EOPNOTSUPP);
	assert_int_equal(unsetenv("DMSTACK_SHA256"), 0);
	assert_int_equal(sha256_lanes(&lanes), 0);
	assert_int_equal(lanes, best);
}

static void check_digest_blocks(const char *alg, bool keyed, size_t prefix, size_t n)
{
	_cleanup_free_ uint8_t *data = make_data();
	_cleanup_(secret_freep) struct secret *key = NULL;
	_cleanup_(digest_freep) struct digest *d = NULL, *clone = NULL;
	uint8_t got[40 * 80], expected[DIGEST_SIZE_MAX];

	assert_int_equal(secret_new_from(data, 100, false, &key), 0);
	assert_int_equal(digest_new(alg, keyed ? key : NULL, &d), 0);
	assert_int_equal(digest_set_prefix(d, data + 1, prefix), 0);
	assert_int_equal(digest_clone(d, &clone), 0);
	assert_int_equal(digest_blocks(clone,
				 &(struct digest_blocks){
					 .heads = data,
					 .head_size = 8,
					 .data = data,
					 .data_size = 4096,
					 .n = n,
				 },
				 got, 80),
		0);
	for (size_t i = 0; i < n; i++) {
		const struct iovec iov[] = { { data + 8 * i, 8 }, { data + 4096 * i, 4096 } };

		assert_int_equal(digest_vec(d, iov, 2, expected), 0);
		assert_memory_equal(got + 80 * i, expected, digest_size(d));
	}
}

static void test_digest_blocks(void **state)
{
	static const struct {
		const char *alg;
		bool keyed;
	} algs[] = {
		{ "sha256", false },
		{ "hmac(sha256)", true },
		{ "sha512", false },
		{ "hmac-sha512", true },
		{ "crc32c", false },
		{ "xxhash64", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(algs); i++)
		for (size_t n = 0; n <= 40; n += 5)
			for (size_t prefix = 0; prefix <= 256; prefix += 64)
				check_digest_blocks(algs[i].alg, algs[i].keyed, prefix, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_avx512),
		cmocka_unit_test(test_sha_ni),
		cmocka_unit_test(test_avx2),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_start_block),
		cmocka_unit_test(test_digest_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
