/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The whole loop on a fake clock: honest sources, attackers, a server that does so many handshakes
 * a second behind a queue, and the guard that decides who gets how much of it. Arrivals are cut by
 * the limit of each source (the gate), what is left by admission (the server), what is left then by
 * the queue; all of it in proportion, as buckets and a full queue do. One simulation a program.
 */
#ifndef TESTS_UNIT_GUARD_FAIR_H
#define TESTS_UNIT_GUARD_FAIR_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <tests/unit/guard/jain.h>
#include <user/guard/guard.h>

#define HONEST 200U
#define HOSTILE 100U
#define SOURCES (HONEST + HOSTILE)
#ifndef STEP_MS /* the bench may say */
#define STEP_MS 100U
#endif
#define CAPACITY 1000.0 /* handshakes a second, or as its user says */
#define ASKED 4.0	/* of an honest source */
#define NOMINAL 20.0	/* that a source may */

struct one {
	struct prefix host;
	double limit; /* of its nominal limits */
	bool banned;
	double asks, asked, got, owed; /* owed: parts of a handshake */
};

static struct {
	struct guard *guard;
	uint64_t now_ms;
	struct one ones[SOURCES];
	double queue, capacity; /* handshakes: waiting, a second */
	struct guard_load load;
	uint32_t tick_ms;  /* the guard hears of it so often; 0: each step */
	bool greedy;	   /* attackers who do nothing wrong but ask for too much */
	float least, most; /* of the limits of all, once settled */
	/* What lies between guard and gate, and between load and guard; NULL: nothing. */
	void (*wire_pace)(struct guard_pace *pace);
	void (*wire_delay)(float *delay_ms);
} sim;

static struct one *one_of(const struct prefix *host)
{
	uint32_t n = (uint32_t)host->addr[2] << 8 | host->addr[3];

	if (host->len != 32 || n >= SOURCES)
		abort();
	return &sim.ones[n];
}

static void on_limit(void *owner, const struct guard_limit *limit)
{
	(void)owner;
	one_of(&limit->prefix)->limit = 16.0 / limit->slow;
}
static void on_unlimit(void *owner, const struct prefix *prefix)
{
	(void)owner;
	one_of(prefix)->limit = 1;
}
static void on_ban(void *owner, const struct guard_ban *ban)
{
	(void)owner;
	one_of(&ban->prefix)->banned = true;
}
static void on_lift(void *owner, const struct prefix *prefix)
{
	(void)owner;
	one_of(prefix)->banned = false;
}

/* What a source gets through its own limits. */
static double through_gate(struct one *one, const struct guard_pace *pace)
{
	enum guard_tier tier = one->limit < 1 ? GUARD_TIER_LIMITED : GUARD_TIER_ALL;
	double may = NOMINAL * one->limit * (double)pace->tiers[tier] * STEP_MS / 1000;

	return one->banned ? 0 : MIN(one->asks * STEP_MS / 1000, may);
}

/* Whole handshakes become facts. */
static void finish(struct one *one, double done, bool honest)
{
	struct observation seen = {.family = 4,
				   .input = honest || sim.greedy ? GUARD_IN_SESSION_PROVEN
								 : GUARD_IN_HELLO_BAD};

	memcpy(seen.addr, one->host.addr, sizeof(seen.addr));
	one->got += done;
	one->owed += done;
	for (; one->owed >= 1; one->owed--)
		(void)guard_observe(sim.guard, &seen, sim.now_ms);
}

