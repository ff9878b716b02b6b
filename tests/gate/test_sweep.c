/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Mark and sweep: expiry, bounded slices, drift, presence, numbers. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/hosts.h>
#include <user/gate/note.h>
#include <user/gate/sweep.h>

static void add_until(struct gate *gate, enum sz_table table, const char *text, uint32_t until_s)
{
	struct act act = {.table = table, .prefix = pfx(text), .until_s = until_s};
	struct act_answer answer;

	assert_int_equal(act_add(gate, &act, &answer), 0);
}

static int verdict(struct gate *gate, const char *host)
{
	struct prefix p = pfx(host);
	uint64_t lists;

	return fake_verdict(gate, &p, &lists);
}

static struct sweep_round sweep_once(struct gate *gate)
{
	struct sweep_round round;
	struct sweep *sweep;

	assert_int_equal(sweep_new(gate, &sweep), 0);
	assert_int_equal(sweep_all(sweep), 0);
	round = *sweep_last(sweep);
	sweep_free(sweep);
	return round;
}

static void sleep_till(uint32_t boot_s)
{
	while (clock_left(boot_s))
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
}

static void collects_and_counts(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t soon = clock_boot_s() + 2;
	struct act noted = {.table = SZ_TABLE_DENY,
			    .prefix = pfx("10.0.0.9"),
			    .until_s = soon,
			    .note = "gone soon"};
	struct act_answer answer;
	struct sweep_round round;
	struct sz_note note;

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.0.0.1", 0);
	add_until(gate, SZ_TABLE_DENY, "10.0.0.2", soon);
	add_until(gate, SZ_TABLE_DENY, "2001:db8::1", soon);
	add_until(gate, SZ_TABLE_DENY, "2001:db8::2", 0);
	add_until(gate, SZ_TABLE_DENY, "11.0.0.0/8", soon);
	add_until(gate, SZ_TABLE_DENY, "11.1.0.0/16", 0);
	add_until(gate, SZ_TABLE_ALLOW, "12.0.0.0/8", soon);
	add_until(gate, SZ_TABLE_ALLOW, "12.1.0.0/16", 0);
	add_until(gate, SZ_TABLE_NEVER, "13.1.0.0/16", soon);
	assert_int_equal(act_add(gate, &noted, &answer), 0);
	assert_int_equal(verdict(gate, "11.2.0.1"), 4);
	sleep_till(soon);
	assert_int_equal(verdict(gate, "11.2.0.1"), 0);
	round = sweep_once(gate);
	assert_int_equal(round.collected, 6);
	assert_int_equal(round.entries[SZ_TABLE_DENY], 3);
	assert_int_equal(round.entries[SZ_TABLE_ALLOW], 1);
	assert_int_equal(round.entries[SZ_TABLE_NEVER], 0);
	assert_int_equal(round.list_entries[SZ_LIST_OPERATOR], 3);
	assert_int_equal(round.rounds, 1);
	assert_true(gate->hosts_known);
	assert_int_equal(gate->hosts[0], 1);
	assert_int_equal(gate->hosts[1], 1);
	assert_int_equal(act_note(gate, SZ_TABLE_DENY, &noted.prefix, &note), ACT_NOT_FOUND);
	/* 10.0.0/24, 11.1/16, 12.1/16, one of IPv6. */
	assert_int_equal(fake_present_bits(gate), 1 + 256 + 256 + 1);
	assert_true(round.bits_cleared >= 65536 - 256);
	assert_int_equal(round.bits_set, 0);
	gate_close(gate);
}

