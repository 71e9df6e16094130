/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A datagram to $NOTIFY_SOCKET. Nobody waits for it, and nothing depends on it.
 */

#include "notify.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"
#include "macro.h"

static void notify(const char *line, size_t size)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -EBADF;

	if (!path || (*path != '/' && *path != '@') || strlen(path) >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, path, strlen(path));
	/* The abstract name space is meant. */
	if (*path == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)!sendto(fd, line, size, MSG_NOSIGNAL, (struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
}

void notify_status(const char *text)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "STATUS=%s", text);

	if (n > 0)
		notify(line, MIN((size_t)n, sizeof(line) - 1));
}

void notify_busy(const char *text, unsigned seconds)
{
	char lines[1024];
	int n = snprintf(
		lines, sizeof(lines), "EXTEND_TIMEOUT_USEC=%u000000\nSTATUS=%s", seconds, text);

	if (n > 0)
		notify(lines, MIN((size_t)n, sizeof(lines) - 1));
}
