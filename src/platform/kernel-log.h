/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel says about a request while it fails: device-mapper gives the reason for a
 * refused table only in the kernel log.
 */

#include "macro.h"

/* A descriptor behind the newest record, or -ENOENT, -EACCES ... if the log cannot be read. */
int kernel_log_open(void) _must_check_;
/*
 * The text of the first record since then that contains the word, without its prefix up to the
 * word; NULL if there is none. To be freed by the caller.
 */
char *kernel_log_find(int fd, const char *word);
