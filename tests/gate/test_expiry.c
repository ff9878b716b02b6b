// SPDX-License-Identifier: AGPL-3.0-or-later
/* A ban ends at its second, origin by origin, with nobody there to take it out. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <tests/gate/gate_run.h>

#define OPERATOR 1ULL
#define GUARD 2ULL
#define FEEDS (4ULL | 1ULL << 63)

struct place {
	uint8_t family;
	const char *host, *net;
};

static const struct place places[] = {
	{4, PEER4, "1.2.0.0/16"},
	{6, PEER6, "2a00:1::/32"},
};

#define EACH(p) for (const struct place *p = places; p < places + ARRAY_LEN(places); p++)

static void send(struct run *run, const struct place *p, const char *what, int reason)
{
	expect_spec(run, what, &(struct spec){.family = p->family}, reason);
}

static void begin(struct run *run)
{
	run_clean(run);
	expect_spec(run, "nothing listed", &(struct spec){.family = 6}, SZ_REASON_PASS);
}

/* Times relative to now; 0 is for good. */
static struct sz_rule until(uint64_t lists, int operator_s, int guard_s, int feed_s)
{
	uint32_t now = boot_now_s();

	return (struct sz_rule){.lists = lists,
				.until_s = {operator_s ? now + (uint32_t)operator_s : 0,
					    guard_s ? now + (uint32_t)guard_s : 0,
					    feed_s ? now + (uint32_t)feed_s : 0}};
}

/* Whose end counts for whom. Past is -1 and "this very second" too: until_s * 1e9 <= now. */
static void each_origin_has_its_end(void **state)
{
	static const struct {
		uint64_t lists;
		int end[3]; /* operator, guard, feed */
		bool live;
	} rows[] = {
		{OPERATOR, {0, 0, 0}, true},
		{OPERATOR, {50, 0, 0}, true},
		{OPERATOR, {-1, 0, 0}, false},
		{OPERATOR, {-1, 50, 50}, false},
		{OPERATOR, {50, -1, -1}, true},
		{GUARD, {-1, 0, -1}, true},
		{GUARD, {50, -1, 50}, false},
		{GUARD, {-1, 50, -1}, true},
		{FEEDS, {-1, -1, 0}, true},
		{FEEDS, {50, 50, -1}, false},
		{FEEDS, {-1, -1, 50}, true},
		{OPERATOR | GUARD, {-1, 50, 0}, true},
		{OPERATOR | GUARD, {-1, -1, 0}, false},
		{OPERATOR | FEEDS, {-1, 0, 0}, true},
		{OPERATOR | FEEDS, {-1, 0, -1}, false},
		{GUARD | FEEDS, {0, -1, 50}, true},
		{1ULL << 63, {-1, -1, 50}, true},
		{1ULL << 63, {0, 0, -1}, false},
		{OPERATOR | GUARD | FEEDS, {-1, -1, -1}, false},
		{OPERATOR | GUARD | FEEDS, {50, -1, -1}, true},
	};

	EACH(p)
	{
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct sz_rule rule = until(rows[i].lists, rows[i].end[0], rows[i].end[1],
						    rows[i].end[2]);

			begin(*state);
			rule_set(*state, "dhost", p->host, rule);
			send(*state, p, "host",
			     rows[i].live ? SZ_REASON_DENY_HOST : SZ_REASON_PASS);
			rule_delete(*state, "dhost", p->host);
			rule_set(*state, "dnet", p->net, rule);
			send(*state, p, "net", rows[i].live ? SZ_REASON_DENY_NET : SZ_REASON_PASS);
		}
	}
}

/* In never and allow only the bit of the operator is of the operator; all others are the guard's.
 */
