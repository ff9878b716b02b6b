/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Single acts: what is refused and in whose name, what they leave in the maps, notes, full maps. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include <tests/gate/fake_gate.h>
#include <user/base/clock.h>
#include <user/gate/act.h>
#include <user/gate/hosts.h>
#include <user/gate/nets.h>
#include <user/gate/note.h>

static int add_until(struct gate *gate, enum sz_table table, const char *text, uint32_t until_s,
		     struct act_answer *answer)
{
	struct act act = {.table = table, .prefix = pfx(text), .until_s = until_s};

	return act_add(gate, &act, answer);
}

static int add(struct gate *gate, enum sz_table table, const char *text, struct act_answer *answer)
{
	return add_until(gate, table, text, 0, answer);
}

static int take(struct gate *gate, enum sz_table table, const char *text, struct act_answer *answer)
{
	struct prefix p = pfx(text);

	return act_remove(gate, table, &p, SZ_LIST_OPERATOR, answer);
}

static int verdict(struct gate *gate, const char *host)
{
	struct prefix p = pfx(host);
	uint64_t lists;

	return fake_verdict(gate, &p, &lists);
}

#define assert_other(answer, in_table, text)                                                       \
	do {                                                                                       \
		struct prefix want_ = pfx(text);                                                   \
		assert_int_equal((answer).other_table, in_table);                                  \
		assert_int_equal(prefix_compare(&(answer).other, &want_), 0);                      \
	} while (0)

static void ban_and_unban(void **state)
{
	static const char *const hosts[] = {"198.51.100.7", "2001:db8::7"};
	static const char *const nets[] = {"198.51.100.0/25", "2001:db8::/33"};
	struct gate *gate = fake_gate(NULL);
	struct act_answer answer;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(verdict(gate, hosts[i]), 0);
		assert_int_equal(add(gate, SZ_TABLE_DENY, nets[i], &answer), 0);
		assert_int_equal(verdict(gate, hosts[i]), 4);
		assert_int_equal(add(gate, SZ_TABLE_DENY, hosts[i], &answer), 0);
		assert_false(answer.was_there);
		assert_int_equal(verdict(gate, hosts[i]), 3);
		assert_int_equal(add(gate, SZ_TABLE_DENY, hosts[i], &answer), 0);
		assert_true(answer.was_there);
		assert_int_equal(gate->hosts[i], 1);
		assert_int_equal(take(gate, SZ_TABLE_DENY, hosts[i], &answer), 0);
		assert_int_equal(verdict(gate, hosts[i]), 4);
		assert_int_equal(take(gate, SZ_TABLE_DENY, hosts[i], &answer), ACT_NOT_FOUND);
		assert_other(answer, SZ_TABLE_DENY, nets[i]);
		assert_int_equal(take(gate, SZ_TABLE_DENY, nets[i], &answer), 0);
		assert_int_equal(verdict(gate, hosts[i]), 0);
		assert_int_equal(take(gate, SZ_TABLE_DENY, nets[i], &answer), ACT_NOT_FOUND);
		assert_int_equal(answer.other.family, 0);
	}
	gate_close(gate);
}

static void refusals_name_the_entry(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act_answer answer;

	(void)state;
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.0.0.1", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.1.0.0/16", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.2.0.0/16", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "2001:db8::/48", &answer), 0);

	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.1", &answer), ACT_REFUSED_NEVER);
	assert_other(answer, SZ_TABLE_NEVER, "10.0.0.1");
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.1.2.3", &answer), ACT_REFUSED_NEVER);
	assert_other(answer, SZ_TABLE_NEVER, "10.1.0.0/16");
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.0/8", &answer), ACT_REFUSED_NEVER);
	assert_other(answer, SZ_TABLE_NEVER, "10.0.0.1");
	assert_int_equal(add(gate, SZ_TABLE_DENY, "2001:db8::/32", &answer), ACT_REFUSED_NEVER);
	assert_other(answer, SZ_TABLE_NEVER, "2001:db8::/48");
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.2.2.0/24", &answer), ACT_REFUSED_ALLOW);
	assert_other(answer, SZ_TABLE_ALLOW, "10.2.0.0/16");
	/* A prefix around an allowed one may be denied: allow wins inside it. */
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.2.0.0/15", &answer), 0);
	assert_int_equal(verdict(gate, "10.3.0.1"), 4);
	assert_int_equal(verdict(gate, "10.2.0.1"), 2);
	gate_close(gate);
}

