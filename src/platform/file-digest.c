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

#define CHUNK_SIZE (1U << 20)

static void md_ctx_freep(EVP_MD_CTX **p)
{
	EVP_MD_CTX_free(*p);
}

/* How many bytes from the offset on are a hole. */
static uint64_t hole_length(int fd, uint64_t offset, uint64_t size)
{
	off_t data = lseek(fd, (off_t)offset, SEEK_DATA);

	if (data < 0)
		return errno == ENXIO ? size - offset : 0;
	return MIN((uint64_t)data, size) - offset;
}

static int update(EVP_MD_CTX *ctx, const void *data, size_t size)
{
	return EVP_DigestUpdate(ctx, data, size) == 1 ? 0 : -EIO;
}

static int feed_zeros(
	EVP_MD_CTX *ctx, const uint8_t *zeros, uint64_t len, const volatile sig_atomic_t *cancel)
{
	while (len > 0) {
		size_t n = (size_t)MIN(len, (uint64_t)CHUNK_SIZE);
		int r;

		if (cancel && *cancel)
			return -ECANCELED;
		r = update(ctx, zeros, n);
		if (r < 0)
			return r;
		len -= n;
	}
	return 0;
}

int file_sha256(
	int fd, uint64_t size, const volatile sig_atomic_t *cancel, uint8_t ret[FILE_DIGEST_SIZE])
{
	_cleanup_(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_free_ uint8_t *zeros = calloc(1, CHUNK_SIZE);
	_cleanup_free_ uint8_t *chunk = malloc(CHUNK_SIZE);
	uint64_t offset = 0;
	off_t end;
	int r;

	if (!ctx || !zeros || !chunk)
		return -ENOMEM;
	/* A hole cannot be told from the end of the file, so the end is looked up first. */
	end = lseek(fd, 0, SEEK_END);
	if (end < 0)
		return -errno;
	if ((uint64_t)end < size)
		return -ENODATA;
	if (EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) != 1)
		return -EIO;

	while (offset < size) {
		uint64_t hole = hole_length(fd, offset, size);
		size_t n;

		r = feed_zeros(ctx, zeros, hole, cancel);
		if (r < 0)
			return r;
		offset += hole;
		n = (size_t)MIN(size - offset, (uint64_t)CHUNK_SIZE);
		if (cancel && *cancel)
			return -ECANCELED;
		r = fd_pread_full(fd, chunk, n, offset);
		if (r >= 0)
			r = update(ctx, chunk, n);
		if (r < 0)
			return r;
		offset += n;
	}
	return EVP_DigestFinal_ex(ctx, ret, NULL) == 1 ? 0 : -EIO;
}
