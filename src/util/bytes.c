/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The search for holes, what looks random, and comparing what is secret.
 */

#include <string.h>

#include "bytes.h"

bool bytes_are_zero(const void *p, size_t len)
{
	const uint8_t *bytes = p;

	/* Most blocks with data are recognised here, without touching the rest. */
	for (size_t i = 0; i < 16; i++) {
		if (i == len)
			return true;
		if (bytes[i] != 0)
			return false;
	}

	/* All of the first 16 are zero, and each later byte equals the one 16 before it. */
	return memcmp(bytes, bytes + 16, len - 16) == 0;
}

/* Of 512 random bytes 2 have a given value, and 28 or more once in 10^21; there are 256 values. */
#define NOISE_MAX 27

bool bytes_are_noise(const uint8_t data[BYTES_NOISE_SIZE])
{
	uint16_t counts[256] = {};

	for (size_t i = 0; i < BYTES_NOISE_SIZE; i++)
		if (++counts[data[i]] > NOISE_MAX)
			return false;
	return true;
}

bool bytes_are_equal_secret(const void *a, const void *b, size_t len)
{
	const uint8_t *x = a, *y = b;
	uint8_t differs = 0;

	for (size_t i = 0; i < len; i++)
		differs |= x[i] ^ y[i];
	return differs == 0;
}
