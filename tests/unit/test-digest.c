/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Every algorithm against published vectors, and its pieces, prefixes and clones against the whole.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "crc.h"
#include "digest.h"
#include "golden.h"
#include "hex.h"

/* Of "abc", but for the codes: those of "123456789", whose CRC-32C is the usual check value;
 * crc32 is what zlib gives once both its complements are undone. */
static const struct {
	const char *alg, *message, *digest;
} vectors[] = {
	{ "crc32c", "123456789", "839206e3" },
	{ "crc32", "123456789", "882dfd2d" },
	{ "xxhash64", "abc", "990977adf52cbc44" },
	{ "sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d" },
	{ "sha224", "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7" },
	{ "sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "sha384", "abc",
		"cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
	{ "sha512", "abc",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	{ "sha3-256", "abc", "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532" },
	{ "blake2b-512", "abc",
		"ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923" },
	{ "blake2s-256", "abc",
		"508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982" },
};

static void check_hex(const uint8_t *digest, size_t size, const char *expected)
{
	char hex[2 * DIGEST_SIZE_MAX + 1];

	assert_int_equal(strlen(expected), 2 * size);
	hex_encode(digest, size, hex);
	assert_string_equal(hex, expected);
}

static void test_vectors(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
		_cleanup_(digest_freep) struct digest *d = NULL;
		uint8_t digest[DIGEST_SIZE_MAX];

		assert_int_equal(digest_new(vectors[i].alg, NULL, &d), 0);
		assert_int_equal(digest_alg_size(vectors[i].alg), (int)digest_size(d));
		/* Twice, since the second begins from a used state. */
		for (unsigned n = 0; n < 2; n++) {
			assert_int_equal(digest_data(d, vectors[i].message,
						 strlen(vectors[i].message), digest),
				0);
			check_hex(digest, digest_size(d), vectors[i].digest);
		}
	}
}

/* RFC 4231, and RFC 2202 for SHA-1. */
static void check_hmac(
	const char *alg, const char *key_hex, const char *message, const char *expected)
{
	_cleanup_(secret_freep) struct secret *key = golden_secret(key_hex);
	_cleanup_(digest_freep) struct digest *d = NULL, *clone = NULL;
	uint8_t digest[DIGEST_SIZE_MAX];

	assert_int_equal(digest_new(alg, key, &d), 0);
	assert_int_equal(digest_data(d, message, strlen(message), digest), 0);
	check_hex(digest, digest_size(d), expected);
	assert_int_equal(digest_clone(d, &clone), 0);
	d = digest_free(d);
	assert_int_equal(digest_set_prefix(clone, message, 3), 0);
	assert_int_equal(digest_data(clone, message + 3, strlen(message) - 3, digest), 0);
	check_hex(digest, digest_size(clone), expected);
}

static void test_hmac(void **state)
{
	char long_key[2 * 131 + 1];

	memset(long_key, 'a', sizeof(long_key) - 1);
	long_key[sizeof(long_key) - 1] = '\0';
	check_hmac("hmac(sha1)", "4a656665", "what do ya want for nothing?",
		"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
	check_hmac("hmac(sha256)", "4a656665", "what do ya want for nothing?",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_hmac("hmac-sha256", "4a656665", "what do ya want for nothing?",
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	check_hmac("hmac(sha512)", "4a656665", "what do ya want for nothing?",
		"164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737");
	check_hmac("hmac(sha256)", long_key,
		"Test Using Larger Than Block-Size Key - Hash Key First",
		"60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static const char *const all_algs[] = { "crc32", "crc32c", "xxhash64", "sha1", "sha224", "sha256",
	"sha384", "sha512", "sha3-224", "sha3-256", "sha3-384", "sha3-512", "blake2b-512",
	"blake2s-256", "hmac(sha1)", "hmac(sha256)", "hmac(sha3-256)", "hmac(sha512)" };

static struct digest *make(const char *alg)
{
	_cleanup_(secret_freep) struct secret *key = golden_secret("0102030405060708");
	struct digest *d = NULL;

	assert_int_equal(digest_new(alg, startswith(alg, "hmac") ? key : NULL, &d), 0);
	return d;
}

/* However a message is cut, into prefix and pieces, its digest is the same. */
static void test_pieces(void **state)
{
	uint8_t message[1000], whole[DIGEST_SIZE_MAX], parts[DIGEST_SIZE_MAX];

	golden_plain(0, message, sizeof(message));
	for (size_t i = 0; i < ARRAY_SIZE(all_algs); i++) {
		_cleanup_(digest_freep) struct digest *d = make(all_algs[i]);

		assert_int_equal(digest_data(d, message, sizeof(message), whole), 0);
		for (size_t cut = 0; cut <= 200; cut += 7) {
			_cleanup_(digest_freep) struct digest *clone = NULL;
			const struct iovec iov[] = {
				{ message + cut, cut },
				{ message + 2 * cut, 0 },
				{ message + 2 * cut, sizeof(message) - 2 * cut },
			};

			assert_int_equal(digest_set_prefix(d, message, cut), 0);
			assert_int_equal(digest_clone(d, &clone), 0);
			assert_int_equal(digest_vec(clone, iov, 3, parts), 0);
			assert_memory_equal(parts, whole, digest_size(d));
			assert_int_equal(digest_vec(d, iov, 3, parts), 0);
			assert_memory_equal(parts, whole, digest_size(d));
		}
		assert_int_equal(digest_set_prefix(d, NULL, 0), 0);
		assert_int_equal(digest_data(d, message, sizeof(message), parts), 0);
		assert_memory_equal(parts, whole, digest_size(d));
	}
}

static void test_crc_paths_agree(void **state)
{
	uint8_t message[300];

	golden_plain(0, message, sizeof(message));
	for (size_t begin = 0; begin < 9; begin++)
		for (size_t size = 0; size < sizeof(message) - begin; size++)
			assert_int_equal(crc32c_update(0x12345678, message + begin, size),
				crc32c_update_portable(0x12345678, message + begin, size));
}

/* The kernel's crc32 begins with zero, so that zeros have the code zero. */
static void test_crc32_of_zeros(void **state)
{
	_cleanup_(digest_freep) struct digest *d = make("crc32");
	uint8_t zeros[520] = {}, digest[4] = { 1, 1, 1, 1 };

	assert_int_equal(digest_data(d, zeros, sizeof(zeros), digest), 0);
	assert_memory_equal(digest, zeros, 4);
}

static void test_refusals(void **state)
{
	static const char *const unknown[] = { "", "md99", "sha", "sha2566", "hmac", "hmac()",
		"hmac(", "hmac-", "hmac(sha256", "hmac(sha256))", "hmac-sha256)", "hmac(crc32c)",
		"hmac(xxhash64)", "hmac(hmac(sha256))", "SHA256" };
	_cleanup_(secret_freep) struct secret *key = golden_secret("00");
	uint8_t many[257] = {}, digest[DIGEST_SIZE_MAX];
	const struct iovec iov[DIGEST_VEC_MAX + 1] = {};
	struct digest *d = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
		assert_int_equal(digest_new(unknown[i], key, &d), -EOPNOTSUPP);
		assert_int_equal(digest_alg_size(unknown[i]), -EOPNOTSUPP);
	}
	assert_int_equal(digest_new("sha256", key, &d), -EINVAL);
	assert_int_equal(digest_new("hmac(sha256)", NULL, &d), -ENOKEY);
	assert_null(d);
	assert_int_equal(digest_new("sha256", NULL, &d), 0);
	assert_int_equal(digest_set_prefix(d, many, sizeof(many)), -EINVAL);
	assert_int_equal(digest_vec(d, iov, DIGEST_VEC_MAX + 1, digest), -EINVAL);
	digest_free(d);
}

/* libcrypto has it since 3.2; where it does not, that is said and nothing is computed. */
static void test_blake2b_256(void **state)
{
	_cleanup_(digest_freep) struct digest *d = NULL;
	uint8_t digest[DIGEST_SIZE_MAX];
	int r = digest_new("blake2b-256", NULL, &d);

	assert_int_equal(digest_alg_size("blake2b-256"), 32);
	if (r == -EOPNOTSUPP)
		test_skip("this libcrypto has no blake2b-256");
	assert_int_equal(r, 0);
	assert_int_equal(digest_data(d, "abc", 3, digest), 0);
	check_hex(digest, 32, "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_crc_paths_agree),
		cmocka_unit_test(test_crc32_of_zeros),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_blake2b_256),
	};

	return cmocka_run_group_tests_name("digest", tests, NULL, NULL);
}
