/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Arithmetic on sizes that says when it does not fit. Every function returns true on overflow,
 * and *ret is then undefined, as with the compiler's builtins.
 */

#include <stdbool.h>
#include <stdint.h>

#define add_overflows(a, b, ret) __builtin_add_overflow((a), (b), (ret))
#define sub_overflows(a, b, ret) __builtin_sub_overflow((a), (b), (ret))
#define mul_overflows(a, b, ret) __builtin_mul_overflow((a), (b), (ret))

/* Rounds up to a multiple of align, which need not be a power of two and must not be 0. */
static inline bool align_up_overflows(uint64_t n, uint64_t align, uint64_t *ret)
{
	uint64_t rest = n % align;

	*ret = n;
	return rest != 0 && add_overflows(n, align - rest, ret);
}

static inline uint64_t align_down_u64(uint64_t n, uint64_t align)
{
	return n - n % align;
}

/* For numbers that are known to be far from the limit. */
static inline uint64_t align_up_u64(uint64_t n, uint64_t align)
{
	return n + (n % align ? align - n % align : 0);
}

static inline uint64_t div_round_up_u64(uint64_t n, uint64_t by)
{
	return n / by + (n % by != 0);
}
