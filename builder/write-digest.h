/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The SHA-256 of a file while many threads write it, so that it need not be read again at the end.
 * What has been written without a gap from the begin on is hashed by a thread that has just
 * written, while the others go on writing.
 */

#include "file-digest.h"

struct write_digest;

/*
 * Of size_bytes from begin on, which are zeros now; the offsets of later calls count from there. The
 * descriptor stays the caller's and must stay open.
 */
int write_digest_new(
	int fd, uint64_t begin, uint64_t size_bytes, struct write_digest **ret) _must_check_;
/* Takes and returns NULL. */
struct write_digest *write_digest_free(struct write_digest *digest);

/* To be called after each write, by any thread. data NULL: zeros, which may have stayed a hole. */
void write_digest_add(struct write_digest *digest, const void *data, uint64_t len, uint64_t offset);

/*
 * After the last write, once. What was changed after it had been hashed is noticed, and then all
 * is read again. Errors as of file_sha256().
 */
int write_digest_final(struct write_digest *digest, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE]) _must_check_;