static void what_is_over_refuses_nothing(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act_answer answer;
	uint32_t past = clock_boot_s() - 1;

	(void)state;
	assert_int_equal(add_until(gate, SZ_TABLE_NEVER, "10.0.0.0/24", past, &answer), 0);
	assert_int_equal(add_until(gate, SZ_TABLE_ALLOW, "10.0.0.0/24", past, &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.1", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.0/16", &answer), 0);
	assert_int_equal(verdict(gate, "10.0.0.1"), 3);
	/* An expired host falls through to its prefix, and is gone for whoever takes it back. */
	assert_int_equal(add_until(gate, SZ_TABLE_DENY, "10.0.0.1", past, &answer), 0);
	assert_int_equal(verdict(gate, "10.0.0.1"), 4);
	assert_int_equal(take(gate, SZ_TABLE_DENY, "10.0.0.1", &answer), ACT_NOT_FOUND);
	assert_other(answer, SZ_TABLE_DENY, "10.0.0.0/16");
	gate_close(gate);
}

static void protection_tells_what_it_overrides(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act_answer answer;

	(void)state;
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.1", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.5.0.0/16", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.0.0.1", &answer), 0);
	assert_other(answer, SZ_TABLE_DENY, "10.0.0.1");
	assert_int_equal(verdict(gate, "10.0.0.1"), 2);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.5.1.0/24", &answer), 0);
	assert_other(answer, SZ_TABLE_DENY, "10.5.0.0/16");
	assert_int_equal(verdict(gate, "10.5.1.9"), 1);
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.4.0.0/15", &answer), 0);
	assert_other(answer, SZ_TABLE_DENY, "10.5.0.0/16");
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.9.0.0/16", &answer), 0);
	assert_int_equal(answer.other.family, 0);
	gate_close(gate);
}

static void expiry_is_per_origin(void **state)
{
	struct gate *gate = fake_gate(NULL);
	uint32_t now_s = clock_boot_s();
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("10.0.0.1"), .until_s = now_s + 50};
	struct act_answer answer;
	struct sz_rule rule;

	(void)state;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	act.bit = SZ_LIST_GUARD;
	act.origin = SZ_ORIGIN_GUARD;
	act.until_s = now_s + 20;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_false(answer.was_there);
	act.until_s = now_s + 10; /* earlier: replaces */
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_true(answer.was_there);
	assert_int_equal(host_read(gate, &act.prefix, &rule), 0);
	assert_int_equal(rule.lists, 3);
	assert_int_equal(rule.until_s[SZ_ORIGIN_OPERATOR], now_s + 50);
	assert_int_equal(rule.until_s[SZ_ORIGIN_GUARD], now_s + 10);
	assert_int_equal(act_remove(gate, SZ_TABLE_DENY, &act.prefix, 0, &answer), 0);
	assert_int_equal(host_read(gate, &act.prefix, &rule), 0);
	assert_int_equal(rule.lists, 2);
	assert_int_equal(rule.until_s[SZ_ORIGIN_OPERATOR], 0);
	act.origin = SZ_ORIGIN_FEED; /* the bit of one origin under the name of another */
	assert_int_equal(act_add(gate, &act, &answer), -EINVAL);
	gate_close(gate);
}

/* ---- what others wrote ---- */

static void foreign_entries_can_be_taken_back(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct sz_net4 key = {.len = 16};
	struct sz_net_rule value = {.rule.lists = 1, .own_lists = 1, .len = 16};
	struct prefix p = pfx("10.9.0.0/16");
	struct act_answer answer;
	size_t count;
	struct entry entries[4];

	(void)state;
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.0/9", &answer), 0); /* model is loaded */
	memcpy(&key.addr, p.addr, 4);
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DNET4], &key, &value, 0), 0);
	assert_int_equal(act_remove(gate, SZ_TABLE_DENY, &p, ACT_EVERY_LIST, &answer), 0);
	assert_int_equal(act_covering(gate, &p, entries, 4, &count), 0);
	assert_int_equal(count, 1);
	/* With nothing filled in but the lists. */
	value = (struct sz_net_rule){.rule.lists = 1};
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_DNET4], &key, &value, 0), 0);
	assert_int_equal(act_remove(gate, SZ_TABLE_DENY, &p, ACT_EVERY_LIST, &answer), 0);
	assert_int_equal(act_covering(gate, &p, entries, 4, &count), 0);
	assert_int_equal(count, 1);
	gate_close(gate);
}

