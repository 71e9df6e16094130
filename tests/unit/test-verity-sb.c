/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The dm-verity superblock: there and back, and every single bit that must not be set.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "verity-sb.h"

static const struct verity_sb good = {
	.hash_type = 1,
	.data_block_size = 4096,
	.hash_block_size = 4096,
	.data_blocks = 129,
	.uuid = { 0x11, 0x11 },
	.algorithm = "sha256",
	.salt_size = 3,
	.salt = { 0xaa, 0xbb, 0xcc },
};

static int decode(const uint8_t data[VERITY_SB_SIZE])
{
	_cleanup_(diag_done) struct diag diag = {};
	struct verity_sb sb;
	int r;

	memset(&sb, 0x5a, sizeof(sb));
	r = verity_sb_decode(data, &sb, &diag);
	if (r < 0) {
		assert_non_null(diag.what);
		for (size_t i = 0; i < sizeof(sb); i++)
			assert_int_equal(((uint8_t *)&sb)[i], 0x5a);
	}
	return r;
}

static int decode_struct(const struct verity_sb *sb)
{
	uint8_t data[VERITY_SB_SIZE];

	verity_sb_encode(sb, data);
	return decode(data);
}

/* The error of the good superblock with one field changed. */
#define DECODE_WITH(field, value)                                                                  \
	({                                                                                         \
		struct verity_sb _sb = good;                                                       \
		_sb.field = (value);                                                               \
		decode_struct(&_sb);                                                               \
	})

static void test_round_trip(void **state)
{
	uint8_t data[VERITY_SB_SIZE];
	struct verity_sb sb;

	verity_sb_encode(&good, data);
	assert_int_equal(verity_sb_decode(data, &sb, NULL), 0);
	assert_memory_equal(&sb, &good, sizeof(sb));
}

static void test_ranges(void **state)
{
	assert_int_equal(DECODE_WITH(hash_type, 0), 0);
	assert_int_equal(DECODE_WITH(hash_type, 2), -EPROTONOSUPPORT);
	assert_int_equal(DECODE_WITH(data_block_size, 256), -EINVAL);
	assert_int_equal(DECODE_WITH(data_block_size, 512), 0);
	assert_int_equal(DECODE_WITH(data_block_size, 3000), -EINVAL);
	assert_int_equal(DECODE_WITH(data_block_size, 1 << 19), 0);
	assert_int_equal(DECODE_WITH(data_block_size, 1 << 20), -EINVAL);
	assert_int_equal(DECODE_WITH(hash_block_size, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(data_blocks, 0), -EINVAL);
	assert_int_equal(DECODE_WITH(data_blocks, UINT64_MAX / 4096), 0);
	assert_int_equal(DECODE_WITH(data_blocks, UINT64_MAX / 4096 + 1), -EINVAL);
	assert_int_equal(DECODE_WITH(salt_size, 256), 0);
	assert_int_equal(DECODE_WITH(algorithm[0], 'S'), -EINVAL);
	assert_int_equal(DECODE_WITH(algorithm[0], '\0'), -EINVAL);
	assert_int_equal(DECODE_WITH(algorithm[2], ' '), -EINVAL);
}

static void test_raw_fields(void **state)
{
	uint8_t data[VERITY_SB_SIZE] = {};

	assert_int_equal(decode(data), -EBADMSG);
	verity_sb_encode(&good, data);
	data[6] = 1;
	assert_int_equal(decode(data), -EBADMSG);
	data[6] = 0;
	data[8] = 2;
	assert_int_equal(decode(data), -EPROTONOSUPPORT);
	data[8] = 1;
	data[80] = 0x01;
	data[81] = 0x01;
	assert_int_equal(decode(data), -EINVAL);
	data[80] = 3;
	data[81] = 0;
	assert_int_equal(decode(data), 0);
	/* A name without an end. */
	memset(data + 32, 'a', 32);
	assert_int_equal(decode(data), -EINVAL);
}

/* Behind the algorithm's NUL, in the padding, behind the salt: nothing may be set. */
static void test_spare_bytes(void **state)
{
	uint8_t data[VERITY_SB_SIZE];

	verity_sb_encode(&good, data);
	for (size_t i = 0; i < sizeof(data); i++) {
		bool spare = (i > 32 + 6 && i < 64) || (i >= 82 && i < 88) || i >= 88 + 3;

		if (!spare)
			continue;
		data[i] = 0x80;
		assert_int_equal(decode(data), -EINVAL);
		data[i] = 0;
	}
	assert_int_equal(decode(data), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_raw_fields),
		cmocka_unit_test(test_spare_bytes),
	};

	return cmocka_run_group_tests_name("verity-sb", tests, NULL, NULL);
}
