/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From the words of a table to what the kernel takes, and from a live table back to whether it is
 * the planned one.
 */

#include <sys/types.h>

#include "dm.h"
#include "dmtable.h"

/* Stands for a device word: role -> MAJOR:MINOR. */
struct table_device {
	const char *role;
	dev_t device;
};

/* Stands for a key word: reference -> bytes. */
struct table_key {
	const struct keyref *ref;
	const struct secret *bytes;
};

struct table_inputs {
	const struct table_device *devices;
	size_t n_devices;
	const struct table_key *keys;
	size_t n_keys;
};

/*
 * The target's words as one string with its NUL, in locked memory. -ENODATA: a word is unknown, or
 * a device or key that it needs is not among the inputs.
 */
int table_render(const struct dmtable *table, const struct table_inputs *inputs,
	struct secret **ret, struct diag *diag) _must_check_;

/*
 * Holds a live table against the planned one. Positional words must be equal, with devices as
 * MAJOR:MINOR. A key word must have the right form; its bytes are not looked at, and inputs needs
 * no keys. Options are a set: each planned one must be there, and one that is not planned must be
 * among kernel_options (NULL-terminated, or NULL), as those may also have another value. -EEXIST:
 * it differs, and the diag says where; never with a key in it.
 */
int table_compare(const struct dmtable *planned, const struct table_inputs *inputs,
	const struct mapping_line *live, const char *const *kernel_options,
	struct diag *diag) _must_check_;
