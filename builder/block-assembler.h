/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Puts pieces of any length together to whole blocks. Tags of neighbouring chunks share a block
 * of the device below, and so do the digests of a hash tree; the chunks come from several threads
 * in any order. A block goes out when its last byte has come in. Every byte comes in at most once.
 * Memory is what is incomplete at one time. Thread-safe.
 */

#include "cleanup.h"
#include "macro.h"

struct block_assembler;

struct block_assembler_args {
	uint32_t block_size; /* bytes, a power of two */
	/* Takes whole blocks; called by any thread, without a lock held. */
	int (*emit)(void *userdata, const void *data, uint64_t len, uint64_t offset);
	/*
	 * What an incomplete block holds where nothing was put, asked for at a flush. NULL: zeros.
	 */
	int (*fill)(void *userdata, void *ret, uint64_t len, uint64_t offset);
	void *userdata;
};

int block_assembler_new(
	const struct block_assembler_args *args, struct block_assembler **ret) _must_check_;
/* Drops what is incomplete. */
struct block_assembler *block_assembler_free(struct block_assembler *a);
DEFINE_FREEP(struct block_assembler, block_assembler_free)

/* Any offset and length in bytes. -EALREADY: bytes that were put before into a block still open. */
int block_assembler_put(
	struct block_assembler *a, const void *data, uint64_t len, uint64_t offset) _must_check_;
/*
 * Sends out all incomplete blocks, in the order of their offsets. No other call at the same time.
 */
int block_assembler_flush(struct block_assembler *a) _must_check_;
/* Puts over ret what came in of this range and has not gone out. */
void block_assembler_peek(struct block_assembler *a, void *ret, uint64_t len, uint64_t offset);
/* How many blocks are incomplete. */
size_t block_assembler_n_open(struct block_assembler *a);
