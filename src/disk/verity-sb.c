/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The superblock of a dm-verity hash device, as veritysetup writes it:
 *
 *	  0  magic "verity" NUL NUL        68  hash block size (le32)
 *	  8  version 1 (le32)              72  data blocks (le64)
 *	 12  hash type (le32)              80  salt size (le16)
 *	 16  UUID (16)                     82  zero (6)
 *	 32  algorithm, NUL padded (32)    88  salt (256)
 *	 64  data block size (le32)       344  zero (168)
 */

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "verity-sb.h"

#define MAGIC	  "verity\0" /* and the literal's own NUL: 8 bytes */
#define VERSION	  1
#define ALG_FIELD 32
#define SALT	  88
#define SALT_END  (SALT + VERITY_SALT_SIZE_MAX)

static bool block_size_valid(uint32_t size)
{
	return is_pow2(size) && size >= VERITY_BLOCK_SIZE_MIN && size <= VERITY_BLOCK_SIZE_MAX;
}

/* Lower-case letters, digits and what joins them; NUL padded with at least one NUL. */
static bool algorithm_valid(const uint8_t *field)
{
	size_t size = strnlen((const char *)field, ALG_FIELD);

	if (size == 0 || size == ALG_FIELD || !bytes_are_zero(field + size, ALG_FIELD - size))
		return false;
	for (size_t i = 0; i < size; i++) {
		uint8_t c = field[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && !strchr("-_()/", c))
			return false;
	}
	return true;
}

static int check_fields(const struct verity_sb *sb, struct diag *diag)
{
	if (!block_size_valid(sb->data_block_size))
		return diag_set(diag, -EINVAL,
			"verity superblock: data block size %u is out of range",
			sb->data_block_size);
	if (!block_size_valid(sb->hash_block_size))
		return diag_set(diag, -EINVAL,
			"verity superblock: hash block size %u is out of range",
			sb->hash_block_size);
	if (sb->data_blocks == 0)
		return diag_set(diag, -EINVAL, "verity superblock: there are no data blocks");
	if (sb->data_blocks > UINT64_MAX / sb->data_block_size)
		return diag_set(diag, -EINVAL, "verity superblock: there are too many data blocks");
	if (sb->salt_size > VERITY_SALT_SIZE_MAX)
		return diag_set(diag, -EINVAL, "verity superblock: salt size %u is out of range",
			sb->salt_size);
	return 0;
}

static int check_spare(const struct verity_sb *sb, const uint8_t *data, struct diag *diag)
{
	if (!algorithm_valid(data + 32))
		return diag_set(diag, -EINVAL, "verity superblock: the algorithm is not a name");
	if (!bytes_are_zero(data + 82, SALT - 82) ||
		!bytes_are_zero(data + SALT + sb->salt_size, VERITY_SB_SIZE - SALT - sb->salt_size))
		return diag_set(diag, -EINVAL, "verity superblock: reserved bytes are set");
	return 0;
}

int verity_sb_decode(const uint8_t data[VERITY_SB_SIZE], struct verity_sb *ret, struct diag *diag)
{
	if (memcmp(data, MAGIC, sizeof(MAGIC)) != 0)
		return diag_set(diag, -EBADMSG, "there is no verity superblock");

	uint32_t version = get_le32(data + 8);
	struct verity_sb sb = {
		.hash_type = get_le32(data + 12),
		.data_block_size = get_le32(data + 64),
		.hash_block_size = get_le32(data + 68),
		.data_blocks = get_le64(data + 72),
		.salt_size = get_le16(data + 80),
	};
	if (version != VERSION)
		return diag_set(
			diag, -EPROTONOSUPPORT, "verity superblock: unknown version %u", version);
	if (sb.hash_type > 1)
		return diag_set(diag, -EPROTONOSUPPORT, "verity superblock: unknown hash type %u",
			sb.hash_type);

	int r = check_fields(&sb, diag);
	if (r < 0)
		return r;
	r = check_spare(&sb, data, diag);
	if (r < 0)
		return r;
	memcpy(sb.uuid, data + 16, sizeof(sb.uuid));
	memcpy(sb.algorithm, data + 32, VERITY_ALG_SIZE_MAX);
	memcpy(sb.salt, data + SALT, sb.salt_size);
	*ret = sb;
	return 0;
}

void verity_sb_encode(const struct verity_sb *sb, uint8_t ret[VERITY_SB_SIZE])
{
	memset(ret, 0, VERITY_SB_SIZE);
	memcpy(ret, MAGIC, sizeof(MAGIC));
	put_le32(ret + 8, VERSION);
	put_le32(ret + 12, sb->hash_type);
	memcpy(ret + 16, sb->uuid, sizeof(sb->uuid));
	memcpy(ret + 32, sb->algorithm, strnlen(sb->algorithm, VERITY_ALG_SIZE_MAX));
	put_le32(ret + 64, sb->data_block_size);
	put_le32(ret + 68, sb->hash_block_size);
	put_le64(ret + 72, sb->data_blocks);
	put_le16(ret + 80, sb->salt_size);
	memcpy(ret + SALT, sb->salt, MIN((size_t)sb->salt_size, (size_t)VERITY_SALT_SIZE_MAX));
}