/* ---- asking ---- */

static void covering_is_longest_first(void **state)
{
	static const char *const order[] = {"10.1.2.3", "10.1.0.0/16", "10.1.2.0/24", "10.0.0.0/8",
					    "0.0.0.0/0"};
	struct gate *gate = fake_gate(NULL);
	struct prefix host = pfx("10.1.2.3");
	struct act_answer answer;
	struct entry entries[8];
	size_t count;

	(void)state;
	for (int i = 4; i >= 0; i--)
		assert_int_equal(add(gate, SZ_TABLE_DENY, order[i], &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.1.2.3", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.1.0.0/16", &answer), 0);
	assert_int_equal(act_covering(gate, &host, entries, 8, &count), 0);
	assert_int_equal(count, 7);
	assert_int_equal(entries[0].table, SZ_TABLE_NEVER);
	assert_int_equal(entries[1].table, SZ_TABLE_ALLOW);
	for (int i = 2; i < 7; i++) {
		assert_int_equal(entries[i].table, SZ_TABLE_DENY);
		assert_true(i == 2 || entries[i].prefix.len < entries[i - 1].prefix.len);
		assert_true(prefix_covers(&entries[i].prefix, &host));
		assert_int_equal(entries[i].own_lists, 1);
		assert_true(entry_live(&entries[i], 0, clock_boot_s()));
		assert_false(entry_live(&entries[i], 1, clock_boot_s()));
	}
	assert_int_equal(act_covering(gate, &host, entries, 3, &count), 0);
	assert_int_equal(count, 3);
	host = pfx("10.1.2.0/24");
	assert_int_equal(act_covering(gate, &host, entries, 8, &count), 0);
	assert_int_equal(count, 5);
	gate_close(gate);
}

struct seen {
	unsigned int hosts, nets, most;
	bool late_net; /* a prefix behind a host */
};

static int see(void *context, const struct entry *entry)
{
	struct seen *seen = context;

	if (prefix_is_host(&entry->prefix)) {
		seen->hosts++;
	} else {
		seen->late_net |= seen->hosts != 0;
		seen->nets++;
	}
	return seen->hosts + seen->nets == seen->most ? 42 : 0;
}

static void walks_everything_and_stops(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct seen seen = {0};
	struct act_answer answer;
	uint64_t removed;

	(void)state;
	for (unsigned int i = 0; i < 3000; i++) {
		char text[40];

		snprintf(text, sizeof(text), "10.1.%u.%u", i >> 8, i & 255);
		assert_int_equal(add(gate, SZ_TABLE_DENY, text, &answer), 0);
		snprintf(text, sizeof(text), "2001:db8:%x::%s", i, i % 2 ? "/48" : "1");
		assert_int_equal(add(gate, SZ_TABLE_DENY, text, &answer), 0);
	}
	assert_int_equal(act_walk(gate, SZ_TABLE_DENY, see, &seen), 0);
	assert_int_equal(seen.hosts, 4500);
	assert_int_equal(seen.nets, 1500);
	assert_false(seen.late_net);
	seen = (struct seen){.most = 1600};
	assert_int_equal(act_walk(gate, SZ_TABLE_DENY, see, &seen), 42);
	assert_int_equal(seen.hosts, 100);
	assert_int_equal(act_flush(gate, SZ_TABLE_DENY, &removed), 0);
	assert_int_equal(removed, 6000);
	seen = (struct seen){0};
	assert_int_equal(act_walk(gate, SZ_TABLE_DENY, see, &seen), 0);
	assert_int_equal(seen.hosts + seen.nets, 0);
	assert_int_equal(gate->hosts[0] + gate->hosts[1], 0);
	gate_close(gate);
}

