// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * What a flood does to others: to the other core, and to innocent sources whose meters stand in the
 * same table.
 *
 * Starved: a million honest sources are active at once (each of their meters is ahead of now) and
 * spend a fifth of what they may, beside a thousand that flood without pause. Flood and honest
 * packets come in turns of some milliseconds, so that the counters tell whose drops they were; the
 * meters of the flooders stay full meanwhile.
 */
#include <tests/bench/bench.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include <strazh/abi/rate.h>

#define HONEST_FIRST 4000000U
#define MILLION 1000000U

/*
 * ---- two cores ----
 * Of the same sources, as no network card would spread them. 10,000 of them fit into the L2 of one
 * core, but not into two at once: each line is fetched from the other core every second time, 1.7.
 * From 30,000 on, 1.9; of a million one core alone waits for memory more than two do, 2.2.
 */

#define CORE_ROUNDS 7
#define CORE_REPEAT 1000000U

struct core {
	struct rig *rig;
	int cpu;
	double ns;
};

static void *drive(void *context)
{
	struct core *core = context;

	world_cpu(core->cpu);
	core->ns = rig_drive(core->rig, CORE_REPEAT);
	return NULL;
}

/* Packets/s of these cores together, in packets a ns. */
static double throughput(struct rig *rig, int first, int count)
{
	struct core cores[2];
	pthread_t threads[2];
	double sum = 0;

	for (int n = 0; n < count; n++) {
		cores[n] = (struct core){rig, first + n, 0};
		if (pthread_create(&threads[n], NULL, drive, &cores[n]))
			die("pthread_create: %s", strerror(errno));
	}
	for (int n = 0; n < count; n++) {
		if (pthread_join(threads[n], NULL))
			die("pthread_join failed");
		sum += 1 / cores[n].ns;
	}
	return sum;
}

static void two_cores(struct rig *rig, const char *name, uint32_t sources)
{
	const uint32_t first[2] = {0, HONEST_FIRST}, count[2] = {1, sources};
	struct samples ratios = {.count = 0};

	say("two cores: %d rounds, %u sources", CORE_ROUNDS, sources);
	rig_sources(rig, first, count, 256, false);
	rig_behind(rig, rig->gate_fd);
	for (int round = 0; round < CORE_ROUNDS; round++) {
		double one = (throughput(rig, 0, 1) + throughput(rig, 1, 1)) / 2;

		samples_add(&ratios, throughput(rig, 0, 2) / one);
	}
	report(name, samples_at(&ratios, 50), "x", "budget 1.8 x", samples_at(&ratios, 50) / 1.8,
	       &ratios);
}

/* ---- starved ---- */

#define FLOODERS 1000U
#define FLOOD_TURN 20000U
#define HONEST_TURN 100000U
#define TURNS 20U	   /* each honest source sends two packets, on the average */
#define STEP_NS 400000000U /* 2.5 packets/s, ten at once */
#define BURST_NS 4000000000U
#define STARVED_BUDGET_PPM 1000.0

static uint64_t dropped(const struct rig *rig)
{
	return rig_count(rig, SZ_REASON_RATE_HOST) + rig_count(rig, SZ_REASON_RATE_NET);
}

static uint64_t turn(struct rig *rig, uint32_t honest_share, uint32_t packets)
{
	const uint32_t first[2] = {50000000, HONEST_FIRST}, count[2] = {FLOODERS, MILLION};
	uint64_t before = dropped(rig);

	rig_sources(rig, first, count, honest_share, false);
	(void)rig_drive(rig, packets);
	return dropped(rig) - before;
}

static void starve(struct rig *rig)
{
	struct sz_limit *limits = rig->gate->limits, kept[SZ_LIMITS];
	const double all = (double)TURNS * HONEST_TURN;
	uint64_t starved = 0, flood = 0;

	say("starved: %u honest sources beside %u that flood", MILLION, FLOODERS);
	memcpy(kept, limits, sizeof(kept));
	for (uint32_t level = 0; level < SZ_RATE_LEVELS; level++)
		limits[sz_limit_index(0, level, SZ_RATE_EST)] = (struct sz_limit){
			.step_ns = STEP_NS / (level ? SZ_RATE_NET_SHARE : 1),
			.burst_ns = BURST_NS,
		};
	rig_behind(rig, rig->gate_fd);
	for (uint32_t n = 0; n < TURNS; n++) {
		flood += turn(rig, 0, FLOOD_TURN);
		starved += turn(rig, 256, HONEST_TURN);
	}
	memcpy(limits, kept, sizeof(kept));
	/* Ten packets at once and a little more may pass of each flooder. */
	if (flood < (uint64_t)TURNS * FLOOD_TURN - FLOODERS * 30U)
		die("starved: only %llu packets of the flood were dropped",
		    (unsigned long long)flood);
	/* None is fewer than one. */
	report("gate.starved_ppm", (double)starved / all * 1e6, "ppm", "budget 1000 ppm",
	       STARVED_BUDGET_PPM / ((starved ? (double)starved : 1) / all * 1e6), NULL);
}

void bench_flood(struct rig *rig)
{
	two_cores(rig, "gate.two_core_ratio", MILLION);
	two_cores(rig, "gate.two_core_10k_ratio", 10000);
	world_cpu(1);
	starve(rig);
	world_cpu(-1);
}
