/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * libdevmapper, the kernel keyring and block devices without a kernel. Every call that would change
 * something is written to a log, one line each, which a test compares as a whole: the order counts,
 * and a call too many shows as well as a missing one.
 *
 *	create NAME UUID
 *	load NAME rw|ro [secure] START LENGTH TARGET PARAMS
 *	resume NAME UDEV-FLAGS [noflush] [nolockfs]
 *	remove NAME
 *	suspend NAME
 *	message NAME TEXT
 *	key+ TYPE DESCRIPTION BYTES	key- DESCRIPTION
 */

#include <sys/types.h>

#include "buf.h"

/* Forgets everything. */
void fake_reset(void);
/* The log so far. */
const char *fake_log(void);
void fake_log_clear(void);

/* A device that a path leads to, with this content at its begin. */
void fake_device(const char *path, unsigned minor, uint64_t sectors, const void *data, size_t size);
/* A mapping that is there before. table: "TARGET PARAMS", or NULL for none. */
void fake_mapping(const char *name, const char *uuid, uint64_t sectors, const char *table);
/* A mapping's state, by name. */
void fake_mapping_open(const char *name, int open_count);
void fake_mapping_suspend(const char *name);
bool fake_mapping_is_suspended(const char *name);
bool fake_mapping_exists(const char *name);
/* The next call of that kind ("create", "load", "resume", "suspend", "message" ...) on it fails. */
void fake_fail(const char *call, const char *name, int error);
/* The same for two calls, whichever comes first. */
void fake_fail_twice(const char *call, const char *name, int error, const char *other_call,
	const char *other_name, int other_error);
/* The kernel has no such target from now on. */
void fake_without_target(const char *target);
/* Keys that were added and not dropped. */
unsigned fake_keys(void);

/*
 * Among the fakes: adds to the log; takes the error that was asked for, or 0; what is mapped there.
 */
void fake_call(const char *format, ...) _printf_(1, 2);
int fake_injected(const char *call, const char *name);
bool fake_mapping_at(dev_t device, uint64_t *ret_sectors, bool *ret_read_only);
void fake_devices_reset(void);
