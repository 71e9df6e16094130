/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Attributes and the few macros that every floor uses.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define _must_check_	   __attribute__((warn_unused_result))
#define _printf_(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define _nonnull_(...)	   __attribute__((nonnull(__VA_ARGS__)))
#define _unused_	   __attribute__((unused))
#define _noinline_	   __attribute__((noinline))
#define _const_		   __attribute__((const))
#define _pure_		   __attribute__((pure))

/* The number of elements of an array; a pointer does not compile. */
#define ARRAY_SIZE(a)                                                                              \
	(sizeof(a) / sizeof((a)[0]) + 0 * sizeof(struct {                                          \
		int not_an_array : 1 -                                                             \
			2 * __builtin_types_compatible_p(typeof(a), typeof(&(a)[0]));              \
	}))

#define MIN(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) _min_a = (a);                                                            \
		typeof(b) _min_b = (b);                                                            \
		_min_a < _min_b ? _min_a : _min_b;                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		typeof(a) _max_a = (a);                                                            \
		typeof(b) _max_b = (b);                                                            \
		_max_a > _max_b ? _max_a : _max_b;                                                 \
	})

/* Returns what the variable points to and leaves NULL there: the caller owns it now. */
#define take_ptr(p)                                                                                \
	({                                                                                         \
		typeof(p) _taken = (p);                                                            \
		(p) = NULL;                                                                        \
		_taken;                                                                            \
	})

/* Returns the descriptor and leaves -EBADF in the variable. */
#define take_fd(fd)                                                                                \
	({                                                                                         \
		int _taken_fd = (fd);                                                              \
		(fd) = -EBADF;                                                                     \
		_taken_fd;                                                                         \
	})

static inline bool is_pow2(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* floor(log2(n)); n must not be 0. */
static inline unsigned log2_u64(uint64_t n)
{
	return 63U - (unsigned)__builtin_clzll(n);
}

/* Strings that are equal; a NULL equals only a NULL. */
_pure_ bool streq_ptr(const char *a, const char *b);
#define streq(a, b) (__builtin_strcmp((a), (b)) == 0)

/* What follows the prefix in s, or NULL if s does not begin with it. */
_pure_ const char *startswith(const char *s, const char *prefix);
/* The place of the suffix in s, or NULL if s does not end with it. */
_pure_ const char *endswith(const char *s, const char *suffix);
