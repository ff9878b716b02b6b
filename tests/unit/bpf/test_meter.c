// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The meter of the gate (bpf/lib/meter.h, compiled for the host) under a clock of the test's own,
 * beside an exact model in numbers that do not wrap. Every decision must be the model's; and
 * whatever both do, nobody gets more than rate x time + burst, and nobody less than his rate.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/lib/meter.h>
#include <tests/draw.h>

#define YEAR_NS (31557600ULL * 1000000000ULL)
#define WRAP_NS (1ULL << 48)
#define CASES 300
#define STEPS 2000 /* packets of a case: 600,000 in all */
#define SOURCES 4

/* ---- the model ---- */

struct model {
	uint64_t paid_ns[SOURCES]; /* never wraps */
};

static bool model_takes(struct model *model, int source, uint64_t now_ns,
			const struct meter_cost *cost)
{
	uint64_t ahead = model->paid_ns[source] > now_ns ? model->paid_ns[source] - now_ns : 0;

	if (ahead && ahead + cost->ns > cost->burst_ns)
		return false;
	model->paid_ns[source] = now_ns + ahead + cost->ns;
	return true;
}

/* ---- the gate's way: find, look, charge ---- */

static bool meter_takes(struct sz_meters *line, uint64_t tag, uint64_t now_ns,
			const struct meter_cost *cost)
{
	uint64_t at = meter_find(line->packets, tag, now_ns);

	assert_true(at < SZ_RATE_WAYS);
	if (meter_over(meter_ahead_of(line->packets[at], tag, now_ns), cost))
		return false;
	assert_int_equal(meter_charge(&line->packets[at], tag, now_ns, cost), METER_UNDER);
	return true;
}

static uint64_t tag_of(int source)
{
	return (uint64_t)(0x1234 + source * 0x1111) << 48;
}

static struct meter_cost random_cost(void)
{
	struct meter_cost cost = {.ns = (__u32)(1 + draw(1ULL << draw(31)))};
	uint64_t burst = cost.ns * (1 + draw(1000));

	cost.burst_ns = (__u32)(burst > SZ_RATE_NS_MAX ? SZ_RATE_NS_MAX : burst);
	return cost;
}

/* Mostly about as fast as the limit, at times idle for long. */
static uint64_t random_gap(const struct meter_cost *cost)
{
	if (draw(200) == 0)
		return draw(4) * YEAR_NS + draw(YEAR_NS);
	return draw(cost->ns * 3ULL / 2 / SOURCES + 2);
}

static void run_case(uint64_t now_ns)
{
	struct sz_meters line = {.packets = {0}};
	struct model model = {.paid_ns = {0}};
	struct meter_cost cost = random_cost();
	uint64_t first_ns = now_ns, taken[SOURCES] = {0};

	for (int i = 0; i < STEPS; i++) {
		int source = (int)draw(SOURCES);
		bool want = model_takes(&model, source, now_ns, &cost);
		bool got = meter_takes(&line, tag_of(source), now_ns, &cost);

		if (want != got)
			fail_msg("step %d, source %d, %llu ns each, burst %llu: the model says %d",
				 i, source, (unsigned long long)cost.ns,
				 (unsigned long long)cost.burst_ns, want);
		taken[source] += got;
		/* In whole packets: what the time allows, the burst, and the one of an idle source.
		 */
		assert_true(taken[source] <= (now_ns - first_ns + cost.burst_ns) / cost.ns + 1);
		now_ns += random_gap(&cost);
	}
}

/* Begins: after boot, before and behind wraps of the 48 bits, after years. */
static void as_the_model(void **state)
{
	static const uint64_t begins[] = {1,	      SZ_RATE_HORIZON_NS, WRAP_NS - 1000000000,
					  WRAP_NS,    WRAP_NS + 5,	  7 * WRAP_NS - 1,
					  3 * YEAR_NS};

	(void)state;
	for (int i = 0; i < CASES; i++)
		run_case(begins[(size_t)i % (sizeof(begins) / sizeof(begins[0]))] + draw(1000000));
}

