/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Names and values as systemd reads them in unit files.
 */

#include "buf.h"

/* The longest unit name in bytes; systemd refuses longer ones. */
#define UNIT_NAME_SIZE_MAX 255U

/* The text as the instance of a template, as "systemd-escape TEXT" prints it. */
void unit_name_escape(struct buf *buf, const char *text);
/*
 * The absolute path as the first part of a .device, .mount or blockdev@.target, as "systemd-escape
 * --path" prints it. -EINVAL: the path is not absolute or has a ".." in it; nothing is appended.
 */
int unit_name_escape_path(struct buf *buf, const char *path) _must_check_;

/* For settings that take the rest of the line: "%" is doubled. */
void unit_value_puts(struct buf *buf, const char *text);
/* For settings that take a list of words: quoted, and "%" is doubled. */
void unit_value_quote(struct buf *buf, const char *text);
/* A time span in seconds with up to six decimals; UINT64_MAX is "infinity". */
void unit_value_usec(struct buf *buf, uint64_t usec);
