/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files that a configuration came from, and what they said.
 */

#include "sha256.h"

struct load_file {
	char *path; /* as seen from inside the root; owned */
	uint8_t sha256[SHA256_SIZE];
};

struct load_files {
	struct load_file *items; /* in the order in which they were read; owned */
	size_t n;
};

void load_files_done(struct load_files *files);
/* The digest is that of the bytes that were parsed: the file is not read once more. */
int load_files_add(
	struct load_files *files, const char *path, const void *data, size_t size) _must_check_;
bool load_files_contain(const struct load_files *files, const char *path);
/*
 * One digest for all of it, which goes into PCR 15 before any key is asked for: SHA-256 of the
 * digests of the files, in their order.
 */
void load_files_digest(const struct load_files *files, uint8_t ret[SHA256_SIZE]);
