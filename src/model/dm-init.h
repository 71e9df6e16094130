/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A stack as words of the kernel command line, for a kernel that has device-mapper built in and
 * boots without an initrd: Documentation/admin-guide/device-mapper/dm-init.rst.
 *
 *	dm-mod.create="NAME,UUID,MINOR,ro|rw,TABLE;NAME,..." dm-mod.waitfor=DEVICE,DEVICE...
 */

#include "buf.h"
#include "layer.h"

/* What the kernel takes for dm-mod.create, in bytes without a final NUL. */
#define DM_INIT_SIZE_MAX 4095U

/*
 * Appends the words for these layers, bottom first, with root= for the last one. The mapping of
 * layers[n] gets the minor n, since an upper table can only call it /dev/dm-N.
 * -EOPNOTSUPP: the kernel does not make such a layer by itself, or it would need a key; -ENODATA:
 * something is not known before the boot; -EINVAL: a device that the kernel cannot find without
 * udev, or a character that has no escape; -E2BIG. The diag names layer and field.
 */
int dm_init_print(
	struct layer *const *layers, size_t n, struct buf *ret, struct diag *diag) _must_check_;
