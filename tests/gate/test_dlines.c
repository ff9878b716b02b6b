/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The table in front of the denied IPv4 hosts, as packets meet it: it says what the hash says after
 * every act, and asks the hash where it cannot know.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <strazh/base/compiler.h>
#include <tests/gate/dline_rig.h>
#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/dlines.h>
#include <user/gate/handle.h>

#define MATES 7U

/* The common ban: packets need the line alone, and are counted there; one that is lifted passes. */
static void answers_alone(void **state)
{
	struct rig *rig = *state;
	struct act_answer answer;
	struct prefix hosts[2];
	struct sz_rule rule;

	rig_mates(rig, hosts, 2);
	rig_ban(rig, &hosts[0], SZ_LIST_OPERATOR, 0);
	assert_true(rig_says(rig, &hosts[0]));
	rig_flood(rig, &hosts[0], 41);
	expect_reason(rig, &hosts[0], SZ_REASON_DENY_HOST);
	expect_reason(rig, &hosts[1], SZ_REASON_PASS);
	assert_true(rig_raw_read(rig, &hosts[0], &rule));
	assert_int_equal(rule.hits, 0);
	assert_int_equal(dlines_hits(rig->gate, &hosts[0]), 42);
	assert_int_equal(rig_hits(rig, &hosts[0]), 42);
	rig_raw_delete(rig, &hosts[0]); /* so it really is the line that answers */
	expect_reason(rig, &hosts[0], SZ_REASON_DENY_HOST);
	assert_int_equal(act_remove(rig->gate, SZ_TABLE_DENY, &hosts[0], ACT_EVERY_LIST, &answer),
			 ACT_NOT_FOUND);
	expect_reason(rig, &hosts[0], SZ_REASON_PASS);
}

/* As ip and xdp-loader make it. */
static void zeros_ask_the_hash(void **state)
{
	struct rig *rig = *state;
	struct prefix hosts[2];
	struct sz_rule rule;

	rig_mates(rig, hosts, 2);
	dlines_clear(rig->gate, false);
	rig_raw_write(rig, &hosts[0], (struct sz_rule){.lists = 1});
	expect_reason(rig, &hosts[0], SZ_REASON_DENY_HOST);
	expect_reason(rig, &hosts[1], SZ_REASON_PASS);
	assert_true(rig_raw_read(rig, &hosts[0], &rule));
	assert_int_equal(rule.hits, 1);
	assert_int_equal(rig_sweep(rig).repaired_lines, 0);
	assert_true(rig_says(rig, &hosts[0]));
	assert_int_equal(rig_line(rig, &hosts[1])->slot[0].what & SZ_DLINE_ALL, SZ_DLINE_ALL);
	assert_int_equal(rig_hits(rig, &hosts[0]), 1);
}

/* Every combination of up to five lists, each silenced in turn: five are too many for a slot. */
static void lists_by_number(void **state)
{
	static const uint32_t bits[] = {SZ_LIST_OPERATOR, SZ_LIST_GUARD, 2, 31, 63};
	struct rig *rig = *state;
	struct prefix host;

	rig_mates(rig, &host, 1);
	for (uint32_t set = 1; set < 1U << ARRAY_LEN(bits); set++) {
		uint64_t lists = 0;

		for (size_t i = 0; i < ARRAY_LEN(bits); i++)
			if (set >> i & 1) {
				rig_ban(rig, &host, bits[i], 0);
				lists |= 1ULL << bits[i];
			}
		assert_int_equal(rig_says(rig, &host), __builtin_popcount(set) <= 4);
		for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
			rig->gate->settings->lists_off = ~(1ULL << bits[i]);
			expect_reason(rig, &host,
				      set >> i & 1 ? SZ_REASON_DENY_HOST : SZ_REASON_PASS);
		}
		rig->gate->settings->lists_off = lists;
		expect_reason(rig, &host, SZ_REASON_PASS);
		rig->gate->settings->lists_off = 0;
		rig_lift(rig, &host, ACT_EVERY_LIST);
		assert_true(rig_blank(rig));
	}
}

