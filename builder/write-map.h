/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What of a device has been written. A layer above may leave gaps (the end of its device, padding
 * between its areas), but tags and trees must cover every block: finish writes zeros there.
 * Thread-safe.
 */

#include <pthread.h>

#include "extents.h"
#include "vdev.h"

struct write_map {
	pthread_mutex_t lock;
	struct extents written;
};

void write_map_init(struct write_map *map);
void write_map_done(struct write_map *map);
/* -EALREADY: a byte of it was written before. */
int write_map_add(struct write_map *map, uint64_t offset, uint64_t len) _must_check_;
/* Writes zeros to what was not written; v's write calls write_map_add(). */
int write_map_fill(struct write_map *map, struct vdev *v) _must_check_;
