/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whole reads and writes, and files that get their name when they are complete.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "fd.h"
#include "hex.h"

#define TEMP_ATTEMPTS 16

/* What moves at most so many bytes. The memory of what is written is not changed. */
typedef ssize_t (*move_t)(int fd, void *memory, size_t size, off_t offset);

static ssize_t move_in(int fd, void *memory, size_t size, off_t offset)
{
	return pread(fd, memory, size, offset);
}

static ssize_t move_out(int fd, void *memory, size_t size, off_t offset)
{
	return pwrite(fd, memory, size, offset);
}

/* To where the descriptor is. */
static ssize_t move_out_next(int fd, void *memory, size_t size, off_t offset)
{
	return write(fd, memory, size);
}

/* All of it; at_end is the error for a file that takes or gives no more. */
static int move_full(int fd, move_t move, void *memory, size_t size, off_t offset, int at_end)
{
	uint8_t *at = memory;

	if (offset < 0 || size > (uint64_t)INT64_MAX - (uint64_t)offset)
		return -EOVERFLOW;
	while (size > 0) {
		ssize_t n = move(fd, at, size, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return at_end;
		at += n;
		offset += n;
		size -= (size_t)n;
	}
	return 0;
}

int fd_pread_full(int fd, void *ret, size_t size, uint64_t offset)
{
	return move_full(fd, move_in, ret, size, (off_t)offset, -ENODATA);
}

int fd_pwrite_full(int fd, const void *data, size_t size, uint64_t offset)
{
	return move_full(fd, move_out, (void *)(uintptr_t)data, size, (off_t)offset, -EIO);
}

int fd_write_full(int fd, const void *data, size_t size)
{
	return move_full(fd, move_out_next, (void *)(uintptr_t)data, size, 0, -EIO);
}

int fd_read_file(int fd, size_t limit, char **ret, size_t *ret_size)
{
	_cleanup_free_ char *data = NULL;
	size_t size = 0, space;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL;
	if ((uint64_t)st.st_size > limit)
		return -EFBIG;

	/* Files of /proc and /sys have a size of 0, and a file can grow: read until the end. */
	space = (size_t)st.st_size + 1;
	for (;;) {
		char *larger = realloc(data, space + 1);
		ssize_t n;

		if (!larger)
			return -ENOMEM;
		data = larger;
		n = read(fd, data + size, space - size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		size += (size_t)n;
		if (size > limit)
			return -EFBIG;
		if (size == space)
			space = MIN(limit, 2 * space + 4096) + 1;
	}

	data[size] = '\0';
	*ret = take_ptr(data);
	if (ret_size)
		*ret_size = size;
	return 0;
}

int file_read(int dir_fd, const char *path, size_t limit, char **ret, size_t *ret_size)
{
	/* Without hanging on a fifo and without making a terminal ours. */
	_cleanup_close_ int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	return fd_read_file(fd, limit, ret, ret_size);
}

int file_write_atomic(int dir_fd, const char *path, const void *data, size_t size, mode_t mode)
{
	_cleanup_(tmpfile_done) struct tmpfile f = TMPFILE_INIT;
	int r;

	r = tmpfile_open(dir_fd, path, mode, &f);
	if (r < 0)
		return r;
	r = fd_write_full(f.fd, data, size);
	if (r < 0)
		return r;
	return tmpfile_publish(&f, true);
}

/* A hidden name beside the final one that nobody else has: ".NAME.0123456789abcdef". */
static int temp_name(const char *name, char **ret)
{
	uint8_t random[8];
	char hex[2 * sizeof(random) + 1];
	/* The whole must fit into NAME_MAX bytes. */
	int keep = (int)MIN(strlen(name), (size_t)200);

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	hex_encode(random, sizeof(random), hex);
	return asprintf(ret, ".%.*s.%s", keep, name, hex) < 0 ? -ENOMEM : 0;
}

/*
 * Sets f->temp to the first hidden name that take accepts. It returns -EEXIST if somebody has the
 * name.
 */
static int tmpfile_hide(struct tmpfile *f,
	int (*take)(struct tmpfile *f, const char *temp, const void *arg), const void *arg)
{
	for (int i = 0; i < TEMP_ATTEMPTS; i++) {
		_cleanup_free_ char *temp = NULL;
		int r;

		r = temp_name(f->name, &temp);
		if (r < 0)
			return r;
		r = take(f, temp, arg);
		if (r >= 0) {
			f->temp = take_ptr(temp);
			return 0;
		}
		if (r != -EEXIST)
			return r;
	}
	return -EEXIST;
}

static int take_by_open(struct tmpfile *f, const char *temp, const void *mode)
{
	f->fd = openat(
		f->dir_fd, temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, *(const mode_t *)mode);
	return f->fd < 0 ? -errno : 0;
}

/* The folder and the final name. */
static int tmpfile_init(struct tmpfile *f, int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	_cleanup_free_ char *dir = NULL;

	if (*name == '\0' || streq(name, ".") || streq(name, ".."))
		return -EINVAL;

	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	f->name = strdup(name);
	if (!dir || !f->name)
		return -ENOMEM;
	f->dir_fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->dir_fd < 0 ? -errno : 0;
}

int tmpfile_open(int dir_fd, const char *path, mode_t mode, struct tmpfile *ret)
{
	_cleanup_(tmpfile_done) struct tmpfile f = TMPFILE_INIT;
	int r;

	r = tmpfile_init(&f, dir_fd, path);
	if (r < 0)
		return r;
	f.fd = openat(f.dir_fd, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, mode);
	if (f.fd < 0)
		/* EOPNOTSUPP, or EISDIR from an old kernel; another error shows up again. */
		r = tmpfile_hide(&f, take_by_open, &mode);
	if (r < 0)
		return r;

	*ret = f;
	f = (struct tmpfile)TMPFILE_INIT;
	return 0;
}

int tmpfile_open_existing(int dir_fd, const char *path, const char *existing, struct tmpfile *ret)
{
	_cleanup_(tmpfile_done) struct tmpfile f = TMPFILE_INIT;
	int r;

	r = tmpfile_init(&f, dir_fd, path);
	if (r < 0)
		return r;
	f.fd = open(existing, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW);
	if (f.fd < 0)
		return -errno;
	*ret = f;
	f = (struct tmpfile)TMPFILE_INIT;
	return 0;
}

static int take_by_rename(struct tmpfile *f, const char *temp, const void *existing)
{
	return renameat2(AT_FDCWD, existing, f->dir_fd, temp, RENAME_NOREPLACE) < 0 ? -errno : 0;
}

int tmpfile_claim(struct tmpfile *f, const char *existing)
{
	return tmpfile_hide(f, take_by_rename, existing);
}

/* Gives a nameless file a name that is free. */
static int tmpfile_link(struct tmpfile *f, int dir_fd, const char *name)
{
	char self[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", f->fd);
	if (linkat(AT_FDCWD, self, dir_fd, name, AT_SYMLINK_FOLLOW) >= 0)
		return 0;
	if (errno != ENOENT)
		return -errno;

	/* No /proc is mounted. This way needs CAP_DAC_READ_SEARCH. */
	return linkat(f->fd, "", dir_fd, name, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int take_by_link(struct tmpfile *f, const char *temp, const void *arg)
{
	return tmpfile_link(f, f->dir_fd, temp);
}

/* RENAME_NOREPLACE, or where the file system lacks it, a second link in place of the first. */
static int tmpfile_rename_new(struct tmpfile *f)
{
	if (renameat2(f->dir_fd, f->temp, f->dir_fd, f->name, RENAME_NOREPLACE) >= 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (linkat(f->dir_fd, f->temp, f->dir_fd, f->name, 0) < 0)
		return -errno;
	return unlinkat(f->dir_fd, f->temp, 0) < 0 ? -errno : 0;
}

int tmpfile_publish(struct tmpfile *f, bool replace)
{
	int r = 0;

	if (fsync(f->fd) < 0)
		return -errno;

	if (!f->temp && !replace) {
		r = tmpfile_link(f, f->dir_fd, f->name);
	} else {
		if (!f->temp)
			/* linkat() does not replace, so it gets a hidden name first. */
			r = tmpfile_hide(f, take_by_link, NULL);
		if (r >= 0 && !replace)
			r = tmpfile_rename_new(f);
		else if (r >= 0 && renameat(f->dir_fd, f->temp, f->dir_fd, f->name) < 0)
			r = -errno;
	}
	if (r < 0)
		return r;

	free(f->temp);
	f->temp = NULL;
	/* The name itself must survive a crash too; some file systems cannot, and say EINVAL. */
	return fsync(f->dir_fd) < 0 && errno != EINVAL ? -errno : 0;
}

int tmpfile_place(struct tmpfile *f, int dir_fd)
{
	if (!f->temp)
		return tmpfile_link(f, dir_fd, f->name);
	if (renameat(f->dir_fd, f->temp, dir_fd, f->name) < 0)
		return -errno;
	free(f->temp);
	f->temp = NULL;
	return 0;
}

void tmpfile_done(struct tmpfile *f)
{
	if (f->temp)
		(void)unlinkat(f->dir_fd, f->temp, 0);
	if (f->fd >= 0)
		(void)close(f->fd);
	if (f->dir_fd >= 0)
		(void)close(f->dir_fd);
	free(f->name);
	free(f->temp);
	*f = (struct tmpfile)TMPFILE_INIT;
}

int mkdir_parents(int dir_fd, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	if (!copy)
		return -ENOMEM;

	for (char *p = copy; *p != '\0';) {
		char kept;

		p += strspn(p, "/");
		p += strcspn(p, "/");
		kept = *p;
		*p = '\0';
		if (mkdirat(dir_fd, copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = kept;
	}

	if (fstatat(dir_fd, path, &st, 0) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}