static void wait_for(uint32_t boot_s)
{
	while (clock_left(boot_s))
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

/*
 * One end for all origins stands in the slot, several make packets ask; each is over at its second
 * with nobody there to take it out, and the prefix then decides.
 */
static void ends_at_its_second(void **state)
{
	const uint32_t now_s = clock_boot_s();
	struct prefix hosts[4], net = pfx("20.0.0.0/6");
	struct rig *rig = *state;

	rig_mates(rig, hosts, 4);
	rig_ban(rig, &hosts[0], SZ_LIST_OPERATOR, now_s + 3);
	rig_ban(rig, &hosts[1], SZ_LIST_OPERATOR, now_s + 3);
	rig_ban(rig, &hosts[1], SZ_LIST_GUARD, now_s + 3);
	rig_ban(rig, &hosts[2], SZ_LIST_OPERATOR, now_s + 3);
	rig_ban(rig, &hosts[2], SZ_LIST_GUARD, 0);
	rig_ban(rig, &hosts[3], SZ_LIST_OPERATOR, now_s + 3);
	rig_ban(rig, &hosts[3], 9, now_s + 100);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(rig_says(rig, &hosts[i]), i < 2);
		if (clock_boot_s() < now_s + 2)
			expect_reason(rig, &hosts[i], SZ_REASON_DENY_HOST);
	}
	wait_for(now_s + 3);
	for (size_t i = 0; i < 4; i++)
		expect_reason(rig, &hosts[i], i < 2 ? SZ_REASON_PASS : SZ_REASON_DENY_HOST);
	rig_ban(rig, &net, SZ_LIST_OPERATOR, 0);
	expect_reason(rig, &hosts[0], SZ_REASON_DENY_NET);
	rig_sweep(rig);
	assert_null(rig_slot(rig, &hosts[0]));
	assert_true(rig_says(rig, &hosts[2]) && rig_says(rig, &hosts[3]));
	rig_ban(rig, &hosts[0], SZ_LIST_GUARD, 0);
	expect_reason(rig, &hosts[0], SZ_REASON_DENY_HOST);
}

/* More hosts than a line has slots; 0.0.0.0, which looks like a free one. */
static void line_is_full(void **state)
{
	struct prefix hosts[MATES + 1], zero = pfx("0.0.0.0");
	struct rig *rig = *state;
	size_t slots = 0;

	rig_mates(rig, hosts, MATES + 1);
	for (size_t i = 0; i < MATES; i++) {
		expect_reason(rig, &hosts[i], SZ_REASON_PASS);
		rig_ban(rig, &hosts[i], SZ_LIST_OPERATOR, 0);
	}
	for (size_t i = 0; i < MATES; i++) {
		expect_reason(rig, &hosts[i], SZ_REASON_DENY_HOST);
		slots += rig_slot(rig, &hosts[i]) != NULL;
		assert_int_equal(rig_hits(rig, &hosts[i]), 1);
	}
	assert_int_equal(slots, SZ_DLINE_WAYS);
	expect_reason(rig, &hosts[MATES], SZ_REASON_PASS);
	assert_int_equal(rig_sweep(rig).repaired_lines, 0);
	for (size_t i = 0; i < 3; i++)
		rig_lift(rig, &hosts[i], SZ_LIST_OPERATOR);
	for (size_t i = 0; i < MATES; i++)
		expect_reason(rig, &hosts[i], i < 3 ? SZ_REASON_PASS : SZ_REASON_DENY_HOST);
	assert_int_equal(rig_sweep(rig).repaired_lines, 0);
	for (size_t i = 3; i < MATES; i++) {
		assert_true(rig_says(rig, &hosts[i]));
		rig_lift(rig, &hosts[i], SZ_LIST_OPERATOR);
	}
	assert_true(rig_blank(rig));

	rig_ban(rig, &zero, SZ_LIST_OPERATOR, 0);
	rig_mates_of(rig, &zero, hosts, SZ_DLINE_WAYS);
	for (size_t i = 0; i <= SZ_DLINE_WAYS; i++) {
		expect_reason(rig, &zero, SZ_REASON_DENY_HOST);
		rig_sweep(rig);
		expect_reason(rig, &zero, SZ_REASON_DENY_HOST);
		if (i < SZ_DLINE_WAYS)
			rig_ban(rig, &hosts[i], SZ_LIST_OPERATOR, 0);
	}
	rig_lift(rig, &zero, SZ_LIST_OPERATOR);
	expect_reason(rig, &zero, SZ_REASON_PASS);
	for (size_t i = 0; i < SZ_DLINE_WAYS; i++)
		rig_lift(rig, &hosts[i], SZ_LIST_OPERATOR);
	rig_sweep(rig);
	assert_true(rig_blank(rig));
}

