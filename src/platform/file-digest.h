/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The SHA-256 of a file, in a stream; holes are not read.
 */

#include <signal.h>

#include "cleanup.h"
#include "macro.h"

#define FILE_DIGEST_SIZE 32 /* bytes */

struct file_digest;

/* From the begin of the file. The descriptor stays the caller's and must stay open. */
int file_digest_new(int fd, uint64_t begin, struct file_digest **ret) _must_check_;
/* Takes and returns NULL. */
struct file_digest *file_digest_free(struct file_digest *digest);
DEFINE_FREEP(struct file_digest, file_digest_free)
/* The next bytes of the file, which the caller has in memory. -EIO: libcrypto failed. */
int file_digest_data(struct file_digest *digest, const void *data, size_t size) _must_check_;
/* Reads on up to the end (bytes from the begin). Errors as of file_sha256(). */
int file_digest_read(
	struct file_digest *digest, uint64_t end, const volatile sig_atomic_t *cancel) _must_check_;
/* The digest of what came so far. Nothing can follow. */
int file_digest_final(struct file_digest *digest, uint8_t ret[FILE_DIGEST_SIZE]) _must_check_;

/*
 * Of size bytes from the offset on. cancel (may be NULL) ends it with -ECANCELED. -ENODATA: the file is
 * shorter. -EIO: libcrypto failed.
 */
int file_sha256(int fd, uint64_t offset, uint64_t size, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE]) _must_check_;
