/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Text from outside: is it UTF-8, and may it stand in a message?
 */

#include "macro.h"

/* True if the bytes are UTF-8 without over-long forms, surrogates and NUL. */
_pure_ bool utf8_is_valid(const char *s, size_t len);
/* The first control character (ASCII below 0x20, or DEL) in the string, or NULL. */
_pure_ const char *find_control_character(const char *s);
