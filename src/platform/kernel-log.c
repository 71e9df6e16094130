/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reads /dev/kmsg from its end on. Each read gives one record: "prio,seq,time,flags;text\n".
 */

#include "kernel-log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define RECORD_MAX 8192
/* A flood of other messages must not keep us here. */
#define RECORDS_MAX 1024

int kernel_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (lseek(fd, 0, SEEK_END) < 0) {
		int r = -errno;

		(void)close(fd);
		return r;
	}
	return fd;
}

char *kernel_log_find(int fd, const char *word)
{
	char record[RECORD_MAX];

	if (fd < 0)
		return NULL;

	for (unsigned i = 0; i < RECORDS_MAX; i++) {
		ssize_t n = read(fd, record, sizeof(record) - 1);

		/* EPIPE: records were overwritten, the next read goes on behind them. */
		if (n < 0 && (errno == EPIPE || errno == EINTR))
			continue;
		if (n <= 0)
			return NULL;
		record[n] = '\0';

		char *text = strchr(record, ';');
		char *found = text ? strstr(text, word) : NULL;

		if (!found)
			continue;
		found += strlen(word);
		found += strspn(found, ": ");
		found[strcspn(found, "\n")] = '\0';
		return strdup(found);
	}
	return NULL;
}
