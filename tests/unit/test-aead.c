/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Authenticated encryption against vectors that a kernel agreed with, against itself, and against
 * every single flipped byte.
 */

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "aead.h"
#include "bytes.h"
#include "cleanup.h"
#include "hex.h"

#define BLOCK 4096

static struct secret *key_counting(size_t size)
{
	struct secret *key = NULL;

	assert_int_equal(secret_new(size, false, &key), 0);
	for (size_t i = 0; i < size; i++)
		secret_bytes(key)[i] = (uint8_t)i;
	return key;
}

/* Sector s is the number s, 64 times. */
static void fill_pattern(uint8_t *block, size_t size, uint64_t sector)
{
	for (size_t i = 0; i < size; i += 8)
		put_le64(block + i, sector + i / 512);
}

static int make(const char *cipher, const char *integrity, uint32_t tag_size,
	const struct secret *key, struct aead **ret)
{
	struct aead_params params = { .sector_size = BLOCK };

	assert_int_equal(aead_spec_parse(cipher, integrity, 0, &params.spec, NULL), 0);
	params.tag_size = tag_size ?: aead_spec_tag_size(&params.spec);
	return aead_new(&params, key, ret, NULL);
}

static void test_vectors(void **state)
{
	static const struct {
		const char *cipher, *integrity;
		size_t cipher_key, mac_key; /* bytes, from 00 and from 40 on */
		bool salted;		    /* then 10 11 12 */
		const char *ciphertext, *tag;
	} cases[] = {
		{ "aes-xts-plain64", "hmac-sha256", 64, 32, false, "b22dd7993c6c0c79",
			"5ecfbacb068982d1" },
		{ "aes-gcm-random", "aead", 32, 0, false, "4f02d61bc5e5c21b", "1ecdc725feb753f1" },
		{ "chacha20-random", "poly1305", 32, 0, false, "81fb08002917a540",
			"ae7ebcfd50439ef6" },
		{ "aes-ccm-random", "aead", 16, 0, true, "41fbc8102da28c06", "079fca22cef56c20" },
		{ "aes-cbc-essiv:sha256", "hmac-sha256", 32, 32, false, "d02404cafa6e96a0",
			"debff261eb540c85" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		size_t size = cases[i].cipher_key + cases[i].mac_key + (cases[i].salted ? 3 : 0);
		_cleanup_(secret_freep) struct secret *key = key_counting(size);
		_cleanup_(aead_freep) struct aead *a = NULL;
		uint8_t block[BLOCK], tag[80] = {};
		char hex[17];

		for (size_t k = cases[i].cipher_key; k < size; k++)
			secret_bytes(key)[k] = (uint8_t)((cases[i].salted ? 0x10 : 0x40) + k -
							 cases[i].cipher_key);
		assert_int_equal(make(cases[i].cipher, cases[i].integrity, 0, key, &a), 0);
		fill_pattern(block, BLOCK, 8);
		/* The IV lies behind a tag of 32 or 16 bytes. */
		for (unsigned k = 0; k < 16; k++)
			tag[(cases[i].mac_key ? 32 : 16) + k] = (uint8_t)k;
		assert_int_equal(aead_encrypt(a,
					 &(struct aead_units){
						 .src = block,
						 .dst = block,
						 .n = 1,
						 .sector = 8,
						 .tags = tag,
						 .stride = sizeof(tag),
					 }),
			0);
		hex_encode(block, 8, hex);
		assert_string_equal(hex, cases[i].ciphertext);
		hex_encode(tag, 8, hex);
		assert_string_equal(hex, cases[i].tag);
	}
}

static const struct {
	const char *cipher, *integrity;
	size_t key_size;
	uint32_t tag_size; /* 0: whole */
} rows[] = {
	{ "aes-xts-plain64", "hmac-sha256", 96, 0 },
	{ "aes-xts-random", "hmac-sha256", 64, 0 },
	{ "aes-xts-random", "hmac-sha256", 96, 32 },
	{ "aes-xts-random", "hmac-sha512", 128, 0 },
	{ "aes-cbc-essiv:sha256", "hmac-sha256", 64, 0 },
	{ "aes-gcm-random", "aead", 16, 0 },
	{ "aes-gcm-random", "aead", 32, 24 },
	{ "capi:gcm(aes)-plain64", "aead", 32, 0 },
	{ "aes-ccm-random", "aead", 35, 0 },
	{ "aes-ccm-random", "aead", 35, 16 },
	{ "chacha20-random", "poly1305", 32, 0 },
	{ "chacha20-plain64", "poly1305", 32, 0 },
};

static void count(void *userdata, size_t index)
{
	*(size_t *)userdata = index;
}

/* More units than one batch has, and an odd number of them. */
#define UNITS 67U

static void check_row(size_t row)
{
	_cleanup_(secret_freep) struct secret *key = key_counting(rows[row].key_size);
	_cleanup_(aead_freep) struct aead *a = NULL, *clone = NULL;
	_cleanup_free_ uint8_t *plain = malloc(UNITS * BLOCK), *work = malloc(UNITS * BLOCK);
	uint8_t tags[UNITS * 80] = {};
	size_t last = SIZE_MAX;
	struct aead_units units = {
		.src = plain, .dst = work, .n = UNITS, .sector = 800, .tags = tags, .stride = 80
	};

	assert_true(plain && work);
	fill_pattern(plain, (size_t)UNITS * BLOCK, 800);
	for (size_t i = 0; i < sizeof(tags); i++)
		tags[i] = (uint8_t)(i * 7);
	assert_int_equal(
		make(rows[row].cipher, rows[row].integrity, rows[row].tag_size, key, &a), 0);
	assert_int_equal(aead_clone(a, &clone), 0);
	assert_int_equal(aead_encrypt(a, &units), 0);
	assert_memory_not_equal(work, plain, BLOCK);

	units.src = work;
	assert_int_equal(aead_decrypt(clone, &units, count, &last), 0);
	assert_memory_equal(work, plain, (size_t)UNITS * BLOCK);

	units.src = plain;
	assert_int_equal(aead_encrypt(clone, &units), 0);
	work[66 * BLOCK + 5] ^= 1;
	tags[3 * 80] ^= 0x80;
	units.src = work;
	assert_int_equal(aead_decrypt(a, &units, count, &last), 2);
	assert_int_equal(last, 66);
	assert_memory_equal(work, plain, (size_t)3 * BLOCK);
	assert_true(bytes_are_zero(work + 3 * BLOCK, BLOCK));
}

static void test_round_trip(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(i);
}

/* Every byte of the used tag, the IV included, counts. */
static void test_flipped_tags(void **state)
{
	for (size_t row = 0; row < ARRAY_SIZE(rows); row++) {
		_cleanup_(secret_freep) struct secret *key = key_counting(rows[row].key_size);
		_cleanup_(aead_freep) struct aead *a = NULL;
		uint8_t plain[BLOCK] = { 1 }, sealed[BLOCK], opened[BLOCK], tag[80] = {};
		struct aead_units units = {
			.src = plain, .dst = sealed, .n = 1, .tags = tag, .stride = sizeof(tag)
		};
		struct aead_spec spec;

		assert_int_equal(
			aead_spec_parse(rows[row].cipher, rows[row].integrity, 0, &spec, NULL), 0);
		assert_int_equal(
			make(rows[row].cipher, rows[row].integrity, rows[row].tag_size, key, &a),
			0);
		assert_int_equal(aead_encrypt(a, &units), 0);
		units.src = sealed;
		units.dst = opened;
		for (size_t i = 0; i < (rows[row].tag_size ?: aead_spec_tag_size(&spec)); i++) {
			tag[i] ^= 1;
			assert_int_equal(aead_decrypt(a, &units, NULL, NULL), 1);
			tag[i] ^= 1;
		}
		assert_int_equal(aead_decrypt(a, &units, NULL, NULL), 0);
		units.sector = 8;
		assert_int_equal(aead_decrypt(a, &units, NULL, NULL), 1);
	}
}

/* A random IV without authentication: only that it decrypts. */
static void test_random_only(void **state)
{
	_cleanup_(secret_freep) struct secret *key = key_counting(64);
	_cleanup_(aead_freep) struct aead *a = NULL;
	uint8_t plain[BLOCK] = { 1 }, work[BLOCK], tag[16] = { 9 };
	struct aead_units units = {
		.src = plain, .dst = work, .n = 1, .tags = tag, .stride = sizeof(tag)
	};

	assert_int_equal(make("aes-xts-random", "none", 0, key, &a), 0);
	assert_int_equal(aead_encrypt(a, &units), 0);
	assert_memory_not_equal(work, plain, BLOCK);
	units.src = work;
	assert_int_equal(aead_decrypt(a, &units, NULL, NULL), 0);
	assert_memory_equal(work, plain, BLOCK);
}

static void test_refused(void **state)
{
	_cleanup_(secret_freep) struct secret *key = key_counting(16), *none = key_counting(95);
	struct aead *a = NULL;

	/* In no library of Debian 12 and 13; libsodium's AEGIS-128L is another cipher. */
	assert_int_equal(make("aegis128-random", "aead", 0, key, &a), -EOPNOTSUPP);
	assert_int_equal(make("aes-xts-plain64", "hmac-sha256", 0, none, &a), -EINVAL);
	assert_int_equal(make("aes-gcm-random", "aead", 29, key, &a), -EINVAL);
	assert_int_equal(make("aes-gcm-random", "aead", 12, key, &a), -EINVAL);
	assert_null(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_flipped_tags),
		cmocka_unit_test(test_random_only),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
