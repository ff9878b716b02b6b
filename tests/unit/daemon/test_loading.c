/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What is read from /proc, and what load it comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <unistd.h>

#include <cmocka.h>

#include <user/daemon/guarding/loading.h>

static void test_psi(void **state)
{
	static const char text[] = "some avg10=1.00 avg60=2.00 avg300=3.00 total=17022128281\n"
				   "full avg10=0.00 avg60=0.00 avg300=0.00 total=55\n";
	static const char *const wrong[] = {
		"",
		"some",
		"some total=",
		"some total=x",
		"some avg10=1.00\nfull total=5\n",
		"full total=5",
	};
	uint64_t us = 7;

	(void)state;
	assert_true(loading_psi_total(text, "some ", &us));
	assert_int_equal(us, 17022128281);
	assert_true(loading_psi_total(text, "full ", &us));
	assert_int_equal(us, 55);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(loading_psi_total(wrong[i], "some ", &us));
	assert_int_equal(us, 55); /* untouched */
}

static void test_softnet(void **state)
{
	(void)state;
	assert_int_equal(loading_softnet_drops("0ea86771 00000010 0000012b\n"
					       "18189730 00000098 00000102\n"),
			 0x10 + 0x98);
	assert_int_equal(loading_softnet_drops(""), 0);
	assert_int_equal(loading_softnet_drops("nonsense\n\n\n12"), 0);
}

/* One without /proc, so that all that comes in is ours. */
static struct loading begin(void)
{
	struct loading l;

	loading_open(&l);
	loading_close(&l);
	return l;
}

static struct guard_load take(struct loading *l, const struct gate_stats *stats,
			      const struct split_message *m, uint64_t now_ms)
{
	struct guard_load load;

	loading_take(l, stats, m, now_ms, &load);
	return load;
}

static void test_loss(void **state)
{
	struct loading l = begin();
	struct gate_stats stats = {.passed.packets = 5000000};

	(void)state;
	stats.reason[SZ_REASON_RATE_SERVICE].packets = 4000000;
	assert_true(take(&l, &stats, NULL, 1000).loss == 0); /* what was before us */
	stats.passed.packets += 750;
	stats.reason[SZ_REASON_RATE_SERVICE].packets += 250;
	assert_true(take(&l, &stats, NULL, 2000).loss == 0.25F);
	assert_int_equal(l.pps, 750);
	assert_int_equal(l.lost_pps, 250);
	stats.reason[SZ_REASON_RATE_SERVICE].packets += 50;
	assert_true(take(&l, &stats, NULL, 3000).loss == 0); /* few are noise */
	stats.tally[SZ_TALLY_EVENT_LOST - SZ_TALLY_BASE] += 300;
	l.events += 100;
	assert_true(take(&l, &stats, NULL, 4000).blind == 0.75F);
	/* The gate was loaded anew. */
	stats = (struct gate_stats){.passed.packets = 10};
	assert_true(take(&l, &stats, NULL, 5000).blind == 0);
	/* It cannot be read: nothing is known, and nothing is forgotten. */
	assert_true(take(&l, NULL, NULL, 6000).loss == 0);
}

/* What the guard's own limits drop is what it wants dropped. */
static void test_guard_drops_are_no_loss(void **state)
{
	struct loading l = begin();
	struct gate_stats stats = {.passed.packets = 1000};
	uint64_t *guards = &stats.tally[SZ_TALLY_GUARD_OVER - SZ_TALLY_BASE];

	(void)state;
	(void)take(&l, &stats, NULL, 1000);
	stats.passed.packets += 750;
	stats.reason[SZ_REASON_RATE_SERVICE].packets += 6000;
	*guards += 6000;
	assert_true(take(&l, &stats, NULL, 2000).loss == 0);
	assert_int_equal(l.lost_pps, 0);
	/* What an operator's limits drop beside it is. */
	stats.passed.packets += 750;
	stats.reason[SZ_REASON_RATE_SERVICE].packets += 6250;
	*guards += 6000;
	assert_true(take(&l, &stats, NULL, 3000).loss == 0.25F);
	/* What is only observed is counted by the guard's tally alone. */
	stats.passed.packets += 750;
	*guards += 6000;
	assert_true(take(&l, &stats, NULL, 4000).loss == 0);
}

static void test_slots(void **state)
{
	struct loading l = begin();
	struct split_message m = {.sessions = 79, .connections_max = 100, .half_open_max = 10};

	(void)state;
	assert_true(take(&l, NULL, &m, 1000).slots == 0); /* long sessions are no strain */
	m.sessions = 90;
	assert_float_equal(take(&l, NULL, &m, 1250).slots, 0.5F, 0.001);
	m.half_open = 9;
	assert_float_equal(take(&l, NULL, &m, 1500).slots, 0.9F, 0.001);
	m.accept_waiting = 4096;
	m.accept_max = 4096;
	assert_true(take(&l, NULL, &m, 1750).slots == 1);
	m = (struct split_message){0};
	assert_true(take(&l, NULL, &m, 2000).slots == 0); /* nothing is known of what is there */
}

/* What is stalled while nothing comes is no strain of ours. */
static void test_pressure_needs_traffic(void **state)
{
	struct loading l = begin();
	struct split_message m = {0};
	struct gate_stats stats = {0};

	(void)state;
	l.psi[LOADING_CPU] = 90;
	assert_true(take(&l, &stats, &m, 1000).psi == 0);
	stats.passed.packets += LOADING_BUSY_PPS / 2;
	assert_float_equal(take(&l, &stats, &m, 2000).psi, 45, 0.01);
	m.opened += LOADING_BUSY_S * 3;
	assert_float_equal(take(&l, &stats, &m, 3000).psi, 90, 0.01);
	l.use_psi = false;
	assert_true(take(&l, &stats, &m, 4000).psi == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_psi),   cmocka_unit_test(test_softnet),
		cmocka_unit_test(test_loss),  cmocka_unit_test(test_guard_drops_are_no_loss),
		cmocka_unit_test(test_slots), cmocka_unit_test(test_pressure_needs_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
