/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * When did the gate begin to drop? Looks at its counters each ms until SIGTERM, and prints one
 * object: for each reason whose count grew, when that was seen first (CLOCK_MONOTONIC, ms) and by
 * how much it grew in all.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <tests/tools/kit/caller.h>
#include <tests/tools/kit/stop.h>
#include <user/gate/stats.h>

#define PAUSE_NS 1000000

static void look(struct gate *gate, struct gate_stats *ret_stats)
{
	if (!gate_stats_read(gate, ret_stats))
		return;
	fprintf(stderr, "drops: %s\n", gate_error());
	exit(1);
}

int main(void)
{
	double first_ms[SZ_REASON_COUNT] = {0};
	struct gate_stats begin, now;
	const char *comma = "";
	struct gate *gate;

	stop_by_signals();
	if (gate_open(NULL, 0, NULL, &gate)) {
		fprintf(stderr, "drops: %s\n", gate_error());
		return 1;
	}
	look(gate, &begin);
	printf("{");
	fflush(stdout); /* it looks from here on */
	do {
		look(gate, &now);
		for (unsigned int i = 0; i < SZ_REASON_COUNT; i++)
			if (!first_ms[i] && now.reason[i].packets > begin.reason[i].packets)
				first_ms[i] = caller_now_ms();
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	} while (!stop);
	look(gate, &now);
	for (unsigned int i = 0; i < SZ_REASON_COUNT; i++) {
		if (!first_ms[i])
			continue;
		printf("%s\"%s\":{\"class\":%d,\"first_ms\":%.1f,\"packets\":%llu}", comma,
		       reason_names[i], reason_classes[i], first_ms[i],
		       (unsigned long long)(now.reason[i].packets - begin.reason[i].packets));
		comma = ",";
	}
	puts("}");
	gate_close(gate);
	return 0;
}