static void pass_lists_have_two_origins(void **state)
{
	static const struct {
		uint64_t lists;
		int end[3];
		bool live;
	} rows[] = {
		{1, {0, -1, -1}, true},
		{1, {-1, 0, 0}, false},
		{1ULL << SZ_PASS_LOOPBACK, {-1, 0, -1}, true},
		{1ULL << SZ_PASS_SSH, {-1, 50, -1}, true},
		{1ULL << SZ_PASS_SSH, {0, -1, 0}, false},
		{1ULL << SZ_PASS_GATEWAY | 1ULL << 63, {0, -1, 0}, false},
		{1 | 1ULL << SZ_PASS_DNS, {-1, 50, -1}, true},
	};

	EACH(p)
	{
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			struct sz_rule rule = until(rows[i].lists, rows[i].end[0], rows[i].end[1],
						    rows[i].end[2]);

			begin(*state);
			rule_set(*state, "allow", p->net, rule);
			send(*state, p, "allow", rows[i].live ? SZ_REASON_ALLOW : SZ_REASON_PASS);
			rule_delete(*state, "allow", p->net);
			rule_set(*state, "never", p->net, rule);
			send(*state, p, "never", rows[i].live ? SZ_REASON_NEVER : SZ_REASON_PASS);
		}
	}
}

static void sleep_until(uint64_t boot_ns)
{
	while (boot_now_ns() < boot_ns) {
		struct timespec left = {.tv_nsec = 2000000};

		nanosleep(&left, NULL);
	}
}

/*
 * The end itself: still denied in the last moments of the second before, free from the first
 * moment of the second named. Looked at from both sides, because the machine may stall between.
 */
static void ends_at_the_second(void **state)
{
	EACH(p)
	{
		uint32_t end;
		struct outcome before;
		uint64_t after_ns;

		begin(*state);
		end = boot_now_s() + 2;
		rule_set(*state, "dhost", p->host,
			 (struct sz_rule){.lists = OPERATOR, .until_s = {end}});
		sleep_until(end * 1000000000ULL - 100000000ULL);
		before = run_spec(*state, &(struct spec){.family = p->family});
		after_ns = boot_now_ns();
		if (after_ns < end * 1000000000ULL)
			expect_outcome("before", before, SZ_REASON_DENY_HOST);
		else
			print_message("# the machine slept over the end of the ban\n");
		sleep_until(end * 1000000000ULL);
		send(*state, p, "after", SZ_REASON_PASS);
	}
}

static void expired_host_falls_to_prefix(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dhost", p->host, until(OPERATOR, -1, 0, 0));
		rule_set(*state, "dnet", p->net, FOREVER(FEEDS));
		send(*state, p, "expired host, live prefix", SZ_REASON_DENY_NET);
		assert_int_equal(rule_get(*state, "dhost", p->host).hits, 0);
		assert_int_equal(rule_get(*state, "dnet", p->net).hits, 1);
	}
}

static void expired_allow_falls_to_deny(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "never", p->net, until(1, -1, 0, 0));
		rule_set(*state, "allow", p->net, until(1, -1, 0, 0));
		rule_set(*state, "dhost", p->host, FOREVER(GUARD));
		send(*state, p, "expired never and allow", SZ_REASON_DENY_HOST);
	}
}

/* A silenced list does not keep an entry alive whose other origins are over. */
static void expiry_and_lists_off(void **state)
{
	struct run *run = *state;

	EACH(p)
	{
		begin(run);
		rule_set(run, "dhost", p->host, until(OPERATOR | FEEDS, -1, 0, 0));
		send(run, p, "feed", SZ_REASON_DENY_HOST);
		run->settings->lists_off = FEEDS;
		send(run, p, "feed silent, operator over", SZ_REASON_PASS);
	}
}

/* Boot seconds go beyond 2^32 ns; 100 years from now is not the past. */
static void far_ends(void **state)
{
	EACH(p)
	{
		begin(*state);
		rule_set(*state, "dhost", p->host,
			 (struct sz_rule){.lists = OPERATOR, .until_s = {UINT32_MAX}});
		send(*state, p, "136 years", SZ_REASON_DENY_HOST);
		rule_set(*state, "dhost", p->host,
			 (struct sz_rule){.lists = OPERATOR, .until_s = {1}});
		send(*state, p, "first second", SZ_REASON_PASS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RUN_TEST(each_origin_has_its_end),
		RUN_TEST(pass_lists_have_two_origins),
		RUN_TEST(ends_at_the_second),
		RUN_TEST(expired_host_falls_to_prefix),
		RUN_TEST(expired_allow_falls_to_deny),
		RUN_TEST(expiry_and_lists_off),
		RUN_TEST(far_ends),
	};

	return cmocka_run_group_tests(tests, run_setup, run_teardown);
}
