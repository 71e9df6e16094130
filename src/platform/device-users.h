/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Who keeps a block device open, as far as the kernel tells: devices above, mounts, swap.
 */

#include <sys/types.h>

#include "buf.h"

/* Appends "mapping \"data\", mounted on /srv" or the like; nothing if no user is known. */
void device_users_print(dev_t device, struct buf *buf);
/* True if a file system on the device is mounted there, and nothing over it. */
bool device_is_mounted_at(dev_t device, const char *path);
