/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the program needs is what the dynamic linker has just loaded for it, so nothing has to be
 * looked up: no list of libraries can be out of date. They get the paths by which they were found,
 *
 *	DIR/usr/lib/.../libc.so.6    and the links of the host's merged folders:    DIR/lib -> usr/lib
 *
 * and "shutdown" comes last, since systemd-shutdown(8) goes by that name alone.
 */

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "dm.h"
#include "exitrd.h"
#include "fd.h"

#define COPY_MAX      (1U << 30)
#define DEVICE_LEVELS 32
#define LINKER_CACHE  "/etc/ld.so.cache"

/* --- is it needed --- */

static bool is_layer(const char *sys_dir)
{
	_cleanup_free_ char *path = NULL, *uuid = NULL;

	if (asprintf(&path, "%s/dm/uuid", sys_dir) < 0) {
		path = NULL;
		return false;
	}
	return file_read(AT_FDCWD, path, 4096, &uuid, NULL) >= 0 && strstr(uuid, MAPPING_UUID_MARK);
}

/* Whether a device that is listed in the folder is a layer, or stands on one. */
static bool any_layer(const char *sys_dir, const char *folder, unsigned levels)
{
	_cleanup_free_ char *path = NULL;
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	if (levels == 0 || asprintf(&path, "%s/%s", sys_dir, folder) < 0) {
		path = NULL;
		return false;
	}
	dir = opendir(path);
	while (dir && !found && (entry = readdir(dir))) {
		_cleanup_free_ char *device = NULL;

		if (entry->d_name[0] == '.' || asprintf(&device, "%s/%s", path, entry->d_name) < 0)
			device = NULL;
		/* A partition is below its disk, which has the devices that it stands on. */
		found = device && (is_layer(device) || any_layer(device, "slaves", levels - 1) ||
					  any_layer(device, "../slaves", levels - 1));
	}
	if (dir)
		(void)closedir(dir);
	return found;
}

static bool stands_on_layer(const char *path)
{
	char device[64];
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	/* btrfs and overlayfs do not say where they are. */
	if (major(st.st_dev) == 0)
		return any_layer("/sys", "block", 1);
	(void)snprintf(
		device, sizeof(device), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
	return is_layer(device) || any_layer(device, "slaves", DEVICE_LEVELS) ||
	       any_layer(device, "../slaves", DEVICE_LEVELS);
}

bool exitrd_is_needed(void)
{
	return stands_on_layer("/") || stands_on_layer("/usr");
}

/* --- filling --- */

struct filler {
	int fd;		    /* of the folder; owned */
	struct strset made; /* files, from the folder */
	struct strset loaded;
	bool mounted;
	int r;
};

static int copy_bytes(int from, int to)
{
	for (;;) {
		ssize_t n = sendfile(to, from, NULL, COPY_MAX);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
	}
}

static int copy_file(struct filler *f, const char *from, const char *to, mode_t mode)
{
	_cleanup_(tmpfile_done) struct tmpfile file = TMPFILE_INIT;
	_cleanup_close_ int fd = open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = tmpfile_open(f->fd, to, mode, &file);
	if (r >= 0)
		r = copy_bytes(fd, file.fd);
	if (r >= 0)
		r = fchmod(file.fd, mode) < 0 ? -errno : 0;
	if (r >= 0)
		r = tmpfile_publish(&file, true);
	if (r >= 0)
		r = strset_add(&f->made, to);
	return r < 0 ? r : 0;
}

/* The link again, unless it is there; something else in its place would lead elsewhere. */
static int copy_link(struct filler *f, const char *path)
{
	char target[PATH_MAX], there[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return errno == EINVAL ? 0 : -errno;
	target[n] = '\0';
	if (symlinkat(target, f->fd, path + 1) >= 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	n = readlinkat(f->fd, path + 1, there, sizeof(there) - 1);
	return n == (ssize_t)strlen(target) && memcmp(there, target, (size_t)n) == 0 ? 0 : -EEXIST;
}

/* Under its own name in its real folder, with the links that lead there from the root. */
static int copy_loaded(struct filler *f, const char *path)
{
	_cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
	_cleanup_free_ char *first = strndup(path, 1 + strcspn(path + 1, "/"));
	_cleanup_free_ char *real = NULL, *to = NULL;
	int r;

	if (!folder || !first)
		return -ENOMEM;
	r = copy_link(f, first);
	if (r < 0)
		return r;
	real = realpath(*folder ? folder : "/", NULL);
	if (!real)
		return -errno;
	if (asprintf(&to, "%s%s", real + 1, strrchr(path, '/')) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	r = real[1] ? mkdir_parents(f->fd, real + 1) : 0;
	return r < 0 ? r : copy_file(f, path, to, 0755);
}

/* The program itself has no name here, and the kernel's part of it no file. */
static int note_loaded(struct dl_phdr_info *info, size_t size, void *userdata)
{
	struct filler *f = userdata;

	if (f->r >= 0 && info->dlpi_name && info->dlpi_name[0] == '/')
		f->r = strset_add(&f->loaded, info->dlpi_name);
	return 0;
}

/* Some initrds mount /run so that nothing there can be run. */
static int open_folder(struct filler *f, const char *dir)
{
	struct statvfs fs;

	if (statvfs(dir, &fs) < 0)
		return -errno;
	if (fs.f_flag & ST_NOEXEC) {
		if (mount("dmstack-exitrd", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") < 0)
			return -errno;
		f->mounted = true;
	}
	f->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->fd < 0 ? -errno : 0;
}

static int fill(struct filler *f, const char *dir, struct diag *diag)
{
	int r = mkdir_parents(AT_FDCWD, dir);

	if (r >= 0)
		r = open_folder(f, dir);
	if (r < 0)
		return diag_at(diag, r, "%s", dir);
	(void)dl_iterate_phdr(note_loaded, f);
	r = f->r;
	for (size_t i = 0; r >= 0 && i < f->loaded.n; i++) {
		r = copy_loaded(f, f->loaded.items[i]);
		if (r < 0)
			return diag_at(diag, r, "%s", f->loaded.items[i]);
	}
	/* For libraries in folders that the dynamic linker does not know of by itself. */
	if (r >= 0 && access(LINKER_CACHE, F_OK) == 0) {
		r = mkdir_parents(f->fd, "etc");
		if (r >= 0)
			r = copy_file(f, LINKER_CACHE, LINKER_CACHE + 1, 0644);
	}
	return r < 0 ? r : copy_file(f, "/proc/self/exe", "shutdown", 0755);
}

int exitrd_fill(const char *dir, struct diag *diag)
{
	struct filler f = { .fd = -EBADF };
	int r = fill(&f, dir, diag);

	for (size_t i = 0; r < 0 && i < f.made.n; i++)
		(void)unlinkat(f.fd, f.made.items[i], 0);
	cleanup_close(&f.fd);
	if (r < 0 && f.mounted)
		(void)umount2(dir, UMOUNT_NOFOLLOW);
	strset_done(&f.made);
	strset_done(&f.loaded);
	return r < 0 ? diag_set(diag, r, "the exitrd cannot be filled: %s", strerror(-r)) : 0;
}
