/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The slot of the seal: there and back, a wrong bit anywhere, and each field out of its range.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "seal-slot.h"
#include "sha256.h"

static struct seal_slot good(void)
{
	struct seal_slot slot = {
		.flags = SEAL_SLOT_PIN | SEAL_SLOT_SIGNED | SEAL_SLOT_LITERAL,
		.uuid = { 1, 2, 3 },
		.epoch = 7,
		.counter = 42,
		.bank = TPM_BANK_SHA256,
		.signed_mask = 0xb800,
		.literal_mask = 0x80,
		.nv_index = 0x01800d00,
		.nv_attributes = 0x82044014,
		.latch_index = 0x01800d01,
		.pin = { .kdf = SEAL_KDF_PBKDF2, .iterations = 1000, .salt = { 9 } },
		.public_size = 80,
		.private_size = 158,
	};

	memset(slot.literal_values, 0x11, sizeof(slot.literal_values));
	memset(slot.key_name, 0x22, sizeof(slot.key_name));
	memset(slot.srk_name, 0x33, sizeof(slot.srk_name));
	memset(slot.public, 0x44, slot.public_size);
	memset(slot.private, 0x55, slot.private_size);
	return slot;
}

static _noinline_ void make_good(struct seal_slot *ret)
{
	*ret = good();
}

static int decode(const uint8_t data[SEAL_SLOT_SIZE])
{
	_cleanup_(diag_done) struct diag diag = {};
	struct seal_slot slot;
	int r;

	memset(&slot, 0x5a, sizeof(slot));
	r = seal_slot_decode(data, &slot, &diag);
	if (r < 0) {
		assert_non_null(diag.what);
		/* Untouched on failure. */
		for (size_t i = 0; i < sizeof(slot); i++)
			assert_int_equal(((uint8_t *)&slot)[i], 0x5a);
	}
	return r;
}

/* What comes of the good slot with one field changed. */
#define DECODE_WITH(field, value)                                                                  \
	({                                                                                         \
		static struct seal_slot _slot;                                                     \
		static uint8_t _data[SEAL_SLOT_SIZE];                                              \
		make_good(&_slot);                                                                 \
		_slot.field = (value);                                                             \
		seal_slot_encode(&_slot, _data);                                                   \
		decode(_data);                                                                     \
	})

static void test_round_trip(void **state)
{
	struct seal_slot slot = good(), back;
	static uint8_t data[SEAL_SLOT_SIZE], again[SEAL_SLOT_SIZE];

	seal_slot_encode(&slot, data);
	assert_int_equal(seal_slot_decode(data, &back, NULL), 0);
	assert_memory_equal(&slot, &back, sizeof(slot));
	seal_slot_encode(&back, again);
	assert_memory_equal(data, again, sizeof(data));

	/* The HMAC is not part of it. */
	memset(data + SEAL_MAC_OFFSET, 0xff, SEAL_MAC_SIZE);
	assert_int_equal(decode(data), 0);
}

static void test_every_bit(void **state)
{
	struct seal_slot slot = good();
	uint8_t data[SEAL_SLOT_SIZE];

	seal_slot_encode(&slot, data);
	for (size_t bit = 0; bit < SEAL_MAC_OFFSET * 8; bit += 7) {
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
		assert_int_equal(decode(data), -EBADMSG);
		data[bit / 8] ^= (uint8_t)(1U << bit % 8);
	}
	memset(data, 0, sizeof(data));
	assert_int_equal(decode(data), -ENODATA);
}

