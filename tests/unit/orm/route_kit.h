/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Three fake servers, the first the primary, and what they say of their logs. */
#ifndef STRAZH_TESTS_UNIT_ORM_ROUTE_KIT_H
#define STRAZH_TESTS_UNIT_ORM_ROUTE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/pool/route.h>

#include "fake.h"

#define SERVERS 3

static struct orm_options options;
static struct orm_route *route;
static struct orm_error err;
static int64_t refresh_ms; /* 0: as it is in use */

static inline int fake_ask(struct orm_conn *conn, struct orm_lsn *ret_lsn, struct orm_error *e)
{
	struct fake_server *s = fake_of(conn)->server;
	int r = fake_alive(conn, e);

	if (r)
		return r;
	if (s->on_answer)
		s->on_answer();
	*ret_lsn = (struct orm_lsn){.in_recovery = s->in_recovery,
				    .timeline = s->in_recovery ? 0 : s->timeline,
				    .at = s->lsn};
	if (s->on_answer)
		s->on_answer();
	return 0;
}
static const struct orm_lsn_source fake_source = {fake_ask};

static inline int begin(void **state)
{
	(void)state;
	fake_reset();
	options = (struct orm_options){
		.pool_max = 4,
		.acquire_timeout_ms = 1000,
		.idle_timeout_ms = 60000,
		.life_timeout_ms = -1,
		.check_after_ms = 5000,
		.breaker_failures = 2,
		.breaker_open_ms = 1000,
		.connect_timeout_ms = 5000,
		.query_timeout_ms = 5000,
	};
	for (int i = 0; i < SERVERS; i++) {
		fake_servers[i].in_recovery = i > 0;
		fake_servers[i].timeline = 1;
		fake_servers[i].lsn = 1000;
	}
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	orm_route_free(route);
	route = NULL;
	for (int i = 0; i < SERVERS; i++) {
		if (fake_servers[i].live != 0)
			return -1;
	}
	return 0;
}

static inline void make(unsigned count, const struct orm_clock *clock)
{
	static const char *const addresses[] = {"fake:0", "fake:1", "fake:2"};
	struct orm_route_config config = {.driver = &fake_driver,
					  .options = &options,
					  .addresses = addresses,
					  .count = count,
					  .lsn = &fake_source,
					  .refresh_ms = refresh_ms,
					  .clock = clock,
					  .seed = 1};

	assert_int_equal(orm_route_new(&config, &route, &err), 0);
	orm_route_tend(route, orm_now_ns(clock ? clock : &orm_clock_machine));
}

/* Time passes, with its surveys. */
static inline void pass_ms(unsigned ms)
{
	for (; ms >= 200; ms -= 200) {
		fake_pass_ms(200);
		orm_route_tend(route, fake_now);
	}
	fake_pass_ms(ms);
}

/* The server that a read of this session goes to. */
static inline unsigned reads_at(const struct orm_seen *seen)
{
	struct orm_routed routed;

	assert_int_equal(orm_route_read(route, seen, 0, -1, &routed, &err), 0);
	orm_route_give_back(route, &routed, 0);
	return routed.member;
}

static inline unsigned writes_at(void)
{
	struct orm_routed routed;

	assert_int_equal(orm_route_write(route, -1, &routed, &err), 0);
	orm_route_give_back(route, &routed, 0);
	return routed.member;
}

static inline struct orm_route_stats stats(void)
{
	struct orm_route_stats s;

	orm_route_read_stats(route, &s);
	return s;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
