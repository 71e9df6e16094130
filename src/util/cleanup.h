/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Destructors that run when a variable leaves its scope. A type that owns something defines
 * x_free(), which takes NULL and returns NULL, and its x_freep() through DEFINE_FREEP().
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f)	 __attribute__((cleanup(f)))
#define _cleanup_free_	 _cleanup_(cleanup_free)
#define _cleanup_close_	 _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

#define DEFINE_FREEP(type, func)                                                                   \
	static inline void func##p(type **p)                                                       \
	{                                                                                          \
		if (*p)                                                                            \
			*p = func(*p);                                                             \
	}

static inline void cleanup_free(void *p)
{
	free(*(void **)p);
}

/* Closes and keeps errno; a negative descriptor is left alone. */
static inline void cleanup_close(int *fd)
{
	if (*fd >= 0) {
		int saved = errno;

		(void)close(*fd);
		errno = saved;
	}
}

static inline void cleanup_fclose(FILE **f)
{
	if (*f)
		(void)fclose(*f);
}
