/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * SHA-256 (FIPS 180-4) of many messages of one length side by side, a message in each lane of the
 * vector registers. Hash trees and integrity tags are made of nothing else. Which path runs is
 * decided by the CPU; where no path beats libcrypto, sha256_lanes() is 0 and the caller uses
 * libcrypto.
 */

#include "macro.h"

#define SHA256_SIZE	  32 /* bytes of a digest */
#define SHA256_BLOCK_SIZE 64 /* bytes that a compression takes */
#define SHA256_LANES_MAX  32

/* What precedes all messages: whole blocks as a state, the rest as bytes. */
struct sha256_start {
	uint32_t state[8];
	uint64_t bytes; /* hashed into the state; a multiple of 64 */
};

/* The same head and data sizes for all messages of a call. */
struct sha256_messages {
	const uint8_t *prefix; /* of every message, behind the start; prefix_size bytes */
	size_t prefix_size;
	const uint8_t *heads; /* head_size bytes for each message, one behind the other */
	size_t head_size;     /* prefix_size + head_size <= 256 */
	const uint8_t *data;  /* data_size bytes for each message, one behind the other */
	size_t data_size;
	size_t n;
};

/*
 * Messages that are hashed at once: 32 (AVX-512), 2 (the SHA extensions), 8 (AVX2), or 0, if
 * libcrypto is the better choice. $DMSTACK_SHA256 takes another path: avx512, sha-ni, avx2 or
 * libcrypto. -EOPNOTSUPP: that names none that this CPU can run.
 */
int sha256_lanes(unsigned *ret) _must_check_;

/* The state before any byte. */
void sha256_start_init(struct sha256_start *start);
/* Hashes one block of 64 bytes into the start. */
void sha256_start_block(struct sha256_start *start, const uint8_t block[SHA256_BLOCK_SIZE]);

/*
 * Writes the digest of message i to ret + i * ret_stride. lanes is one of the above but 0, and the
 * CPU must have what it takes: sha256_lanes_usable(). Nothing is allocated.
 */
void sha256_lanes_run(unsigned lanes, const struct sha256_start *start,
	const struct sha256_messages *messages, uint8_t *ret, size_t ret_stride);
/* True if the CPU can run that many lanes, whether or not it is the best choice. */
_pure_ bool sha256_lanes_usable(unsigned lanes);

/*
 * The compression loops: n_blocks of 64 bytes from each pointer, into the states, which lie as
 * [word][lane]. One file for each instruction set.
 */
void sha256_avx512_pair_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks);
void sha256_avx512_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks);
void sha256_avx2_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks);
void sha256_ni_blocks(uint32_t *state, const uint8_t *const *data, size_t n_blocks);

extern const uint32_t sha256_constants[64];
