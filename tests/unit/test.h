/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * cmocka, with the headers that it wants to see before it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/*
 * Leaves a test that cannot run here. cmocka's own skip() prints "not ok N # SKIP", which meson
 * counts as a failure.
 */
#define test_skip(why)                                                                             \
	do {                                                                                       \
		print_message("# skipped: %s\n", why);                                             \
		return;                                                                            \
	} while (0)
