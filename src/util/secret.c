/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Key bytes in pages of their own. The length lies outside of these pages, so that freeing works
 * in a forked child too, where the kernel has wiped them.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "cleanup.h"
#include "overflow.h"
#include "secret.h"

#define SECRET_SIZE_MAX ((size_t)1 << 20)

struct secret {
	uint8_t *bytes;
	size_t size;   /* bytes that count */
	size_t mapped; /* bytes of the mapping, whole pages */
};

_noinline_ void wipe(void *p, size_t size)
{
	if (size > 0)
		explicit_bzero(p, size);
}

int secret_new(size_t size, bool must_lock, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (size > SECRET_SIZE_MAX)
		return -EFBIG;

	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;

	/* A size of 0 gets a page too: an address that is not NULL. */
	s->mapped = align_up_u64(MAX(size, (size_t)1), page);
	s->bytes =
		mmap(NULL, s->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->bytes == MAP_FAILED) {
		s->bytes = NULL;
		return -ENOMEM;
	}
	s->size = size;

	if (madvise(s->bytes, s->mapped, MADV_DONTDUMP) < 0 ||
		madvise(s->bytes, s->mapped, MADV_WIPEONFORK) < 0)
		return -errno;
	if (mlock(s->bytes, s->mapped) < 0 && must_lock)
		return errno == EPERM ? -EPERM : -ENOMEM;

	*ret = take_ptr(s);
	return 0;
}

int secret_new_from(const void *data, size_t size, bool must_lock, struct secret **ret)
{
	struct secret *s;
	int r;

	r = secret_new(size, must_lock, &s);
	if (r < 0)
		return r;
	if (size > 0)
		memcpy(s->bytes, data, size);
	*ret = s;
	return 0;
}

int secret_read(int fd, size_t limit, bool must_lock, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *s = NULL;
	size_t size = 0;
	int r;

	if (limit >= SECRET_SIZE_MAX)
		limit = SECRET_SIZE_MAX - 1;

	/* One byte more than allowed, to see that there is more. */
	r = secret_new(limit + 1, must_lock, &s);
	if (r < 0)
		return r;

	while (size <= limit) {
		ssize_t n = read(fd, s->bytes + size, limit + 1 - size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size > limit)
		return -EFBIG;
	if (size == 0)
		return -ENODATA;

	secret_truncate(s, size);
	*ret = take_ptr(s);
	return 0;
}

struct secret *secret_free(struct secret *s)
{
	if (!s)
		return NULL;
	if (s->bytes) {
		wipe(s->bytes, s->mapped);
		(void)munmap(s->bytes, s->mapped);
	}
	free(s);
	return NULL;
}

uint8_t *secret_bytes(struct secret *s)
{
	return s->bytes;
}

const uint8_t *secret_peek(const struct secret *s)
{
	return s->bytes;
}

size_t secret_size(const struct secret *s)
{
	return s->size;
}

void secret_truncate(struct secret *s, size_t size)
{
	if (size >= s->size)
		return;
	wipe(s->bytes + size, s->size - size);
	s->size = size;
}
