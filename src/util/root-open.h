/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Opening paths of another tree as a process would see them that had this tree as its root:
 * absolute symbolic links and ".." stay inside.
 */

#include "macro.h"

/*
 * Opens an absolute path below root_fd, with O_CLOEXEC and without side effects on terminals and
 * fifos. root_fd -EBADF: the real root. Returns a descriptor or -errno. O_CREAT is not possible.
 */
int root_open(int root_fd, const char *path, int flags) _must_check_;

/* The same without openat2(), for kernels and sandboxes that do not have it. */
int root_open_stepwise(int root_fd, const char *path, int flags) _must_check_;
