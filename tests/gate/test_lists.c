// SPDX-License-Identifier: AGPL-3.0-or-later
/* never over allow over deny; hosts and prefixes; masks of several lists; hits of the entries. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define OPERATOR (1ULL << SZ_LIST_OPERATOR)
#define GUARD (1ULL << SZ_LIST_GUARD)
#define FEED(n) (1ULL << (SZ_LIST_FEED + (n)))

/* The same test in both families: an ordinary source, its host entry and two prefixes over it. */
struct place {
	uint8_t family;
	const char *host, *net, *wide, *neighbour;
};

static const struct place places[] = {
	{4, PEER4, "1.2.3.0/24", "1.2.0.0/16", "1.2.4.4"},
	{6, PEER6, "2a00:1:2:3::/64", "2a00:1::/32", "2a00:1:2:4::4"},
};

#define EACH(p) for (const struct place *p = places; p < places + ARRAY_LEN(places); p++)

static void send(struct run *run, const struct place *p, const char *what, int reason)
{
	expect_spec(run, what, &(struct spec){.family = p->family}, reason);
}

/* The seed is drawn by the first packet, and presence needs it. */
static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "nothing listed", &(struct spec){.family = 6}, SZ_REASON_PASS);
}

static void deny_host(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dhost", p->host, FOREVER(OPERATOR));
		send(*state, p, "denied host", SZ_REASON_DENY_HOST);
		expect_spec(*state, "its neighbour",
			    &(struct spec){.family = p->family, .src = p->neighbour},
			    SZ_REASON_PASS);
		rule_delete(*state, "dhost", p->host);
		send(*state, p, "after the end of the ban", SZ_REASON_PASS);
	}
}

static void deny_net(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dnet", p->net, FOREVER(OPERATOR));
		send(*state, p, "inside", SZ_REASON_DENY_NET);
		expect_spec(*state, "outside",
			    &(struct spec){.family = p->family, .src = p->neighbour},
			    SZ_REASON_PASS);
	}
}

/* A destination is nobody's business. */
static void only_the_source(void **state)
{
	begin(*state);
	rule_set(*state, "dhost", SELF4, FOREVER(OPERATOR));
	rule_set(*state, "dhost", SELF6, FOREVER(OPERATOR));
	EACH(p) send(*state, p, "to a denied address", SZ_REASON_PASS);
}

static void order(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dnet", p->wide, FOREVER(OPERATOR));
		send(*state, p, "deny prefix", SZ_REASON_DENY_NET);
		rule_set(*state, "dhost", p->host, FOREVER(OPERATOR));
		send(*state, p, "deny host over prefix", SZ_REASON_DENY_HOST);
		rule_set(*state, "allow", p->net, FOREVER(1));
		send(*state, p, "allow over deny", SZ_REASON_ALLOW);
		rule_set(*state, "never", p->wide, FOREVER(1));
		send(*state, p, "never over allow", SZ_REASON_NEVER);
		rule_delete(*state, "never", p->wide);
		send(*state, p, "allow again", SZ_REASON_ALLOW);
		rule_delete(*state, "allow", p->net);
		rule_delete(*state, "dhost", p->host);
		send(*state, p, "the prefix again", SZ_REASON_DENY_NET);
	}
}

/* Every bit of a pass list counts, whoever set it, and lists_off is not about them. */
static void reasons_to_pass(void **state)
{
	static const uint8_t bits[] = {SZ_PASS_OPERATOR, SZ_PASS_LOOPBACK, SZ_PASS_OWN,
				       SZ_PASS_GATEWAY,	 SZ_PASS_DNS,	   SZ_PASS_SSH};
	struct run *run = *state;

	EACH(p)
	{
		for (size_t i = 0; i < ARRAY_LEN(bits); i++) {
			begin(run);
			run->settings->lists_off = ~0ULL;
			rule_set(run, "never", p->net, FOREVER(1ULL << bits[i]));
			send(run, p, "never", SZ_REASON_NEVER);
			rule_delete(run, "never", p->net);
			rule_set(run, "allow", p->net, FOREVER(1ULL << bits[i]));
			send(run, p, "allow", SZ_REASON_ALLOW);
		}
	}
}