static void counts_nothing_silenced(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct prefix p[] = {pfx("10.0.0.1"), pfx("10.0.0.2")};
	struct list_report report;
	struct sweep_round round;

	(void)state;
	assert_int_equal(act_load(gate, "a", p, 2, 0, &report), 0);
	assert_int_equal(act_load(gate, "b", p, 1, 0, &report), 0);
	round = sweep_once(gate);
	assert_int_equal(round.entries[SZ_TABLE_DENY], 2);
	assert_int_equal(round.list_entries[2], 2);
	assert_int_equal(round.list_entries[3], 1);
	gate_close(gate);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * 54,000 entries that end together: hosts and prefixes. No step may do more than its share. How
 * long the longest takes is printed, not judged: a busy machine is no fault of the sweep.
 */
static void one_expiry_for_many(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct prefix *entries = calloc(54000, sizeof(*entries));
	uint32_t soon = clock_boot_s() + 2;
	struct sweep *sweep;
	struct list_report report;
	double longest = 0, sum = 0;
	unsigned int steps = 0;
	bool done = false;

	(void)state;
	assert_non_null(entries);
	for (uint32_t i = 0; i < 54000; i++) {
		uint32_t n = i < 40000 ? i : i - 40000;
		uint8_t host[4] = {20, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
		uint8_t net[4] = {30, (uint8_t)(n >> 8), (uint8_t)n, 0};

		entries[i] = i < 40000 ? prefix_from(4, host, 32) : prefix_from(4, net, 24);
	}
	assert_int_equal(act_load(gate, "l", entries, 54000, soon, &report), 0);
	assert_int_equal(sweep_new(gate, &sweep), 0);
	assert_int_equal(verdict(gate, "20.0.0.1"), 3);
	sleep_till(soon);
	while (!done) {
		uint64_t hosts = gate->hosts[0];
		double begin = seconds();

		assert_int_equal(sweep_step(sweep, 500, &done), 0);
		longest = seconds() - begin > longest ? seconds() - begin : longest;
		sum += seconds() - begin;
		steps++;
		assert_true(hosts - gate->hosts[0] <= 500);
	}
	assert_int_equal(sweep_last(sweep)->collected, 54000);
	assert_int_equal(gate->hosts[0], 0);
	assert_int_equal(fake_present_bits(gate), 0);
	assert_true(steps > 54000 / 500);
	printf("# %u steps, longest %.4f s of %.4f s\n", steps, longest, sum);
	free(entries);
	sweep_free(sweep);
	gate_close(gate);
}

/* ---- drift ---- */

static void write_net(struct gate *gate, const char *text, struct sz_net_rule value)
{
	struct prefix p = pfx(text);
	struct sz_net4 key = {.len = p.len};

	memcpy(&key.addr, p.addr, 4);
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DNET4], &key, &value, 0), 0);
}

static struct entry read_entry(struct gate *gate, const char *text)
{
	struct prefix p = pfx(text);
	struct entry entries[4];
	size_t count;

	assert_int_equal(act_covering(gate, &p, entries, 4, &count), 0);
	assert_true(count > 0);
	return entries[0];
}

static void others_wrote_into_the_maps(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sweep_round round;
	struct prefix p = pfx("10.1.0.0/16"), host = pfx("44.0.0.1");
	struct sz_net4 key = {.len = 16};
	struct sz_rule rule = {.lists = 1, .hits = 5};
	struct entry entry;

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.0.0.0/8", 0);
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	add_until(gate, SZ_TABLE_DENY, "10.2.0.0/16", 0);
	sweep_once(gate);
	/* bpftool map update: only what a person would fill in. */
	write_net(gate, "10.3.0.0/16", (struct sz_net_rule){.rule.lists = 2, .rule.hits = 9});
	write_net(gate, "40.0.0.0/20", (struct sz_net_rule){.rule.lists = 1});
	/* An inheritance gone wrong, an entry that says nothing. */
	write_net(gate, "10.2.0.0/16",
		  (struct sz_net_rule){.rule.lists = 0x30, .own_lists = 1, .len = 16});
	write_net(gate, "10.4.0.0/16", (struct sz_net_rule){.len = 16});
	assert_int_equal(verdict(gate, "10.4.0.1"), 0); /* it hides 10/8 */
	/* bpftool map delete. */
	memcpy(&key.addr, p.addr, 4);
	assert_int_equal(bpf_map_delete_elem(gate->map[GATE_MAP_DNET4], &key), 0);
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DHOST4], host.addr, &rule, 0), 0);

	round = sweep_once(gate);
	assert_true(round.repaired >= 4);
	assert_int_equal(verdict(gate, "10.4.0.1"), 4);
	assert_int_equal(verdict(gate, "40.0.15.1"), 4); /* presence was missing */
	assert_int_equal(verdict(gate, "44.0.0.1"), 3);
	entry = read_entry(gate, "10.3.0.0/16");
	assert_int_equal(entry.prefix.len, 16);
	assert_int_equal(entry.own_lists, 2);
	assert_int_equal(entry.rule.lists, 3); /* its own and that of 10/8 */
	entry = read_entry(gate, "10.2.0.0/16");
	assert_int_equal(entry.rule.lists, 1);
	entry = read_entry(gate, "10.1.0.0/16");
	assert_int_equal(entry.prefix.len, 8);
	assert_int_equal(read_entry(gate, "44.0.0.1").rule.hits, 5);
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	assert_int_equal(read_entry(gate, "10.1.0.0/16").prefix.len, 16);
	assert_int_equal(sweep_once(gate).repaired, 0);
	gate_close(gate);
}

