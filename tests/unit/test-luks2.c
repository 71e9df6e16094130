/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * LUKS2 headers: what is written is read, of two copies the better one counts, and what cannot be
 * is refused.
 */

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base64.h"
#include "bytes.h"
#include "cleanup.h"
#include "json-view.h"
#include "luks2.h"
#include "sha256.h"

#define SIZE LUKS2_HEADER_SIZE_MIN

static struct luks2 *make_header(void)
{
	struct luks2 *h = calloc(1, sizeof(*h));

	assert_non_null(h);
	*h = (struct luks2){
		.header_size = SIZE,
		.seqid = 7,
		.label = "label",
		.uuid = "01234567-89ab-4cde-8f01-23456789abcd",
		.keyslots_size = 1 << 20,
		.n_keyslots = 2,
		.n_digests = 1,
		.segment = { .offset = 2 << 20,
			.cipher = "aes-xts-plain64",
			.sector_size = 4096,
			.integrity = "hmac(sha256)" },
	};
	for (unsigned i = 0; i < 2; i++)
		h->keyslots[i] = (struct luks2_keyslot){
			.id = 3 * i,
			.priority = 1,
			.key_size = 96,
			.stripes = 4000,
			.af_hash = "sha256",
			.area_offset = 2 * SIZE + i * luks2_area_size(96),
			.area_size = luks2_area_size(96),
			.area_cipher = "aes-xts-plain64",
			.area_key_size = 64,
			.kdf = { .type = i ? LUKS2_ARGON2ID : LUKS2_PBKDF2,
				.hash = "sha256",
				.iterations = 1000,
				.memory_kib = 64,
				.parallelism = 2,
				.salt = "salt",
				.salt_size = 32 },
		};
	h->digests[0] = (struct luks2_digest){ .hash = "sha256",
		.iterations = 1000,
		.salt_size = 32,
		.digest_size = 32,
		.keyslots = 9,
		.has_segment = true };
	return h;
}

static uint8_t *make_bytes(const struct luks2 *h)
{
	uint8_t *bytes = malloc(2 * SIZE);

	assert_non_null(bytes);
	assert_int_equal(luks2_encode(&(struct luks2_image){ .header = h }, bytes), 0);
	return bytes;
}

static int decode(const uint8_t *bytes, size_t size, struct luks2 *ret, struct diag *diag)
{
	return luks2_decode(bytes, size, ret, NULL, diag);
}

/* Sets the checksum of a copy anew. */
static void bless(uint8_t *copy)
{
	struct sha256 s;

	memset(copy + 448, 0, 64);
	sha256_init(&s);
	sha256_add(&s, copy, SIZE);
	sha256_finish(&s, copy + 448);
}

static void test_round_trip(void **state)
{
	_cleanup_free_ struct luks2 *h = make_header(), *got = calloc(1, sizeof(*got));
	_cleanup_free_ uint8_t *bytes = make_bytes(h), *again = NULL;
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), 0);
	assert_int_equal(got->n_keyslots, 2);
	assert_int_equal(got->keyslots[1].id, 3);
	assert_int_equal(got->keyslots[1].kdf.memory_kib, 64);
	assert_int_equal(got->keyslots[0].kdf.iterations, 1000);
	assert_int_equal(got->digests[0].keyslots, 9);
	assert_true(got->digests[0].has_segment);
	assert_int_equal(got->segment.offset, 2 << 20);
	assert_string_equal(got->segment.integrity, "hmac(sha256)");
	assert_string_equal(got->label, "label");
	again = make_bytes(got);
	assert_memory_equal(again, bytes, 2 * SIZE);
}

static void test_copies(void **state)
{
	_cleanup_free_ struct luks2 *h = make_header(), *got = calloc(1, sizeof(*got));
	_cleanup_free_ uint8_t *bytes = make_bytes(h);
	_cleanup_(diag_done) struct diag diag = {};
	size_t wanted = 0;

	/* What is looked at, step by step. */
	assert_int_equal(luks2_decode(bytes, 0, got, &wanted, &diag), 1);
	assert_int_equal(wanted, 4096);
	assert_int_equal(luks2_decode(bytes, 4096, got, &wanted, &diag), 1);
	assert_int_equal(wanted, 2 * SIZE);

	put_be64(bytes + SIZE + 16, 8);
	bless(bytes + SIZE);
	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), 0);
	assert_int_equal(got->seqid, 8);
	bytes[SIZE + 5000] ^= 1;
	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), 0);
	assert_int_equal(got->seqid, 7);
	bytes[SIZE + 5000] ^= 1;
	bytes[0] ^= 1;
	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), 0);
	assert_true(got->is_second);
	bytes[SIZE + 5000] ^= 1;
	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), -ENODATA);
	bytes[0] ^= 1;
	bytes[5000] ^= 1;
	diag_done(&diag);
	assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), -EUCLEAN);
	assert_non_null(diag.what);
}

