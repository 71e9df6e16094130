/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dm-integrity superblock: there and back, and every single bit that must not be set.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "integrity-sb.h"

static const struct integrity_sb good = {
	.version = 5,
	.log2_interleave_sectors = 15,
	.tag_size = 32,
	.journal_sections = 1,
	.provided_sectors = 3568,
	.flags = INTEGRITY_SB_FIX_PADDING | INTEGRITY_SB_FIX_HMAC,
	.log2_sectors_per_block = 3,
	.log2_blocks_per_bitmap_bit = 12,
	.recalc_sector = 77,
	.salt = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
};

static int decode(const uint8_t data[INTEGRITY_SB_SIZE])
{
	_cleanup_(diag_done) struct diag diag = {};
	struct integrity_sb sb;
	int r;

	memset(&sb, 0x5a, sizeof(sb));
	r = integrity_sb_decode(data, &sb, &diag);
	if (r < 0) {
		assert_non_null(diag.what);
		/* Untouched on failure. */
		for (size_t i = 0; i < sizeof(sb); i++)
			assert_int_equal(((uint8_t *)&sb)[i], 0x5a);
	}
	return r;
}

static int decode_struct(const struct integrity_sb *sb)
{
	uint8_t data[INTEGRITY_SB_SIZE];

	integrity_sb_encode(sb, data);
	return decode(data);
}

/* The error of the good superblock with one field changed. */
#define DECODE_WITH(field, value)                                                                  \
	({                                                                                         \
		struct integrity_sb _sb = good;                                                    \
		_sb.field = (value);                                                               \
		decode_struct(&_sb);                                                               \
	})

static void test_round_trip(void **state)
{
	uint8_t data[INTEGRITY_SB_SIZE], again[INTEGRITY_SB_SIZE];
	struct integrity_sb sb;

	integrity_sb_encode(&good, data);
	assert_int_equal(integrity_sb_decode(data, &sb, NULL), 0);
	integrity_sb_encode(&sb, again);
	assert_memory_equal(data, again, sizeof(data));
	assert_int_equal(sb.version, 5);
	assert_int_equal(sb.tag_size, 32);
	assert_int_equal(sb.provided_sectors, 3568);
	assert_int_equal(sb.recalc_sector, 77);
	assert_memory_equal(sb.salt, good.salt, sizeof(sb.salt));
}

static void test_magic(void **state)
{
	uint8_t data[INTEGRITY_SB_SIZE] = {};

	assert_int_equal(decode(data), -ENODATA);
	data[4095] = 1;
	assert_int_equal(decode(data), -EBADMSG);
	integrity_sb_encode(&good, data);
	data[7] = 'y';
	assert_int_equal(decode(data), -EBADMSG);
}

static void test_ranges(void **state)
{
	assert_int_equal(DECODE_WITH(version, 0), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(version, 1), -EINVAL);
	assert_int_equal(DECODE_WITH(version, 6), -EINVAL);
	assert_int_equal(DECODE_WITH(version, 7), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(flags, 0x40), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(flags, 0x80000000), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(version, 4), -EINVAL);
	assert_int_equal(DECODE_WITH(log2_interleave_sectors, 0), 0);
	assert_int_equal(DECODE_WITH(log2_interleave_sectors, 2), -EINVAL);
	assert_int_equal(DECODE_WITH(log2_interleave_sectors, 3), 0);
	assert_int_equal(DECODE_WITH(log2_interleave_sectors, 32), -EINVAL);
	assert_int_equal(DECODE_WITH(tag_size, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(tag_size, 255), 0);
	assert_int_equal(DECODE_WITH(tag_size, 256), -EINVAL);
	assert_int_equal(DECODE_WITH(journal_sections, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(flags, INTEGRITY_SB_INLINE), -EINVAL);
	assert_int_equal(DECODE_WITH(provided_sectors, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(log2_sectors_per_block, 4), -EINVAL);
	assert_int_equal(DECODE_WITH(log2_blocks_per_bitmap_bit, 60), 0);
	assert_int_equal(DECODE_WITH(log2_blocks_per_bitmap_bit, 61), -EINVAL);
}

/* Without the fixes the version tells of a bitmap, a metadata device or a recalculation. */
static void test_older_versions(void **state)
{
	struct integrity_sb sb = good;

	sb.flags = 0;
	for (sb.version = 1; sb.version <= 6; sb.version++) {
		sb.log2_interleave_sectors = 15;
		assert_int_equal(
			decode_struct(&sb), sb.version == 1 || sb.version == 3 ? 0 : -EINVAL);
		sb.log2_interleave_sectors = 0;
		assert_int_equal(
			decode_struct(&sb), sb.version == 2 || sb.version == 3 ? 0 : -EINVAL);
	}
}

static void test_inline(void **state)
{
	struct integrity_sb sb = good;
	uint8_t data[INTEGRITY_SB_SIZE];

	sb.flags = INTEGRITY_SB_INLINE;
	sb.journal_sections = 0;
	sb.version = 6;
	integrity_sb_encode(&sb, data);
	assert_int_equal(decode(data), 0);
}

/* Set any bit that no field covers: it is refused, but for the place of a MAC. */
static void check_spare(const struct integrity_sb *sb, size_t mac_begin)
{
	uint8_t data[INTEGRITY_SB_SIZE];

	integrity_sb_encode(sb, data);
	for (size_t i = 0; i < sizeof(data); i++) {
		bool field = i < 64 && i != 30 && i != 31 && (i < 40 || i >= 48);

		if (field)
			continue;
		data[i] ^= 0x10;
		assert_int_equal(decode(data), i >= mac_begin && i < 512 ? 0 : -EINVAL);
		data[i] ^= 0x10;
	}
}

static void test_spare_bytes(void **state)
{
	struct integrity_sb sb = good;

	check_spare(&sb, 512);
	sb.flags |= INTEGRITY_SB_HAVE_JOURNAL_MAC;
	check_spare(&sb, 448);
	sb.flags &= ~(uint32_t)INTEGRITY_SB_FIX_HMAC;
	sb.version = 4;
	check_spare(&sb, 512);
}

static void test_versions(void **state)
{
	assert_int_equal(integrity_sb_version(0, false, false), 1);
	assert_int_equal(integrity_sb_version(INTEGRITY_SB_HAVE_JOURNAL_MAC, false, false), 1);
	assert_int_equal(integrity_sb_version(0, true, false), 2);
	assert_int_equal(integrity_sb_version(INTEGRITY_SB_RECALCULATING, false, false), 2);
	assert_int_equal(integrity_sb_version(0, true, true), 3);
	assert_int_equal(integrity_sb_version(INTEGRITY_SB_DIRTY_BITMAP, true, false), 3);
	assert_int_equal(integrity_sb_version(INTEGRITY_SB_FIX_PADDING, false, true), 4);
	assert_int_equal(integrity_sb_version(
				 INTEGRITY_SB_FIX_PADDING | INTEGRITY_SB_FIX_HMAC, false, false),
		5);
	assert_int_equal(integrity_sb_version(INTEGRITY_SB_FIX_HMAC, true, false), 5);
	assert_int_equal(
		integrity_sb_version(INTEGRITY_SB_INLINE | INTEGRITY_SB_FIX_HMAC, false, false), 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_magic),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_older_versions),
		cmocka_unit_test(test_inline),
		cmocka_unit_test(test_spare_bytes),
		cmocka_unit_test(test_versions),
	};

	return cmocka_run_group_tests_name("integrity-sb", tests, NULL, NULL);
}