/* Lists come, are swapped and go; a flush leaves nothing. */
static void lists_come_and_go(void **state)
{
	enum { HOSTS = 60000 };
	struct prefix *hosts = calloc(HOSTS, sizeof(*hosts));
	struct rig *rig = *state;
	uint64_t removed;

	assert_non_null(hosts);
	for (uint32_t n = 0; n < HOSTS; n++) {
		uint8_t addr[4] = {20, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};

		hosts[n] = prefix_from(4, addr, 32);
	}
	rig_load(rig, "a", hosts, HOSTS / 2);
	rig_load(rig, "b", hosts + HOSTS / 4, HOSTS / 4);
	rig_load(rig, "a", hosts + HOSTS / 4, HOSTS * 3 / 4);
	for (uint32_t n = 0; n < HOSTS; n += 97)
		expect_reason(rig, &hosts[n], n < HOSTS / 4 ? SZ_REASON_PASS : SZ_REASON_DENY_HOST);
	rig_load(rig, "a", NULL, 0);
	for (uint32_t n = 0; n < HOSTS; n += 97)
		expect_reason(rig, &hosts[n],
			      n / (HOSTS / 4) == 1 ? SZ_REASON_DENY_HOST : SZ_REASON_PASS);
	assert_int_equal(rig_sweep(rig).repaired_lines, 0);
	rig_load(rig, "c", hosts, HOSTS);
	assert_int_equal(act_flush(rig->gate, SZ_TABLE_DENY, &removed), 0);
	assert_int_equal(removed, HOSTS);
	assert_true(rig_blank(rig));
	for (uint32_t n = 0; n < HOSTS; n += 97)
		expect_reason(rig, &hosts[n], SZ_REASON_PASS);
	rig_mates(rig, hosts, MATES);
	for (uint32_t n = 0; n < MATES; n++)
		rig_ban(rig, &hosts[n], SZ_LIST_GUARD, 0);
	assert_int_equal(act_flush(rig->gate, SZ_TABLE_DENY, &removed), 0);
	assert_true(rig_blank(rig));
	free(hosts);
}

/* Counted in the line, carried to the entry by the sweep, never lost or counted twice. */
static void hits_add_up(void **state)
{
	struct rig *rig = *state;
	struct prefix host;
	struct sz_rule rule;

	rig_mates(rig, &host, 1);
	rig_ban(rig, &host, SZ_LIST_OPERATOR, 0);
	rig_flood(rig, &host, 10);
	rig_ban(rig, &host, SZ_LIST_GUARD, 0); /* updated */
	rig_flood(rig, &host, 10);
	assert_int_equal(rig_hits(rig, &host), 20);
	assert_int_equal(rig_sweep(rig).repaired_lines, 0);
	assert_true(rig_raw_read(rig, &host, &rule));
	assert_int_equal(rule.hits, 20);
	assert_int_equal(rig_hits(rig, &host), 20);
	rig_load(rig, "l", &host, 1);
	rig_flood(rig, &host, 5);
	assert_int_equal(rig_hits(rig, &host), 25);
	/* 32 bits in the slot. */
	__atomic_fetch_or(&rig_slot(rig, &host)->who, 0xfffffffeULL << 32, __ATOMIC_SEQ_CST);
	rig_flood(rig, &host, 5);
	assert_true(rig_raw_read(rig, &host, &rule));
	assert_int_equal(rule.hits, 20 + (1ULL << 32));
	assert_true(rig_says(rig, &host));
	rig->gate->settings->flags = SZ_SET_OBSERVE;
	rule.hits = rig_hits(rig, &host);
	rig_flood(rig, &host, 3);
	assert_int_equal(rig_hits(rig, &host), rule.hits + 3);
}