/* Sizes that a copy claims are not believed: nothing is read behind the end, nothing is missed. */
static void test_sizes(void **state)
{
	_cleanup_free_ struct luks2 *h = make_header(), *got = calloc(1, sizeof(*got));
	_cleanup_free_ uint8_t *bytes = make_bytes(h);
	size_t wanted = 0;

	/* The second copy claims to be larger than there are bytes, and to be at the right place. */
	put_be64(bytes + SIZE + 8, LUKS2_HEADER_SIZE_MAX);
	put_be64(bytes + SIZE + 256, LUKS2_HEADER_SIZE_MAX);
	put_be64(bytes + SIZE + 16, 99);
	assert_int_equal(decode(bytes, 2 * SIZE, got, NULL), 0);
	assert_false(got->is_second);
	bytes[0] ^= 1;
	assert_int_equal(luks2_decode(bytes, 2 * SIZE, got, &wanted, NULL), 1);
	assert_int_equal(wanted, 4 * SIZE);
	bytes[0] ^= 1;

	/* The first copy claims a wrong size: the second is found where it is. */
	assert_int_equal(luks2_encode(&(struct luks2_image){ .header = h }, bytes), 0);
	put_be64(bytes + 8, 2 * SIZE);
	assert_int_equal(luks2_decode(bytes, 2 * SIZE, got, &wanted, NULL), 1);
	assert_int_equal(wanted, 4 * SIZE);
	bytes = realloc(bytes, 4 * SIZE);
	memset(bytes + 2 * SIZE, 0, 2 * SIZE);
	assert_int_equal(luks2_decode(bytes, 4 * SIZE, got, &wanted, NULL), 0);
	assert_true(got->is_second);
}

/* What a newer copy asks for is not avoided by taking the older one. */
static void test_newer_copy_is_not_usable(void **state)
{
	static const char from[] = "\"config\":{";
	static const char to[] = "\"config\":{\"requirements\":{\"mandatory\":"
				 "[\"online-reencrypt-v2\"]},";

	for (unsigned i = 0; i < 2; i++) {
		_cleanup_free_ struct luks2 *h = make_header(), *got = calloc(1, sizeof(*got));
		_cleanup_free_ uint8_t *bytes = make_bytes(h);
		_cleanup_(diag_done) struct diag diag = {};
		uint8_t *copy = bytes + i * SIZE;
		char *json = (char *)copy + 4096, *at = strstr(json, from);

		assert_non_null(at);
		memmove(at + strlen(to), at + strlen(from), strlen(at + strlen(from)) + 1);
		memcpy(at, to, strlen(to));
		put_be64(copy + 16, 8);
		bless(copy);
		assert_int_equal(decode(bytes, 2 * SIZE, got, &diag), -EOPNOTSUPP);
		assert_non_null(strstr(diag.what, "reencrypted"));
		put_be64(copy + 16, 6);
		bless(copy);
		assert_int_equal(decode(bytes, 2 * SIZE, got, NULL), 0);
		assert_int_equal(got->seqid, 7);
	}
}

static void test_no_header(void **state)
{
	_cleanup_free_ struct luks2 *got = calloc(1, sizeof(*got));
	_cleanup_free_ uint8_t *bytes = calloc(1, 2 * LUKS2_HEADER_SIZE_MAX);
	_cleanup_(diag_done) struct diag diag = {};

	assert_int_equal(decode(bytes, 2 * LUKS2_HEADER_SIZE_MAX, got, &diag), -ENODATA);
	memcpy(bytes, "LUKS\xba\xbe\0\1", 8);
	diag_done(&diag);
	assert_int_equal(decode(bytes, 4096, got, &diag), -ENODATA);
	assert_non_null(strstr(diag.what, "LUKS1"));
}

