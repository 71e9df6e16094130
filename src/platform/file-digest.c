/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Digests of whole files. Other than digest.h, which hashes many small blocks, this keeps one
 * running state.
 */

#include <openssl/evp.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "fd.h"
#include "file-digest.h"
#include "overflow.h"
#include "workers.h"

#define CHUNK_SIZE (1U << 18)
/* Bytes from which on it is worth a thread to read a chunk while the one before is hashed. */
#define AHEAD_MIN (1U << 23)

struct chunk {
	uint8_t *data; /* CHUNK_SIZE */
	size_t size;   /* that are used */
	bool hole;
};

struct file_digest {
	int fd;
	uint64_t begin;	 /* where in the file */
	uint64_t offset; /* what is hashed next, from there */
	EVP_MD_CTX *ctx;
	uint8_t *zeros;		/* CHUNK_SIZE */
	struct chunk chunks[2]; /* the one that is hashed, and the next */
};

/* Where reading is; hashing is a chunk behind. */
struct cursor {
	struct file_digest *digest;
	uint64_t offset, end; /* from the begin */
	uint64_t hole;	      /* bytes of it from the offset on */
};

struct file_digest *file_digest_free(struct file_digest *d)
{
	if (!d)
		return NULL;
	EVP_MD_CTX_free(d->ctx);
	free(d->zeros);
	for (size_t i = 0; i < ARRAY_SIZE(d->chunks); i++)
		free(d->chunks[i].data);
	free(d);
	return NULL;
}

int file_digest_new(int fd, uint64_t begin, struct file_digest **ret)
{
	_cleanup_(file_digest_freep) struct file_digest *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->fd = fd;
	d->begin = begin;
	d->ctx = EVP_MD_CTX_new();
	d->zeros = calloc(1, CHUNK_SIZE);
	for (size_t i = 0; i < ARRAY_SIZE(d->chunks); i++) {
		d->chunks[i].data = malloc(CHUNK_SIZE);
		if (!d->chunks[i].data)
			return -ENOMEM;
	}
	if (!d->ctx || !d->zeros)
		return -ENOMEM;
	if (EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) != 1)
		return -EIO;
	*ret = take_ptr(d);
	return 0;
}

int file_digest_data(struct file_digest *d, const void *data, size_t size)
{
	if (EVP_DigestUpdate(d->ctx, data, size) != 1)
		return -EIO;
	d->offset += size;
	return 0;
}

/* How many bytes from the offset on are a hole. */
static uint64_t hole_length(int fd, uint64_t offset, uint64_t end)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? end - offset : 0;
	return MIN((uint64_t)data, end) - offset;
}

/* The next chunk; its size is 0 at the end. */
static int read_chunk(struct cursor *c, struct chunk *ret)
{
	struct file_digest *d = c->digest;

	ret->size = (size_t)MIN(c->end - c->offset, (uint64_t)CHUNK_SIZE);
	if (ret->size == 0)
		return 0;
	if (c->hole == 0)
		c->hole = hole_length(d->fd, d->begin + c->offset, d->begin + c->end);
	ret->hole = c->hole > 0;
	if (ret->hole) {
		ret->size = (size_t)MIN((uint64_t)ret->size, c->hole);
	} else {
		int r = fd_pread_full(d->fd, ret->data, ret->size, d->begin + c->offset);
		if (r < 0)
			return r;
	}
	c->hole -= MIN(c->hole, (uint64_t)ret->size);
	c->offset += ret->size;
	return 0;
}

/* The first item hashes a chunk, the second reads the next. */
static int hash_or_read(void *userdata, _unused_ unsigned worker, size_t item)
{
	struct cursor *c = userdata;
	struct file_digest *d = c->digest;
	const struct chunk *now = &d->chunks[0];

	if (item == 0)
		return file_digest_data(d, now->hole ? d->zeros : now->data, now->size);
	return read_chunk(c, &d->chunks[1]);
}

static int read_with(struct cursor *c, struct workers *workers, const volatile sig_atomic_t *cancel)
{
	struct chunk *chunks = c->digest->chunks;
	int r = read_chunk(c, &chunks[0]);

	while (r == 0 && chunks[0].size > 0) {
		if (cancel && *cancel)
			return -ECANCELED;
		r = workers_run(workers, hash_or_read, c, 2);

		struct chunk hashed = chunks[0];
		chunks[0] = chunks[1];
		chunks[1] = hashed;
	}
	return r;
}

int file_digest_read(struct file_digest *d, uint64_t end, const volatile sig_atomic_t *cancel)
{
	struct cursor c = { .digest = d, .offset = d->offset, .end = end };
	_cleanup_(workers_freep) struct workers *workers = NULL;

	if (d->offset >= end)
		return 0;
	int r = workers_new(end - d->offset < AHEAD_MIN ? 1 : 2, &workers);
	return r < 0 ? r : read_with(&c, workers, cancel);
}

int file_digest_final(struct file_digest *d, uint8_t ret[FILE_DIGEST_SIZE])
{
	return EVP_DigestFinal_ex(d->ctx, ret, NULL) == 1 ? 0 : -EIO;
}

int file_sha256(int fd, uint64_t begin, uint64_t size, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE])
{
	_cleanup_(file_digest_freep) struct file_digest *digest = NULL;
	uint64_t end;
	off_t eof;
	int r;

	/* A hole cannot be told from the end of the file, so the end is looked up first. */
	eof = lseek(fd, 0, SEEK_END);
	if (eof < 0)
		return -errno;
	if (add_overflows(begin, size, &end) || (uint64_t)eof < end)
		return -ENODATA;
	r = file_digest_new(fd, begin, &digest);
	if (r >= 0)
		r = file_digest_read(digest, size, cancel);
	return r < 0 ? r : file_digest_final(digest, ret);
}