static void longest_prefix_answers(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dnet", p->wide, FOREVER(OPERATOR));
		rule_set(*state, "dnet", p->net, FOREVER(FEED(3)));
		send(*state, p, "both", SZ_REASON_DENY_NET);
		assert_int_equal(rule_get(*state, "dnet", p->net).hits, 1);
		assert_int_equal(rule_get(*state, "dnet", p->wide).hits, 0);
	}
}

/* All of deny goes through lists_off: one store turns a list off, another a list on. */
static void lists_swap(void **state)
{
	struct run *run = *state;

	EACH(p)
	{
		for (int host = 0; host < 2; host++) {
			const char *table = host ? "dhost" : "dnet";
			const char *text = host ? p->host : p->net;
			int denied = host ? SZ_REASON_DENY_HOST : SZ_REASON_DENY_NET;

			begin(run);
			rule_set(run, table, text, FOREVER(FEED(0)));
			run->settings->lists_off = FEED(0);
			send(run, p, "silent", SZ_REASON_PASS);
			run->settings->lists_off = FEED(1);
			send(run, p, "swapped in", denied);
			rule_set(run, table, text, FOREVER(FEED(0) | FEED(61)));
			run->settings->lists_off = FEED(0);
			send(run, p, "another list names it too", denied);
			run->settings->lists_off = FEED(0) | FEED(61);
			send(run, p, "both silent", SZ_REASON_PASS);
		}
	}
}

static void operator_and_guard_have_bits(void **state)
{
	struct run *run = *state;

	EACH(p)
	{
		begin(run);
		rule_set(run, "dhost", p->host, FOREVER(OPERATOR | GUARD));
		run->settings->lists_off = OPERATOR;
		send(run, p, "guard", SZ_REASON_DENY_HOST);
		run->settings->lists_off = GUARD;
		send(run, p, "operator", SZ_REASON_DENY_HOST);
		run->settings->lists_off = OPERATOR | GUARD;
		send(run, p, "nobody", SZ_REASON_PASS);
	}
}

/* A host of which nobody speaks falls to the prefix; an entry of no list says nothing. */
static void silent_host_falls_to_prefix(void **state)
{
	struct run *run = *state;

	EACH(p)
	{
		begin(run);
		rule_set(run, "dhost", p->host, FOREVER(FEED(7)));
		rule_set(run, "dnet", p->wide, FOREVER(OPERATOR));
		run->settings->lists_off = FEED(7);
		send(run, p, "silent host", SZ_REASON_DENY_NET);
		rule_set(run, "dhost", p->host, FOREVER(0));
		send(run, p, "empty host", SZ_REASON_DENY_NET);
		rule_set(run, "allow", p->net, FOREVER(0));
		rule_set(run, "never", p->net, FOREVER(0));
		send(run, p, "empty allow and never", SZ_REASON_DENY_NET);
	}
}

static void hits_are_counted(void **state)
{
	static const struct {
		const char *table;
		int host;
	} tables[] = {{"dnet", 0}, {"dhost", 1}, {"allow", 0}, {"never", 0}};
	static struct frame frame;
	struct run *run = *state;

	EACH(p)
	{
		begin(run);
		frame_build(&frame, &(struct spec){.family = p->family});
		for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
			const char *text = tables[i].host ? p->host : p->net;

			rule_set(run, tables[i].table, text, FOREVER(1));
			run_many(run, &frame, 5);
			assert_int_equal(rule_get(run, tables[i].table, text).hits, 5);
		}
		run->settings->flags = SZ_SET_OBSERVE;
		rule_delete(run, "never", p->net);
		rule_delete(run, "allow", p->net);
		run_many(run, &frame, 2);
		assert_int_equal(rule_get(run, "dhost", p->host).hits, 7);
		assert_int_equal(rule_get(run, "dnet", p->net).hits, 5);
	}
}

