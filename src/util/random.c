/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * getrandom(2) gives less than it was asked for only when a signal comes.
 */

#include "random.h"

#include <errno.h>
#include <sys/random.h>

int random_bytes(void *ret, size_t size)
{
	uint8_t *p = ret;

	while (size > 0) {
		ssize_t n = getrandom(p, size, 0);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			p += n;
			size -= (size_t)n;
		}
	}
	return 0;
}
