/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A pool over the fake server 0, with options that a test may change before make(). */
#ifndef STRAZH_TESTS_UNIT_ORM_POOL_KIT_H
#define STRAZH_TESTS_UNIT_ORM_POOL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <orm/pool/pool.h>

#include "fake.h"

static struct orm_options options;
static struct orm_pool *pool;
static struct orm_error err;

static inline struct orm_options defaults(void)
{
	return (struct orm_options){
		.pool_max = 4,
		.acquire_timeout_ms = 1000,
		.idle_timeout_ms = 60000,
		.life_timeout_ms = 3600000,
		.check_after_ms = 5000,
		.breaker_failures = 5,
		.breaker_open_ms = 1000,
	};
}

static inline int begin(void **state)
{
	(void)state;
	fake_reset();
	options = defaults();
	pool = NULL;
	return 0;
}

/* What was opened was closed. */
static inline int end(void **state)
{
	(void)state;
	orm_pool_free(pool);
	return fake_servers[0].live != 0 || fake_servers[0].live_max > options.pool_max;
}

static inline void make(const struct orm_clock *clock)
{
	struct orm_pool_config config = {.driver = &fake_driver,
					 .address = "fake:0",
					 .options = &options,
					 .clock = clock,
					 .seed = 1};

	assert_int_equal(orm_pool_new(&config, &pool, &err), 0);
}

static inline struct orm_pooled *get(void)
{
	struct orm_pooled *p;

	assert_int_equal(orm_pool_acquire(pool, -1, &p, &err), 0);
	assert_non_null(p->conn);
	return p;
}

static inline struct orm_pool_stats stats(void)
{
	struct orm_pool_stats s;

	orm_pool_read(pool, &s);
	return s;
}

static inline void break_conn(struct orm_pooled *p)
{
	fake_of(p->conn)->head.broken = true;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif
