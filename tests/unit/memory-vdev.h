/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Memory as a virtual block device, for inputs and images of tests.
 */

#include "vdev.h"

/* A copy of data (NULL: zeros); written blocks change it. Fails the test when memory is out. */
struct vdev *memory_vdev_new(const void *data, uint64_t size, uint32_t block_size);
/* Its content, to look at and to damage. */
uint8_t *memory_vdev_bytes(struct vdev *v);
