/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kernel confines a look-up to a tree with openat2(); where it cannot, the path is followed
 * link by link here. That is not proof against somebody who changes the tree meanwhile.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "buf.h"
#include "cleanup.h"
#include "root-open.h"

#define LINKS_MAX 40

/* With O_PATH nothing is opened that could hang, and openat2() refuses flags without a meaning. */
static int full_flags(int flags)
{
	return flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK);
}

/* Removes the last component; of the root there is none. */
static void drop_last(struct buf *done)
{
	const char *slash = done->size > 0 ? strrchr(done->data, '/') : NULL;

	if (!slash)
		return;
	done->size = (size_t)(slash - done->data);
	done->data[done->size] = '\0';
}

/* The place below root_fd, for openat(). */
static const char *relative(const struct buf *done)
{
	const char *path = buf_str(done);

	return *path == '\0' ? "." : path + 1;
}

/*
 * Appends one component to done. If that is a symbolic link, it is taken off again, and the text
 * of the link goes before the rest: *rest is replaced. Returns 1 for a link.
 */
static int step(int root_fd, struct buf *done, const char *name, size_t len, char **rest)
{
	char target[PATH_MAX];
	char *longer;
	ssize_t n;

	buf_putc(done, '/');
	buf_append(done, name, len);
	if (buf_error(done) < 0)
		return buf_error(done);

	n = readlinkat(root_fd, relative(done), target, sizeof(target) - 1);
	if (n < 0)
		/* EINVAL: no link. What is not there shows when it is opened. */
		return errno == EINVAL || errno == ENOENT ? 0 : -errno;
	target[n] = '\0';

	if (asprintf(&longer, "%s/%s", target, name + len) < 0)
		return -ENOMEM;
	free(*rest);
	*rest = longer;
	if (target[0] == '/')
		buf_reset(done);
	else
		drop_last(done);
	return 1;
}

int root_open_stepwise(int root_fd, const char *path, int flags)
{
	_cleanup_(buf_done) struct buf done = {};
	_cleanup_free_ char *rest = strdup(path);
	unsigned links = 0;
	int fd;

	if (!rest)
		return -ENOMEM;
	for (const char *p = rest;;) {
		const char *name = p + strspn(p, "/");
		size_t len = strcspn(name, "/");
		bool is_last = name[len + strspn(name + len, "/")] == '\0';
		int r;

		p = name + len;
		if (len == 0)
			break;
		if (len == 1 && name[0] == '.')
			continue;
		if (len == 2 && memcmp(name, "..", 2) == 0) {
			drop_last(&done);
			continue;
		}
		if (is_last && (flags & O_NOFOLLOW)) {
			buf_printf(&done, "/%.*s", (int)len, name);
			break;
		}
		r = step(root_fd, &done, name, len, &rest);
		if (r < 0)
			return r;
		if (r > 0) {
			if (++links > LINKS_MAX)
				return -ELOOP;
			p = rest;
		}
	}
	if (buf_error(&done) < 0)
		return buf_error(&done);

	fd = openat(root_fd, relative(&done), full_flags(flags | O_NOFOLLOW));
	return fd < 0 ? -errno : fd;
}

int root_open(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)full_flags(flags),
		.resolve = RESOLVE_IN_ROOT,
	};
	long fd;

	if (root_fd < 0) {
		fd = open(path, full_flags(flags));
		return fd < 0 ? -errno : (int)fd;
	}
	fd = syscall(SYS_openat2, root_fd, path, &how, sizeof(how));
	/* EPERM is what sandboxes answer that do not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return root_open_stepwise(root_fd, path, flags);
	return fd < 0 ? -errno : (int)fd;
}
