/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The whole loop on a fake clock: honest sources, attackers, a server that does so many handshakes
 * a second behind a queue, and the guard that decides who gets how much of it. Arrivals are cut by
 * the limit of each source (the gate), what is left by admission (the server), what is left then by
 * the queue; all of it in proportion, as buckets and a full queue do.
 */
#include <tests/unit/guard/kit.h>

#define HONEST 200U
#define HOSTILE 100U
#define SOURCES (HONEST + HOSTILE)
#define STEP_MS 100U
#define CAPACITY 1000.0 /* handshakes a second */
#define ASKED 4.0	/* of an honest source */
#define NOMINAL 20.0	/* that a source may */

struct one {
	struct prefix host;
	double limit; /* of its nominal limits */
	bool banned;
	double asks, asked, got, owed; /* owed: parts of a handshake */
};

static struct {
	struct kit kit;
	struct one ones[SOURCES];
	double queue;
	struct guard_load load;
	bool greedy;	   /* attackers who do nothing wrong but ask for too much */
	float least, most; /* of admission, once settled */
} sim;

static struct one *one_of(const struct prefix *host)
{
	uint32_t n = (uint32_t)host->addr[2] << 8 | host->addr[3];

	assert_int_equal(host->len, 32);
	assert_true(n < SOURCES);
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
	one->got += done;
	one->owed += done;
	for (; one->owed >= 1; one->owed--)
		(void)kit_see(&sim.kit, &one->host,
			      honest || sim.greedy ? GUARD_IN_SESSION_PROVEN : GUARD_IN_HELLO_BAD);
}

static void step(void)
{
	struct guard_figures figures = guard_figures(sim.kit.guard);
	double in[SOURCES], sum = 0, share, lost, most = CAPACITY * 0.5;
	double does = CAPACITY * STEP_MS / 1000, failed = 0, proven = 0;

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
	sim.load.delay_ms = (float)(sim.queue / CAPACITY * 1000);
	sim.load.loss = (float)(lost / MAX(sum, 1e-9));
	share *= 1 - lost / MAX(sum, 1e-9);
	for (unsigned i = 0; i < SOURCES; i++) {
		*(i < HONEST || sim.greedy ? &proven : &failed) += in[i] * share;
		finish(&sim.ones[i], in[i] * share, i < HONEST);
	}
	sim.load.failed_s = (uint32_t)(failed * 1000 / STEP_MS);
	sim.load.proven_s = (uint32_t)(proven * 1000 / STEP_MS);
	sim.kit.now_ms += STEP_MS;
	guard_tick(sim.kit.guard, sim.kit.now_ms);
	guard_load(sim.kit.guard, &sim.load, sim.kit.now_ms);
}

static void run(uint32_t seconds)
{
	for (unsigned i = 0; i < SOURCES; i++)
		sim.ones[i].asked = sim.ones[i].got = 0;
	sim.least = 2;
	sim.most = 0;
	for (uint32_t i = 0; i < seconds * 1000 / STEP_MS; i++) {
		float admission;

		step();
		admission = guard_figures(sim.kit.guard).pace.admission;
		sim.least = MIN(sim.least, admission);
		sim.most = MAX(sim.most, admission);
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
	*ret_jain = aimd_jain(shares, HONEST);
	return got / asked;
}

static int set_up(void **state)
{
	static const struct guard_ops ops = {
		.limit = on_limit, .unlimit = on_unlimit, .ban = on_ban, .lift = on_lift};
	struct guard_config config = kit_config();

	(void)state;
	memset(&sim, 0, sizeof(sim));
	sim.kit.now_ms = KIT_BEGIN_MS;
	/* They share a prefix by the way they are numbered: not what is tried here. */
	config.prefix_bad = 256;
	assert_int_equal(guard_new(&config, &ops, &sim, sim.kit.now_ms, &sim.kit.guard), 0);
	for (unsigned i = 0; i < SOURCES; i++) {
		sim.ones[i].host = kit_host(i);
		sim.ones[i].limit = 1;
		/* Some ask for more than others. */
		sim.ones[i].asks = i < HONEST ? ASKED * (0.9 + 0.2 * (i % 2)) : 0;
	}
	/* Two seconds of pace, so that there is one. */
	run(2);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_close(&sim.kit);
	return 0;
}

static void attack(double asks)
{
	for (unsigned i = HONEST; i < SOURCES; i++)
		sim.ones[i].asks = asks;
}

static void in_peace_all_get_all(void **state)
{
	double jain;

	(void)state;
	run(60);
	assert_true(honest_share(&jain) > 0.999);
	assert_true(jain > 0.999);
	assert_int_equal(guard_figures(sim.kit.guard).limited, 0);
}

static void brute_force_is_stopped(void **state)
{
	double jain, share, hostile = 0;

	(void)state;
	run(60);
	attack(100);
	run(5);
	share = honest_share(&jain);
	print_message("brute force: honest share %.4f in the first 5 s, jain %.4f\n", share, jain);
	assert_true(share > 0.5);
	assert_true(jain > 0.95);
	run(55);
	share = honest_share(&jain);
	for (unsigned i = HONEST; i < SOURCES; i++)
		hostile += sim.ones[i].got;
	print_message("then: honest share %.4f, jain %.4f, hostile %.1f a second\n", share, jain,
		      hostile / 55);
	assert_true(share > 0.99);
	assert_true(jain > 0.99);
	assert_true(hostile / 55 < CAPACITY / 20);
	for (unsigned i = 0; i < SOURCES; i++)
		assert_int_equal(sim.ones[i].limit < 1 || sim.ones[i].banned, i >= HONEST);
}

/* Nothing to ban: they are only too many and too greedy. */
static void greed_is_shared(void **state)
{
	double jain, share;

	(void)state;
	sim.greedy = true;
	run(60);
	attack(200);
	run(120);
	run(120);
	share = honest_share(&jain);
	print_message("greed: honest share %.4f, jain %.4f, admission %.3f to %.3f\n", share, jain,
		      (double)sim.least, (double)sim.most);
	assert_true(jain > 0.95);
	assert_true(share > 0.75);
	/* Settled: no oscillation. */
	assert_true(sim.most - sim.least < 0.1F * sim.most);
	/* And it is over when it is over. */
	attack(0);
	run(60);
	run(10);
	assert_true(honest_share(&jain) > 0.999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(in_peace_all_get_all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(brute_force_is_stopped, set_up, tear_down),
		cmocka_unit_test_setup_teardown(greed_is_shared, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
