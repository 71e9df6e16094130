/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Unit files as systemd.unit(5) finds and merges them: the first file of that name, or of its
 * template, and then the drop-ins of the unit, its template and its type. Values are not expanded.
 */

#include "buf.h"
#include "diag.h"

/* Where to look, in the order of systemd. */
struct unit_places {
	int root_fd;		   /* -EBADF: the real root; not owned */
	const char *generator_dir; /* outside of the root, in place of its /run/systemd/generator */
};

struct unit_setting {
	size_t key; /* offsets of NUL-terminated strings in the text */
	size_t value;
};

struct unit_file {
	bool exists;
	bool masked;
	struct buf text; /* owned, like the rest */
	struct unit_setting *settings;
	size_t n_settings;
};

void unit_file_done(struct unit_file *unit);
/* A unit that is not there is no error. */
int unit_file_read(const struct unit_places *places, const char *name, struct unit_file *ret,
	struct diag *diag) _must_check_;
/* The last value of a setting, "" if it was taken back, NULL if it is not there. */
const char *unit_file_get(const struct unit_file *unit, const char *key);
/*
 * True if a list has the text in one of its lines, an empty line having taken back those before.
 */
bool unit_file_lists(const struct unit_file *unit, const char *key, const char *text);
/* True if NAME.requires has the other unit in one of the places. */
bool unit_file_requires(const struct unit_places *places, const char *name, const char *other);
