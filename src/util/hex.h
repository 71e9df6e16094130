/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Hexadecimal in time that does not depend on the value, since keys pass through here.
 */

#include "macro.h"

/* Writes 2 * size lower-case digits and a NUL. */
void hex_encode(const void *data, size_t size, char *ret);
/*
 * Reads exactly 2 * size digits of either case from text[0 .. 2 * size - 1].
 * -EINVAL: another character.
 */
int hex_decode(const char *text, void *ret, size_t size) _must_check_;
/* The whole string, allocated. -EINVAL: odd length or another character; "" gives size 0. */
int hex_parse(const char *text, uint8_t **ret, size_t *ret_size) _must_check_;
