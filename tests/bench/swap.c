// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A list of 100,000 entries replaced by another one while packets flow on the other core. Half of
 * the entries are in both: packets from these must be dropped before, during and after; honest ones
 * must pass. The generator counts what it sent of each kind, the gate what it decided: any false
 * pass or false drop shows as a difference.
 */
#include <tests/bench/bench.h>

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#define ENTRIES 100000U
#define COMMON (ENTRIES / 2)
#define FIRST 2000000U
#define HONEST_FIRST 6000000U
#define HONEST_COUNT 100000U
#define HONEST_SHARE 128U
#define SLICE 20000U
#define ROUNDS 6
#define BUDGET_S 1.0

struct traffic {
	struct rig *rig;
	atomic_bool stop;
	uint64_t packets;
};

static void *send(void *context)
{
	struct traffic *traffic = context;

	world_cpu(1);
	while (!atomic_load(&traffic->stop)) {
		rig_run(traffic->rig, traffic->rig->gate_fd, SLICE);
		traffic->packets += SLICE;
	}
	return NULL;
}

static double swap_under_traffic(struct rig *rig, const struct prefix *entries, size_t count,
				 uint64_t *ret_packets)
{
	struct traffic traffic = {.rig = rig};
	pthread_t thread;
	double took;

	if (pthread_create(&thread, NULL, send, &traffic))
		die("no thread");
	world_cpu(0);
	usleep(10000);
	took = lists_load(rig->gate, "swap", entries, count);
	usleep(10000);
	atomic_store(&traffic.stop, true);
	pthread_join(thread, NULL);
	world_cpu(-1);
	*ret_packets = traffic.packets;
	return took;
}

void bench_swap(struct rig *rig)
{
	const uint32_t first[2] = {FIRST + COMMON, HONEST_FIRST};
	const uint32_t sources[2] = {COMMON, HONEST_COUNT};
	struct prefix *list[2];
	size_t count[2];
	uint64_t dropped, passed, all = 0;
	static struct samples took;

	say("swap: %d swaps of %u entries under traffic", ROUNDS, ENTRIES);
	list[0] = lists_hosts(FIRST, ENTRIES, &count[0]);
	list[1] = lists_hosts(FIRST + COMMON, ENTRIES, &count[1]);
	lists_load(rig->gate, "swap", list[0], count[0]);
	rig_sources(rig, first, sources, HONEST_SHARE, false);
	rig_forget_sent(rig);
	dropped = rig_count(rig, SZ_REASON_DENY_HOST);
	passed = rig_count(rig, SZ_REASON_PASS);
	for (int round = 1; round <= ROUNDS; round++) {
		uint64_t packets;

		samples_add(&took,
			    swap_under_traffic(rig, list[round % 2], count[round % 2], &packets));
		all += packets;
	}
	dropped = rig_count(rig, SZ_REASON_DENY_HOST) - dropped;
	passed = rig_count(rig, SZ_REASON_PASS) - passed;
	if (dropped != rig_sent(rig, SOURCE_DENIED) || passed != rig_sent(rig, SOURCE_HONEST) ||
	    !dropped || !passed)
		die("swap: sent %" PRIu64 " denied and %" PRIu64 " honest, dropped %" PRIu64
		    ", passed %" PRIu64,
		    rig_sent(rig, SOURCE_DENIED), rig_sent(rig, SOURCE_HONEST), dropped, passed);
	say("swap: %" PRIu64 " packets, no false pass, no false drop", all);
	report_budget("gate.swap_100k_s", samples_at(&took, 50), "s", BUDGET_S, &took);
	lists_load(rig->gate, "swap", NULL, 0);
	free(list[0]);
	free(list[1]);
}
