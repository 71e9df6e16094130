/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What of a device has been written, or read. A layer above may leave gaps (the end of its device,
 * padding between its areas), but tags and trees cover every block: when an image is made, finish
 * writes zeros there, and when one is verified, finish reads them. Thread-safe.
 */

#include <pthread.h>

#include "extents.h"
#include "vdev.h"

struct coverage {
	pthread_mutex_t lock;
	struct extents seen;
};

void coverage_init(struct coverage *c);
void coverage_done(struct coverage *c);
/* 1: all of it is new; 0: not. */
int coverage_add(struct coverage *c, uint64_t offset, uint64_t len) _must_check_;
/* Writes zeros to what is not covered; v's write calls coverage_add(). */
int coverage_write_rest(struct coverage *c, struct vdev *v) _must_check_;
/* Reads what is not covered; v's read calls coverage_add(). Damage (-EILSEQ) does not end it. */
int coverage_read_rest(struct coverage *c, struct vdev *v) _must_check_;
