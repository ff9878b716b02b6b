/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table of decisions against a naive model: a plain array of all of them, and a gate that is an
 * array too. After each storm of changes the gate holds what the model says, and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/feed/decisions.h>

#define PREFIXES 24U
#define IDS 6U
#define NEAR_MS 2000U

struct model {
	uint64_t until[PREFIXES][IDS]; /* 0: there is none */
};
struct gate {
	uint64_t until[PREFIXES]; /* 0: not there */
};

static uint32_t next(uint32_t *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

static struct prefix nth(unsigned n)
{
	const uint8_t addr[16] = {192, 0, 2, (uint8_t)n};

	return n % 5 == 4 ? prefix_from(6, addr, 64 + n) : prefix_from(4, addr, 32);
}

static unsigned number_of(const struct prefix *prefix)
{
	for (unsigned n = 0; n < PREFIXES; n++) {
		struct prefix p = nth(n);

		if (memcmp(&p, prefix, sizeof(p)) == 0)
			return n;
	}
	fail();
	return 0;
}

static uint64_t longest(const struct model *model, unsigned n, uint64_t now)
{
	uint64_t until = 0;

	for (unsigned id = 0; id < IDS; id++)
		until = model->until[n][id] > until ? model->until[n][id] : until;
	return until > now ? until : 0;
}

static void take(struct decisions *d, struct model *model, uint32_t *seed, uint64_t now, bool sync)
{
	unsigned n = next(seed) % PREFIXES, id = next(seed) % IDS;
	struct feed_decision decision = {.id = id + 1, .prefix = nth(n)};

	decision.gone = !sync && next(seed) % 3 == 0;
	decision.left_ms = decision.gone ? 0 : 10000 + next(seed) % 500000;
	if (decision.gone && next(seed) % 8 == 0) {
		decision.id = 0;
		memset(model->until[n], 0, sizeof(model->until[n]));
	} else {
		model->until[n][id] = decision.gone ? 0 : now + decision.left_ms;
	}
	assert_int_equal(decisions_take(d, &decision, now), 0);
}

static void carry_out(struct decisions *d, struct gate *gate, uint32_t *seed, uint64_t now)
{
	struct decision_deed deed;
	unsigned failures = 0;

	while (decisions_next(d, now, &deed)) {
		unsigned n = number_of(&deed.prefix);

		if (next(seed) % 5 == 0 && failures++ < 100) {
			decisions_done(d, &deed, DECISION_FAILED);
			continue;
		}
		gate->until[n] = deed.until_ms;
		decisions_done(d, &deed, DECISION_DONE);
	}
}

static void compare(const struct decisions *d, const struct model *model, const struct gate *gate,
		    uint64_t now)
{
	unsigned in_gate = 0;

	for (unsigned n = 0; n < PREFIXES; n++) {
		uint64_t want = longest(model, n, now), have = gate->until[n];

		in_gate += have != 0;
		if (have <= now)
			have = 0; /* the gate ends it by itself */
		assert_int_equal(want == 0, have == 0);
		assert_true((want > have ? want - have : have - want) < NEAR_MS);
	}
	assert_int_equal(decisions_figures(d).in_gate, in_gate);
	assert_int_equal(decisions_figures(d).waiting, 0);
}

/* In slices of chance, as a loop does it. */
static void forget_all(struct decisions *d, uint32_t *seed)
{
	while (decisions_forget(d, 1 + next(seed) % 9))
		;
}

static void settle_all(struct decisions *d, uint32_t *seed)
{
	while (decisions_settle(d, 1 + next(seed) % 9))
		;
}

static void expire_all(struct decisions *d, uint32_t *seed, uint64_t now)
{
	while (decisions_expire(d, now, 1 + next(seed) % 9))
		;
}

static void test_model(void **state)
{
	struct model model = {0};
	struct gate gate = {0};
	struct decisions *d;
	uint64_t now = 1000000;
	uint32_t seed = 3;

	(void)state;
	assert_int_equal(decisions_new(1000, 5, &d), 0);
	for (int round = 0; round < 4000; round++) {
		const bool sync = next(&seed) % 40 == 0;
		unsigned changes = next(&seed) % 30;

		if (sync) {
			memset(&model, 0, sizeof(model));
			forget_all(d, &seed);
		}
		while (changes--)
			take(d, &model, &seed, now, sync);
		if (sync)
			settle_all(d, &seed);
		now += next(&seed) % 60000;
		if (next(&seed) % 4 == 0)
			expire_all(d, &seed, now);
		carry_out(d, &gate, &seed, now);
		compare(d, &model, &gate, now);
	}
	decisions_free(d);
}

/* A prefix of an earlier life goes with the first sync that does not name it; one that it names is
 * written once with its time. */
static void test_adopted(void **state)
{
	const struct prefix stays = nth(0), goes = nth(1);
	struct feed_decision decision = {.id = 4, .left_ms = 60000, .prefix = stays};
	struct decision_deed deed;
	struct decisions *d;
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(decisions_new(10, 1, &d), 0);
	assert_int_equal(decisions_adopt(d, &stays), 0);
	assert_int_equal(decisions_adopt(d, &goes), 0);
	assert_int_equal(decisions_adopt(d, &goes), 0);
	assert_int_equal(decisions_figures(d).in_gate, 2);
	assert_false(decisions_next(d, 1, &deed));
	forget_all(d, &seed);
	assert_int_equal(decisions_take(d, &decision, 1000), 0);
	settle_all(d, &seed);
	assert_int_equal(decisions_figures(d).waiting, 2);
	while (decisions_next(d, 1000, &deed)) {
		assert_int_equal(deed.until_ms,
				 memcmp(&deed.prefix, &goes, sizeof(goes)) == 0 ? 0 : 61000);
		decisions_done(d, &deed, DECISION_DONE);
	}
	assert_int_equal(decisions_figures(d).in_gate, 1);
	assert_int_equal(decisions_figures(d).prefixes, 1);
	decisions_free(d);
}

static void test_bounds(void **state)
{
	struct feed_decision decision = {.left_ms = 60000};
	struct decision_deed deed;
	struct decisions *d;
	uint32_t seed = 1;

	(void)state;
	assert_int_equal(decisions_new(4, 1, &d), 0);
	for (unsigned i = 0; i < 6; i++) {
		decision.id = i + 1;
		decision.prefix = nth(i);
		assert_int_equal(decisions_take(d, &decision, 1000), i < 4 ? 0 : DECISIONS_FULL);
	}
	decision.prefix = nth(0); /* known, and one decision too many */
	assert_int_equal(decisions_take(d, &decision, 1000), DECISIONS_FULL);
	assert_int_equal(decisions_figures(d).full, 3);
	assert_int_equal(decisions_figures(d).decisions, 4);
	decision.gone = 1;
	decision.id = 99;
	assert_int_equal(decisions_take(d, &decision, 1000), 0);
	assert_int_equal(decisions_figures(d).unknown, 1);
	/* Refused by the gate: left alone until it changes. */
	assert_true(decisions_next(d, 1000, &deed));
	decisions_done(d, &deed, DECISION_REFUSED);
	assert_int_equal(decisions_figures(d).refused, 1);
	for (int i = 0; i < 3; i++) {
		assert_true(decisions_next(d, 1000, &deed));
		decisions_done(d, &deed, DECISION_DONE);
	}
	assert_false(decisions_next(d, 1000, &deed));
	/* Over: all of it is forgotten. */
	expire_all(d, &seed, 200000);
	while (decisions_next(d, 200000, &deed))
		decisions_done(d, &deed, DECISION_DONE);
	assert_int_equal(decisions_figures(d).prefixes, 0);
	assert_int_equal(decisions_figures(d).refused, 0);
	assert_int_equal(decisions_figures(d).in_gate, 0);
	decisions_free(d);
}

#define MANY 10000U
#define SLICE 64U

static struct prefix nth_of_many(unsigned n)
{
	const uint8_t addr[16] = {198, 18, (uint8_t)(n >> 8), (uint8_t)n};

	return prefix_from(4, addr, 32);
}

/* One call does as much as it was asked for and no more, however many there are: else a million
 * held strazhd's loop for a quarter of a second. */
static void test_slices(void **state)
{
	struct feed_decision decision = {.left_ms = 60000};
	unsigned calls = 1;
	struct decisions *d;

	(void)state;
	assert_int_equal(decisions_new(MANY, 1, &d), 0);
	for (unsigned i = 0; i < MANY; i++) {
		decision.id = i + 1;
		decision.prefix = nth_of_many(i);
		assert_int_equal(decisions_take(d, &decision, 1000), 0);
	}
	assert_true(decisions_expire(d, 100000, SLICE));
	assert_int_equal(decisions_figures(d).decisions, MANY - SLICE);
	assert_true(decisions_forget(d, SLICE));
	assert_true(decisions_forget(d, SLICE));
	assert_int_equal(decisions_figures(d).decisions, MANY - 2 * SLICE);
	for (; decisions_forget(d, SLICE); calls++)
		;
	assert_in_range(calls, MANY / SLICE - 2, MANY / SLICE + 1);
	assert_int_equal(decisions_figures(d).decisions, 0);
	for (calls = 0; decisions_settle(d, SLICE); calls++)
		;
	assert_in_range(calls, MANY / SLICE, MANY / SLICE + 1);
	decisions_free(d);
}

/* Of a lower bound what is there already stays; of a higher one there is room at once. */
static void test_limit(void **state)
{
	struct feed_decision decision = {.left_ms = 60000};
	struct decisions *d;

	(void)state;
	assert_int_equal(decisions_new(2, 1, &d), 0);
	for (unsigned i = 0; i < 4; i++) {
		decision.id = i + 1;
		decision.prefix = nth(i);
		if (i == 2)
			decisions_limit(d, 3);
		assert_int_equal(decisions_take(d, &decision, 1000), i < 3 ? 0 : DECISIONS_FULL);
	}
	decisions_limit(d, 1);
	assert_int_equal(decisions_take(d, &decision, 1000), DECISIONS_FULL);
	assert_int_equal(decisions_figures(d).decisions, 3);
	decisions_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),  cmocka_unit_test(test_adopted),
		cmocka_unit_test(test_bounds), cmocka_unit_test(test_slices),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
