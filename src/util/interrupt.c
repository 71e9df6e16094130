/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The flag that SIGINT and SIGTERM set.
 */

#include "interrupt.h"

volatile sig_atomic_t interrupted;

static void on_signal(int signo)
{
	interrupted = signo;
}

void interrupt_setup(void)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = (int)(SA_RESETHAND | SA_RESTART),
	};

	(void)sigaction(SIGINT, &action, NULL);
	(void)sigaction(SIGTERM, &action, NULL);
}