/* Changes of the JSON text: what is replaced, by what, and the error. */
static const struct bad {
	const char *from, *to;
	int error;
} bads[] = {
	{ "{\"keyslots\"", "{\"keyslot\"", -EUCLEAN },

	{ "\"stripes\":4000", "\"stripes\":3999", -EUCLEAN },
	{ "\"key_size\":96", "\"key_size\":9600", -EUCLEAN },
	{ "\"0\":{\"type\":\"luks2\"", "\"x\":{\"type\":\"luks2\"", -EUCLEAN },
	{ "\"0\":{\"type\":\"luks2\"", "\"3\":{\"type\":\"luks2\"", -EUCLEAN },
	{ "\"0\":{\"type\":\"luks2\"", "\"32\":{\"type\":\"luks2\"", -EUCLEAN },
	{ "\"offset\":\"32768\"", "\"offset\":\"4096\"", -EUCLEAN },
	{ "\"offset\":\"32768\"", "\"offset\":\"18446744073709551615\"", -EUCLEAN },
	{ "\"offset\":\"32768\"", "\"offset\":\"0x8000\"", -EUCLEAN },
	{ "\"offset\":\"32768\"", "\"offset\":\"36864\"", -EUCLEAN },
	{ "\"offset\":\"32768\"", "\"offset\":32768", -EUCLEAN },
	{ "\"type\":\"pbkdf2\"", "\"type\":\"scrypt\"", -EUCLEAN },
	{ "\"iterations\":1000", "\"iterations\":0", -EUCLEAN },
	{ "\"iterations\":1000", "\"iterations\":268435457", -EUCLEAN },
	{ "\"iterations\":1000", "\"iterations\":268435456", 0 },
	{ "\"memory\":64", "\"memory\":4194305", -EUCLEAN },
	{ "\"memory\":64", "\"memory\":1048576", -EUCLEAN },
	{ "\"memory\":64", "\"memory\":262144", 0 },
	{ "\"time\":1000", "\"time\":4194304", 0 },
	{ "\"time\":1000", "\"time\":4194305", -EUCLEAN },
	{ "\"cpus\":2", "\"cpus\":5", -EUCLEAN },
	{ "\"salt\":\"c2Fs", "\"salt\":\"c2F!", -EUCLEAN },
	{ "\"type\":\"crypt\"", "\"type\":\"linear\"", -EOPNOTSUPP },
	{ "\"segments\":{", "\"segments\":{\"1\":{},", -EOPNOTSUPP },
	{ "\"sector_size\":4096", "\"sector_size\":4095", -EUCLEAN },
	{ "\"dynamic\"", "\"0\"", -EUCLEAN },
	{ "\"offset\":\"2097152\"", "\"offset\":\"65536\"", -EUCLEAN },
	{ "\"journal_integrity\":\"none\"", "\"journal_integrity\":\"x\"", -EUCLEAN },
	{ "\"json_size\":\"12288\"", "\"json_size\":\"12289\"", -EUCLEAN },
	{ "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[\"x\"]},", -EOPNOTSUPP },
	{ "\"config\":{", "\"config\":{\"flags\":[\"allow-discards\"],", 0 },
	{ "\"config\":{", "\"config\":{\"json_size\":\"12288\",", -EUCLEAN },
	{ "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":3},", -EUCLEAN },
	{ "\"config\":{", "\"config\":{\"requirements\":{\"mandatory\":[]},", 0 },
	{ "\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"x\",\"keyslots\":[]}", 0 },
	{ "\"tokens\":{", "\"tokens\":{\"0\":{\"type\":\"x\"}", -EUCLEAN },
	{ "\"tokens\":{", "\"tokens\":{\"32\":{\"type\":\"x\",\"keyslots\":[]}", -EUCLEAN },
	{ "\"digests\":{",
		"\"digests\":{\"1\":{\"type\":\"pbkdf2\",\"keyslots\":[],\"segments\":"
		"[\"0\"],\"hash\":\"sha256\",\"iterations\":1000,\"salt\":\"Zm9v\","
		"\"digest\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMg==\"},",
		-EUCLEAN },
	{ "\"digests\":{",
		"\"digests\":{\"1\":{\"type\":\"pbkdf2\",\"keyslots\":[\"0\"],\"segments\":"
		"[],\"hash\":\"sha256\",\"iterations\":1000,\"salt\":\"Zm9v\","
		"\"digest\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMg==\"},",
		-EUCLEAN },
	{ "\"digests\":{",
		"\"digests\":{\"1\":{\"type\":\"pbkdf2\",\"keyslots\":[\"7\"],\"segments\":"
		"[],\"hash\":\"sha256\",\"iterations\":1000,\"salt\":\"Zm9v\","
		"\"digest\":\"MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMg==\"},",
		0 },
	{ "}}", "}", -EUCLEAN },
};

static void check_bad(const char *json, const struct bad *bad)
{
	_cleanup_free_ struct luks2 *h = make_header(), *got = calloc(1, sizeof(*got));
	_cleanup_free_ uint8_t *bytes = make_bytes(h);
	_cleanup_(diag_done) struct diag diag = {};
	_cleanup_(buf_done) struct buf text = {};
	const char *at = strstr(json, bad->from);
	int r;

	assert_non_null(at);
	buf_append(&text, json, (size_t)(at - json));
	buf_puts(&text, bad->to);
	buf_puts(&text, at + strlen(bad->from));
	memset(bytes + 4096, 0, SIZE - 4096);
	memcpy(bytes + 4096, text.data, text.size);
	memset(bytes + SIZE, 0, SIZE);
	bless(bytes);
	r = decode(bytes, 2 * SIZE, got, &diag);
	if (r != bad->error)
		fail_msg("%s -> %s: %d, not %d: %s", bad->from, bad->to, r, bad->error,
			diag.what ?: "");
	assert_true(r >= 0 || diag.what);
}

