/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One line per message, in one write(), so that lines of several processes do not mix.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "log.h"

/* printk cuts a record at about this many bytes; ours is cut here, where it keeps its prefix. */
#define KMSG_LINE_MAX 960U

static const char *log_program = "dmstack";
static enum log_target log_target = LOG_TARGET_STDERR;
static enum log_level log_max_level = LOG_LEVEL_INFO;

void log_setup(const char *program, enum log_target target)
{
	log_program = program;
	log_target = target;
}

void log_set_max_level(enum log_level level)
{
	log_max_level = level;
}

/* A message must not look like two, nor move the cursor of a terminal. */
static void line_sanitize(char *line)
{
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = ' ';
}

/* Returns false if /dev/kmsg cannot be written; then stderr is the way. */
static bool line_to_kmsg(enum log_level level, const char *text)
{
	_cleanup_close_ int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NOCTTY);
	char line[KMSG_LINE_MAX];

	if (fd < 0)
		return false;

	/* Facility 3 is "daemon"; with facility 0 a message would pass for the kernel's own. */
	(void)snprintf(line, sizeof(line), "<%d>%s[%d]: %s\n", 3 << 3 | (int)level, log_program,
		(int)getpid(), text);
	return write(fd, line, strlen(line)) >= 0;
}

static void line_to_stderr(enum log_level level, const char *text)
{
	_cleanup_(buf_done) struct buf line = {};

	if (getenv("JOURNAL_STREAM"))
		buf_printf(&line, "<%d>", (int)level);
	buf_printf(&line, "%s: %s\n", log_program, text);

	for (const char *p = buf_str(&line); *p != '\0';) {
		ssize_t n = write(STDERR_FILENO, p, strlen(p));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
	}
}

void log_full(enum log_level level, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	int saved = errno;
	va_list ap;
	int n;

	if (level > log_max_level)
		return;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;
	else
		line_sanitize(text);

	const char *line = text ? text : "message lost, out of memory";

	if (log_target != LOG_TARGET_KMSG || !line_to_kmsg(level, line))
		line_to_stderr(level, line);
	errno = saved;
}

int log_error_errno(int r, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		text = NULL;

	log_error("%s: %s", text ? text : "failed", strerror(abs(r)));
	return r;
}

int log_diag(int r, const struct diag *diag)
{
	const char *what = diag->what ? diag->what : strerror(abs(r));

	if (diag->where)
		log_error("%s: %s", diag->where, what);
	else
		log_error("%s", what);
	return r;
}

int log_oom(void)
{
	log_error("out of memory");
	return -ENOMEM;
}
