/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * For LD_PRELOAD: counts the calls that create, change, read or name files. Before call number
 * $FAULT_AT the process is killed or, if $FAULT is the number of an error, the call fails with it.
 * The number of all calls goes to the file $FAULT_COUNT at the end.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#define EXPORT	__attribute__((visibility("default")))
#define NEXT(f) ((__typeof__(&f))dlsym(RTLD_NEXT, #f))

static atomic_long calls;

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? strtol(text, NULL, 10) : 0;
}

/* needs_space: a full disk is no reason for other calls to fail. */
static int is_bad(int needs_space)
{
	long error = number("FAULT");

	if (atomic_fetch_add(&calls, 1) + 1 != number("FAULT_AT"))
		return 0;
	if (error == 0)
		(void)raise(SIGKILL);
	if (error == ENOSPC && !needs_space)
		return 0;
	errno = (int)error;
	return 1;
}

static void __attribute__((destructor)) report(void)
{
	const char *path = getenv("FAULT_COUNT");
	FILE *file = path ? fopen(path, "we") : NULL;

	if (file) {
		(void)fprintf(file, "%ld\n", atomic_load(&calls));
		(void)fclose(file);
	}
}

EXPORT ssize_t pread64(int fd, void *data, size_t n, off64_t offset)
{
	return is_bad(0) ? -1 : NEXT(pread64)(fd, data, n, offset);
}

EXPORT ssize_t pwrite64(int fd, const void *data, size_t n, off64_t offset)
{
	return is_bad(1) ? -1 : NEXT(pwrite64)(fd, data, n, offset);
}

EXPORT ssize_t write(int fd, const void *data, size_t n)
{
	return fd > STDERR_FILENO && is_bad(1) ? -1 : NEXT(write)(fd, data, n);
}

EXPORT int fsync(int fd)
{
	return is_bad(1) ? -1 : NEXT(fsync)(fd);
}

EXPORT int ftruncate64(int fd, off64_t size)
{
	return is_bad(1) ? -1 : NEXT(ftruncate64)(fd, size);
}

EXPORT int mkdirat(int dir_fd, const char *path, mode_t mode)
{
	return is_bad(1) ? -1 : NEXT(mkdirat)(dir_fd, path, mode);
}

EXPORT int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	return is_bad(1) ? -1 : NEXT(linkat)(from_fd, from, to_fd, to, flags);
}

EXPORT int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	return is_bad(1) ? -1 : NEXT(renameat)(from_fd, from, to_fd, to);
}

EXPORT int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	return is_bad(1) ? -1 : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

EXPORT int unlinkat(int dir_fd, const char *path, int flags)
{
	return is_bad(0) ? -1 : NEXT(unlinkat)(dir_fd, path, flags);
}

EXPORT int openat64(int dir_fd, const char *path, int flags, ...)
{
	int creates = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
	mode_t mode = 0;
	va_list ap;

	va_start(ap, flags);
	if (creates)
		mode = va_arg(ap, mode_t);
	va_end(ap);
	return creates && is_bad(1) ? -1 : NEXT(openat64)(dir_fd, path, flags, mode);
}
