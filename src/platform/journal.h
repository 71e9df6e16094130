/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Entries with fields for systemd's journal, by its native protocol (systemd.io, "Native Journal
 * Protocol"), which needs no library.
 */

#include "buf.h"

/* Appends a field; name is of A-Z, 0-9 and _, and the value may be any text. */
void journal_field(struct buf *entry, const char *name, const char *value);
void journal_field_u64(struct buf *entry, const char *name, uint64_t value);
/* -ENOENT, -ECONNREFUSED: there is no journal. */
int journal_send(const struct buf *entry) _must_check_;
