/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A question at a terminal. The terminal is left as it was found, whatever happens in between.
 */

#include "terminal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

/* The kernel gives a terminal's line in one read, and it is not longer (N_TTY_BUF_SIZE). */
#define LINE_MAX_BYTES 4096

static int wait_for_line(int fd, uint64_t deadline)
{
	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		uint64_t now = clock_usec();
		int n, timeout = -1;

		if (deadline > 0 && now >= deadline)
			return -ETIMEDOUT;
		if (deadline > 0)
			timeout = (int)MIN((deadline - now) / 1000U + 1U, 3600U * 1000U);
		n = poll(&pollfd, 1, timeout);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static int read_line(int fd, uint64_t timeout_usec, struct secret **ret)
{
	_cleanup_(secret_freep) struct secret *line = NULL;
	ssize_t n;
	int r;

	r = secret_new(LINE_MAX_BYTES, true, &line);
	if (r >= 0)
		r = wait_for_line(fd, timeout_usec > 0 ? clock_usec() + timeout_usec : 0);
	if (r < 0)
		return r;
	do
		n = read(fd, secret_bytes(line), LINE_MAX_BYTES);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EIO ? -ENODATA : -errno;
	if (n > 0 && secret_peek(line)[n - 1] == '\n')
		n--;
	if (n == 0)
		return -ENODATA;
	secret_truncate(line, (size_t)n);
	*ret = take_ptr(line);
	return 0;
}

int terminal_ask(int fd, const char *question, uint64_t timeout_usec, struct secret **ret)
{
	struct termios before, silent;
	int r;

	if (tcgetattr(fd, &before) < 0)
		return -errno;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	silent.c_lflag |= ICANON;
	silent.c_iflag |= ICRNL;
	/* What was typed before the question is no answer to it. */
	if (tcsetattr(fd, TCSAFLUSH, &silent) < 0)
		return -errno;
	(void)!write(fd, question, strlen(question));
	r = read_line(fd, timeout_usec, ret);
	(void)!write(fd, "\n", 1);
	(void)tcsetattr(fd, TCSAFLUSH, &before);
	return r;
}
