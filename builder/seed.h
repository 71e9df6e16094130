/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where salts and UUIDs come from: getrandom(2), or HKDF-SHA256 (RFC 5869) of a seed, so that the
 * same seed gives the same image. Keys never come from here.
 */

#include "diag.h"
#include "macro.h"

#define SEED_SIZE_MIN 16U /* bytes */
#define SEED_SIZE_MAX 64U

struct seed {
	bool given;
	uint8_t prk[32]; /* the extracted key */
};

/* text: hexadecimal, or NULL for random bytes. -EINVAL: not hexadecimal, too short or too long. */
int seed_init(struct seed *ret, const char *text, struct diag *diag) _must_check_;
/* Up to 255 * 32 bytes. The label says for what: "root-integrity/salt". */
int seed_bytes(const struct seed *seed, const char *label, void *ret, size_t size) _must_check_;
/* A UUID of version 4. */
int seed_uuid(const struct seed *seed, const char *label, uint8_t ret[16]) _must_check_;
