/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Re-encryption in place with its journal: the header there and back; and after a stop at every
 * piece, with the device or the journal torn as a power cut does it, it goes on to the same end.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "fd.h"
#include "rekey-rig.h"

static struct rekey_entry good_entry(void)
{
	return (struct rekey_entry){
		.id = { 1, 2 },
		.layer = { 3, 4 },
		.sequence = 7,
		.size = 10 << 20,
		.position = 6 << 20,
		.length = 1 << 20,
		.capacity = 1 << 20,
		.checksum = 0x1122334455667788,
	};
}

static int decode(const struct rekey_entry *entry)
{
	uint8_t data[REKEY_HEADER_SIZE];
	struct rekey_entry back;

	rekey_entry_encode(entry, data);
	return rekey_entry_decode(data, &back, NULL);
}

#define DECODE_WITH(field, value)                                                                  \
	({                                                                                         \
		struct rekey_entry _entry = good_entry();                                          \
		_entry.field = (value);                                                            \
		decode(&_entry);                                                                   \
	})

static void test_header(void **state)
{
	struct rekey_entry entry = good_entry(), back;
	uint8_t data[REKEY_HEADER_SIZE];

	rekey_entry_encode(&entry, data);
	assert_int_equal(rekey_entry_decode(data, &back, NULL), 0);
	assert_memory_equal(&entry, &back, sizeof(entry));
	data[130] = 1;
	assert_int_equal(rekey_entry_decode(data, &back, NULL), -EINVAL);
	data[9] = 2;
	assert_int_equal(rekey_entry_decode(data, &back, NULL), -EPROTONOSUPPORT);
	data[0] = 'X';
	assert_int_equal(rekey_entry_decode(data, &back, NULL), -EBADMSG);
	memset(data, 0, sizeof(data));
	assert_int_equal(rekey_entry_decode(data, &back, NULL), -ENODATA);

	assert_int_equal(DECODE_WITH(capacity, REKEY_CAPACITY_MIN - 4096), -EINVAL);
	assert_int_equal(DECODE_WITH(capacity, REKEY_CAPACITY_MAX + 4096), -EINVAL);
	assert_int_equal(DECODE_WITH(capacity, (1 << 20) + 512), -EINVAL);
	assert_int_equal(DECODE_WITH(length, (1 << 20) + 512), -EINVAL);
	assert_int_equal(DECODE_WITH(position, 10 << 20), -EINVAL);
	assert_int_equal(DECODE_WITH(position, UINT64_MAX - 511), -EINVAL);
	assert_int_equal(DECODE_WITH(size, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(size, UINT64_MAX), -EINVAL);
	assert_int_equal(DECODE_WITH(length, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(sequence, 0), -EINVAL);
}

static void test_capacity(void **state)
{
	uint32_t capacity;

	assert_int_equal(rekey_capacity(REKEY_DEVICE_SIZE_MIN - 1, &capacity, NULL), -ENOSPC);
	assert_int_equal(rekey_capacity(REKEY_DEVICE_SIZE_MIN, &capacity, NULL), 0);
	assert_in_range(capacity, REKEY_CAPACITY_MIN, 1 << 19);
	assert_true(rekey_data_offset(1, capacity) + capacity <= REKEY_DEVICE_SIZE_MIN);
	assert_int_equal(rekey_capacity(REKEY_DEVICE_SIZE_BEST, &capacity, NULL), 0);
	assert_int_equal(capacity, REKEY_CAPACITY_MAX);
	assert_int_equal(rekey_capacity(UINT64_MAX, &capacity, NULL), 0);
	assert_int_equal(capacity, REKEY_CAPACITY_MAX);
}

static void test_whole(void **state)
{
	_cleanup_(rekey_rig_done) struct rekey_rig rig;

	rekey_rig_make(&rig, &rekey_type_crypt);
	assert_int_equal(rekey_rig_convert(&rig, true), 0);
	rekey_rig_expect_end(&rig);
	/* At the end it only writes the last piece again. */
	assert_int_equal(rekey_rig_convert(&rig, false), 0);
	rekey_rig_expect_end(&rig);
}

/* Bytes of that place of the newest or the other entry, which a cut may have left as anything. */
static void tear(const struct rekey_rig *rig, int fd, uint64_t offset, size_t size)
{
	_cleanup_free_ uint8_t *noise = malloc(size);

	assert_non_null(noise);
	memset(noise, 0xa5, size);
	assert_int_equal(fd_pwrite_full(fd, noise, size, offset), 0);
}

/* Cut while a piece was written to the device: the journal has it. */
static void test_torn_device(void **state)
{
	uint32_t piece = rekey_rig_piece();

	for (uint64_t n = 1; n <= 4; n++) {
		_cleanup_(rekey_rig_done) struct rekey_rig rig;

		rekey_rig_make(&rig, &rekey_type_crypt);
		rig.stop_at = n * piece;
		assert_int_equal(rekey_rig_convert(&rig, true), -ECANCELED);
		tear(&rig, rig.fd, DATA_OFFSET + (n - 1) * piece, piece);
		rig.stop_at = UINT64_MAX;
		assert_int_equal(rekey_rig_convert(&rig, false), 0);
		rekey_rig_expect_end(&rig);
	}
}

/* Cut while the next entry was written to the journal: the one before it counts. */
static void test_torn_journal(void **state)
{
	uint32_t piece = rekey_rig_piece();

	for (uint64_t n = 0; n <= 4; n++)
		for (unsigned what = 0; what < 3; what++) {
			_cleanup_(rekey_rig_done) struct rekey_rig rig;

			rekey_rig_make(&rig, &rekey_type_crypt);
			rig.stop_at = n * piece;
			assert_int_equal(rekey_rig_convert(&rig, true), -ECANCELED);
			if (what != 0)
				tear(&rig, rig.store.fd, rekey_header_offset(n + 1),
					what == 1 ? 512 : REKEY_HEADER_SIZE);
			if (what != 1)
				tear(&rig, rig.store.fd, rekey_data_offset(n + 1, piece), 4096);
			rig.stop_at = UINT64_MAX;
			assert_int_equal(rekey_rig_convert(&rig, false), 0);
			rekey_rig_expect_end(&rig);
		}
}

/* Again and again at every piece, so that each run does one. */
static void test_many_stops(void **state)
{
	_cleanup_(rekey_rig_done) struct rekey_rig rig;
	unsigned runs = 1;

	rekey_rig_make(&rig, &rekey_type_crypt);
	rig.stop_at = 0;
	assert_int_equal(rekey_rig_convert(&rig, true), -ECANCELED);
	for (rig.stop_at = rekey_rig_piece(); rekey_rig_convert(&rig, false) != 0;
		rig.stop_at += rekey_rig_piece())
		runs++;
	assert_int_equal(runs, 5);
	rekey_rig_expect_end(&rig);
}

static void test_refusals(void **state)
{
	_cleanup_(rekey_rig_done) struct rekey_rig rig;
	uint8_t byte;

	rekey_rig_make(&rig, &rekey_type_crypt);
	/* No journal; one of another secret, another re-keying, another layer, another size. */
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	rig.stop_at = rekey_rig_piece();
	assert_int_equal(rekey_rig_convert(&rig, true), -ECANCELED);
	secret_bytes(rig.root)[0] ^= 1;
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	secret_bytes(rig.root)[0] ^= 1;
	rig.identity.id[3] ^= 1;
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	rig.identity.id[3] ^= 1;
	rig.identity.layer[3] ^= 1;
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	rig.identity.layer[3] ^= 1;
	rig.identity.size -= 4096;
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	rig.identity.size += 4096;

	/* An entry in the other's place, which only somebody who copies puts there. */
	uint8_t header[REKEY_HEADER_SIZE];

	assert_int_equal(
		fd_pread_full(rig.store.fd, header, sizeof(header), rekey_header_offset(1)), 0);
	assert_int_equal(
		fd_pwrite_full(rig.store.fd, header, sizeof(header), rekey_header_offset(0)), 0);
	/* A bit of the header that is authentic. */
	byte = header[67] ^ 1;
	assert_int_equal(fd_pwrite_full(rig.store.fd, &byte, 1, rekey_header_offset(1) + 67), 0);
	assert_int_equal(rekey_rig_convert(&rig, false), -EUCLEAN);
	assert_int_equal(
		fd_pwrite_full(rig.store.fd, header, sizeof(header), rekey_header_offset(1)), 0);
	rig.stop_at = UINT64_MAX;
	assert_int_equal(rekey_rig_convert(&rig, false), 0);
	rekey_rig_expect_end(&rig);
}

static void test_wipe(void **state)
{
	_cleanup_(rekey_rig_done) struct rekey_rig rig;
	_cleanup_(seal_journal_done) struct seal_journal journal = {};
	_cleanup_free_ uint8_t *data = malloc(SEAL_SIZE);

	rekey_rig_make(&rig, &rekey_type_crypt);
	tear(&rig, rig.store.fd, 0, REKEY_JOURNAL_OFFSET);
	assert_int_equal(rekey_rig_convert(&rig, true), 0);
	assert_int_equal(
		seal_journal_init(&rig.store, rig.root, &rig.identity, 4096, &journal, NULL), 0);
	assert_int_equal(seal_journal_wipe(&journal, NULL), 0);
	assert_int_equal(fd_pread_full(rig.store.fd, data, SEAL_SIZE, 0), 0);
	assert_true(bytes_are_zero(data + REKEY_JOURNAL_OFFSET, SEAL_SIZE - REKEY_JOURNAL_OFFSET));
	for (size_t i = 0; i < REKEY_JOURNAL_OFFSET; i++)
		assert_int_equal(data[i], 0xa5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header),
		cmocka_unit_test(test_capacity),
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_torn_device),
		cmocka_unit_test(test_torn_journal),
		cmocka_unit_test(test_many_stops),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wipe),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
