/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the kernel command line or a credential changes ends up as files, in folders that stand
 * above the units' own: systemd-debug-generator(8) writes there, and so does "systemctl edit
 * --runtime". A mask in a folder of the administrator's may be an old one, but it opens the same.
 */

#include "guard.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "cmdline.h"
#include "root-open.h"

static const struct {
	const char *path;
	bool masks_only; /* other changes there are meant */
} unit_folders[] = {
	{ "/run/systemd/generator.early", false },
	{ "/run/systemd/system.control", false },
	{ "/run/systemd/transient", false },
	{ "/etc/systemd/system", true },
	{ "/run/systemd/system", true },
};

/* By these systemd 256 and later make units and more; see systemd.system-credentials(7). */
static const char *const credential_patterns[] = {
	"systemd.extra-unit.*",
	"systemd.unit-dropin.*",
	"fstab.extra",
	"tmpfiles.extra",
	"sysusers.extra",
};

static bool is_masked(int folder_fd, const char *name)
{
	char target[16];
	struct stat st;
	const ssize_t n = readlinkat(folder_fd, name, target, sizeof(target));

	if (n >= 0)
		return n == strlen("/dev/null") && memcmp(target, "/dev/null", (size_t)n) == 0;
	return fstatat(folder_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
	       st.st_size == 0;
}

static bool is_guarded_credential(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(credential_patterns); i++)
		if (fnmatch(credential_patterns[i], name, 0) == 0)
			return true;
	return false;
}

/* fn returns 1 for an entry that is one too many. A folder that is not there has none. */
static int find_entry(int root_fd, const char *path, int (*fn)(int folder_fd, const char *name),
	struct diag *diag)
{
	int fd = root_open(root_fd, path, O_RDONLY | O_DIRECTORY);
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (fd < 0)
		return fd == -ENOENT ? 0 : diag_set(diag, fd, "cannot look into %s", path);
	dir = fdopendir(fd);
	if (!dir) {
		(void)close(fd);
		return -ENOMEM;
	}
	while (r == 0 && (entry = readdir(dir)))
		if (*entry->d_name != '.' && fn(dirfd(dir), entry->d_name) > 0)
			r = diag_set(diag, -EPERM, "%s/%s is in the way of the sealed phase", path,
				entry->d_name);
	(void)closedir(dir);
	return r;
}

static int any_change(int folder_fd, const char *name)
{
	return cmdline_guards_unit(name);
}

static int any_mask(int folder_fd, const char *name)
{
	return cmdline_guards_unit(name) && is_masked(folder_fd, name);
}

static int any_credential(int folder_fd, const char *name)
{
	return is_guarded_credential(name);
}

int guard_units(int root_fd, struct diag *diag)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(unit_folders); i++)
		r = find_entry(root_fd, unit_folders[i].path,
			unit_folders[i].masks_only ? any_mask : any_change, diag);
	if (r == 0)
		r = find_entry(root_fd, "/run/credentials/@system", any_credential, diag);
	return r;
}

int guard_machine(struct diag *diag)
{
	_cleanup_free_ char *text = NULL;
	int r = cmdline_text(&text, diag);

	if (r >= 0)
		r = cmdline_guard(text, diag);
	return r < 0 ? r : guard_units(-EBADF, diag);
}