/* A source that keeps to its rate is never refused, wherever the clock stands. */
static void fair_share(void **state)
{
	(void)state;
	for (int i = 0; i < CASES; i++) {
		struct sz_meters line = {.packets = {0}};
		struct meter_cost cost = random_cost();
		uint64_t now_ns = draw(3 * WRAP_NS) + 1;

		for (int n = 0; n < STEPS; n++) {
			assert_true(meter_takes(&line, tag_of(0), now_ns, &cost));
			now_ns += cost.ns;
		}
	}
}

/* A flooder gets his burst and then his rate, no packet less. */
static void flooder_gets_his_rate(void **state)
{
	struct sz_meters line = {.packets = {0}};
	const struct meter_cost cost = {.ns = 1000, .burst_ns = 100000};
	uint64_t now_ns = WRAP_NS - 5000000, taken = 0;

	(void)state;
	for (int i = 0; i < 1000000; i++, now_ns += 10)
		taken += meter_takes(&line, tag_of(0), now_ns, &cost);
	assert_in_range(taken, 10000 + 99, 10000 + 101);
}

/* Sources that come once never take the slot of one that is in use, though they fill the others. */
static void no_eviction(void **state)
{
	struct sz_meters line = {.packets = {0}};
	const struct meter_cost cost = {.ns = 1000000, .burst_ns = 1000000000};
	uint64_t now_ns = 5 * WRAP_NS + 17, mine;

	(void)state;
	for (int i = 0; i < 500; i++)
		assert_true(meter_takes(&line, tag_of(0), now_ns, &cost));
	mine = line.packets[meter_find(line.packets, tag_of(0), now_ns)];
	for (uint64_t i = 0; i < 1000000; i++) {
		uint64_t tag = (0x5000 + i % 0x3000) << 48;
		uint64_t at = meter_find(line.packets, tag, now_ns);

		if (at < SZ_RATE_WAYS)
			(void)meter_charge(&line.packets[at], tag, now_ns, &cost);
		now_ns += i % 100 == 0;
	}
	assert_true(line.packets[meter_find(line.packets, tag_of(0), now_ns)] == mine);
}

/* Four busy sources keep all others out, and each of them stays where it is. */
static void busy_line(void **state)
{
	struct sz_meters line = {.packets = {0}};
	const struct meter_cost cost = {.ns = 2000000000, .burst_ns = 3000000000};
	uint64_t now_ns = WRAP_NS - 1000000000, at;

	(void)state;
	for (int source = 0; source < SOURCES; source++)
		assert_true(meter_takes(&line, tag_of(source), now_ns, &cost));
	now_ns += 1000000;
	assert_int_equal(meter_find(line.packets, 0x7fffULL << 48, now_ns), METER_FULL_LINE);
	at = meter_find(line.packets, tag_of(2), now_ns);
	assert_true(at < SZ_RATE_WAYS && line.packets[at] >> 48 == tag_of(2) >> 48);
	now_ns += cost.ns;
	assert_true(meter_find(line.packets, 0x7fffULL << 48, now_ns) < SZ_RATE_WAYS);
}

/* A lower burst gives nobody a new one: what was spent stays spent. */
static void lower_burst(void **state)
{
	struct sz_meters line = {.packets = {0}};
	struct meter_cost cost = {.ns = 1000, .burst_ns = 1000000};
	uint64_t now_ns = 42;

	(void)state;
	while (meter_takes(&line, tag_of(0), now_ns, &cost))
		continue;
	cost.burst_ns = 5000;
	assert_false(meter_takes(&line, tag_of(0), now_ns, &cost));
	assert_false(meter_takes(&line, tag_of(0), now_ns + 900000, &cost));
	assert_true(meter_takes(&line, tag_of(0), now_ns + 997000, &cost));
	cost.burst_ns = 1000000;
	assert_true(meter_takes(&line, tag_of(0), now_ns + 997000, &cost));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_model),
		cmocka_unit_test(fair_share),
		cmocka_unit_test(flooder_gets_his_rate),
		cmocka_unit_test(no_eviction),
		cmocka_unit_test(busy_line),
		cmocka_unit_test(lower_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