static void flush_spares_what_the_machine_needs(void **state)
{
	struct gate *gate = fake_gate(NULL);
	struct act act = {.table = SZ_TABLE_NEVER,
			  .prefix = pfx("10.0.0.1"),
			  .bit = SZ_PASS_OWN,
			  .origin = SZ_ORIGIN_GUARD};
	struct act_answer answer;
	struct list_report report;
	struct sz_net4 key = {.len = 16};
	struct sz_net_rule value = {.rule.lists = 1};
	struct prefix p = pfx("10.9.9.9");
	uint64_t removed;

	(void)state;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.0.0.1", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_NEVER, "10.0.0.2", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_ALLOW, "10.0.0.3", &answer), 0);
	assert_int_equal(act_load(gate, "l", &p, 1, 0, &report), 0);
	assert_int_equal(act_flush(gate, SZ_TABLES, &removed), 0);
	assert_int_equal(removed, 3);
	assert_int_equal(verdict(gate, "10.0.0.1"), 1);
	assert_int_equal(verdict(gate, "10.0.0.2"), 0);
	assert_int_equal(verdict(gate, "10.0.0.3"), 0);
	assert_int_equal(verdict(gate, "10.9.9.9"), 0);
	assert_int_equal(gate->settings->lists_off, 0);
	assert_int_equal(act_load(gate, "l", NULL, 0, 0, &report), ACT_NOT_FOUND);
	assert_int_equal(act_flush(gate, SZ_TABLE_NEVER, &removed), 0);
	assert_int_equal(removed, 1);
	/* What others wrote, and no model has seen, goes as well. */
	p = pfx("10.8.0.0/16");
	memcpy(&key.addr, p.addr, 4);
	assert_int_equal(bpf_map_update_elem(gate->map[GATE_MAP_ALLOW4], &key, &value, 0), 0);
	assert_int_equal(act_flush(gate, SZ_TABLE_ALLOW, &removed), 0);
	assert_int_equal(removed, 1);
	assert_int_equal(bpf_map_lookup_elem(gate->map[GATE_MAP_ALLOW4], &key, &value), -ENOENT);
	gate_close(gate);
}

/* ---- notes ---- */

static void notes_are_kept_and_go(void **state)
{
	struct gate *gate = fake_gate(NULL);
	static const char text[] = "спам, №5";
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("10.0.0.1"), .note = text};
	struct act_answer answer;
	struct sz_note note;

	(void)state;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_int_equal(act_note(gate, SZ_TABLE_DENY, &act.prefix, &note), 0);
	assert_string_equal(note.text, text);
	assert_true(note.made_s + 5 > clock_wall_s());
	assert_int_equal(act_note(gate, SZ_TABLE_ALLOW, &act.prefix, &note), ACT_NOT_FOUND);
	act.note = NULL;
	assert_int_equal(act_add(gate, &act, &answer), 0);
	assert_int_equal(act_note(gate, SZ_TABLE_DENY, &act.prefix, &note), 0);
	assert_int_equal(take(gate, SZ_TABLE_DENY, "10.0.0.1", &answer), 0);
	assert_int_equal(act_note(gate, SZ_TABLE_DENY, &act.prefix, &note), ACT_NOT_FOUND);
	gate_close(gate);
}

static void bad_notes_are_refused(void **state)
{
	static const char *const bad[] = {
		"tab\there",	"line\nbreak",	    "\x1b[31mred",  "del\x7f",
		"c1 \xc2\x9b",	"cut \xd0",	    "\x80",	    "\xc0\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe0\x80\x80", "\xf0\x8f\xbf\xbf",
		"\xff",
	};
	struct gate *gate = fake_gate(NULL);
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("10.0.0.1")};
	struct act_answer answer;
	struct sz_rule rule;
	char text[SZ_NOTE_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		act.note = bad[i];
		assert_int_equal(act_add(gate, &act, &answer), -EINVAL);
		assert_non_null(strstr(gate_error(), "note"));
	}
	memset(text, 'x', sizeof(text));
	text[SZ_NOTE_LEN] = '\0';
	act.note = text;
	assert_int_equal(act_add(gate, &act, &answer), -EINVAL);
	assert_int_equal(host_read(gate, &act.prefix, &rule), -ENOENT);
	text[SZ_NOTE_LEN - 1] = '\0';
	assert_int_equal(act_add(gate, &act, &answer), 0);
	gate_close(gate);
}