static void test_bad_json(void **state)
{
	_cleanup_free_ struct luks2 *h = make_header();
	_cleanup_(buf_done) struct buf json = {};

	luks2_json_encode(h, NULL, &json);
	for (size_t i = 0; i < ARRAY_SIZE(bads); i++)
		check_bad(buf_str(&json), &bads[i]);
}

static void test_base64(void **state)
{
	static const char *const texts[] = { "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==" };
	static const char *const refused[] = { "Zg",
		"Zg=", "Zh==", "Z===", "=g==", "Zg==Zg==", "Zm9 " };
	uint8_t bytes[8];
	size_t size;

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_(buf_done) struct buf buf = {};

		assert_int_equal(
			base64_decode(texts[i], strlen(texts[i]), bytes, sizeof(bytes), &size), 0);
		assert_int_equal(size, i);
		assert_memory_equal(bytes, "foob", i);
		base64_append(&buf, bytes, size);
		assert_string_equal(buf_str(&buf), texts[i]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_equal(
			base64_decode(refused[i], strlen(refused[i]), bytes, 8, &size), -EINVAL);
	assert_int_equal(base64_decode("Zm9vYg==", 8, bytes, 3, &size), -E2BIG);
}

/* FIPS 180-4's examples, and lengths around the block. */
static void test_sha256(void **state)
{
	static const uint8_t abc[] = { 0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41,
		0x40, 0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad };
	static const uint8_t million[] = { 0xcd, 0xc7, 0x6e, 0x5c, 0x99, 0x14, 0xfb, 0x92, 0x81,
		0xa1, 0xc7, 0xe2, 0x84, 0xd7, 0x3e, 0x67, 0xf1, 0x80, 0x9a, 0x48, 0xa4, 0x97, 0x20,
		0x0e, 0x04, 0x6d, 0x39, 0xcc, 0xc7, 0x11, 0x2c, 0xd0 };
	uint8_t got[SHA256_SIZE], whole[SHA256_SIZE], data[200];
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, "abc", 3);
	sha256_finish(&s, got);
	assert_memory_equal(got, abc, sizeof(abc));
	memset(data, 'a', sizeof(data));
	sha256_init(&s);
	for (unsigned i = 0; i < 1000000 / 125; i++)
		sha256_add(&s, data, 125);
	sha256_finish(&s, got);
	assert_memory_equal(got, million, sizeof(million));
	for (size_t size = 50; size < 130; size++) {
		sha256_init(&s);
		sha256_add(&s, data, size);
		sha256_finish(&s, whole);
		sha256_init(&s);
		for (size_t i = 0; i < size; i++)
			sha256_add(&s, data + i, 1);
		sha256_finish(&s, got);
		assert_memory_equal(got, whole, sizeof(got));
	}
}

static void test_json_view(void **state)
{
	static const char text[] =
		" {\"a\\\"\": [1, {\"b\": \"]\"}], \"c\" :\"x\\/\\\"y\", \"d\":18 } ";
	struct json_view root = json_view_of(text, strlen(text)), v, key;
	char string[8];
	uint64_t n;
	size_t pos = 0;

	assert_int_equal(json_view_member(root, "c", &v), 0);
	assert_int_equal(json_view_string(v, string, sizeof(string)), 0);
	assert_string_equal(string, "x/\"y");
	assert_int_equal(json_view_string(v, string, 4), -EINVAL);
	assert_int_equal(json_view_u64(v, &n), -EINVAL);
	assert_int_equal(json_view_member(root, "d", &v), 0);
	assert_int_equal(json_view_u64(v, &n), 0);
	assert_int_equal(n, 18);
	assert_int_equal(json_view_member(root, "b", &v), -ENOENT);
	assert_int_equal(json_view_member(v, "b", &v), -EINVAL);
	assert_int_equal(json_view_next(root, &pos, &key, &v), 1);
	pos = 0;
	assert_int_equal(json_view_next(v, &pos, &key, &root), 1);
	assert_true(json_view_equal(root, "1"));
	assert_int_equal(json_view_next(v, &pos, &key, &root), 1);
	assert_true(json_view_equal(root, "{\"b\": \"]\"}"));
	assert_int_equal(json_view_next(v, &pos, &key, &root), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_copies),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_newer_copy_is_not_usable),
		cmocka_unit_test(test_no_header),
		cmocka_unit_test(test_bad_json),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_json_view),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
