/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A frontier behind which everything is written, and behind that another up to which it is hashed:
 *
 *	| hashed         | written, not yet hashed | gaps ...
 *	0              taken                    frontier
 *
 * One thread at a time moves the first one. It takes bytes from the caller's memory if they are
 * next, else from the file.
 */

#include <pthread.h>

#include "extents.h"
#include "write-digest.h"

/* Less than this is not worth the way to the file. */
#define STEP_SIZE (UINT64_C(1) << 18)

struct write_digest {
	int fd;
	uint64_t begin; /* where in the file */
	uint64_t size_bytes;
	struct file_digest *digest; /* of the thread that set busy */
	pthread_mutex_t lock;	    /* of what follows */
	struct extents written;
	uint64_t taken;
	bool busy;
	bool spoiled; /* changed behind taken, or failed: all has to be read again */
};

int write_digest_new(int fd, uint64_t begin, uint64_t size_bytes, struct write_digest **ret)
{
	struct write_digest *d = calloc(1, sizeof(*d));
	int r;

	if (!d)
		return -ENOMEM;
	d->fd = fd;
	d->begin = begin;
	d->size_bytes = size_bytes;
	(void)pthread_mutex_init(&d->lock, NULL);
	r = file_digest_new(fd, begin, &d->digest);
	if (r < 0) {
		write_digest_free(d);
		return r;
	}
	*ret = d;
	return 0;
}

struct write_digest *write_digest_free(struct write_digest *d)
{
	if (!d)
		return NULL;
	file_digest_free(d->digest);
	extents_done(&d->written);
	(void)pthread_mutex_destroy(&d->lock);
	free(d);
	return NULL;
}

/* Called locked. */
static void note(struct write_digest *d, uint64_t len, uint64_t offset)
{
	if (offset < d->taken || extents_add(&d->written, offset, len) < 0)
		d->spoiled = true;
}

/* The bytes that this thread is to hash: up to ret_end, or none. Called locked. */
static bool take(struct write_digest *d, uint64_t *ret_end)
{
	uint64_t frontier = d->size_bytes;
	struct extent gap;

	if (d->busy || d->spoiled)
		return false;
	if (extents_gap(&d->written, d->taken, d->size_bytes, &gap))
		frontier = gap.begin;
	if (frontier - d->taken < STEP_SIZE)
		return false;
	*ret_end = MIN(frontier, d->taken + 4 * STEP_SIZE);
	return true;
}

void write_digest_add(struct write_digest *d, const void *data, uint64_t len, uint64_t offset)
{
	uint64_t end;

	(void)pthread_mutex_lock(&d->lock);
	note(d, len, offset);
	while (take(d, &end)) {
		bool here = data && d->taken == offset && len <= STEP_SIZE;
		int r;

		if (here)
			end = offset + len;
		d->taken = end;
		d->busy = true;
		(void)pthread_mutex_unlock(&d->lock);
		r = here ? file_digest_data(d->digest, data, len)
			 : file_digest_read(d->digest, end, NULL);
		(void)pthread_mutex_lock(&d->lock);
		d->busy = false;
		if (r < 0)
			d->spoiled = true;
	}
	(void)pthread_mutex_unlock(&d->lock);
}

int write_digest_final(
	struct write_digest *d, const volatile sig_atomic_t *cancel, uint8_t ret[FILE_DIGEST_SIZE])
{
	int r;

	if (d->spoiled)
		return file_sha256(d->fd, d->begin, d->size_bytes, cancel, ret);
	r = file_digest_read(d->digest, d->size_bytes, cancel);
	return r < 0 ? r : file_digest_final(d->digest, ret);
}
