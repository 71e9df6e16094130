/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A question at a terminal, for where no systemd is that asks it.
 */

#include "macro.h"
#include "secret.h"

/*
 * What is typed is not shown. One line without its end, in locked memory; timeout_usec 0 waits for
 * ever. -ENOTTY: the descriptor is no terminal; -ETIMEDOUT; -ENODATA: nothing was typed, or the
 * terminal has gone.
 */
int terminal_ask(
	int fd, const char *question, uint64_t timeout_usec, struct secret **ret) _must_check_;
