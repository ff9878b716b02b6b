/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Noisy-or, half-life, saturation, the two classes, the slots. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <user/guard/record.h>
#include <user/guard/score.h>

static struct score_rules rules;
static struct score_slot slots[SCORE_SLOTS];

static int set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < GUARD_KIND_COUNT; i++) {
		rules.nats[i] = score_nats(guard_kinds[i].weight);
		rules.most[i] = score_nats(guard_kinds[i].cap);
	}
	rules.half_ds[GUARD_PROVEN] = 6000;
	rules.half_ds[GUARD_SPOOFABLE] = 100;
	memset(slots, 0, sizeof(slots));
	return 0;
}

static void add(unsigned kind, enum guard_evidence evidence, uint32_t count, uint32_t at_ds)
{
	score_add(slots, &rules, kind, evidence, rules.nats[kind], count, false, at_ds, 0);
}

static float score(enum guard_evidence evidence, uint32_t at_ds)
{
	uint32_t reasons;

	return score_of(score_sum(slots, &rules, evidence, at_ds, &reasons));
}

static bool near(float a, double b)
{
	return fabs((double)a - b) < 1e-4;
}

static void it_is_a_noisy_or(void **state)
{
	(void)state;
	add(GUARD_KIND_HANDSHAKE_FAILURE, GUARD_PROVEN, 5, 1000);
	assert_true(near(score(GUARD_PROVEN, 1000), 0.3));
	add(GUARD_KIND_BAD_RECORD, GUARD_PROVEN, 1, 1000);
	assert_true(near(score(GUARD_PROVEN, 1000), 1 - 0.7 * 0.5));
	add(GUARD_KIND_HANDSHAKE_FAILURE, GUARD_PROVEN, 5, 1000);
	assert_true(near(score(GUARD_PROVEN, 1000), 1 - 0.7 * 0.7 * 0.5));
	/* The other class is another sum. */
	assert_true(near(score(GUARD_SPOOFABLE, 1000), 0));
}

static void nats_halve(void **state)
{
	double nats = -log(0.5);

	(void)state;
	add(GUARD_KIND_BAD_RECORD, GUARD_PROVEN, 1, 1000);
	for (uint32_t halves = 0; halves < 10; halves++)
		assert_true(near(score(GUARD_PROVEN, 1000 + halves * 6000),
				 1 - exp(-nats / pow(2, halves))));
	/* Looking at it does not change it, however often. */
	for (uint32_t ds = 1000; ds < 7000; ds++)
		(void)score(GUARD_PROVEN, ds);
	assert_true(near(score(GUARD_PROVEN, 7000), 1 - exp(-nats / 2)));
	/* A clock that runs back is no decay and no growth. */
	assert_true(near(score(GUARD_PROVEN, 0), 0.5));
}

static void kinds_saturate(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		add(GUARD_KIND_HIGH_PACKET_RATE, GUARD_PROVEN, 100, 1000);
	assert_true(near(score(GUARD_PROVEN, 1000), 0.6));
	assert_int_equal(score_find(slots, GUARD_KIND_HIGH_PACKET_RATE, GUARD_PROVEN)->count,
			 100000);
	add(GUARD_KIND_HIGH_PACKET_RATE, GUARD_PROVEN, UINT32_MAX, 1000);
	assert_int_equal(score_find(slots, GUARD_KIND_HIGH_PACKET_RATE, GUARD_PROVEN)->count,
			 SCORE_COUNT_MAX);
}

static void shares_add_up(void **state)
{
	struct guard_share shares[SCORE_SLOTS];
	char text[160];
	unsigned len;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		add(GUARD_KIND_HANDSHAKE_FAILURE, GUARD_PROVEN, 104, 1000 + i * 20);
	add(GUARD_KIND_AUTH_FAILURE, GUARD_PROVEN, 7, 1040);
	add(GUARD_KIND_MALFORMED, GUARD_SPOOFABLE, 9, 1040);
	len = guard_shares(slots, &rules, 1040, shares);
	assert_int_equal(len, 3);
	assert_int_equal(shares[0].kind, GUARD_KIND_HANDSHAKE_FAILURE);
	assert_true(near(shares[0].share + shares[1].share, (double)score(GUARD_PROVEN, 1040)) ||
		    near(shares[0].share + shares[2].share, (double)score(GUARD_PROVEN, 1040)));
	guard_share_text(&shares[0], text, sizeof(text));
	/* 1.07 of 1.58 nats, of a score of 0.79. */
	assert_string_equal(text, "312 handshake failures in 4s (0.54)");
}

static void full_slots_keep_what_weighs(void **state)
{
	static const uint8_t proven[] = {GUARD_KIND_SQL_INJECTION, GUARD_KIND_BAD_RECORD,
					 GUARD_KIND_AUTH_FAILURE, GUARD_KIND_REPORTED};
	float before;

	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(proven); i++)
		add(proven[i], GUARD_PROVEN, 1, 1000);
	add(GUARD_KIND_MALFORMED, GUARD_SPOOFABLE, 1, 1000);
	before = score(GUARD_PROVEN, 1000);
	/* Spoofable kinds take the place of each other only. */
	add(GUARD_KIND_BURST_TRAFFIC, GUARD_SPOOFABLE, 1, 1000);
	assert_true(near(score(GUARD_PROVEN, 1000), (double)before));
	assert_null(score_find(slots, GUARD_KIND_MALFORMED, GUARD_SPOOFABLE));
	/* A proven one takes the place of a spoofable one, though that weighs more. */
	add(GUARD_KIND_HANDSHAKE_FAILURE, GUARD_PROVEN, 1, 1000);
	assert_null(score_find(slots, GUARD_KIND_BURST_TRAFFIC, GUARD_SPOOFABLE));
	/* All are proven: a flood cannot wash them off. */
	add(GUARD_KIND_BURST_TRAFFIC, GUARD_SPOOFABLE, 1, 1000);
	assert_null(score_find(slots, GUARD_KIND_BURST_TRAFFIC, GUARD_SPOOFABLE));
	/* The least gives way. */
	add(GUARD_KIND_FEED_LISTED, GUARD_PROVEN, 1, 1000);
	assert_null(score_find(slots, GUARD_KIND_HANDSHAKE_FAILURE, GUARD_PROVEN));
	assert_true(score(GUARD_PROVEN, 1000) >= before);
}

static void once_is_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		score_add(slots, &rules, GUARD_KIND_FEED_LISTED, GUARD_PROVEN, score_nats(0.4F), 1,
			  true, 1000 + i, 0);
	assert_true(near(score(GUARD_PROVEN, 1009), 0.4));
	score_add(slots, &rules, GUARD_KIND_FEED_LISTED, GUARD_PROVEN, score_nats(0.7F), 1, true,
		  1010, 0);
	assert_true(near(score(GUARD_PROVEN, 1010), 0.7));
	assert_int_equal(score_find(slots, GUARD_KIND_FEED_LISTED, GUARD_PROVEN)->count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(it_is_a_noisy_or, set_up),
		cmocka_unit_test_setup(nats_halve, set_up),
		cmocka_unit_test_setup(kinds_saturate, set_up),
		cmocka_unit_test_setup(shares_add_up, set_up),
		cmocka_unit_test_setup(full_slots_keep_what_weighs, set_up),
		cmocka_unit_test_setup(once_is_once, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
