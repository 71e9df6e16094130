/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* XTS-AES in vector registers against libcrypto, sector by sector. */

#include "test.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "aes-xts.h"
#include "cleanup.h"

#define SECTORS 3
#define SIZE	4096

static void libcrypto_encrypt(const uint8_t *key, size_t key_size, const uint8_t *iv,
	const uint8_t *src, uint8_t *dst, size_t size)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_non_null(ctx);
	assert_int_equal(
		EVP_EncryptInit_ex(
			ctx, key_size == 32 ? EVP_aes_128_xts() : EVP_aes_256_xts(), NULL, key, iv),
		1);
	assert_int_equal(EVP_EncryptUpdate(ctx, dst, &n, src, (int)size), 1);
	assert_int_equal(n, size);
	EVP_CIPHER_CTX_free(ctx);
}

/* There, back in place, and the same with a clone that outlives it. */
static void check_key(size_t key_size, size_t size)
{
	uint8_t key[64], ivs[SECTORS * AES_XTS_IV_SIZE];
	static uint8_t plain[SECTORS * SIZE], expected[SECTORS * SIZE], got[SECTORS * SIZE];
	struct aes_xts *xts, *clone;

	assert_int_equal(RAND_bytes(key, sizeof(key)), 1);
	assert_int_equal(RAND_bytes(ivs, sizeof(ivs)), 1);
	assert_int_equal(RAND_bytes(plain, sizeof(plain)), 1);
	assert_int_equal(aes_xts_new(key, key_size, &xts), 0);
	for (size_t i = 0; i < SECTORS; i++)
		libcrypto_encrypt(key, key_size, ivs + i * AES_XTS_IV_SIZE, plain + i * size,
			expected + i * size, size);

	for (size_t n = 0; n <= SECTORS; n++) {
		memset(got, 0xee, sizeof(got));
		aes_xts_encrypt(xts, ivs, plain, got, size, n);
		assert_memory_equal(got, expected, n * size);
		for (size_t i = n * size; i < sizeof(got); i++)
			assert_int_equal(got[i], 0xee);
	}
	aes_xts_decrypt(xts, ivs, got, got, size, SECTORS);
	assert_memory_equal(got, plain, SECTORS * size);

	assert_int_equal(aes_xts_clone(xts, &clone), 0);
	assert_null(aes_xts_free(xts));
	aes_xts_encrypt(clone, ivs, got, got, size, SECTORS);
	assert_memory_equal(got, expected, SECTORS * size);
	assert_null(aes_xts_free(clone));
}

static void test_libcrypto(void **state)
{
	assert_int_equal(unsetenv("DMSTACK_AES"), 0);
	if (!aes_xts_usable())
		test_skip("this CPU does not have the instructions");
	for (size_t size = AES_XTS_SECTOR_STEP; size <= SIZE; size *= 2)
		for (unsigned i = 0; i < 16; i++) {
			check_key(32, size);
			check_key(64, size);
		}
}

static void test_choice(void **state)
{
	assert_int_equal(setenv("DMSTACK_AES", "libcrypto", 1), 0);
	assert_false(aes_xts_usable());
	assert_int_equal(unsetenv("DMSTACK_AES"), 0);
}

static void test_key_size(void **state)
{
	static const size_t wrong[] = { 0, 16, 31, 33, 48, 63, 65 };
	static const uint8_t key[80];
	struct aes_xts *xts = NULL;

	if (!aes_xts_usable())
		test_skip("this CPU does not have the instructions");
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(aes_xts_new(key, wrong[i], &xts), -EINVAL);
	assert_null(xts);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_libcrypto),
		cmocka_unit_test(test_choice),
		cmocka_unit_test(test_key_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