/* The model has not heard of the deletion; whoever bans anew must get his ban. */
static void banned_again_after_a_foreign_delete(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct prefix p = pfx("10.1.0.0/16");
	struct sz_net4 key = {.len = 16};

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	memcpy(&key.addr, p.addr, 4);
	assert_int_equal(bpf_map_delete_elem(gate->map[GATE_MAP_DNET4], &key), 0);
	assert_int_equal(verdict(gate, "10.1.0.1"), 0);
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	assert_int_equal(verdict(gate, "10.1.0.1"), 4);
	gate_close(gate);
}

/* The model still has what is gone; a sweep makes it forget, with what was inherited from it. */
static void heirs_of_the_deleted(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act wide = {.table = SZ_TABLE_DENY,
			   .prefix = pfx("10.0.0.0/8"),
			   .bit = SZ_LIST_GUARD,
			   .origin = SZ_ORIGIN_GUARD};
	struct sz_net4 key = {.len = 8};
	struct act_answer answer;

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	assert_int_equal(act_add(gate, &wide, &answer), 0);
	memcpy(&key.addr, wide.prefix.addr, 4);
	assert_int_equal(bpf_map_delete_elem(gate->map[GATE_MAP_DNET4], &key), 0);
	sweep_once(gate);
	assert_int_equal(read_entry(gate, "10.1.0.0/16").rule.lists, 1);
	assert_int_equal(act_remove(gate, SZ_TABLE_DENY, &wide.prefix, SZ_LIST_GUARD, &answer),
			 ACT_NOT_FOUND);
	gate_close(gate);
}

