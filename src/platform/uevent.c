/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reading uevents: "ACTION@PATH", then NAME=VALUE, each with a NUL behind it.
 */

#include "uevent.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "parse.h"

#define UEVENT_SIZE_MAX	   8192U
#define UEVENT_FROM_KERNEL 1U /* the multicast group; 2 is udev's */

int uevent_open(void)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = UEVENT_FROM_KERNEL,
	};
	_cleanup_close_ int fd =
		socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return take_fd(fd);
}

/* "0,1234" */
static int parse_block(const char *text, struct uevent *event)
{
	if ((text[0] != '0' && text[0] != '1') || text[1] != ',' ||
		parse_u64(text + 2, &event->block) < 0)
		return -EINVAL;
	event->is_tree = text[0] == '1';
	return 0;
}

int uevent_parse(const char *data, size_t size, struct uevent *ret)
{
	bool is_block = false, has_block = false;
	uint64_t major = UINT64_MAX, minor = UINT64_MAX;
	struct uevent event = {};

	/* Every text has to end within the data. */
	if (size == 0 || data[size - 1] != '\0')
		return 0;
	for (const char *p = data; p < data + size; p += strlen(p) + 1) {
		const char *value;

		if (streq(p, "SUBSYSTEM=block"))
			is_block = true;
		else if ((value = startswith(p, "MAJOR=")))
			(void)!parse_u64(value, &major);
		else if ((value = startswith(p, "MINOR=")))
			(void)!parse_u64(value, &minor);
		else if ((value = startswith(p, "DM_VERITY_ERR_BLOCK_NR=")))
			has_block = parse_block(value, &event) == 0;
	}
	if (!is_block || !has_block || major > UINT32_MAX || minor > UINT32_MAX)
		return 0;
	event.device = makedev((unsigned)major, (unsigned)minor);
	*ret = event;
	return 1;
}

int uevent_receive(int fd, struct uevent *ret)
{
	char data[UEVENT_SIZE_MAX];
	struct sockaddr_nl from = {};
	socklen_t from_size = sizeof(from);
	ssize_t n;

	n = recvfrom(fd, data, sizeof(data), MSG_DONTWAIT, (struct sockaddr *)&from, &from_size);
	if (n < 0)
		return -errno;
	/* Anybody can send to a socket; only the kernel has the port 0. */
	if (from_size < sizeof(from) || from.nl_pid != 0)
		return 0;
	return uevent_parse(data, (size_t)n, ret);
}
