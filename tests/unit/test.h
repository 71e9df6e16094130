/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * cmocka, with the headers that it wants to see before it.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * True where a test runs under valgrind, thirty times as slow: what repeats one thing with other
 * numbers does it less often.
 */
#define test_is_slow() (getenv("DMSTACK_TEST_SLOW") != NULL)

/*
 * Leaves a test that cannot run here. cmocka's own skip() prints "not ok N # SKIP", which meson
 * counts as a failure.
 */
#define test_skip(why)                                                                             \
	do {                                                                                       \
		print_message("# skipped: %s\n", why);                                             \
		return;                                                                            \
	} while (0)
