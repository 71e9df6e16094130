/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Base64 of RFC 4648 section 4: with padding, without line breaks.
 */

#include "buf.h"

void base64_append(struct buf *buf, const void *data, size_t size);
/*
 * Strict: -EINVAL for any other character, wrong padding, or bits behind the end that are not
 * zero; -E2BIG: more than space bytes.
 */
int base64_decode(
	const char *text, size_t len, uint8_t *ret, size_t space, size_t *ret_size) _must_check_;
