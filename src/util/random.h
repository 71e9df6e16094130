/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Random bytes of the kernel.
 */

#include "macro.h"

/* However many. */
int random_bytes(void *ret, size_t size) _must_check_;