static void test_fields(void **state)
{
	assert_int_equal(DECODE_WITH(epoch, 8), 0);
	assert_int_equal(DECODE_WITH(bank, TPM_BANK_SHA384), 0);
	assert_int_equal(DECODE_WITH(bank, 4), -EINVAL);
	assert_int_equal(DECODE_WITH(flags, 0x27), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(flags, SEAL_SLOT_PIN | SEAL_SLOT_SIGNED), -EINVAL);
	assert_int_equal(DECODE_WITH(flags, SEAL_SLOT_SIGNED | SEAL_SLOT_LITERAL), -EINVAL);
	assert_int_equal(DECODE_WITH(flags, SEAL_SLOT_PIN | SEAL_SLOT_LITERAL), -EINVAL);
	assert_int_equal(DECODE_WITH(signed_mask, 1U << 24), -EINVAL);
	assert_int_equal(DECODE_WITH(signed_mask, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(literal_mask, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(nv_index, 0x81000001), -EINVAL);
	assert_int_equal(DECODE_WITH(latch_index, 0x01800d00), -EINVAL);
	assert_int_equal(DECODE_WITH(public_size, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(private_size, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.kdf, SEAL_KDF_NONE), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.kdf, _SEAL_KDF_MAX), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.iterations, 999), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.iterations, 100000001), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.memory_kib, 8), -EINVAL);
	assert_int_equal(DECODE_WITH(pin.parallelism, 1), -EINVAL);
	/* Argon2 with 1000 passes, but without memory. */
	assert_int_equal(DECODE_WITH(pin.kdf, SEAL_KDF_ARGON2ID), -EINVAL);
}

/* Sizes that are larger than their arrays, which only a hand-made slot has. */
static void test_sizes(void **state)
{
	static const size_t places[] = { 12, 14, 172 };
	uint8_t data[SEAL_SLOT_SIZE];
	struct sha256 s;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct seal_slot slot = good();

		seal_slot_encode(&slot, data);
		data[places[i]] = 0xff;
		sha256_init(&s);
		sha256_add(&s, data, SEAL_MAC_OFFSET - SHA256_SIZE);
		sha256_finish(&s, data + SEAL_MAC_OFFSET - SHA256_SIZE);
		assert_int_equal(decode(data), -EINVAL);
	}
}

static int add(struct seal_slot *slot, uint8_t kind, const char *label, uint16_t size)
{
	static const uint8_t bytes[SEAL_KEY_MAX] = { 1 };
	struct seal_record record = { .kind = kind, .ciphertext = bytes, .size = size };

	(void)snprintf(record.label, sizeof(record.label), "%s", label);
	return seal_record_add(slot, &record);
}

static void test_records(void **state)
{
	struct seal_slot slot = good(), back;
	uint8_t data[SEAL_SLOT_SIZE];
	struct seal_record record;
	size_t offset = 0;

	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "root", 64), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_RECOVERY, "", 32), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "data", 512), 0);
	seal_slot_encode(&slot, data);
	assert_int_equal(seal_slot_decode(data, &back, NULL), 0);

	assert_int_equal(seal_record_find(&back, SEAL_RECORD_KEY, "data", &record), 1);
	assert_int_equal(record.size, 512);
	assert_int_equal(record.ciphertext[0], 1);
	assert_int_equal(seal_record_find(&back, SEAL_RECORD_RECOVERY, "", &record), 1);
	assert_int_equal(record.size, 32);
	assert_int_equal(seal_record_find(&back, SEAL_RECORD_KEY, "dat", &record), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(seal_record_next(&back, &offset, &record), 1);
	assert_int_equal(seal_record_next(&back, &offset, &record), 0);
}

/* The record goes, those around it stay; what is behind them is zero again. */
static void test_remove(void **state)
{
	static const char *const labels[] = { "root", "data", "last" };

	for (size_t i = 0; i < ARRAY_SIZE(labels); i++) {
		struct seal_slot slot = good(), back;
		uint8_t data[SEAL_SLOT_SIZE];
		struct seal_record record;

		for (size_t j = 0; j < ARRAY_SIZE(labels); j++)
			assert_int_equal(add(&slot, SEAL_RECORD_KEY, labels[j], 32), 0);
		seal_record_remove(&slot, SEAL_RECORD_OWN, labels[i]);
		seal_record_remove(&slot, SEAL_RECORD_KEY, "roo");
		assert_int_equal(slot.records_size, 3 * (4 + 4 + 12 + 16 + 32));
		seal_record_remove(&slot, SEAL_RECORD_KEY, labels[i]);
		seal_slot_encode(&slot, data);
		assert_int_equal(seal_slot_decode(data, &back, NULL), 0);
		assert_int_equal(back.records_size, 2 * (4 + 4 + 12 + 16 + 32));
		for (size_t j = 0; j < ARRAY_SIZE(labels); j++)
			assert_int_equal(
				seal_record_find(&back, SEAL_RECORD_KEY, labels[j], &record),
				j != i);
	}
}

