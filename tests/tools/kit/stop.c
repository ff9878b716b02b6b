/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/tools/kit/stop.h>

volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

void stop_by_signals(void)
{
	struct sigaction action = {.sa_handler = on_signal};

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
}
