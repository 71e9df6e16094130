/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What hangs on the root secret, against values of an independent computation; wrapping, the
 * recovery key and PINs there and back.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "hex.h"
#include "hkdf.h"
#include "seal-key.h"
#include "tpm.h"

static struct secret *make(const void *data, size_t size)
{
	struct secret *secret;

	assert_int_equal(secret_new_from(data, size, false, &secret), 0);
	return secret;
}

static struct secret *make_root(void)
{
	uint8_t bytes[TPM_ROOT_SIZE];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	return make(bytes, sizeof(bytes));
}

static void assert_hex(const struct secret *secret, const char *expected)
{
	char text[129];

	assert_true(secret_size(secret) <= 64);
	hex_encode(secret_peek(secret), secret_size(secret), text);
	assert_string_equal(text, expected);
}

/* RFC 5869, test case 3: no salt, no info. */
static void test_hkdf(void **state)
{
	_cleanup_(secret_freep) struct secret *okm = NULL;
	uint8_t ikm[22];

	memset(ikm, 0x0b, sizeof(ikm));

	_cleanup_(secret_freep) struct secret *key = make(ikm, sizeof(ikm));

	assert_int_equal(hkdf_derive(key, "", NULL, 42, &okm), 0);
	assert_hex(okm,
		"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa"
		"4b61a96c8");
}

static void test_derived(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(), *payload = NULL, *key = NULL,
					      *short_key = NULL;
	static const struct seal_slot slot = {};

	assert_int_equal(seal_key_payload(root, &slot, "data", &payload), 0);
	assert_int_equal(secret_size(payload), 33);
	assert_int_equal(secret_peek(payload)[0], 'D');
	assert_int_equal(seal_key_use(payload, 64, &key), 0);
	assert_hex(key,
		"a691dfb82e1eb2392178c8e342a1d3fd494669f5d79ae216aef60de7a482a769cdfa74173545d"
		"7173aa64534772bf64369da279a51dbe8b1a95e7740d70f3590");
	assert_int_equal(seal_key_use(payload, 0, &short_key), 0);
	assert_int_equal(secret_size(short_key), 32);
}

static void test_kept(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(), *other = make("x", 1),
					      *key = make("0123456789abcdef", 16), *payload = NULL,
					      *back = NULL;
	struct seal_slot slot = {};

	assert_int_equal(seal_key_keep(root, "data", key, &slot), 0);
	assert_int_equal(seal_key_payload(root, &slot, "data", &payload), 0);
	assert_int_equal(secret_peek(payload)[0], 'K');
	assert_int_equal(seal_key_use(payload, 99, &back), 0);
	assert_int_equal(secret_size(back), 16);
	assert_memory_equal(secret_peek(back), "0123456789abcdef", 16);

	payload = secret_free(payload);
	assert_int_equal(seal_key_payload(other, &slot, "data", &payload), -EKEYREJECTED);
	/* The label is authenticated, too. */
	memcpy(slot.records + 4, "atad", 4);
	assert_int_equal(seal_key_payload(root, &slot, "atad", &payload), -EKEYREJECTED);
	assert_null(payload);
}

static void expect_key(
	const struct secret *root, const struct seal_slot *slot, const struct secret *expected)
{
	_cleanup_(secret_freep) struct secret *payload = NULL, *key = NULL;

	assert_int_equal(seal_key_payload(root, slot, "data", &payload), 0);
	assert_int_equal(seal_key_use(payload, 64, &key), 0);
	assert_int_equal(secret_size(key), secret_size(expected));
	assert_memory_equal(secret_peek(key), secret_peek(expected), secret_size(key));
}

/* From the image's key, which nobody gets meanwhile, to a new one, and from that to another. */
static void test_rekey(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(),
					      *key = make("0123456789abcdef", 16);
	struct secret *before = key;
	struct seal_record record;
	struct seal_slot slot = {};

	assert_int_equal(seal_key_keep(root, "data", key, &slot), 0);
	for (int round = 0; round < 2; round++) {
		_cleanup_(secret_freep) struct secret *payload = NULL, *none = NULL,
						      *present = NULL;
		struct secret *next;

		assert_int_equal(seal_next_promote(root, "data", &slot), -ENOENT);
		assert_int_equal(seal_next_make(root, "data", 16, &slot), 0);
		assert_int_equal(seal_key_payload(root, &slot, "data", &payload), 0);
		assert_int_equal(seal_key_use(payload, 16, &none), -EBUSY);
		assert_int_equal(seal_key_present(root, &slot, "data", 16, &present), 0);
		assert_memory_equal(secret_peek(present), secret_peek(before), 16);
		assert_int_equal(seal_record_find_next(&slot, &record), 1);
		assert_int_equal(seal_next_open(root, &record, &next), 0);
		assert_memory_not_equal(secret_peek(next), secret_peek(before), 16);

		assert_int_equal(seal_next_promote(root, "data", &slot), 0);
		expect_key(root, &slot, next);
		assert_int_equal(seal_record_find(&slot, SEAL_RECORD_KEY, "data", &record), 0);
		assert_int_equal(seal_record_find_next(&slot, &record), 0);
		if (before != key)
			(void)!secret_free(before);
		before = next;
	}
	(void)!secret_free(before);
}

