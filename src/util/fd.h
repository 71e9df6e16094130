/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Files: whole reads and writes, and outputs that appear complete or not at all.
 * Every descriptor is opened with O_CLOEXEC. dir_fd may be AT_FDCWD.
 */

#include <sys/types.h>

#include "macro.h"

/* Reads size bytes at the offset (bytes). -ENODATA: the file ends before. */
int fd_pread_full(int fd, void *ret, size_t size, uint64_t offset) _must_check_;
int fd_pwrite_full(int fd, const void *data, size_t size, uint64_t offset) _must_check_;
int fd_write_full(int fd, const void *data, size_t size) _must_check_;

/*
 * The whole content of a regular file, at most limit bytes, with a NUL behind that does not count.
 * -EFBIG: larger. -EISDIR, -EINVAL: not a regular file.
 */
int file_read(
	int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size) _must_check_;
/* The same for a descriptor, from its present offset. ret_size may be NULL in both. */
int fd_read_file(int fd, size_t limit, char **ret, size_t *ret_size) _must_check_;

/* Writes through a temporary file in the same folder, fsync and rename. */
int file_write_atomic(
	int dir_fd, const char *path, const void *data, size_t size, mode_t mode) _must_check_;

/*
 * An output file in the making. It has no name until tmpfile_publish() (O_TMPFILE where the file
 * system has it, else a hidden name which tmpfile_done() removes).
 */
struct tmpfile {
	int fd;	    /* owned */
	int dir_fd; /* owned */
	char *name; /* the final name within dir_fd; owned */
	char *temp; /* the hidden name, or NULL; owned */
};
#define TMPFILE_INIT                                                                               \
	{                                                                                          \
		.fd = -EBADF, .dir_fd = -EBADF                                                     \
	}

int tmpfile_open(int dir_fd, const char *path, mode_t mode, struct tmpfile *ret) _must_check_;
/*
 * As tmpfile_open(), but of a file that is there and can be written: it keeps its name until
 * tmpfile_claim(). -ELOOP: a symbolic link.
 */
int tmpfile_open_existing(
	int dir_fd, const char *path, const char *existing, struct tmpfile *ret) _must_check_;
/*
 * Takes the name of the existing file away, in favour of a hidden one in the folder of the final
 * name. -EXDEV: that is on another file system.
 */
int tmpfile_claim(struct tmpfile *f, const char *existing) _must_check_;
/* fsync and give it its name, over an existing file if replace. The fd stays open. */
int tmpfile_publish(struct tmpfile *f, bool replace) _must_check_;
/*
 * Gives it its name in another folder of the same file system, where that is free; without fsync.
 */
int tmpfile_place(struct tmpfile *f, int dir_fd) _must_check_;
/* Closes; removes what was not published. For _cleanup_(). */
void tmpfile_done(struct tmpfile *f);

/* mkdir -p below dir_fd with mode 0755. */
int mkdir_parents(int dir_fd, const char *path) _must_check_;
