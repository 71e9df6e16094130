/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Public keys in files.
 */

#include "diag.h"
#include "macro.h"

#define PUBLIC_KEY_COORDINATE 32 /* bytes */

/* The point of an ECC P-256 key in PEM. -EINVAL: another key, or none. */
int public_key_read(const char *path, uint8_t ret_x[PUBLIC_KEY_COORDINATE],
	uint8_t ret_y[PUBLIC_KEY_COORDINATE], struct diag *diag) _must_check_;
