/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Numbers in byte arrays, of either byte order and at any address.
 */

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DEFINE_BYTES(bits, order)                                                                  \
	static inline uint##bits##_t get_##order##bits(const void *p)                              \
	{                                                                                          \
		uint##bits##_t v;                                                                  \
		memcpy(&v, p, sizeof(v));                                                          \
		return order##bits##toh(v);                                                        \
	}                                                                                          \
	static inline void put_##order##bits(void *p, uint##bits##_t v)                            \
	{                                                                                          \
		v = hto##order##bits(v);                                                           \
		memcpy(p, &v, sizeof(v));                                                          \
	}

DEFINE_BYTES(16, le)
DEFINE_BYTES(32, le)
DEFINE_BYTES(64, le)
DEFINE_BYTES(16, be)
DEFINE_BYTES(32, be)
DEFINE_BYTES(64, be)

#undef DEFINE_BYTES

/* memcmp() == 0, in a time that does not tell where they differ: for MACs and digests of keys. */
bool bytes_are_equal_secret(const void *a, const void *b, size_t len);
/*
 * True if a sector is like what comes out when ciphertext is decrypted with a wrong key: no value of
 * a byte is in it so often as chance gives once in 10^18 sectors. What programs write has zeros.
 */
#define BYTES_NOISE_SIZE 512
bool bytes_are_noise(const uint8_t data[BYTES_NOISE_SIZE]);
/* True if all len bytes are zero. Memory speed: the builder calls it on every block. */
bool bytes_are_zero(const void *p, size_t len);
