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

#define CHUNK_SIZE (1U << 18)

struct file_digest {
	int fd;
	uint64_t begin;	 /* where in the file */
	uint64_t offset; /* what comes next, from there */
	EVP_MD_CTX *ctx;
	uint8_t *zeros, *chunk; /* CHUNK_SIZE each */
};

struct file_digest *file_digest_free(struct file_digest *d)
{
	if (!d)
		return NULL;
	EVP_MD_CTX_free(d->ctx);
	free(d->zeros);
	free(d->chunk);
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
	d->chunk = malloc(CHUNK_SIZE);
	if (!d->ctx || !d->zeros || !d->chunk)
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

int file_digest_read(struct file_digest *d, uint64_t end, const volatile sig_atomic_t *cancel)
{
	uint64_t hole = 0;

	while (d->offset < end) {
		size_t n = (size_t)MIN(end - d->offset, (uint64_t)CHUNK_SIZE);
		int r = 0;

		if (cancel && *cancel)
			return -ECANCELED;
		if (hole == 0)
			hole = hole_length(d->fd, d->begin + d->offset, d->begin + end);
		if (hole > 0)
			n = (size_t)MIN((uint64_t)n, hole);
		else
			r = fd_pread_full(d->fd, d->chunk, n, d->begin + d->offset);
		if (r >= 0)
			r = file_digest_data(d, hole > 0 ? d->zeros : d->chunk, n);
		if (r < 0)
			return r;
		hole -= MIN(hole, (uint64_t)n);
	}
	return 0;
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