static void silent_entry_has_no_hits(void **state)
{
	struct run *run = *state;

	EACH(p)
	{
		begin(run);
		rule_set(run, "dhost", p->host, FOREVER(FEED(1)));
		run->settings->lists_off = FEED(1);
		send(run, p, "silent", SZ_REASON_PASS);
		assert_int_equal(rule_get(run, "dhost", p->host).hits, 0);
	}
}

/* Never and allow excuse from deny and from the ordinary bogons, and from nothing else. */
static void what_a_pass_excuses(void **state)
{
	static const struct {
		const char *name;
		struct spec spec;
		struct patch patch;
		int reason; /* 0: passes */
	} rows[] = {
		{"ordinary", {0}, .reason = 0},
		{"documentation address", {.src = "192.0.2.1"}, .reason = 0},
		{"documentation address", {.family = 6, .src = "2001:db8::1"}, .reason = 0},
		{"loopback", {.src = "127.0.0.1"}, .reason = SZ_REASON_BOGON},
		{"loopback", {.family = 6, .src = "::1"}, .reason = SZ_REASON_BOGON},
		{"multicast", {.src = "224.0.0.1"}, .reason = SZ_REASON_BOGON},
		{"multicast", {.family = 6, .src = "ff02::1"}, .reason = SZ_REASON_BOGON},
		{"no flags", {0}, {PATCH_L4, 13, 1, 0}, SZ_REASON_TCP_NULL},
		{"no flags", {.family = 6}, {PATCH_L4, 13, 1, 0}, SZ_REASON_TCP_NULL},
		{"port 0", {.proto = P_UDP}, {PATCH_L4, 2, 2, 0}, SZ_REASON_PORT_ZERO},
		{"LAND", {.src = SELF4}, .reason = SZ_REASON_LAND},
		{"LAND", {.family = 6, .src = SELF6}, .reason = SZ_REASON_LAND},
		{"short", {.bare = true, .data = 3}, .reason = SZ_REASON_L4_SHORT},
		{"bad fragment", {.more = true, .data = 5}, .reason = SZ_REASON_FRAG_LEN},
		{"lying length", {0}, {PATCH_L3, 2, 2, 99}, SZ_REASON_IP4_LEN},
	};
	static const char *const tables[] = {"allow", "never"};
	static struct frame frame;

	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		begin(*state);
		rule_set(*state, tables[t], "0.0.0.0/0", FOREVER(1));
		rule_set(*state, tables[t], "::/0", FOREVER(1));
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			int passes = t ? SZ_REASON_NEVER : SZ_REASON_ALLOW;

			frame_build(&frame, &rows[i].spec);
			frame_patch(&frame, rows[i].patch);
			expect_outcome(rows[i].name, run_frame(*state, &frame),
				       rows[i].reason ? rows[i].reason : passes);
		}
	}
}

/* A denied source is denied before its packet is found to be nonsense. */
static void deny_before_shape(void **state)
{
	static struct frame frame;

	begin(*state);
	rule_set(*state, "dhost", PEER4, FOREVER(OPERATOR));
	frame_build(&frame, &(struct spec){0});
	frame_patch(&frame, (struct patch){PATCH_L4, 13, 1, 0});
	expect_outcome("no flags", run_frame(*state, &frame), SZ_REASON_DENY_HOST);
	frame_patch(&frame, (struct patch){PATCH_L3, 2, 2, 99});
	expect_outcome("lying length", run_frame(*state, &frame), SZ_REASON_IP4_LEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(deny_host),
		RUN_TEST(deny_net),
		RUN_TEST(only_the_source),
		RUN_TEST(order),
		RUN_TEST(reasons_to_pass),
		RUN_TEST(longest_prefix_answers),
		RUN_TEST(lists_swap),
		RUN_TEST(operator_and_guard_have_bits),
		RUN_TEST(silent_host_falls_to_prefix),
		RUN_TEST(hits_are_counted),
		RUN_TEST(silent_entry_has_no_hits),
		RUN_TEST(what_a_pass_excuses),
		RUN_TEST(deny_before_shape),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
