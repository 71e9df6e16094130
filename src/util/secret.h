/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The one type that may hold key bytes. They lie in pages of their own: locked, left out of core
 * dumps, wiped in a forked child, wiped before they are given back. No log or format function
 * takes this type.
 */

#include "macro.h"

struct secret;

/*
 * size zero bytes; up to 1 MiB. If the pages cannot be locked: -EPERM or -ENOMEM with
 * must_lock, else they are used unlocked (a builder without privileges).
 */
int secret_new(size_t size, bool must_lock, struct secret **ret) _must_check_;
/* Copies; the caller wipes its own. */
int secret_new_from(
	const void *data, size_t size, bool must_lock, struct secret **ret) _must_check_;
/* Reads from the descriptor until its end; -EFBIG above limit bytes, -ENODATA if it is empty. */
int secret_read(int fd, size_t limit, bool must_lock, struct secret **ret) _must_check_;
/* Wipes and frees; takes and returns NULL. */
struct secret *secret_free(struct secret *s);

uint8_t *secret_bytes(struct secret *s);
const uint8_t *secret_peek(const struct secret *s);
size_t secret_size(const struct secret *s);
/* Forgets the bytes behind size, which must not be larger than before. */
void secret_truncate(struct secret *s, size_t size);
/* For other memory that held key bytes, such as a hex copy. Not optimised away. */
void wipe(void *p, size_t size);

static inline void secret_freep(struct secret **p)
{
	if (*p)
		*p = secret_free(*p);
}
