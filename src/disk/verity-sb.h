/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The superblock of a dm-verity hash device: bytes <-> struct. It is the cryptsetup project's; the
 * kernel never reads it (the kernel's verity.rst points to cryptsetup's DMVerity page).
 */

#include "diag.h"
#include "macro.h"

#define VERITY_SB_SIZE	      512
#define VERITY_SALT_SIZE_MAX  256
#define VERITY_ALG_SIZE_MAX   31
#define VERITY_BLOCK_SIZE_MIN 512
#define VERITY_BLOCK_SIZE_MAX 524288

struct verity_sb {
	uint32_t hash_type;	  /* the table's version: 1 normal (salt first), 0 Chrome OS */
	uint32_t data_block_size; /* bytes */
	uint32_t hash_block_size; /* bytes */
	uint64_t data_blocks;	  /* of data_block_size */
	uint8_t uuid[16];
	char algorithm[VERITY_ALG_SIZE_MAX + 1]; /* lower case, such as sha256 */
	uint16_t salt_size;			 /* bytes */
	uint8_t salt[VERITY_SALT_SIZE_MAX];
};

/*
 * Strict. -EBADMSG: it is not a superblock (magic). -EPROTONOSUPPORT: an unknown version or hash
 * type. -EINVAL: a field out of its range, or bytes set where none belong.
 */
int verity_sb_decode(
	const uint8_t data[VERITY_SB_SIZE], struct verity_sb *ret, struct diag *diag) _must_check_;
void verity_sb_encode(const struct verity_sb *sb, uint8_t ret[VERITY_SB_SIZE]);
