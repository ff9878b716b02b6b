/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table in front of the denied IPv4 hosts, when it is wrong or changing: whatever others wrote
 * or a dead writer left is put right by the sweep, and no packet in between is judged by half a
 * change.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/draw.h>
#include <tests/gate/dline_rig.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/dlines.h>
#include <user/gate/hosts.h>

#define MATES 7U

static void expect_all(struct rig *rig, const struct prefix *hosts, const bool denied[MATES])
{
	for (size_t i = 0; i < MATES; i++)
		expect_reason(rig, &hosts[i], denied[i] ? SZ_REASON_DENY_HOST : SZ_REASON_PASS);
}

/* Whatever stands in the table, after a round it is right; and the next round has nothing to do. */
static void sweep_mends_a_vandalised_table(void **state)
{
	static const bool denied[MATES] = {true, true, false, true, false, true, true};
	struct rig *rig = *state;
	struct prefix hosts[MATES];
	uint32_t key;

	rig_mates(rig, hosts, MATES);
	for (size_t i = 0; i < MATES; i++)
		if (denied[i])
			rig_ban(rig, &hosts[i], SZ_LIST_OPERATOR, 0);
	for (int kind = 0; kind < 5; kind++) {
		struct sz_dline *line = rig_line(rig, &hosts[0]);
		uint64_t all = line->slot[0].what & SZ_DLINE_ALL;

		switch (kind) {
		case 0: /* one who is not denied */
			memcpy(&key, hosts[2].addr, sizeof(key));
			line->slot[3] = (struct sz_dslot){key, SZ_DSLOT_SAYS};
			expect_reason(rig, &hosts[2], SZ_REASON_DENY_HOST);
			break;
		case 1: /* nobody, and it knows all */
			memset(line, 0, sizeof(*line));
			line->slot[0].what = SZ_DLINE_ALL;
			expect_reason(rig, &hosts[0], SZ_REASON_PASS);
			break;
		case 2: /* an end that the entry does not have */
			line->slot[1].what |= 1ULL << SZ_DSLOT_UNTIL_SHIFT;
			break;
		case 3: /* the same twice, and its line is another's */
			line->slot[2] = line->slot[1];
			rig->gate->dlines[draw(SZ_DLINES)].slot[0].who = line->slot[1].who;
			break;
		default:
			for (size_t i = 0; i < SZ_DLINES; i++)
				for (int at = 0; at < SZ_DLINE_WAYS; at++)
					rig->gate->dlines[i].slot[at] = (struct sz_dslot){
						draw(UINT32_MAX), (uint64_t)draw(1 << 28) << 8};
		}
		assert_true(rig_sweep(rig).repaired_lines > 0);
		rig_sweep(
			rig); /* a slot may have been taken by a stranger while a host wanted it */
		expect_all(rig, hosts, denied);
		assert_int_equal(rig_sweep(rig).repaired_lines, 0);
		assert_int_equal(line->slot[0].what & SZ_DLINE_ALL, all);
	}
}

/* bpftool map update, bpftool map delete: seen by packets after a round at the latest. */
static void sweep_sees_what_others_wrote(void **state)
{
	static const bool denied[MATES] = {true, false, true, true, true, true, true};
	struct rig *rig = *state;
	struct prefix hosts[MATES];

	rig_mates(rig, hosts, MATES);
	for (size_t i = 0; i < 2; i++)
		rig_ban(rig, &hosts[i], SZ_LIST_OPERATOR, 0);
	rig_raw_delete(rig, &hosts[1]);
	rig_raw_write(rig, &hosts[0], (struct sz_rule){.lists = 2});
	for (size_t i = 2; i < MATES; i++)
		rig_raw_write(rig, &hosts[i], (struct sz_rule){.lists = 1, .until_s = {0, 1, 1}});
	assert_true(rig_sweep(rig).repaired_lines > 0);
	rig_sweep(rig);
	expect_all(rig, hosts, denied);
	rig->gate->settings->lists_off = 2;
	expect_reason(rig, &hosts[0], SZ_REASON_PASS);
}

/* A writer that dies after its first step, or after its second: packets still hear the truth. */
static void a_writer_dies(void **state)
{
	struct rig *rig = *state;
	struct prefix hosts[3];

	for (int step = 0; step < 2; step++) {
		rig_mates(rig, hosts, 3);
		rig_ban(rig, &hosts[0], SZ_LIST_OPERATOR, 0);
		rig_ban(rig, &hosts[1], SZ_LIST_OPERATOR, 0);
		for (int i = 0; i < 3; i++)
			dlines_begin(rig->gate, hosts[i].addr, 1);
		if (step) {
			rig_raw_delete(rig, &hosts[0]); /* a removal */
			rig_raw_write(rig, &hosts[1], (struct sz_rule){.lists = 4});
			rig_raw_write(rig, &hosts[2], (struct sz_rule){.lists = 4});
			rig->gate->settings->lists_off = 1;
		}
		for (int round = 0; round < 2; round++) {
			expect_reason(rig, &hosts[0], step ? SZ_REASON_PASS : SZ_REASON_DENY_HOST);
			expect_reason(rig, &hosts[1], SZ_REASON_DENY_HOST);
			expect_reason(rig, &hosts[2], step ? SZ_REASON_DENY_HOST : SZ_REASON_PASS);
			rig_sweep(rig);
		}
		assert_true(rig_says(rig, &hosts[1]));
		for (int i = 1 - step; i < 3; i++)
			if (i != (step ? 0 : 2))
				rig_lift(rig, &hosts[i], ACT_EVERY_LIST);
		if (!step)
			rig_lift(rig, &hosts[0], ACT_EVERY_LIST);
	}
	assert_true(rig_blank(rig));
}

