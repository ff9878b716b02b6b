/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Lists that are loaded in slices, with everything in between that a daemon does meanwhile: other
 * loads, bans, a sweep, a flush; given up at every step.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/fake_gate.h>
#include <user/gate/act.h>
#include <user/gate/list_load.h>
#include <user/gate/lists.h>
#include <user/gate/sweep.h>

#define STEP 7U
#define HOSTS 300U
#define NETS 40U
#define STEPS_MAX 100000U

/* Hosts 20.0.x.y, prefixes 30.0.x.0/24, both from number `first` on, and 30.0.0.0/16 above them. */
static struct prefix *make_entries(uint32_t first, size_t *ret_count)
{
	static const uint8_t wide[4] = {30, 0, 0, 0};
	struct prefix *p = calloc(HOSTS + NETS + 1, sizeof(*p));
	size_t len = 0;

	assert_non_null(p);
	for (uint32_t n = first; n < first + HOSTS; n++) {
		const uint8_t host[4] = {20, 0, (uint8_t)(n >> 8), (uint8_t)n};

		p[len++] = prefix_from(4, host, 32);
	}
	p[len++] = prefix_from(4, wide, 16);
	for (uint32_t n = first % 200; n < first % 200 + NETS; n++) {
		const uint8_t net[4] = {30, 0, (uint8_t)n, 0};

		p[len++] = prefix_from(4, net, 24);
	}
	*ret_count = len;
	return p;
}

static struct list_load *begin(struct gate *gate, const char *name, const struct prefix *entries,
			       size_t count)
{
	struct list_load *load = NULL;

	assert_int_equal(list_load_new(gate, name, entries, count, 0, &load), 0);
	return load;
}

static bool denied(struct gate *gate, const char *host)
{
	struct prefix p = pfx(host);
	uint64_t lists;

	return fake_verdict(gate, &p, &lists) != 0;
}

static int count_one(void *context, const struct entry *entry)
{
	(void)entry;
	++*(uint64_t *)context;
	return 0;
}

static uint64_t count_deny(struct gate *gate)
{
	uint64_t count = 0;

	assert_int_equal(act_walk(gate, SZ_TABLE_DENY, count_one, &count), 0);
	return count;
}

static void ban(struct gate *gate, const char *host, bool add)
{
	const struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx(host)};
	struct act_answer answer;

	if (add)
		assert_int_equal(act_add(gate, &act, &answer), 0);
	else
		assert_int_equal(
			act_remove(gate, SZ_TABLE_DENY, &act.prefix, SZ_LIST_OPERATOR, &answer), 0);
}

/* Of a gate at rest: every round finds it as it should be, and no bit is left over. */
static void is_sound(struct gate *gate, uint64_t entries)
{
	struct sweep *sweep;
	struct lists lists;

	assert_int_equal(sweep_new(gate, &sweep), 0);
	assert_int_equal(sweep_all(sweep), 0);
	assert_int_equal(sweep_last(sweep)->repaired, 0);
	assert_int_equal(sweep_last(sweep)->entries[SZ_TABLE_DENY], entries);
	sweep_free(sweep);
	assert_int_equal(count_deny(gate), entries);
	assert_int_equal(gate->settings->lists_off, 0);
	assert_int_equal(lists_read(gate, &lists), 0);
	for (uint32_t bit = 0; bit < SZ_LISTS; bit++)
		assert_true(strncmp(lists.at[bit].name, "recovered", 9) != 0);
}

/* Two loads and a sweep side by side, and an operator in between. */
static void side_by_side(void **state)
{
	struct gate *gate = fake_gate(NULL);
	size_t counts[3];
	struct prefix *entries[3] = {make_entries(0, &counts[0]), make_entries(100, &counts[1]),
				     make_entries(5000, &counts[2])};
	struct list_report report;
	struct list_load *loads[2];
	bool done[2] = {false, false}, round;
	struct sweep *sweep;

	(void)state;
	assert_int_equal(act_load(gate, "a", entries[0], counts[0], 0, &report), 0);
	assert_int_equal(sweep_new(gate, &sweep), 0);
	loads[0] = begin(gate, "a", entries[1], counts[1]);
	loads[1] = begin(gate, "b", entries[2], counts[2]);
	for (unsigned n = 0; n < STEPS_MAX && !(done[0] && done[1]); n++) {
		for (int i = 0; i < 2; i++)
			if (!done[i])
				assert_int_equal(list_load_step(loads[i], STEP, &done[i]), 0);
		assert_int_equal(sweep_step(sweep, 5, &round), 0);
		assert_true(denied(gate, "20.0.0.150")); /* of both "a": no hole */
		if (n == 3)
			ban(gate, "20.0.0.10", true);
		if (n == 5)
			ban(gate, "20.0.0.200", true);
		if (n == 60)
			ban(gate, "20.0.0.200", false);
		if (!list_load_in_force(loads[1]))
			assert_false(denied(gate, "20.0.19.140"));
	}
	assert_true(done[0] && done[1]);
	assert_int_equal(list_load_report(loads[0])->kept, HOSTS - 100 + 1);
	assert_int_equal(list_load_report(loads[0])->removed, 100 + NETS);
	list_load_free(loads[0]);
	list_load_free(loads[1]);
	sweep_free(sweep);
	assert_true(denied(gate, "20.0.0.10"));
	assert_false(denied(gate, "20.0.0.11"));
	assert_true(denied(gate, "20.0.0.200"));
	assert_true(denied(gate, "20.0.19.140"));
	/* Nets: of "a" 100 to 139, of "b" 0 to 39, the wide one of both. */
	is_sound(gate, 2 * HOSTS + 1 + 2 * NETS + 1);
	for (int i = 0; i < 3; i++)
		free(entries[i]);
	gate_close(gate);
}

