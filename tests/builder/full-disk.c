/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For LD_PRELOAD: a disk that is full after $FULL_DISK_AFTER bytes, and a file system without
 * O_TMPFILE if $NO_TMPFILE is set. No privileges are needed for either.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

static atomic_ullong written;

static int is_full(size_t n)
{
	const char *limit = getenv("FULL_DISK_AFTER");

	return limit && atomic_fetch_add(&written, n) + n > strtoull(limit, NULL, 10);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	static ssize_t (*real)(int, const void *, size_t, off64_t);

	if (!real)
		real = (ssize_t(*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
	if (is_full(n)) {
		errno = ENOSPC;
		return -1;
	}
	return real(fd, data, n, offset);
}

static int open_refused(int flags)
{
	if ((flags & O_TMPFILE) != O_TMPFILE || !getenv("NO_TMPFILE"))
		return 0;
	errno = EOPNOTSUPP;
	return 1;
}

static int real_openat(const char *symbol, int dir_fd, const char *path, int flags, mode_t mode)
{
	int (*real)(int, const char *, int, ...) =
		(int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, symbol);

	return open_refused(flags) ? -1 : real(dir_fd, path, flags, mode);
}

static mode_t mode_argument(int flags, va_list ap)
{
	return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(ap, mode_t) : 0;
}

EXPORT int openat64(int dir_fd, const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;

	va_start(ap, flags);
	mode = mode_argument(flags, ap);
	va_end(ap);
	return real_openat("openat64", dir_fd, path, flags, mode);
}
