/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keyslots: those of cryptsetup open with their passphrase, and what is sealed here opens again.
 */

#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "golden.h"
#include "kdf.h"
#include "luks2-keyslot.h"

static void assert_same(const struct secret *a, const struct secret *b)
{
	assert_int_equal(secret_size(a), secret_size(b));
	assert_memory_equal(secret_peek(a), secret_peek(b), secret_size(a));
}

struct memory {
	const uint8_t *data;
	size_t size;
};

static int memory_read(void *userdata, void *ret, size_t size, uint64_t offset, struct diag *diag)
{
	const struct memory *memory = userdata;

	if (offset > memory->size || size > memory->size - offset)
		return diag_set(diag, -ENODATA, "behind the end");
	memcpy(ret, memory->data + offset, size);
	return 0;
}

static void check_golden(const char *name)
{
	_cleanup_free_ struct luks2 *h = calloc(1, sizeof(*h));
	_cleanup_(secret_freep) struct secret *passphrase = NULL, *expected = NULL, *key = NULL;
	_cleanup_(secret_freep) struct secret *wrong = NULL;
	_cleanup_(diag_done) struct diag diag = {};
	struct json_object *params = golden_load(name);
	struct memory memory = {};
	struct luks2_reader reader = { memory_read, &memory };
	_cleanup_free_ uint8_t *data = golden_file(name, "header.bin", &memory.size);
	size_t wanted;

	memory.data = data;
	passphrase = golden_secret(golden_str(params, "keys.passphrase"));
	expected = golden_secret(golden_str(params, "keys.volume"));
	wrong = golden_secret("00");
	assert_int_equal(luks2_decode(data, memory.size, h, &wanted, NULL), 0);
	assert_int_equal(luks2_unlock(h, &reader, passphrase, -1, &key, NULL), 0);
	assert_same(key, expected);
	assert_int_equal(luks2_unlock(h, &reader, wrong, -1, &wrong, &diag), -EKEYREJECTED);
	assert_int_equal(luks2_unlock(h, &reader, passphrase, 1, &wrong, NULL), -ENOKEY);
	/* Every byte of the area counts. */
	data[h->keyslots[0].area_offset + 100000] ^= 1;
	assert_int_equal(luks2_unlock(h, &reader, passphrase, 0, &wrong, NULL), -EKEYREJECTED);
	(void)json_object_put(params);
}

static void test_golden(void **state)
{
	char **list = golden_list("luks2-");

	for (char **name = list; *name; name++)
		check_golden(*name);
	golden_free_list(list);
}

static struct luks2_keyslot make_slot(enum luks2_kdf_type type, const char *hash)
{
	struct luks2_keyslot slot = {
		.priority = 1,
		.key_size = 67,
		.stripes = LUKS2_STRIPES,
		.area_size = luks2_area_size(67),
		.area_cipher = "aes-xts-plain64",
		.area_key_size = 64,
		.kdf = { .type = type,
			.hash = "sha512",
			.iterations = 2,
			.memory_kib = 64,
			.parallelism = 2,
			.salt_size = 32 },
	};

	strcpy(slot.af_hash, hash);
	return slot;
}

static void check_seal(enum luks2_kdf_type type, const char *hash)
{
	_cleanup_free_ struct luks2 *h = calloc(1, sizeof(*h));
	_cleanup_(secret_freep) struct secret *passphrase = golden_secret("0011");
	_cleanup_(secret_freep) struct secret *key = NULL, *opened = NULL;
	struct memory memory = { .size = luks2_area_size(67) };
	struct luks2_reader reader = { memory_read, &memory };
	_cleanup_free_ uint8_t *area = calloc(1, memory.size), *stripes = malloc(67 * 3999);

	memory.data = area;
	assert_int_equal(secret_new_from("0123456789abcdef0123456789abcdef0123456789abcdef"
					 "0123456789abcdefxyz",
				 67, false, &key),
		0);
	for (size_t i = 0; i < 67 * 3999; i++)
		stripes[i] = (uint8_t)(i * 31 + i / 67);
	h->n_keyslots = h->n_digests = 1;
	h->keyslots[0] = make_slot(type, hash);
	h->digests[0] = (struct luks2_digest){ .hash = "sha256",
		.iterations = 1000,
		.salt_size = 32,
		.digest_size = 32,
		.keyslots = 1,
		.has_segment = true };
	assert_int_equal(luks2_make_digest(&h->digests[0], key, NULL), 0);
	assert_int_equal(
		luks2_seal_keyslot(&h->keyslots[0], passphrase, key, stripes, area, NULL), 0);
	for (size_t i = 0; i < 67 * 3999; i++)
		assert_int_equal(stripes[i], 0);
	assert_int_equal(luks2_unlock(h, &reader, passphrase, -1, &opened, NULL), 0);
	assert_same(opened, key);
	(void)!secret_free(take_ptr(opened));

	/* Without keyslots, the volume key itself is held against the digest. */
	h->n_keyslots = 0;
	assert_int_equal(luks2_unlock(h, &reader, passphrase, LUKS2_NO_KEYSLOT, &opened, NULL),
		-EKEYREJECTED);
	assert_int_equal(luks2_unlock(h, &reader, key, LUKS2_NO_KEYSLOT, &opened, NULL), 0);
	assert_same(opened, key);
	h->digests[0].has_segment = false;
	assert_int_equal(luks2_unlock(h, &reader, key, LUKS2_NO_KEYSLOT, &opened, NULL), -ENOKEY);
}

static void test_seal(void **state)
{
	check_seal(LUKS2_PBKDF2, "sha256");
	check_seal(LUKS2_PBKDF2, "sha512");
	if (!kdf_has_argon2())
		test_skip("there is no Argon2");
	check_seal(LUKS2_ARGON2I, "sha256");
	check_seal(LUKS2_ARGON2ID, "sha1");
}

static void test_no_such_hash(void **state)
{
	_cleanup_(secret_freep) struct secret *passphrase = golden_secret("0011");
	_cleanup_(diag_done) struct diag diag = {};
	struct luks2_kdf kdf = { .hash = "none", .iterations = 1 };
	uint8_t bytes[16];

	assert_int_equal(kdf_derive(&kdf, passphrase, bytes, 16, &diag), -EOPNOTSUPP);
	assert_non_null(strstr(diag.what, "none"));
}

/* Refused before it is tried: with overcommit, trying would succeed. */
static void test_too_much_memory(void **state)
{
	_cleanup_(secret_freep) struct secret *passphrase = golden_secret("0011");
	_cleanup_(diag_done) struct diag diag = {};
	struct luks2_kdf kdf = { .type = LUKS2_ARGON2ID,
		.iterations = 1,
		.memory_kib = UINT32_MAX,
		.parallelism = 1,
		.salt_size = 32 };
	uint8_t bytes[16];

	assert_int_equal(kdf_derive(&kdf, passphrase, bytes, 16, &diag), -ENOMEM);
	assert_non_null(strstr(diag.what, "4294967295 KiB"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_seal),
		cmocka_unit_test(test_no_such_hash),
		cmocka_unit_test(test_too_much_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
