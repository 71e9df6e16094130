/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sector encryption against images that dm-crypt wrote, and against itself: there and back, in
 * pieces, by clones, in place.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cipher.h"
#include "cleanup.h"
#include "golden.h"

static struct cipher_params table_params(struct json_object *parsed)
{
	struct json_object *options = golden_get(parsed, "options");
	struct cipher_params p = {
		.sector_size = 512,
		.iv_offset = golden_u64(parsed, "iv_offset"),
		.iv_large_sectors = golden_flag(options, "iv_large_sectors"),
	};

	if (golden_get(options, "sector_size"))
		p.sector_size = (uint32_t)strtoul(golden_str(options, "sector_size"), NULL, 10);
	assert_int_equal(cipher_spec_parse(golden_str(parsed, "cipher"), &p.spec, NULL), 0);
	return p;
}

static struct cipher *make_cipher(const struct cipher_params *p, const char *hex)
{
	_cleanup_(secret_freep) struct secret *key = golden_secret(hex);
	struct cipher *cipher = NULL;

	assert_true(cipher_spec_is_offline(&p->spec));
	assert_int_equal(cipher_new(p, key, &cipher, NULL), 0);
	return cipher;
}

/* The whole image, and then piece by piece with a clone, and back again in place. */
static void check_case(const char *name)
{
	struct json_object *params = golden_load(name);
	struct json_object *parsed = golden_get(params, "layers.0.parsed");
	struct json_object *image = golden_get(params, "images.0");
	uint64_t begin = golden_u64(parsed, "offset") * 512;
	size_t size = golden_u64(image, "size");
	size_t length = size - begin;
	struct cipher_params p = table_params(parsed);
	_cleanup_(cipher_freep) struct cipher *cipher = make_cipher(&p, golden_str(parsed, "key"));
	_cleanup_(cipher_freep) struct cipher *clone = NULL;
	_cleanup_free_ uint8_t *plain = malloc(length), *data = calloc(1, size);

	assert_true(plain && data);
	assert_int_equal(golden_u64(params, "plaintext.length"), length);
	golden_plain(0, plain, length);
	assert_int_equal(cipher_encrypt(cipher, plain, data + begin, length, 0), 0);
	golden_assert_sha256(data, size, golden_str(image, "sha256"));

	memset(data, 0, size);
	assert_int_equal(cipher_clone(cipher, &clone), 0);
	for (size_t done = 0; done < length; done += 8192)
		assert_int_equal(
			cipher_encrypt(done % 3 ? clone : cipher, plain + done, data + begin + done,
				MIN(length - done, (size_t)8192), done / 512),
			0);
	golden_assert_sha256(data, size, golden_str(image, "sha256"));

	assert_int_equal(cipher_decrypt(clone, data + begin, data + begin, length, 0), 0);
	assert_memory_equal(data + begin, plain, length);
	assert_int_equal(cipher_encrypt(clone, data + begin, data + begin, length, 0), 0);
	golden_assert_sha256(data, size, golden_str(image, "sha256"));
	json_object_put(params);
}

static void test_golden_images(void **state)
{
	char **list = golden_list("crypt-");
	unsigned seen = 0;

	for (char **name = list; *name; name++, seen++)
		check_case(*name);
	golden_free_list(list);
	assert_int_equal(seen, 19);
}

static int try_new(const char *spec, size_t key_size, uint32_t sector_size, uint64_t iv_offset)
{
	_cleanup_(cipher_freep) struct cipher *cipher = NULL;
	_cleanup_(secret_freep) struct secret *key = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	struct cipher_params p = { .sector_size = sector_size, .iv_offset = iv_offset };
	int r;

	assert_int_equal(secret_new(key_size, false, &key), 0);
	for (size_t i = 0; i < key_size; i++)
		secret_bytes(key)[i] = (uint8_t)i;
	assert_int_equal(cipher_spec_parse(spec, &p.spec, NULL), 0);
	r = cipher_new(&p, key, &cipher, &diag);
	if (r < 0)
		assert_non_null(diag.what);
	return r;
}

