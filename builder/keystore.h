/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Finds the bytes that a key reference stands for while an image is built or read: --key REF=FILE
 * says where they are now, and a file: reference without one is read from its own path.
 */

#include "diag.h"
#include "keyref.h"
#include "options.h"
#include "secret.h"

struct key_entry {
	struct keyref ref;
	const char *path;      /* not owned, unless it is that of ref */
	struct secret *secret; /* NULL until it is needed */
};

struct keystore {
	struct key_entry *entries;
	size_t n;
};

/* The words of --key. -EINVAL: not REF=FILE, or doubled. */
int keystore_init(
	struct keystore *ret, const struct strlist *words, struct diag *diag) _must_check_;
void keystore_done(struct keystore *store);
/*
 * The bytes, read at the first call. They stay the store's and are good until the next call of
 * keystore_done(). -ENOKEY: nothing says where they are.
 */
int keystore_get(struct keystore *store, const struct keyref *ref, const struct secret **ret,
	struct diag *diag) _must_check_;
