/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files as virtual block devices: artifacts in the making, and inputs and images to read.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/fs.h>

#include "fd.h"
#include "file-digest.h"
#include "overflow.h"
#include "vdev-file.h"
#include "write-digest.h"

#define FILE_BLOCK_SIZE 512

struct vdev_file {
	struct vdev vdev;
	struct tmpfile file; /* file.fd is the descriptor in either mode */
	uint64_t offset;     /* where the device begins in the file, bytes */
	uint64_t data_bytes; /* what the file has from there; zeros follow up to vdev.size_bytes */
	char *path;
	struct write_digest *digest; /* or NULL */
};

static struct vdev_file *vdev_file(struct vdev *v)
{
	return (struct vdev_file *)v;
}

/* The file is fresh, so what is not written reads as zeros. */
static int file_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	struct vdev_file *f = vdev_file(v);
	int r = 0;

	if (data)
		r = fd_pwrite_full(f->file.fd, data, len, f->offset + offset);
	if (r >= 0 && f->digest)
		write_digest_add(f->digest, data, len, offset);
	return r;
}

static int file_read_range(struct vdev *v, void *ret, uint64_t len, uint64_t offset)
{
	struct vdev_file *f = vdev_file(v);
	uint64_t n = offset < f->data_bytes ? MIN(len, f->data_bytes - offset) : 0;
	int r;

	r = fd_pread_full(f->file.fd, ret, n, f->offset + offset);
	/* The file was cut while it was read. */
	if (r == -ENODATA)
		return -EIO;
	if (r < 0)
		return r;
	memset((uint8_t *)ret + n, 0, len - n);
	return 0;
}

/* What is written is what the file has. */
static int keep_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	return 0;
}

static bool file_is_hole(struct vdev *v, uint64_t len, uint64_t offset, uint64_t *ret_len)
{
	struct vdev_file *f = vdev_file(v);
	off_t data;

	*ret_len = len;
	if (offset >= f->data_bytes)
		return true;

	data = lseek(f->file.fd, (off_t)(f->offset + offset), SEEK_DATA);
	if (data < 0)
		/* ENXIO: nothing but a hole up to the end. Anything else: not known. */
		return errno == ENXIO;
	data -= (off_t)f->offset;
	if ((uint64_t)data >= offset + len)
		return true;
	if ((uint64_t)data >= offset + v->block_size) {
		*ret_len = align_down_u64((uint64_t)data - offset, v->block_size);
		return true;
	}
	/*
	 * Not SEEK_HOLE: tmpfs walks over every page up to the next hole, for each chunk anew, and
	 * a chunk that has some data is looked at for zeros anyway.
	 */
	return false;
}

static void file_free(struct vdev *v)
{
	struct vdev_file *f = vdev_file(v);

	write_digest_free(f->digest);
	tmpfile_done(&f->file);
	free(f->path);
	free(f);
}

static const struct vdev_ops artifact_ops = {
	.write = file_write,
	.read = file_read_range,
	.is_hole = file_is_hole,
	.free = file_free,
};

static int change_write(struct vdev *v, const void *data, uint64_t len, uint64_t offset)
{
	return data ? file_write(v, data, len, offset) : -EOPNOTSUPP;
}

static int change_finish(struct vdev *v, struct diag *diag)
{
	if (fsync(vdev_file(v)->file.fd) < 0)
		return diag_set(diag, -errno, "cannot write %s: %s", v->name, strerror(errno));
	return 0;
}

static const struct vdev_ops change_ops = {
	.write = change_write,
	.read = file_read_range,
	.is_hole = file_is_hole,
	.finish = change_finish,
	.free = file_free,
};

static const struct vdev_ops keep_ops = {
	.write = keep_write,
	.read = file_read_range,
	.is_hole = file_is_hole,
	.free = file_free,
};

static const struct vdev_ops input_ops = {
	.read = file_read_range,
	.is_hole = file_is_hole,
	.free = file_free,
};

static int file_new(const struct vdev_ops *ops, const char *path, struct vdev **ret)
{
	struct vdev_file *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*f = (struct vdev_file){
		.vdev = { .ops = ops, .block_size = FILE_BLOCK_SIZE },
		.file = TMPFILE_INIT,
		.path = strdup(path),
	};
	f->vdev.name = f->path;
	*ret = &f->vdev;
	if (!f->path)
		*ret = vdev_free(*ret);
	return *ret ? 0 : -ENOMEM;
}

static int fd_size(int fd, uint64_t *ret)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*ret = (uint64_t)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOTBLK;
	return ioctl(fd, BLKGETSIZE64, ret) < 0 ? -errno : 0;
}

int vdev_file_create(int dir_fd, const char *path, uint64_t size_bytes, mode_t mode,
	struct vdev **ret, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	struct vdev_file *f;
	int r;

	if (size_bytes == 0 || size_bytes % FILE_BLOCK_SIZE || size_bytes > INT64_MAX)
		return diag_set(diag, -EINVAL, "%s: %ju bytes is no size for an image", path,
			(uintmax_t)size_bytes);
	r = file_new(&artifact_ops, path, &v);
	if (r < 0)
		return r;

	f = vdev_file(v);
	r = tmpfile_open(dir_fd, path, mode, &f->file);
	if (r < 0)
		return diag_set(diag, r, "cannot create %s: %s", path, strerror(-r));
	if (ftruncate(f->file.fd, (off_t)size_bytes) < 0)
		return diag_set(diag, -errno, "cannot make %s %ju bytes long: %s", path,
			(uintmax_t)size_bytes, strerror(errno));
	v->size_bytes = size_bytes;
	f->data_bytes = size_bytes;
	*ret = take_ptr(v);
	return 0;
}

