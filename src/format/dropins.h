/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The files of several folders of one kind, as systemd.unit(5) sees them: a file masks those of the
 * same name in a later folder, and the order is that of the names.
 */

#include "macro.h"

struct dropin {
	char *name; /* owned */
	char *path; /* owned; as seen from inside the root */
};

struct dropins {
	struct dropin *files; /* owned */
	size_t n_files;
};

/* Where configuration is, in the order of precedence; NULL-terminated. */
extern const char *const config_dirs[];

void dropins_done(struct dropins *dropins);
/*
 * Adds the files of a folder below root_fd (-EBADF: the real root) whose names end with suffix,
 * and not those of names that are there already. A folder that does not exist has none.
 */
int dropins_scan(
	struct dropins *dropins, int root_fd, const char *folder, const char *suffix) _must_check_;
void dropins_sort(struct dropins *dropins);
