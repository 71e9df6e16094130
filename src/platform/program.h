/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Running the few programs for which there is no library: modprobe(8) and
 * systemd-ask-password(1). Never through a shell.
 */

#include "macro.h"
#include "secret.h"

/* Runs it to its end and drops its stdout. Returns its exit status, or an error. */
int program_run(const char *path, const char *const *argv) _must_check_;
/*
 * The same, and what it writes to stdout, at most limit bytes, as a secret in locked memory.
 * -ENODATA: nothing was written; -EREMOTEIO: it failed.
 */
int program_read(
	const char *path, const char *const *argv, size_t limit, struct secret **ret) _must_check_;