int vdev_file_convert(int dir_fd, const char *path, const char *existing, uint64_t size_bytes,
	struct vdev **ret, struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	struct vdev_file *f;
	int r;

	r = file_new(&artifact_ops, path, &v);
	if (r < 0)
		return r;
	f = vdev_file(v);
	r = tmpfile_open_existing(dir_fd, path, existing, &f->file);
	if (r < 0)
		return diag_set(diag, r, "cannot change %s: %s", existing, strerror(-r));
	v->size_bytes = size_bytes;
	f->data_bytes = size_bytes;
	*ret = take_ptr(v);
	return 0;
}

int vdev_file_claim(struct vdev *v, const char *existing, struct diag *diag)
{
	struct vdev_file *f = vdev_file(v);
	uint64_t size;
	int r;

	if (fd_size(f->file.fd, &size) < 0 || ftruncate(f->file.fd, (off_t)v->size_bytes) < 0)
		return diag_set(diag, -errno, "cannot make %s %ju bytes long: %s", existing,
			(uintmax_t)v->size_bytes, strerror(errno));
	r = tmpfile_claim(&f->file, existing);
	if (r >= 0)
		return 0;
	if (ftruncate(f->file.fd, (off_t)size) < 0)
		(void)diag_set(diag, r, "%s: %s", existing, strerror(errno));
	return diag_set(diag, r,
		r == -EXDEV ? "%s is on another file system than the output"
			    : "%s cannot be renamed",
		existing);
}

int vdev_file_start_digest(struct vdev *v)
{
	struct vdev_file *f = vdev_file(v);

	return write_digest_new(f->file.fd, f->offset, v->size_bytes, &f->digest);
}

int vdev_file_sha256(struct vdev *v, uint64_t size, const volatile sig_atomic_t *cancel,
	uint8_t ret[FILE_DIGEST_SIZE])
{
	struct vdev_file *f = vdev_file(v);

	return f->digest && size == v->size_bytes
		       ? write_digest_final(f->digest, cancel, ret)
		       : file_sha256(f->file.fd, f->offset, size, cancel, ret);
}

int vdev_file_publish(struct vdev *v, bool replace, struct diag *diag)
{
	struct vdev_file *f = vdev_file(v);
	int r;

	r = tmpfile_publish(&f->file, replace);
	return r < 0 ? diag_set(diag, r, "cannot publish %s: %s", f->path, strerror(-r)) : 0;
}

int vdev_file_place(struct vdev *v, int dir_fd, struct diag *diag)
{
	struct vdev_file *f = vdev_file(v);
	int r;

	r = tmpfile_place(&f->file, dir_fd);
	return r < 0 ? diag_set(diag, r, "cannot publish %s: %s", f->path, strerror(-r)) : 0;
}

static int open_existing(const struct vdev_ops *ops, int dir_fd, const char *path,
	uint64_t size_bytes, struct vdev **ret, struct diag *diag)
{
	int flags = ops == &change_ops ? O_RDWR : O_RDONLY;
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	struct vdev_file *f;
	int r;

	r = file_new(ops, path, &v);
	if (r < 0)
		return r;

	f = vdev_file(v);
	f->file.fd = openat(dir_fd, path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	r = f->file.fd < 0 ? -errno : fd_size(f->file.fd, &f->data_bytes);
	if (r < 0)
		return diag_set(diag, r, "cannot open %s: %s", path, strerror(-r));
	if (size_bytes != 0 && f->data_bytes > size_bytes)
		return diag_set(diag, -EFBIG, "%s has %ju bytes, which is more than %ju", path,
			(uintmax_t)f->data_bytes, (uintmax_t)size_bytes);
	v->size_bytes = size_bytes ? size_bytes : align_up_u64(f->data_bytes, FILE_BLOCK_SIZE);
	*ret = take_ptr(v);
	return 0;
}

int vdev_file_open(
	int dir_fd, const char *path, uint64_t size_bytes, struct vdev **ret, struct diag *diag)
{
	return open_existing(&input_ops, dir_fd, path, size_bytes, ret, diag);
}

int vdev_file_keep(int dir_fd, const char *path, struct vdev **ret, struct diag *diag)
{
	return open_existing(&keep_ops, dir_fd, path, 0, ret, diag);
}

int vdev_file_change(int dir_fd, const char *path, struct vdev **ret, struct diag *diag)
{
	return open_existing(&change_ops, dir_fd, path, 0, ret, diag);
}

int vdev_file_slice(struct vdev *file, uint64_t offset, uint64_t size_bytes, struct vdev **ret,
	struct diag *diag)
{
	_cleanup_(vdev_freep) struct vdev *v = NULL;
	const struct vdev_file *from = vdev_file(file);
	struct vdev_file *f;
	uint64_t end;
	int r;

	if (offset % FILE_BLOCK_SIZE || size_bytes % FILE_BLOCK_SIZE ||
		add_overflows(offset, size_bytes, &end) || end > from->data_bytes)
		return diag_set(diag, -EINVAL,
			"%s has %ju bytes, and no device of %ju bytes at %ju of them", from->path,
			(uintmax_t)from->data_bytes, (uintmax_t)size_bytes, (uintmax_t)offset);
	r = file_new(file->ops, from->path, &v);
	if (r < 0)
		return r;
	f = vdev_file(v);
	f->file.fd = fcntl(from->file.fd, F_DUPFD_CLOEXEC, 0);
	if (f->file.fd < 0)
		return diag_set(diag, -errno, "%s: %s", from->path, strerror(errno));
	f->offset = from->offset + offset;
	f->data_bytes = size_bytes;
	v->size_bytes = size_bytes;
	*ret = take_ptr(v);
	return 0;
}

int vdev_file_fd(const struct vdev *v)
{
	return ((const struct vdev_file *)v)->file.fd;
}
