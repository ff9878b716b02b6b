/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Limits by source and in all, half-open ones apart; an IPv6 source is its /64. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <errno.h>

#include <arpa/inet.h>
#include <cmocka.h>

#include <user/net/sources.h>

static struct endpoint at(const char *text)
{
	uint8_t family = strchr(text, ':') ? 6 : 4, addr[16];

	assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, text, addr), 1);
	return endpoint_of(family, addr, 1000);
}

static struct sources *with(uint32_t total, uint32_t half_open, uint32_t source_total,
			    uint32_t source_half_open)
{
	struct sources_limits limits = {total, half_open, source_total, source_half_open};
	struct sources *sources;

	assert_int_equal(sources_new(&limits, &sources), 0);
	return sources;
}

static void test_by_source(void **state)
{
	struct sources *sources = with(100, 100, 3, 2);
	struct endpoint a = at("192.0.2.1"), b = at("192.0.2.2"), mapped = at("::ffff:192.0.2.1");
	uint32_t id, other;

	(void)state;
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &mapped, &other), 0);
	assert_int_equal(id, other);
	assert_int_equal(sources_enter(sources, &a, &other), SOURCES_SOURCE_HALF_OPEN);
	sources_opened(sources, id);
	assert_int_equal(sources_enter(sources, &a, &other), 0);
	assert_int_equal(sources_enter(sources, &a, &other), SOURCES_SOURCE);
	assert_int_equal(sources_enter(sources, &b, &other), 0);
	assert_int_not_equal(id, other);
	assert_int_equal(sources_count(sources).sources, 2);
	sources_leave(sources, id, false, true);
	sources_leave(sources, id, true, true);
	sources_leave(sources, id, true, true);
	assert_int_equal(sources_count(sources).sources, 1);
	sources_leave(sources, other, true, true);
	assert_int_equal(sources_count(sources).total + sources_count(sources).half_open, 0);
	sources_free(sources);
}

static void test_v6_is_a_64(void **state)
{
	struct sources *sources = with(10, 10, 2, 2);
	struct endpoint a = at("2001:db8::1"), b = at("2001:db8::ffff:2"),
			c = at("2001:db8:0:1::1");
	uint32_t ids[3];

	(void)state;
	assert_int_equal(sources_enter(sources, &a, &ids[0]), 0);
	assert_int_equal(sources_enter(sources, &b, &ids[1]), 0);
	assert_int_equal(ids[0], ids[1]);
	assert_int_equal(sources_enter(sources, &a, &ids[2]), SOURCES_SOURCE);
	assert_int_equal(sources_enter(sources, &c, &ids[2]), 0);
	sources_free(sources);
}

static void test_in_all(void **state)
{
	struct sources *sources = with(4, 3, 10, 10);
	struct sources_limits fewer = {2, 2, 10, 10};
	struct endpoint a = at("192.0.2.1"), nobody = {0};
	uint32_t id;

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &a, &id), SOURCES_HALF_OPEN);
	sources_opened(sources, id);
	/* Of a trusted proxy: no source until its header names one. */
	assert_int_equal(sources_enter(sources, &nobody, &id), 0);
	assert_int_equal(id, 0);
	sources_spoke(sources, id);
	assert_int_equal(sources_enter(sources, &a, &id), SOURCES_TOTAL);
	assert_int_equal(sources_assign(sources, &a, &id), 0);
	assert_int_not_equal(id, 0);
	for (int i = 0; i < 3; i++)
		sources_leave(sources, id, true, true);
	sources_leave(sources, id, false, false);
	assert_int_equal(sources_count(sources).total, 0);
	assert_int_equal(sources_count(sources).sources, 0);
	sources_set_limits(sources, &fewer);
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &a, &id), SOURCES_TOTAL);
	sources_free(sources);
}

/* Who holds all that he may and says nothing is told from a crowd that has not finished. */
static void test_mute(void **state)
{
	const struct timespec pause = {.tv_nsec = (SOURCES_MUTE_MS + 20) * 1000000L};
	struct sources *sources = with(10, 10, 10, 2);
	struct endpoint a = at("192.0.2.1"), b = at("192.0.2.2");
	uint32_t id, other, none;

	(void)state;
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &a, &none), SOURCES_SOURCE_HALF_OPEN);
	nanosleep(&pause, NULL);
	assert_int_equal(sources_enter(sources, &a, &none), SOURCES_SOURCE_MUTE);
	/* One of them says something: it begins anew. Both: never. */
	sources_spoke(sources, id);
	assert_int_equal(sources_enter(sources, &a, &none), SOURCES_SOURCE_HALF_OPEN);
	sources_spoke(sources, id);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sources_enter(sources, &a, &none), SOURCES_SOURCE_HALF_OPEN);
		nanosleep(&pause, NULL);
	}
	assert_int_equal(sources_enter(sources, &b, &other), 0);
	sources_leave(sources, id, true, false);
	sources_leave(sources, id, true, false);
	sources_leave(sources, other, true, true);
	sources_free(sources);
}

/* A proxy's client that is at its limit: refused, and the connection still counts in all. */
static void test_assign_refused(void **state)
{
	struct sources *sources = with(10, 10, 1, 1);
	struct endpoint a = at("192.0.2.1"), nobody = {0};
	uint32_t id, none;

	(void)state;
	assert_int_equal(sources_enter(sources, &a, &id), 0);
	assert_int_equal(sources_enter(sources, &nobody, &none), 0);
	assert_int_equal(sources_assign(sources, &a, &none), SOURCES_SOURCE);
	assert_int_equal(none, 0);
	sources_leave(sources, none, true, true);
	sources_leave(sources, id, true, true);
	assert_int_equal(sources_count(sources).total, 0);
	sources_free(sources);
}

/* All entries in use, given back in another order, and again: none is lost. */
static void test_many(void **state)
{
	enum { COUNT = 5000 };
	struct sources *sources = with(COUNT, COUNT, 1, 1);
	static uint32_t ids[COUNT];

	(void)state;
	for (int round = 0; round < 3; round++) {
		for (uint32_t i = 0; i < COUNT; i++) {
			uint8_t addr[4] = {10, (uint8_t)round, (uint8_t)(i >> 8), (uint8_t)i};
			struct endpoint from = endpoint_of(4, addr, 1);

			assert_int_equal(sources_enter(sources, &from, &ids[i]), 0);
			assert_true(ids[i] && ids[i] <= COUNT);
		}
		assert_int_equal(sources_count(sources).sources, COUNT);
		for (uint32_t i = 0; i < COUNT; i++)
			sources_leave(sources, ids[i * 7 % COUNT], true, true);
		assert_int_equal(sources_count(sources).sources, 0);
	}
	sources_free(sources);
}

static void test_bad_limits(void **state)
{
	struct sources_limits none = {0}, huge = {.total = UINT32_MAX};
	struct sources *sources;

	(void)state;
	assert_int_equal(sources_new(&none, &sources), -EINVAL);
	assert_int_equal(sources_new(&huge, &sources), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_source), cmocka_unit_test(test_v6_is_a_64),
		cmocka_unit_test(test_in_all),	  cmocka_unit_test(test_assign_refused),
		cmocka_unit_test(test_many),	  cmocka_unit_test(test_bad_limits),
		cmocka_unit_test(test_mute),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