static void test_refusals(void **state)
{
	assert_int_equal(try_new("aes-xts-plain64", 64, 512, 1), 0);
	assert_int_equal(try_new("aes-xts-plain64", 48, 512, 0), -EOPNOTSUPP);
	assert_int_equal(try_new("aes-xts-plain64", 16, 512, 0), -EINVAL);
	assert_int_equal(try_new("aes-cbc-plain64", 64, 512, 0), -EINVAL);
	assert_int_equal(try_new("aes-xts-plain64", 64, 8192, 0), -EINVAL);
	assert_int_equal(try_new("aes-xts-plain64", 64, 0, 0), -EINVAL);
	assert_int_equal(try_new("aes-xts-plain64", 64, 768, 0), -EINVAL);
	assert_int_equal(try_new("aes-xts-plain64", 64, 4096, 4), -EINVAL);
	assert_int_equal(try_new("aes-xts-random", 64, 512, 0), -EOPNOTSUPP);
	assert_int_equal(try_new("serpent-xts-plain64", 64, 512, 0), -EOPNOTSUPP);
	assert_int_equal(try_new("aes-cbc-essiv:sha1", 32, 512, 0), -EINVAL);
	assert_int_equal(try_new("aes-cbc-essiv:whirl", 32, 512, 0), -EOPNOTSUPP);
	assert_int_equal(try_new("xchacha20,aes-adiantum-plain64", 16, 512, 0), -EINVAL);
	assert_int_equal(try_new("capi:gcm(aes)-random", 32, 512, 0), -EOPNOTSUPP);
}

static void test_equal_xts_halves(void **state)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	struct cipher_params p = { .sector_size = 512 };
	struct cipher *cipher = NULL;

	assert_int_equal(secret_new(64, false, &key), 0);
	assert_int_equal(cipher_spec_parse("aes-xts-plain64", &p.spec, NULL), 0);
	assert_int_equal(cipher_new(&p, key, &cipher, NULL), -EINVAL);
	assert_null(cipher);
}

static void test_misaligned_requests(void **state)
{
	struct cipher_params p = { .sector_size = 4096 };
	uint8_t data[8192] = {};

	assert_int_equal(cipher_spec_parse("aes-cbc-plain64", &p.spec, NULL), 0);
	_cleanup_(cipher_freep) struct cipher *cipher =
		make_cipher(&p, "000102030405060708090a0b0c0d0e0f");
	assert_int_equal(cipher_encrypt(cipher, data, data, 4096, 1), -EINVAL);
	assert_int_equal(cipher_encrypt(cipher, data, data, 512, 0), -EINVAL);
	assert_int_equal(cipher_encrypt(cipher, data, data, 0, 0), 0);
	assert_int_equal(cipher_encrypt(cipher, data, data, 8192, 8), 0);
}

/* Modes that no golden case has: one sector at a time must be what all at once is, and go back. */
static void test_round_trips(void **state)
{
	static const char *const specs[] = { "aes-ecb", "aes-cbc-plain64be", "aes-xts-benbi",
		"aes-xts-null", "aes-xts-essiv:sha256", "capi:adiantum(xchacha12,aes)-plain64" };
	static const char hex[] =
		"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
	uint8_t plain[4096], whole[4096], parts[4096];

	golden_plain(0, plain, sizeof(plain));
	for (size_t i = 0; i < ARRAY_SIZE(specs); i++) {
		struct cipher_params p = { .sector_size = 1024, .iv_offset = 2 };

		assert_int_equal(cipher_spec_parse(specs[i], &p.spec, NULL), 0);
		_cleanup_(cipher_freep) struct cipher *cipher = make_cipher(&p, hex);
		assert_int_equal(cipher_encrypt(cipher, plain, whole, sizeof(plain), 6), 0);
		for (size_t n = 0; n < sizeof(plain); n += 1024)
			assert_int_equal(
				cipher_encrypt(cipher, plain + n, parts + n, 1024, 6 + n / 512), 0);
		assert_memory_equal(whole, parts, sizeof(whole));
		assert_memory_not_equal(whole, plain, sizeof(whole));
		assert_int_equal(cipher_decrypt(cipher, whole, whole, sizeof(whole), 6), 0);
		assert_memory_equal(whole, plain, sizeof(whole));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_images),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_equal_xts_halves),
		cmocka_unit_test(test_misaligned_requests),
		cmocka_unit_test(test_round_trips),
	};

	return cmocka_run_group_tests_name("cipher", tests, NULL, NULL);
}