/* One of a batch is gone already: the others go all the same, and the number is right. */
static void batch_with_a_gone_one(void **state)
{
	static const char *const hosts[] = {"10.0.0.1", "10.0.0.2", "10.0.0.3"};
	struct gate *gate = fake_gate(NULL);
	struct host_batch *batch = calloc(1, sizeof(*batch));
	struct sz_rule none = {0};
	struct prefix p;

	(void)state;
	assert_non_null(batch);
	batch->gate = gate;
	batch->family = 4;
	for (int i = 0; i < 3; i++) {
		p = pfx(hosts[i]);
		if (i != 1)
			add_until(gate, SZ_TABLE_DENY, hosts[i], 0);
		host_batch_put(batch, p.addr, &none);
	}
	assert_int_equal(gate->hosts[0], 2);
	assert_int_equal(host_batch_delete(batch), 0);
	assert_int_equal(gate->hosts[0], 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(verdict(gate, hosts[i]), 0);
	free(batch);
	gate_close(gate);
}

static void presence_is_mended(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sweep_round round;

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.0.0.1", 0);
	add_until(gate, SZ_TABLE_DENY, "2001:db8:1::/48", 0);
	add_until(gate, SZ_TABLE_DENY, "2400::/12", 0);
	memset(gate->present4, 0, sizeof(*gate->present4) * SZ_PRESENT4_LINES);
	memset(gate->present6, 0, sizeof(*gate->present6) * SZ_PRESENT6_LINES);
	gate->settings->present6_levels = 0;
	assert_int_equal(verdict(gate, "10.0.0.1"), 0);
	round = sweep_once(gate);
	assert_int_equal(round.bits_set, 1 + 1 + 16);
	assert_int_equal(verdict(gate, "10.0.0.1"), 3);
	assert_int_equal(verdict(gate, "2001:db8:1::9"), 4);
	assert_int_equal(verdict(gate, "240f::1"), 4);
	assert_int_equal(gate->settings->present6_levels, SZ_LEVEL6_48 | SZ_LEVEL6_16);
	gate_close(gate);
}

/* Inserted behind the sweep's back in the middle of a round: its bit must survive the end. */
static void inserts_during_a_round(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sweep *sweep;
	bool done = false;
	unsigned int n = 0;

	(void)state;
	for (int i = 0; i < 200; i++) {
		char text[40];

		snprintf(text, sizeof(text), "10.0.%d.1", i);
		add_until(gate, SZ_TABLE_DENY, text, 0);
	}
	assert_int_equal(sweep_new(gate, &sweep), 0);
	while (!done) {
		char text[40];

		snprintf(text, sizeof(text), "20.%u.%u.1", n >> 8, n & 255);
		add_until(gate, SZ_TABLE_DENY, text, 0);
		snprintf(text, sizeof(text), "21.%u.%u.0/24", n >> 8, n & 255);
		add_until(gate, SZ_TABLE_DENY, text, 0);
		n++;
		assert_int_equal(sweep_step(sweep, 7, &done), 0);
	}
	for (unsigned int i = 0; i < n; i++) {
		char text[40];

		snprintf(text, sizeof(text), "20.%u.%u.1", i >> 8, i & 255);
		assert_int_equal(verdict(gate, text), 3);
		snprintf(text, sizeof(text), "21.%u.%u.1", i >> 8, i & 255);
		assert_int_equal(verdict(gate, text), 4);
	}
	assert_int_equal(sweep_all(sweep), 0);
	assert_int_equal(gate->hosts[0], 200 + n);
	assert_int_equal(fake_present_bits(gate), 200 + 2 * n);
	sweep_free(sweep);
	gate_close(gate);
}

/* Never and allow entries of every length, found at once and after rounds, in both families. */
static void protections_are_always_found(void **state)
{
	static const char *const texts[][2] = {
		{"10.0.0.1", "10.0.0.1"},
		{"20.0.0.0/7", "21.9.9.9"},
		{"32.0.0.0/3", "63.255.255.255"},
		{"192.0.2.0/24", "192.0.2.77"},
		{"2001:db8::5", "2001:db8::5"},
		{"2400::/12", "240f:ffff::1"},
		{"2a00:1450::/32", "2a00:1450::99"},
		{"c000::/2", "fd00::1"},
	};
	struct gate *gate = fake_gate(NULL);
	struct sweep *sweep;
	bool done = false;

	(void)state;
	sweep_once(gate);
	assert_int_equal(sweep_new(gate, &sweep), 0);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(verdict(gate, texts[i][1]), 0);
		add_until(gate, i % 2 ? SZ_TABLE_ALLOW : SZ_TABLE_NEVER, texts[i][0], 0);
		for (size_t j = 0; j <= i; j++)
			assert_int_equal(verdict(gate, texts[j][1]), j % 2 ? 2 : 1);
		for (int k = 0; k < 5; k++) /* rounds end at all sorts of moments */
			assert_int_equal(sweep_step(sweep, 1, &done), 0);
	}
	for (int round = 0; round < 2; round++) {
		assert_int_equal(sweep_all(sweep), 0);
		for (size_t j = 0; j < ARRAY_LEN(texts); j++)
			assert_int_equal(verdict(gate, texts[j][1]), j % 2 ? 2 : 1);
	}
	sweep_free(sweep);
	gate_close(gate);
}

/* An expired prefix no longer speaks for those inside it, and theirs is not lost with it. */
static void heirs_of_the_expired(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act wide = {.table = SZ_TABLE_DENY,
			   .prefix = pfx("10.0.0.0/8"),
			   .bit = SZ_LIST_GUARD,
			   .origin = SZ_ORIGIN_GUARD,
			   .until_s = clock_boot_s() + 2};
	struct act_answer answer;

	(void)state;
	add_until(gate, SZ_TABLE_DENY, "10.1.0.0/16", 0);
	assert_int_equal(act_add(gate, &wide, &answer), 0);
	assert_int_equal(read_entry(gate, "10.1.0.0/16").rule.lists, 3);
	assert_int_equal(verdict(gate, "10.2.0.1"), 4);
	sleep_till(wide.until_s);
	assert_int_equal(verdict(gate, "10.2.0.1"), 0);
	assert_int_equal(sweep_once(gate).collected, 1);
	assert_int_equal(read_entry(gate, "10.1.0.0/16").rule.lists, 1);
	assert_int_equal(verdict(gate, "10.1.0.1"), 4);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(collects_and_counts),
		cmocka_unit_test(counts_nothing_silenced),
		cmocka_unit_test(one_expiry_for_many),
		cmocka_unit_test(others_wrote_into_the_maps),
		cmocka_unit_test(banned_again_after_a_foreign_delete),
		cmocka_unit_test(heirs_of_the_deleted),
		cmocka_unit_test(batch_with_a_gone_one),
		cmocka_unit_test(presence_is_mended),
		cmocka_unit_test(inserts_during_a_round),
		cmocka_unit_test(protections_are_always_found),
		cmocka_unit_test(heirs_of_the_expired),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