/* Until it is in force nothing of it is left; a sweep in the middle, or none. */
static void given_up_at_every_step(void **state)
{
	size_t old_count, count;
	struct prefix *old = make_entries(0, &old_count), *entries = make_entries(100, &count);
	bool reached = false;

	(void)state;
	for (unsigned at = 0; !reached; at += 3) {
		struct gate *gate = fake_gate(NULL);
		struct list_report report;
		struct list_load *load;
		bool done = false;
		int r = 0;

		assert_int_equal(act_load(gate, "a", old, old_count, 0, &report), 0);
		load = begin(gate, "a", entries, count);
		for (unsigned n = 0; n < at && !done; n++)
			assert_int_equal(list_load_step(load, STEP, &done), 0);
		reached = !list_load_cancel(load);
		if (at % 2 && !reached) { /* nor if nobody goes on */
			struct sweep *sweep;

			list_load_free(load);
			load = NULL;
			assert_int_equal(sweep_new(gate, &sweep), 0);
			assert_int_equal(sweep_all(sweep), 0);
			sweep_free(sweep);
		}
		for (unsigned n = 0; n < STEPS_MAX && load && !done; n++)
			r = list_load_step(load, STEP, &done);
		if (load)
			assert_int_equal(r, reached ? 0 : -ECANCELED);
		assert_int_equal(denied(gate, "20.0.0.50"), !reached);
		assert_int_equal(denied(gate, "20.0.1.100"), reached);
		is_sound(gate, count);
		list_load_free(load);
		gate_close(gate);
	}
	free(entries);
	free(old);
}

static void flushed_at_every_step(void **state)
{
	size_t count;
	struct prefix *entries = make_entries(0, &count);
	bool over = false;

	(void)state;
	for (unsigned at = 0; !over; at += 5) {
		struct gate *gate = fake_gate(NULL);
		struct list_load *load = begin(gate, "a", entries, count);
		struct list_report report;
		uint64_t removed;

		for (unsigned n = 0; n < at && !over; n++)
			assert_int_equal(list_load_step(load, STEP, &over), 0);
		assert_int_equal(act_flush(gate, SZ_TABLE_DENY, &removed), 0);
		if (!over) {
			bool done;

			assert_int_equal(list_load_step(load, STEP, &done), -ECANCELED);
			assert_true(done);
		}
		list_load_free(load);
		is_sound(gate, 0);
		assert_int_equal(act_load(gate, "a", entries, count, 0, &report), 0);
		is_sound(gate, count);
		gate_close(gate);
	}
	free(entries);
}

/* What others took in between is not there any more. */
static void full_in_between(void **state)
{
	const struct gate_sizes sizes = {.host4 = HOSTS + 10};
	struct gate *gate = fake_gate(&sizes);
	size_t count;
	struct prefix *entries = make_entries(0, &count);
	struct list_load *load = begin(gate, "a", entries, count);
	char host[32];
	bool done = false;
	int r = 0;

	(void)state;
	for (unsigned n = 0; n < 110; n++)
		assert_int_equal(list_load_step(load, STEP, &done), 0);
	assert_false(done);
	for (unsigned n = 0; n < 40; n++) {
		snprintf(host, sizeof(host), "40.0.0.%u", n);
		ban(gate, host, true);
	}
	for (unsigned n = 0; n < STEPS_MAX && !done; n++)
		r = list_load_step(load, STEP, &done);
	assert_int_equal(r, ACT_FULL);
	list_load_free(load);
	is_sound(gate, 40);
	free(entries);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(side_by_side),
		cmocka_unit_test(given_up_at_every_step),
		cmocka_unit_test(flushed_at_every_step),
		cmocka_unit_test(full_in_between),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
