/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * systemd-shutdown(8) has unmounted what it could and has killed everybody but those who asked to
 * stay, by an "@" in front of their name. The old root, and what was moved along with it, is left.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>

#include "cleanup.h"
#include "exitrd.h"
#include "fd.h"
#include "log.h"

#define MOUNTINFO_MAX	 (16U << 20)
#define ATTEMPTS	 50
#define ATTEMPT_MSEC	 100
#define MOUNT_POINT_WORD 4 /* of a line of /proc/self/mountinfo, from 0 */

/* --- what is mounted --- */

/* "\040" for a blank, and so on. */
static void unescape(char *word)
{
	char *to = word;

	for (const char *p = word; *p; to++) {
		const bool octal = p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' &&
				   p[2] <= '7' && p[3] >= '0' && p[3] <= '7';

		*to = octal ? (char)((p[1] - '0') * 64 + (p[2] - '0') * 8 + (p[3] - '0')) : *p;
		p += octal ? 4 : 1;
	}
	*to = '\0';
}

/* The kernel's own, and the memory that this runs from. */
static bool stays(const char *point)
{
	static const char *const folders[] = { "/dev", "/proc", "/run", "/sys" };

	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		const char *rest = startswith(point, folders[i]);

		if (rest && (*rest == '\0' || *rest == '/'))
			return true;
	}
	return streq(point, "/");
}

int exitrd_mounts(const char *mountinfo, struct strset *ret)
{
	_cleanup_free_ char *text = strdup(mountinfo);
	char *lines, *line;

	if (!text)
		return -ENOMEM;
	for (line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
		char *words, *word = strtok_r(line, " ", &words);
		int r = 0;

		for (int i = 0; word && i < MOUNT_POINT_WORD; i++)
			word = strtok_r(NULL, " ", &words);
		if (!word || word[0] != '/')
			continue;
		unescape(word);
		if (!stays(word))
			r = strset_add(ret, word);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- who keeps it --- */

static bool is_in_old_root(const char *pid, const char *link)
{
	char path[300], target[PATH_MAX];
	const char *rest;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/proc/%s/%s", pid, link);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = '\0';
	rest = startswith(target, EXITRD_OLD_ROOT);
	return rest && (*rest == '\0' || *rest == '/');
}

/* Threads of the kernel have none of the links. */
static void kill_users(void)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		const char *pid = entry->d_name;

		if (pid[strspn(pid, "0123456789")] != '\0' || streq(pid, "1") ||
			!(is_in_old_root(pid, "root") || is_in_old_root(pid, "cwd") ||
				is_in_old_root(pid, "exe")))
			continue;
		log_notice("process %s keeps the old root and is killed", pid);
		/* NOLINTNEXTLINE(cert-err34-c): digits only, and the kernel's. */
		(void)kill(atoi(pid), SIGKILL);
	}
	if (dir)
		(void)closedir(dir);
}

/* --- unmounting --- */

static int read_mounts(struct strset *ret)
{
	_cleanup_free_ char *text = NULL;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);

	return r < 0 ? r : exitrd_mounts(text, ret);
}

/* One pass, the last mounted first. Returns how many are left. */
static int unmount_pass(bool *ret_progress)
{
	_cleanup_(strset_done) struct strset before = {}, after = {};
	int r = read_mounts(&before);

	*ret_progress = false;
	for (size_t i = before.n; r >= 0 && i-- > 0;)
		if (umount2(before.items[i], UMOUNT_NOFOLLOW) >= 0)
			*ret_progress = true;
	if (r >= 0)
		r = read_mounts(&after);
	return r < 0 ? r : (int)after.n;
}

/* What was written reaches the disk even where the mount has to stay. */
static void give_up(void)
{
	_cleanup_(strset_done) struct strset left = {};

	if (read_mounts(&left) < 0)
		return;
	for (size_t i = left.n; i-- > 0;) {
		log_error("%s cannot be unmounted", left.items[i]);
		(void)mount(NULL, left.items[i], NULL, MS_REMOUNT | MS_RDONLY, NULL);
	}
}

int exitrd_unmount(void)
{
	static const struct timespec pause = { .tv_nsec = ATTEMPT_MSEC * 1000000L };
	bool progress;
	int r = 0;

	for (unsigned attempt = 0; attempt < ATTEMPTS; attempt++) {
		do {
			r = unmount_pass(&progress);
		} while (r > 0 && progress);
		if (r <= 0)
			return r;
		kill_users();
		(void)nanosleep(&pause, NULL);
	}
	give_up();
	return -EBUSY;
}
