/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A virtual block device: what a layer of the stack looks like to the layer above it. At the
 * bottom are files; every layer is a filter that turns one or more devices below into a device.
 * Writing the plaintext into the top one leaves the images at the bottom; reading the top one
 * gives the plaintext back.
 *
 * Offsets and lengths are bytes, and multiples of the device's block_size. write and read may be
 * called by many threads at once as long as their ranges do not overlap. When an image is
 * created, every block of a device is written exactly once, in any order.
 */

#include "cleanup.h"
#include "diag.h"
#include "macro.h"

/* What a caller hands over at once in the good case. Longer ranges are allowed. */
#define VDEV_CHUNK_SIZE (1U << 18)

struct vdev;

struct vdev_ops {
	/* data NULL stands for zeros. -EROFS: opened for reading. */
	int (*write)(struct vdev *v, const void *data, uint64_t len, uint64_t offset);
	/*
	 * -EILSEQ: the data failed a check, which has been reported; ret is then undefined. While
	 * an image is being created this gives back what was written, without any check.
	 */
	int (*read)(struct vdev *v, void *ret, uint64_t len, uint64_t offset);
	/*
	 * True if all of the range is known to read as zeros without looking at it (a hole), else
	 * false. *ret_len is how far the answer holds, at most len. May be NULL: never known.
	 */
	bool (*is_hole)(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len);
	/*
	 * After the last write, once, on the top device first: writes what only then is known, the
	 * superblock last. After the last read of an image that is verified, in the same order:
	 * checks what has not been read yet; damage is reported and is no error. It does not call
	 * finish of the devices below. May be NULL.
	 */
	int (*finish)(struct vdev *v, struct diag *diag);
	/* Frees the device, not those below. */
	void (*free)(struct vdev *v);
	/*
	 * Of a device that keeps tags: write and read with the tags of the blocks, tag_size bytes
	 * each and one behind the other. data and tags are not NULL. A write without tags is
	 * -EINVAL there, unless it is of zeros, whose tags are then zeros; a read leaves them out.
	 */
	int (*write_tagged)(struct vdev *v, const void *data, const uint8_t *tags, uint64_t len,
		uint64_t offset);
	int (*read_tagged)(
		struct vdev *v, void *ret, uint8_t *ret_tags, uint64_t len, uint64_t offset);
};

struct vdev {
	const struct vdev_ops *ops;
	uint64_t size_bytes;
	uint32_t block_size; /* bytes, a power of two */
	uint32_t tag_size;   /* bytes that it keeps for each block; 0: none */
	const char *name; /* for messages: a layer's name or a path; lives as long as the device */
};

static inline struct vdev *vdev_free(struct vdev *v)
{
	if (v)
		v->ops->free(v);
	return NULL;
}
DEFINE_FREEP(struct vdev, vdev_free)

/* Both check the range: -EINVAL if it is not aligned or reaches behind the end. */
int vdev_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset) _must_check_;
int vdev_read(struct vdev *v, void *ret, uint64_t len, uint64_t offset) _must_check_;
/* As above, of a device that keeps tags, else -EINVAL. */
int vdev_write_tagged(struct vdev *v, const void *data, const uint8_t *tags, uint64_t len,
	uint64_t offset) _must_check_;
int vdev_read_tagged(
	struct vdev *v, void *ret, uint8_t *ret_tags, uint64_t len, uint64_t offset) _must_check_;
bool vdev_is_hole(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len);
int vdev_finish(struct vdev *v, struct diag *diag) _must_check_;

/* Reads a range that need not be aligned, through a buffer; for metadata, which is short. */
int vdev_read_bytes(struct vdev *v, void *ret, uint64_t len, uint64_t offset) _must_check_;