/* A ban does not fail because of the words that go with it. */
static void no_room_for_notes(void **state)
{
	struct gate *gate = fake_gate(NULL); /* has room for 256 */
	struct act act = {.table = SZ_TABLE_DENY, .prefix = pfx("10.0.0.0"), .note = "n"};
	struct act_answer answer;

	(void)state;
	for (unsigned int i = 0; i < 257; i++) {
		act.prefix.addr[2] = (uint8_t)(i >> 8);
		act.prefix.addr[3] = (uint8_t)i;
		assert_int_equal(act_add(gate, &act, &answer), 0);
		assert_int_equal(answer.note_lost, i == 256);
	}
	assert_int_equal(verdict(gate, "10.0.1.0"), 3);
	gate_close(gate);
}

/* ---- full ---- */

static void full_tells_and_changes_nothing(void **state)
{
	struct gate *gate = fake_gate(&(struct gate_sizes){.host4 = 100, .net = 32, .allow = 16});
	struct act_answer answer;
	char text[40];
	int r = 0;

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		assert_int_equal(add(gate, SZ_TABLE_DENY, text, &answer), 0);
	}
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.1.0", &answer), ACT_FULL);
	assert_int_equal(answer.fill, 100);
	assert_int_equal(answer.capacity, 100);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.0.5", &answer), 0); /* renewed */
	for (unsigned int i = 0; !r; i++) {
		snprintf(text, sizeof(text), "11.0.%u.0/24", i);
		r = add(gate, SZ_TABLE_DENY, text, &answer);
	}
	assert_int_equal(r, ACT_FULL);
	assert_int_equal(answer.fill, 31);
	assert_int_equal(answer.capacity, 31);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "11.0.3.0/24", &answer), 0); /* renewed */
	assert_int_equal(verdict(gate, "11.0.31.1"), 0);
	assert_int_equal(verdict(gate, "11.0.30.1"), 4);
	/* What covers all of them needs no room for its heirs but one for itself. */
	assert_int_equal(take(gate, SZ_TABLE_DENY, "11.0.3.0/24", &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "11.0.0.0/16", &answer), 0);
	assert_int_equal(verdict(gate, "11.0.3.1"), 4);
	gate_close(gate);
}

static void full_of_expired_makes_room(void **state)
{
	struct gate *gate = fake_gate(&(struct gate_sizes){.host4 = 100, .net = 32});
	uint32_t past = clock_boot_s() - 1;
	struct act_answer answer;
	char text[40];

	(void)state;
	for (unsigned int i = 0; i < 100; i++) {
		snprintf(text, sizeof(text), "10.0.0.%u", i);
		assert_int_equal(add_until(gate, SZ_TABLE_DENY, text, i < 50 ? past : 0, &answer),
				 0);
	}
	for (unsigned int i = 0; i < 31; i++) {
		snprintf(text, sizeof(text), "11.0.%u.0/24", i);
		assert_int_equal(add_until(gate, SZ_TABLE_DENY, text, i < 30 ? past : 0, &answer),
				 0);
	}
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.1.0", &answer), 0);
	assert_int_equal(gate->hosts[0], 51);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "11.0.99.0/24", &answer), 0);
	assert_int_equal(gate->nets->tables[SZ_TABLE_DENY][0].kept, 2);
	/* Full again without anything expired, then with something: the memory of "nothing" ends.
	 */
	for (unsigned int i = 0; i < 49; i++) {
		snprintf(text, sizeof(text), "10.0.2.%u", i);
		assert_int_equal(add(gate, SZ_TABLE_DENY, text, &answer), 0);
	}
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.3.1", &answer), ACT_FULL);
	assert_int_equal(add_until(gate, SZ_TABLE_DENY, "10.0.2.1", past, &answer), 0);
	assert_int_equal(add(gate, SZ_TABLE_DENY, "10.0.3.1", &answer), 0);
	gate_close(gate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ban_and_unban),
		cmocka_unit_test(refusals_name_the_entry),
		cmocka_unit_test(what_is_over_refuses_nothing),
		cmocka_unit_test(protection_tells_what_it_overrides),
		cmocka_unit_test(expiry_is_per_origin),
		cmocka_unit_test(foreign_entries_can_be_taken_back),
		cmocka_unit_test(covering_is_longest_first),
		cmocka_unit_test(walks_everything_and_stops),
		cmocka_unit_test(flush_spares_what_the_machine_needs),
		cmocka_unit_test(notes_are_kept_and_go),
		cmocka_unit_test(bad_notes_are_refused),
		cmocka_unit_test(no_room_for_notes),
		cmocka_unit_test(full_tells_and_changes_nothing),
		cmocka_unit_test(full_of_expired_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
