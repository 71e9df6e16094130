/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files as virtual block devices, the bottom of every stack.
 */

#include <signal.h>
#include <sys/types.h>

#include "file-digest.h"
#include "vdev.h"

/*
 * An artifact of exactly size_bytes (a multiple of 512), all holes at first. It has no name until
 * vdev_file_publish(); zeros that are written stay holes. It can also be read. path is copied.
 */
int vdev_file_create(int dir_fd, const char *path, uint64_t size_bytes, mode_t mode,
	struct vdev **ret, struct diag *diag) _must_check_;
/*
 * The same of a file that is there, which grows to size_bytes and is written where it lies. It
 * keeps its name until vdev_file_claim(). Zeros may only be written where it has zeros.
 */
int vdev_file_convert(int dir_fd, const char *path, const char *existing, uint64_t size_bytes,
	struct vdev **ret, struct diag *diag) _must_check_;
/*
 * Takes its name away, so that nobody sees it before vdev_file_publish(); it is deleted if that is
 * not reached.
 */
int vdev_file_claim(struct vdev *v, const char *existing, struct diag *diag) _must_check_;
/* From now on it is hashed while it is written; nothing has been yet. */
int vdev_file_start_digest(struct vdev *v) _must_check_;
/*
 * The SHA-256 of its first size bytes. Where it is hashed while it is written, that of all of it, after
 * the last write, once. Errors as of file_sha256().
 */
int vdev_file_sha256(struct vdev *v, uint64_t size, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE]) _must_check_;
/* Makes it durable and gives it its name. -EEXIST: there is one and replace is false. */
int vdev_file_publish(struct vdev *v, bool replace, struct diag *diag) _must_check_;
/* Gives it its name in another folder of the same file system, where nothing is durable yet. */
int vdev_file_place(struct vdev *v, int dir_fd, struct diag *diag) _must_check_;

/*
 * A file (or block device) to read. size_bytes 0: its size, rounded up to 512. If the file is
 * shorter than size_bytes, zeros follow. -EFBIG: it is longer.
 */
int vdev_file_open(int dir_fd, const char *path, uint64_t size_bytes, struct vdev **ret,
	struct diag *diag) _must_check_;

/* A file (or block device) to read and to change where it is. */
int vdev_file_change(
	int dir_fd, const char *path, struct vdev **ret, struct diag *diag) _must_check_;
/*
 * A file that already holds what will be written to it: writing does nothing, reading reads.
 */
int vdev_file_keep(int dir_fd, const char *path, struct vdev **ret, struct diag *diag) _must_check_;
/*
 * A range of a file as a device of its own, with the file's way of reading and writing. It stays when
 * the file's device is freed. Only the whole file can be given a name. -EINVAL: no multiple of 512, or
 * it does not lie within the file.
 */
int vdev_file_slice(struct vdev *file, uint64_t offset, uint64_t size_bytes, struct vdev **ret,
	struct diag *diag) _must_check_;
/* The descriptor of the whole file, open for reading at least; remains owned by the device. */
int vdev_file_fd(const struct vdev *v);