/* One re-keying at a time. */
static void test_next(void **state)
{
	struct seal_slot slot = good();
	uint8_t data[SEAL_SLOT_SIZE];
	struct seal_record record;

	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "root", 64), 0);
	assert_int_equal(seal_record_find_next(&slot, &record), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_NEXT, "root", 64), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_OWN, "data", 64), 0);
	assert_int_equal(seal_record_find_next(&slot, &record), 1);
	assert_string_equal(record.label, "root");
	seal_slot_encode(&slot, data);
	assert_int_equal(decode(data), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_NEXT, "data", 64), 0);
	seal_slot_encode(&slot, data);
	assert_int_equal(decode(data), -EINVAL);
}

/* The digest was computed by sha256sum. */
static void test_latch(void **state)
{
	static const uint8_t wanted[TPM_DIGEST_SIZE] = { 0x62, 0x7c, 0x48, 0xbb, 0xd3, 0xe4, 0xb7,
		0x06, 0x07, 0x33, 0x51, 0x67, 0x7b, 0xa0, 0xba, 0x46, 0xdc, 0x77, 0x80, 0xb7, 0x70,
		0xb3, 0x23, 0x5f, 0x32, 0x1a, 0xc7, 0xd3, 0x96, 0x82, 0x1e, 0xd3 };
	struct seal_slot slot = good();
	uint8_t content[TPM_DIGEST_SIZE];

	for (unsigned i = 0; i < sizeof(slot.uuid); i++)
		slot.uuid[i] = (uint8_t)(0x10 + i);
	seal_slot_latch(&slot, content);
	assert_memory_equal(content, wanted, sizeof(wanted));
	slot.epoch++;
	slot.counter++;
	seal_slot_latch(&slot, content);
	assert_memory_equal(content, wanted, sizeof(wanted));
	slot.uuid[15] ^= 1;
	seal_slot_latch(&slot, content);
	assert_memory_not_equal(content, wanted, sizeof(wanted));
}

static void test_bad_records(void **state)
{
	struct seal_slot slot = good();
	uint8_t data[SEAL_SLOT_SIZE];
	int r = 0;

	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "", 32), -EINVAL);
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "a/b", 32), -EINVAL);
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, ".", 32), -EINVAL);
	assert_int_equal(add(&slot, SEAL_RECORD_RECOVERY, "x", 32), -EINVAL);
	assert_int_equal(add(&slot, 0, "x", 32), -EINVAL);
	assert_int_equal(add(&slot, 5, "x", 32), -EINVAL);
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "x", 0), -EINVAL);
	assert_int_equal(slot.records_size, 0);
	for (int i = 0; i < 6 && r == 0; i++) {
		char label[3] = { 'k', (char)('0' + i), 0 };

		r = add(&slot, SEAL_RECORD_KEY, label, SEAL_KEY_MAX);
	}
	assert_int_equal(r, -ENOSPC);
	seal_slot_encode(&slot, data);
	assert_int_equal(decode(data), 0);

	/* Two of one name, and a last one that is cut. */
	slot = good();
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "a", 32), 0);
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "a", 32), 0);
	seal_slot_encode(&slot, data);
	assert_int_equal(decode(data), -EINVAL);
	slot = good();
	assert_int_equal(add(&slot, SEAL_RECORD_KEY, "a", 32), 0);
	slot.records_size--;
	seal_slot_encode(&slot, data);
	assert_int_equal(decode(data), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_latch),
		cmocka_unit_test(test_bad_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
