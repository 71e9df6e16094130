/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * One fuzz target: eats any bytes, returns 0, and aborts where a promise does not hold. With
 * -Dfuzz=true it is what libFuzzer calls; otherwise fuzz-main.c does.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it is never compiled out. */
#define fuzz_assert(condition)                                                                     \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)
