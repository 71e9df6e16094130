/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * posix_spawn(3) with an environment of its own, so that nothing the caller has reaches the child.
 */

#include "program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

static int program_start(const char *path, const char *const *argv, int out_fd, pid_t *ret)
{
	static char *const environment[] = { (char *)"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL };
	posix_spawn_file_actions_t actions;
	int r;

	r = posix_spawn_file_actions_init(&actions);
	if (r != 0)
		return -r;
	if (out_fd < 0)
		r = posix_spawn_file_actions_addopen(
			&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	else
		r = posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn(ret, path, &actions, NULL, (char *const *)argv, environment);
	(void)posix_spawn_file_actions_destroy(&actions);
	return -r;
}

static int program_reap(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EREMOTEIO;
}

int program_run(const char *path, const char *const *argv)
{
	pid_t pid;
	int r;

	r = program_start(path, argv, -EBADF, &pid);
	if (r < 0)
		return r;
	return program_reap(pid);
}

int program_read(const char *path, const char *const *argv, size_t limit, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *text = NULL;
	_cleanup_close_ int read_fd = -EBADF;
	int pipe_fds[2];
	pid_t pid;
	int r, status;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	read_fd = pipe_fds[0];
	r = program_start(path, argv, pipe_fds[1], &pid);
	(void)close(pipe_fds[1]);
	if (r < 0)
		return r;

	r = secret_read(read_fd, limit, true, &text);
	cleanup_close(&read_fd);
	read_fd = -EBADF;
	status = program_reap(pid);
	if (status < 0)
		return status;
	if (status > 0)
		return -EREMOTEIO;
	if (r < 0)
		return r;
	*ret = take_ptr(text);
	return 0;
}
