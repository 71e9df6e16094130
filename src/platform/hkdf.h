/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Keys from keys: HKDF-SHA-256 (RFC 5869) without a salt. info is a C string's bytes and, behind a
 * NUL, those of a second one, which may be NULL.
 */

#include "macro.h"
#include "secret.h"

#define HKDF_PRK_SIZE 32 /* bytes */

/* Extract and expand: a secret of size bytes, up to 8160. */
int hkdf_derive(const struct secret *key, const char *info, const char *label, size_t size,
	struct secret **ret) _must_check_;
/* Expand alone, for a key that hkdf_derive() made. */
int hkdf_expand(const struct secret *prk, const char *info, const char *label, size_t size,
	struct secret **ret) _must_check_;
