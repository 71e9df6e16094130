/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Messages to a person. Only the main programs log; a library function returns an error and a
 * diag. On stderr a message is one line "PROGRAM: text"; with LOG_TARGET_KMSG it goes to
 * /dev/kmsg with a priority prefix, as a generator must do it. With $JOURNAL_STREAM set the
 * lines carry the sd-daemon(3) prefix "<N>".
 */

#include "diag.h"
#include "macro.h"

enum log_level {
	LOG_LEVEL_ERR = 3,
	LOG_LEVEL_WARNING = 4,
	LOG_LEVEL_NOTICE = 5,
	LOG_LEVEL_INFO = 6,
	LOG_LEVEL_DEBUG = 7,
};

enum log_target { LOG_TARGET_STDERR, LOG_TARGET_KMSG };

/* program is not copied. */
void log_setup(const char *program, enum log_target target);
/* Messages above the level are dropped; the default is LOG_LEVEL_INFO. */
void log_set_max_level(enum log_level level);

void log_full(enum log_level level, const char *format, ...) _printf_(2, 3);

#define log_error(...)	 log_full(LOG_LEVEL_ERR, __VA_ARGS__)
#define log_warning(...) log_full(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_full(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_full(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_full(LOG_LEVEL_DEBUG, __VA_ARGS__)

/* Logs the text followed by ": " and the error's name, and returns r. */
int log_error_errno(int r, const char *format, ...) _printf_(2, 3);
/* Logs "where: what", or the error's text where the diag is empty, and returns r. */
int log_diag(int r, const struct diag *diag);
int log_oom(void);