/* A foreign gate without the table, or with a smaller one, is read and written all the same. */
static void table_is_missing_or_small(void **state)
{
	struct rig *rig = *state;
	struct sz_dline *dlines = rig->gate->dlines;
	uint32_t max = rig->gate->max[GATE_MAP_DLINE4];
	struct prefix host;

	rig_mates(rig, &host, 1);
	dlines_clear(rig->gate, false);
	for (int small = 0; small < 2; small++) {
		if (small)
			rig->gate->max[GATE_MAP_DLINE4] = 1;
		else
			rig->gate->dlines = NULL;
		rig_ban(rig, &host, SZ_LIST_OPERATOR, 0);
		rig_flood(rig, &host, 3);
		assert_int_equal(rig_hits(rig, &host), 3);
		assert_int_equal(rig_sweep(rig).repaired_lines, 0);
		if (small)
			assert_null(rig_slot(rig, &host));
		rig_lift(rig, &host, SZ_LIST_OPERATOR);
		expect_reason(rig, &host, SZ_REASON_PASS);
		rig->gate->dlines = dlines;
		rig->gate->max[GATE_MAP_DLINE4] = max;
	}
}

/* The maps of a foreign gate of before the table was there: opened and read. */
static void foreign_without_the_table(void **state)
{
	struct rig *rig = *state;
	struct gate *foreign = NULL;
	int fds[GATE_MAPS_TOTAL];
	struct prefix host;
	struct entry entry;
	size_t count;

	rig_mates(rig, &host, 1);
	dlines_clear(rig->gate, false);
	rig_raw_write(rig, &host, (struct sz_rule){.lists = 1, .hits = 5});
	for (int i = 0; i < GATE_MAPS_TOTAL; i++)
		fds[i] = i == GATE_MAP_DLINE4 ? -1
					      : dup(bpf_object__find_map_fd_by_name(
							rig->object, gate_map_names[i]));
	assert_int_equal(handle_from_fds(fds, &foreign), 0);
	assert_null(foreign->dlines);
	assert_int_equal(act_covering(foreign, &host, &entry, 1, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(entry.rule.hits, 5);
	gate_close(foreign);
}

/* Who finds no room in the hash leaves nothing in the table. */
static void hash_is_full(void **state)
{
	const struct gate_sizes sizes = {.host4 = 2};
	static const char *const texts[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
	struct gate *gate = fake_gate(&sizes);
	struct rig rig = {.gate = gate};
	struct act_answer answer;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx(texts[i])};

		assert_int_equal(act_add(gate, &act, &answer), i < 2 ? 0 : ACT_FULL);
		assert_int_equal(rig_says(&rig, &act.prefix), i < 2);
		assert_int_equal(rig_line(&rig, &act.prefix)->slot[0].what >> 25,
				 SZ_DLINE_ALL >> 25);
	}
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(answers_alone),
		RIG_TEST(zeros_ask_the_hash),
		RIG_TEST(lists_by_number),
		RIG_TEST(ends_at_its_second),
		RIG_TEST(line_is_full),
		RIG_TEST(lists_come_and_go),
		RIG_TEST(hits_add_up),
		RIG_TEST(table_is_missing_or_small),
		RIG_TEST(foreign_without_the_table),
		cmocka_unit_test(hash_is_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