/* A key that comes from the root secret is followed by one in the slot. */
static void test_rekey_derived(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(), *present = NULL, *next = NULL;
	struct seal_record record;
	struct seal_slot slot = {};

	assert_int_equal(seal_next_make(root, "data", 64, &slot), 0);
	assert_int_equal(seal_key_present(root, &slot, "data", 64, &present), 0);
	assert_hex(present,
		"a691dfb82e1eb2392178c8e342a1d3fd494669f5d79ae216aef60de7a482a769cdfa74173545d"
		"7173aa64534772bf64369da279a51dbe8b1a95e7740d70f3590");
	assert_int_equal(seal_record_find_next(&slot, &record), 1);
	assert_int_equal(seal_next_open(root, &record, &next), 0);
	assert_int_equal(seal_next_promote(root, "data", &slot), 0);
	expect_key(root, &slot, next);
}

static void test_bad_payload(void **state)
{
	_cleanup_(secret_freep) struct secret *cut = make("D123", 4), *one = make("K", 1),
					      *odd = make("Zab", 3), *key = NULL;

	assert_int_equal(seal_key_use(cut, 32, &key), -EBADMSG);
	assert_int_equal(seal_key_use(one, 32, &key), -EBADMSG);
	assert_int_equal(seal_key_use(odd, 32, &key), -EBADMSG);
	assert_null(key);
}

static void test_mac(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root();
	uint8_t data[SEAL_SLOT_SIZE] = {};
	char text[2 * SEAL_MAC_SIZE + 1];

	assert_int_equal(seal_mac_put(root, data), 0);
	hex_encode(data + SEAL_MAC_OFFSET, SEAL_MAC_SIZE, text);
	assert_string_equal(
		text, "de0ae928cf2d552568b4782226695a0602b68cf4b43b393f20de4c5256644884");
	assert_int_equal(seal_mac_check(root, data), 0);
	for (size_t i = 0; i < sizeof(data); i += 31) {
		data[i] ^= 0x10;
		assert_int_equal(seal_mac_check(root, data), -EKEYREJECTED);
		data[i] ^= 0x10;
	}
}

static int parse(const char *text, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *secret = make(text, strlen(text));
	_cleanup_(diag_done) struct diag diag = {};
	int r = seal_recovery_parse(secret, ret, &diag);

	if (r < 0)
		assert_non_null(diag.what);
	return r;
}

static void test_recovery(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(), *recovery = NULL, *text = NULL,
					      *again = NULL, *back = NULL, *other = NULL;
	struct seal_slot slot = {};
	char copy[RECOVERY_TEXT_SIZE];

	assert_int_equal(seal_recovery_open(&slot, root, &back), -ENOENT);
	assert_int_equal(seal_recovery_make(root, &slot, &recovery), 0);
	assert_int_equal(seal_recovery_text(recovery, &text), 0);
	memcpy(copy, secret_peek(text), sizeof(copy));
	assert_int_equal(strlen(copy), RECOVERY_TEXT_SIZE - 1);
	assert_int_equal(parse(copy, &again), 0);
	assert_int_equal(seal_recovery_open(&slot, again, &back), 0);
	assert_memory_equal(secret_peek(back), secret_peek(root), TPM_ROOT_SIZE);

	copy[0] = copy[0] == '0' ? '1' : '0';
	assert_int_equal(parse(copy, &other), -EINVAL);
	assert_int_equal(parse("", &other), -EINVAL);
	assert_int_equal(parse("00", &other), -EINVAL);
	back = secret_free(back);
	assert_int_equal(seal_recovery_open(&slot, root, &back), -EKEYREJECTED);
}

/* As it is shown, and as somebody types it. */
static void test_recovery_text(void **state)
{
	_cleanup_(secret_freep) struct secret *root = make_root(), *text = NULL, *back = NULL;
	const char *expected = "00010203-04050607-08090a0b-0c0d0e0f-10111213-14151617-18191a1b-"
			       "1c1d1e1f-630dcd29";

	assert_int_equal(seal_recovery_text(root, &text), 0);
	assert_string_equal((const char *)secret_peek(text), expected);
	assert_int_equal(parse("0001020304050607 08090A0B0C0D0E0F 1011121314151617 "
			       "18191A1B1C1D1E1F-630dcd29\n",
				 &back),
		0);
	assert_memory_equal(secret_peek(back), secret_peek(root), TPM_ROOT_SIZE);
}

static void test_pin(void **state)
{
	_cleanup_(secret_freep) struct secret *pin = make("1234", 4), *wrong = make("1235", 4),
					      *auth = NULL, *again = NULL, *other = NULL;
	struct seal_pin params = { .kdf = SEAL_KDF_PBKDF2, .iterations = 1000, .salt = { 7 } };

	assert_int_equal(seal_pin_auth(&params, pin, &auth, NULL), 0);
	assert_int_equal(seal_pin_auth(&params, pin, &again, NULL), 0);
	assert_int_equal(seal_pin_auth(&params, wrong, &other, NULL), 0);
	assert_int_equal(secret_size(auth), TPM_AUTH_SIZE);
	assert_memory_equal(secret_peek(auth), secret_peek(again), TPM_AUTH_SIZE);
	assert_memory_not_equal(secret_peek(auth), secret_peek(other), TPM_AUTH_SIZE);
	assert_true(secret_peek(auth)[TPM_AUTH_SIZE - 1] & 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_rekey_derived),
		cmocka_unit_test(test_bad_payload),
		cmocka_unit_test(test_mac),
		cmocka_unit_test(test_recovery),
		cmocka_unit_test(test_recovery_text),
		cmocka_unit_test(test_pin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
