/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * aes-loop INPUT OUTPUT KEY: the plain way to encrypt an image for dm-crypt (aes-xts-plain64,
 * sectors of 4096 bytes, iv_large_sectors), for the benchmark to compare with. One thread, one call
 * of libcrypto for each sector, one pass. KEY is a file with 64 bytes.
 */

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "bytes.h"
#include "cleanup.h"
#include "fd.h"

#define CHUNK_SIZE   (1U << 18)
#define SECTOR_BYTES 4096

static int encrypt(EVP_CIPHER_CTX *ctx, uint64_t sector, uint8_t *data, size_t size)
{
	for (size_t done = 0; done < size; done += SECTOR_BYTES) {
		uint8_t iv[16] = {};
		int n;

		put_le64(iv, sector++);
		if (EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, iv) != 1 ||
			EVP_EncryptUpdate(ctx, data + done, &n, data + done, SECTOR_BYTES) != 1)
			return -EIO;
	}
	return 0;
}

static int encrypt_file(EVP_CIPHER_CTX *ctx, int from, int to)
{
	static uint8_t chunk[CHUNK_SIZE];
	uint64_t offset = 0;
	ssize_t n;

	while ((n = read(from, chunk, sizeof(chunk))) > 0) {
		int r = n % SECTOR_BYTES ? -EINVAL
					 : encrypt(ctx, offset / SECTOR_BYTES, chunk, (size_t)n);

		if (r >= 0)
			r = fd_pwrite_full(to, chunk, (size_t)n, offset);
		if (r < 0)
			return r;
		offset += (uint64_t)n;
	}
	return n < 0 ? -errno : 0;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int from = argc == 4 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -EBADF;
	_cleanup_close_ int to =
		argc == 4 ? open(argv[2], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -EBADF;
	_cleanup_close_ int key_fd = argc == 4 ? open(argv[3], O_RDONLY | O_CLOEXEC) : -EBADF;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t key[64];
	int r = -EINVAL;

	if (from >= 0 && to >= 0 && key_fd >= 0 && ctx &&
		fd_pread_full(key_fd, key, sizeof(key), 0) >= 0 &&
		EVP_EncryptInit_ex(ctx, EVP_aes_256_xts(), NULL, key, NULL) == 1)
		r = encrypt_file(ctx, from, to);
	EVP_CIPHER_CTX_free(ctx);
	if (r < 0)
		fprintf(stderr, "aes-loop: failed\n");
	return r < 0;
}
