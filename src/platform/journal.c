/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Talking to journald: one datagram an entry.
 */

#include "journal.h"

#include <endian.h>
#include <inttypes.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "cleanup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

void journal_field(struct buf *entry, const char *name, const char *value)
{
	uint64_t size = htole64(strlen(value));

	if (!strchr(value, '\n')) {
		buf_printf(entry, "%s=%s\n", name, value);
		return;
	}
	/* A line break would begin another field: the length goes in front. */
	buf_printf(entry, "%s\n", name);
	buf_append(entry, &size, sizeof(size));
	buf_printf(entry, "%s\n", value);
}

void journal_field_u64(struct buf *entry, const char *name, uint64_t value)
{
	buf_printf(entry, "%s=%" PRIu64 "\n", name, value);
}

int journal_send(const struct buf *entry)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	_cleanup_close_ int fd = -EBADF;
	ssize_t n;
	int r;

	r = buf_error(entry);
	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	n = sendto(fd, entry->data, entry->size, MSG_NOSIGNAL, (const struct sockaddr *)&address,
		sizeof(address));
	return n < 0 ? -errno : 0;
}