/* A batch that the kernel refuses half-way: what became of the hash is asked there. */
static void a_batch_fails(void **state)
{
	struct host_batch *batch = calloc(1, sizeof(*batch));
	const struct sz_rule rule = {.lists = 1};
	struct rig *rig = *state;
	int hash = rig->gate->map[GATE_MAP_DHOST4];
	struct prefix host;

	assert_non_null(batch);
	rig_mates(rig, &host, 1);
	batch->gate = rig->gate;
	batch->family = 4;
	for (int delete = 0; delete < 2; delete ++) {
		rig_ban(rig, &host, SZ_LIST_OPERATOR, 0);
		batch->count = 0;
		host_batch_put(batch, host.addr, &rule);
		rig->gate->map[GATE_MAP_DHOST4] = -1;
		assert_true((delete ? host_batch_delete(batch) : host_batch_write(batch)) < 0);
		rig->gate->map[GATE_MAP_DHOST4] = hash;
		assert_non_null(rig_slot(rig, &host));
		assert_false(rig_says(rig, &host));
		expect_reason(rig, &host, SZ_REASON_DENY_HOST);
		assert_int_equal(rig_sweep(rig).repaired_lines, 0);
		assert_true(rig_says(rig, &host));
	}
	free(batch);
}

/* Seven hosts of one line, acts and slices of the sweep at random, against what the hash holds. */
static void random_acts(void **state)
{
	struct rig *rig = *state;
	struct prefix hosts[MATES];
	struct sweep *sweep;
	bool done;

	rig_mates(rig, hosts, MATES);
	assert_int_equal(sweep_new(rig->gate, &sweep), 0);
	for (int n = 0; n < 3000; n++) {
		const struct prefix *host = &hosts[draw(MATES)];
		struct act_answer answer;
		struct sz_rule rule;

		if (draw(2))
			rig_ban(rig, host, draw(2) ? draw(2) : 60 + draw(4),
				draw(3) ? 0 : clock_boot_s() + 1 + draw(2));
		else if (act_remove(rig->gate, SZ_TABLE_DENY, host,
				    draw(2) ? ACT_EVERY_LIST : draw(2), &answer) < 0)
			fail_msg("act_remove");
		if (!draw(4))
			assert_int_equal(sweep_step(sweep, 1 + draw(9), &done), 0);
		host = &hosts[draw(MATES)];
		if (!rig_raw_read(rig, host, &rule)) {
			expect_reason(rig, host, SZ_REASON_PASS);
		} else if (!rule.until_s[0] && rule.lists & 1) {
			expect_reason(rig, host, SZ_REASON_DENY_HOST);
		}
	}
	assert_int_equal(sweep_all(sweep), 0);
	assert_int_equal(sweep_all(sweep), 0);
	assert_true(sweep_last(sweep)->rounds > 2);
	assert_int_equal(sweep_last(sweep)->repaired_lines, 0);
	sweep_free(sweep);
}

/* ---- packets meanwhile ---- */

struct flood {
	struct rig *rig;
	const struct prefix *host;
	atomic_bool stop;
	uint64_t sent;
};

static void *flood_run(void *context)
{
	struct flood *flood = context;

	while (!flood->stop) {
		rig_flood(flood->rig, flood->host, 2000);
		flood->sent += 2000;
	}
	return NULL;
}

/* While everything else in their line changes: one host is always denied, one never. */
static void packets_meanwhile(void **state)
{
	struct rig *rig = *state;
	struct prefix hosts[MATES];
	struct flood bad = {.rig = rig, .host = &hosts[0]}, good = {.rig = rig, .host = &hosts[1]};
	struct act_answer answer;
	struct sweep *sweep;
	pthread_t threads[2];
	uint64_t begin = clock_boot_ns();
	bool done;

	rig_mates(rig, hosts, MATES);
	rig_load(rig, "l", hosts, 1);
	assert_int_equal(sweep_new(rig->gate, &sweep), 0);
	assert_int_equal(pthread_create(&threads[0], NULL, flood_run, &bad), 0);
	assert_int_equal(pthread_create(&threads[1], NULL, flood_run, &good), 0);
	while (clock_boot_ns() - begin < 2 * NS_PER_S) {
		for (size_t i = 2; i < MATES; i++)
			rig_ban(rig, &hosts[i], draw(2), draw(2) ? clock_boot_s() + 1000 : 0);
		rig_ban(rig, &hosts[0], SZ_LIST_GUARD, clock_boot_s() + 1 + draw(1000));
		rig_load(rig, "l", hosts, 1);
		assert_int_equal(sweep_step(sweep, 1 + draw(9), &done), 0);
		for (size_t i = 2; i < MATES; i++)
			if (act_remove(rig->gate, SZ_TABLE_DENY, &hosts[i], ACT_EVERY_LIST,
				       &answer) < 0)
				fail_msg("act_remove");
		rig_lift(rig, &hosts[0], SZ_LIST_GUARD);
	}
	bad.stop = good.stop = true;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	assert_true(bad.sent > 10000 && good.sent > 10000);
	assert_int_equal(rig_count(rig, SZ_REASON_DENY_HOST), bad.sent);
	assert_int_equal(rig_count(rig, SZ_REASON_PASS), good.sent);
	assert_true(rig_hits(rig, &hosts[0]) > bad.sent / 2);
	sweep_free(sweep);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(sweep_mends_a_vandalised_table),
		RIG_TEST(sweep_sees_what_others_wrote),
		RIG_TEST(a_writer_dies),
		RIG_TEST(a_batch_fails),
		RIG_TEST(random_acts),
		RIG_TEST(packets_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
