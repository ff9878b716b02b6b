// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Nanoseconds a packet, by what its source is. Each case runs once a round, so that a slow second
 * of the machine hits all of them, and its reasons are counted: a case whose packets were not
 * decided as it says is no measurement.
 */
#include <tests/bench/bench.h>

#define ROUNDS 15
#define REPEAT 300000U
#define WARM_UP 200000U
/* Honest numbers: those below are for the other parts. */
#define HONEST_FIRST 4000000U
#define NEW_FIRST 100000000U

struct way {
	const char *name; /* NULL: the generator alone */
	double budget_ns;
	uint32_t denied, honest; /* how many sources; both 0 with honest_share: each one new */
	uint32_t honest_share;
	bool ipv6;
	enum sz_reason reason;
};

static const struct way ways[] = {
	{NULL, 0, 0, 10000, 256, false, SZ_REASON_PASS},
	{NULL, 0, 0, 10000, 256, true, SZ_REASON_PASS},
	{"gate.denied_ns", 350, LISTS_HOSTS4, 1, 0, false, SZ_REASON_DENY_HOST},
	{"gate.clean_10k_ns", 150, 1, 10000, 256, false, SZ_REASON_PASS},
	{"gate.clean_1m_ns", 300, 1, 1000000, 256, false, SZ_REASON_PASS},
	{"gate.clean_new_ns", 300, 1, 0, 256, false, SZ_REASON_PASS},
	{"gate.denied6_ns", 350, LISTS_HOSTS6, 1, 0, true, SZ_REASON_DENY_HOST},
	{"gate.clean6_10k_ns", 150, 1, 10000, 256, true, SZ_REASON_PASS},
	{"gate.clean6_1m_ns", 300, 1, 1000000, 256, true, SZ_REASON_PASS},
};

static double run_way(struct rig *rig, const struct way *way, uint32_t repeat)
{
	const uint32_t count[2] = {way->denied, way->honest};
	static uint32_t new_first = NEW_FIRST;
	const uint32_t first[2] = {0, way->honest ? HONEST_FIRST : new_first};
	uint64_t before = rig_count(rig, way->reason);
	double ns;

	if (!way->honest)
		new_first += repeat;
	rig_sources(rig, first, count, way->honest_share, way->ipv6);
	if (!way->name)
		return rig_run(rig, rig->source_end_fd, repeat);
	ns = rig_run(rig, rig->gate_fd, repeat);
	if (rig_count(rig, way->reason) - before != repeat)
		die("%s: of %u packets only %llu were decided as they should", way->name, repeat,
		    (unsigned long long)(rig_count(rig, way->reason) - before));
	return ns;
}

void bench_packet(struct rig *rig)
{
	static struct samples samples[ARRAY_LEN(ways)];
	double own_ns[2];

	say("packets: %d rounds of %zu cases", ROUNDS, ARRAY_LEN(ways));
	world_cpu(1);
	for (size_t n = 0; n < ARRAY_LEN(ways); n++)
		run_way(rig, &ways[n], WARM_UP);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t n = 0; n < ARRAY_LEN(ways); n++)
			samples_add(&samples[n], run_way(rig, &ways[n], REPEAT));
	world_cpu(-1);
	own_ns[0] = samples_at(&samples[0], 50);
	own_ns[1] = samples_at(&samples[1], 50);
	report("machine.noise", samples_at(&samples[0], 100) / samples_at(&samples[0], 0),
	       "max/min", NULL, 0, &samples[0]);
	for (size_t n = 2; n < ARRAY_LEN(ways); n++) {
		for (size_t at = 0; at < samples[n].count; at++)
			samples[n].value[at] -= own_ns[ways[n].ipv6];
		report_budget(ways[n].name, samples_at(&samples[n], 50), "ns", ways[n].budget_ns,
			      &samples[n]);
	}
}
