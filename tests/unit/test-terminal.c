/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A question at a pseudo terminal: what is typed arrives and is not shown.
 */

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "cleanup.h"
#include "terminal.h"

#define QUESTION "Key for root: "

/* Both sides of a terminal. */
struct pair {
	int person;
	int program;
};

static void pair_open(struct pair *ret)
{
	ret->person = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(ret->person >= 0);
	assert_int_equal(grantpt(ret->person), 0);
	assert_int_equal(unlockpt(ret->person), 0);
	ret->program = open(ptsname(ret->person), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(ret->program >= 0);
}

static void pair_close(struct pair *pair)
{
	(void)close(pair->program);
	(void)close(pair->person);
}

/* Reads until all of the text was shown, and returns how many bytes came. */
static size_t shown_until(int fd, const char *text, char *seen, size_t size)
{
	size_t n = 0;

	while (n < size - 1) {
		ssize_t k = read(fd, seen + n, size - 1 - n);

		if (k <= 0)
			break;
		n += (size_t)k;
		seen[n] = 0;
		if (strstr(seen, text))
			break;
	}
	return n;
}

/* The person: waits for the question, types, and says by the exit status whether it was shown. */
static pid_t person_start(const struct pair *pair, const char *typed)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		char seen[200] = "";

		(void)shown_until(pair->person, QUESTION, seen, sizeof(seen));
		(void)!write(pair->person, typed, strlen(typed));
		seen[0] = 0;
		(void)shown_until(pair->person, "\n", seen, sizeof(seen));
		_exit(strstr(seen, "horse") ? 1 : 0);
	}
	return pid;
}

static int ask(const char *typed, struct secret **ret)
{
	struct termios before, after;
	struct pair pair;
	int r, status;
	pid_t pid;

	pair_open(&pair);
	assert_int_equal(tcgetattr(pair.program, &before), 0);
	pid = person_start(&pair, typed);
	r = terminal_ask(pair.program, QUESTION, 20 * 1000000U, ret);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(tcgetattr(pair.program, &after), 0);
	assert_int_equal(before.c_lflag, after.c_lflag);
	assert_true(after.c_lflag & ECHO);
	pair_close(&pair);
	return r;
}

static void test_answer(void **state)
{
	_cleanup_(secret_freep) struct secret *answer = NULL;

	assert_int_equal(ask("correct horse\n", &answer), 0);
	assert_int_equal(secret_size(answer), strlen("correct horse"));
	assert_memory_equal(secret_peek(answer), "correct horse", secret_size(answer));
}

static void test_editing(void **state)
{
	_cleanup_(secret_freep) struct secret *answer = NULL;

	/* What the terminal erases before the end of the line does not arrive. */
	assert_int_equal(ask("horses\177\r", &answer), 0);
	assert_int_equal(secret_size(answer), strlen("horse"));
}

static void test_nothing(void **state)
{
	_cleanup_(secret_freep) struct secret *answer = NULL;

	assert_int_equal(ask("\n", &answer), -ENODATA);
	assert_null(answer);
}

static void test_nobody(void **state)
{
	_cleanup_(secret_freep) struct secret *answer = NULL;
	_cleanup_close_ int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct termios after;
	struct pair pair;

	pair_open(&pair);
	assert_int_equal(terminal_ask(pair.program, QUESTION, 50000, &answer), -ETIMEDOUT);
	assert_int_equal(tcgetattr(pair.program, &after), 0);
	assert_true(after.c_lflag & ECHO);
	pair_close(&pair);
	assert_int_equal(terminal_ask(null_fd, QUESTION, 0, &answer), -ENOTTY);
	assert_null(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_editing),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
