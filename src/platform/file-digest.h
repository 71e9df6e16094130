/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The SHA-256 of a file, in a stream; holes are not read.
 */

#include <signal.h>

#include "macro.h"

#define FILE_DIGEST_SIZE 32 /* bytes */

/*
 * Of the first size bytes. cancel (may be NULL) ends it with -ECANCELED. -ENODATA: the file is
 * shorter. -EIO: libcrypto failed.
 */
int file_sha256(int fd, uint64_t size, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE]) _must_check_;
