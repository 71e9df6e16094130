/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * From the tables of systemd and Debian to lines of dmstack.conf: crypttab(5), integritytab(5),
 * veritytab(5), and fstab(5) for what has to be there in the initrd. Pure.
 */

#include "buf.h"
#include "diag.h"

#define TAB_SIZE_MAX ((size_t)1 << 20)

enum tab { TAB_INTEGRITY, TAB_VERITY, TAB_CRYPT, TAB_FSTAB, _TAB_MAX };

/* "/etc/crypttab" ... */
const char *tab_path(enum tab tab);

struct tab_import {
	const char *texts[_TAB_MAX]; /* with a NUL at the end; NULL: there is no such file */
	/* Whether there is a file of that path; for keys that are found by their name. */
	bool (*exists)(const char *path, void *userdata);
	/* A line that has no equivalent; the reason is in the output, too. */
	void (*on_refused)(const char *where, const char *reason, void *userdata);
	void *userdata;
};

/*
 * Appends the text of a dmstack.conf: for each line of a table a comment with its place and with
 * what is different, and then its equivalent, or the reason why there is none. What is appended
 * was read again by the parser of dmstack.conf. Returns the number of lines that were refused, or
 * -ENOMEM.
 */
int tab_import(const struct tab_import *import, struct buf *out) _must_check_;
