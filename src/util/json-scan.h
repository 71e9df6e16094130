/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A check of JSON text before json-c sees it. json-c keeps the last of two members with one name,
 * rounds numbers that do not fit and takes what RFC 8259 does not allow; a manifest that two
 * programs can read in two ways is not worth a signature. So this is refused:
 *
 *	anything but one value with white space around it (RFC 8259, UTF-8),
 *	duplicate members, and member names that are empty or have escapes,
 *	numbers that are not integers from 0 to 2^64 - 1 in their shortest form,
 *	control characters in strings, \u escapes of these and of surrogates,
 *	nesting deeper than JSON_DEPTH_MAX, more than JSON_MEMBERS_MAX members in one object.
 */

#include "diag.h"

#define JSON_DEPTH_MAX	 8U
#define JSON_MEMBERS_MAX 128U

/*
 * 0 or -EINVAL. The diag says where: a line ("file:3") where the text is no JSON, else the path of
 * the value ("file: $.layers[1].cipher").
 */
int json_scan(const char *text, size_t size, const char *file, struct diag *diag) _must_check_;