static void step(void)
{
	struct guard_figures figures = guard_figures(sim.guard);
	double in[SOURCES], sum = 0, share, lost, most = sim.capacity * 0.5;
	double does = sim.capacity * STEP_MS / 1000, failed = 0, proven = 0;

	if (sim.wire_pace)
		sim.wire_pace(&figures.pace);
	for (unsigned i = 0; i < SOURCES; i++) {
		in[i] = through_gate(&sim.ones[i], &figures.pace);
		sim.ones[i].asked += sim.ones[i].asks * STEP_MS / 1000;
		sum += in[i];
	}
	/* Admission: at most twice the capacity when all is well. */
	share = MIN(1, 2 * does * (double)figures.pace.admission / MAX(sum, 1e-9));
	sum *= share;
	sim.queue += sum - does;
	lost = MAX(sim.queue - most, 0);
	sim.queue = MAX(MIN(sim.queue, most), 0);
	sim.load.delay_ms = (float)(sim.queue / sim.capacity * 1000);
	if (sim.wire_delay)
		sim.wire_delay(&sim.load.delay_ms);
	sim.load.loss = (float)(lost / MAX(sum, 1e-9));
	share *= 1 - lost / MAX(sum, 1e-9);
	for (unsigned i = 0; i < SOURCES; i++) {
		*(i < HONEST || sim.greedy ? &proven : &failed) += in[i] * share;
		finish(&sim.ones[i], in[i] * share, i < HONEST);
	}
	sim.load.failed_s = (uint32_t)(failed * 1000 / STEP_MS);
	sim.load.proven_s = (uint32_t)(proven * 1000 / STEP_MS);
	sim.now_ms += STEP_MS;
	if (sim.now_ms % MAX(sim.tick_ms, STEP_MS))
		return;
	guard_tick(sim.guard, sim.now_ms);
	guard_load(sim.guard, &sim.load, sim.now_ms);
}

static void run(uint32_t seconds)
{
	for (unsigned i = 0; i < SOURCES; i++)
		sim.ones[i].asked = sim.ones[i].got = 0;
	sim.least = 2;
	sim.most = 0;
	for (uint32_t i = 0; i < seconds * 1000 / STEP_MS; i++) {
		step();
		sim.least = MIN(sim.least, guard_figures(sim.guard).pace.tiers[0]);
		sim.most = MAX(sim.most, guard_figures(sim.guard).pace.tiers[0]);
	}
}

/* Of what honest sources asked for; and how evenly they got it. */
static double honest_share(double *ret_jain)
{
	double shares[HONEST], asked = 0, got = 0;

	for (unsigned i = 0; i < HONEST; i++) {
		shares[i] = sim.ones[i].got / sim.ones[i].asked;
		asked += sim.ones[i].asked;
		got += sim.ones[i].got;
	}
	*ret_jain = jain_index(shares, HONEST);
	return got / asked;
}

/* 0, or what guard_new() says. Sixty seconds of peace have passed then. */
static int begin(void)
{
	static const struct guard_ops ops = {
		.limit = on_limit, .unlimit = on_unlimit, .ban = on_ban, .lift = on_lift};
	struct guard_config config = guard_config_usual();
	int r;

	memset(&sim, 0, sizeof(sim));
	sim.now_ms = 1000000000;
	sim.capacity = CAPACITY;
	config.strangers = config.proven = config.prefixes = 1000;
	config.seed[0] = 0x9e3779b97f4a7c15ULL;
	config.seed[1] = 0xc2b2ae3d27d4eb4fULL;
	config.prefix_bad = 256; /* they share a prefix as they are numbered: not tried here */
	r = guard_new(&config, &ops, &sim, sim.now_ms, &sim.guard);
	if (r)
		return r;
	for (unsigned i = 0; i < SOURCES; i++) {
		sim.ones[i].host = prefix_from(
			4, (const uint8_t[4]){10, 0, (uint8_t)(i >> 8), (uint8_t)i}, 32);
		sim.ones[i].limit = 1;
		sim.ones[i].asks = i < HONEST ? ASKED * (0.9 + 0.2 * (i % 2)) : 0;
	}
	run(60);
	return 0;
}

static void attack(double asks)
{
	for (unsigned i = HONEST; i < SOURCES; i++)
		sim.ones[i].asks = asks;
}

#endif
