/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "pool_kit.h"

static int try_get(void)
{
	struct orm_pooled *p;
	int r = orm_pool_acquire(pool, -1, &p, &err);

	if (!r)
		orm_pool_release(pool, p);
	return r;
}

static void tend_for_s(unsigned seconds)
{
	while (seconds--) {
		fake_pass_ms(1000);
		orm_pool_tend(pool, fake_now);
	}
}

/* n connections at once, then all idle. */
static void use_at_once(unsigned n)
{
	struct orm_pooled *p[8];

	for (unsigned i = 0; i < n; i++)
		p[i] = get();
	while (n--)
		orm_pool_release(pool, p[n]);
}

/* ---- one thread, its own clock ---- */

static void last_used_first(void **state)
{
	struct orm_pooled *a, *b;
	struct orm_conn *warm;

	(void)state;
	make(&fake_clock);
	a = get();
	b = get();
	assert_ptr_not_equal(a->conn, b->conn);
	warm = a->conn;
	orm_pool_release(pool, b);
	orm_pool_release(pool, a);
	for (int i = 0; i < 10; i++) {
		a = get();
		assert_ptr_equal(a->conn, warm);
		orm_pool_release(pool, a);
	}
	assert_int_equal(fake_servers[0].opens, 2);
	assert_int_equal(stats().acquired, 12);
	assert_int_equal(stats().idle, 2);
}

static void bad_sizes(void **state)
{
	static const int64_t bad[][2] = {{0, 0}, {5, 4}, {0, -1}, {0, ORM_POOL_MAX + 1}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct orm_pool_config config = {
			.driver = &fake_driver, .address = "fake:0", .options = &options};

		options.pool_min = bad[i][0];
		options.pool_max = bad[i][1];
		assert_int_equal(orm_pool_new(&config, &pool, &err), ORM_E_VALUE);
		assert_null(pool);
	}
	options = defaults();
}

static void busy_says_who(void **state)
{
	struct orm_pooled *p[4];

	(void)state;
	make(&fake_clock);
	p[0] = get();
	fake_pass_ms(12000);
	for (int i = 1; i < 4; i++)
		p[i] = get();
	assert_int_equal(try_get(), ORM_E_BUSY);
	assert_string_equal(err.text, "no connection was free within 1000 ms: 4 of 4 in use, "
				      "the longest for 13000 ms; 0 others wait");
	assert_true(err.retryable);
	assert_int_equal(orm_pool_acquire(pool, 0, &p[0], &err), ORM_E_BUSY); /* at once */
	assert_int_equal(fake_now, ORM_NS_PER_S + 13000 * ORM_NS_PER_MS);
	assert_int_equal(stats().timeouts, 2);
	assert_int_equal(stats().waiting, 0);
	for (int i = 0; i < 4; i++)
		orm_pool_release(pool, p[i]);
	assert_int_equal(try_get(), 0);
}

static void asks_after_a_while(void **state)
{
	(void)state;
	make(&fake_clock);
	use_at_once(1);
	fake_pass_ms(4999);
	assert_int_equal(try_get(), 0);
	assert_int_equal(fake_servers[0].checks, 0);
	fake_pass_ms(5000);
	assert_int_equal(try_get(), 0);
	assert_int_equal(fake_servers[0].checks, 1);
	assert_int_equal(fake_servers[0].opens, 1);
	fake_servers[0].generation++; /* the server was restarted */
	fake_pass_ms(5000);
	assert_int_equal(try_get(), 0); /* silently */
	assert_int_equal(fake_servers[0].opens, 2);
	assert_int_equal(stats().check_failures, 1);
	options.check_after_ms = -1;
}

static void one_broken_makes_the_others_suspect(void **state)
{
	struct orm_pooled *p;

	(void)state;
	make(&fake_clock);
	use_at_once(3);
	fake_servers[0].generation++;
	fake_pass_ms(10);
	p = get();
	break_conn(p);
	orm_pool_release(pool, p);
	assert_int_equal(stats().broken, 1);
	assert_int_equal(stats().open, 2);
	assert_int_equal(fake_servers[0].live, 2);
	fake_pass_ms(10);
	use_at_once(2); /* both were dead, and nobody saw it */
	assert_int_equal(stats().check_failures, 2);
	assert_int_equal(fake_servers[0].opens, 5);
	fake_pass_ms(10);
	use_at_once(2);
	assert_int_equal(stats().checks, 2); /* those that are new are not suspect */
	fake_pass_ms(10);
	orm_pool_suspect(pool);
	use_at_once(2);
	assert_int_equal(stats().checks, 4);
}

static void no_transaction_survives_release(void **state)
{
	struct orm_pooled *p;

	(void)state;
	make(&fake_clock);
	p = get();
	assert_int_equal(orm_pooled_begin(p, NULL, false, &err), 0);
	orm_pool_release(pool, p);
	assert_int_equal(fake_servers[0].rollbacks, 1);
	assert_int_equal(stats().rolled_back, 1);
	p = get();
	assert_false(fake_of(p->conn)->transaction);
	assert_int_equal(orm_pooled_begin(p, NULL, false, &err), 0);
	assert_int_equal(orm_pooled_commit(p, &err), 0);
	orm_pool_release(pool, p);
	p = get();
	assert_int_equal(orm_pooled_begin(p, NULL, false, &err), 0);
	orm_pooled_rollback(p);
	orm_pool_release(pool, p);
	assert_int_equal(stats().rolled_back, 1);
	p = get(); /* by a text that the pool did not see */
	fake_of(p->conn)->transaction = p->unclean = true;
	orm_pool_release(pool, p);
	assert_int_equal(fake_servers[0].rollbacks, 3);
	p = get();
	fake_servers[0].down = true; /* BEGIN was sent; whether it was done is not known */
	assert_int_equal(orm_pooled_begin(p, NULL, false, &err), ORM_E_CONNECTION);
	orm_pool_release(pool, p);
	assert_int_equal(fake_servers[0].live, 0);
	fake_servers[0].down = false;
}

static void idle_ones_are_closed(void **state)
{
	struct orm_pooled *held;

	(void)state;
	options.pool_min = 1;
	options.idle_timeout_ms = 3000;
	make(&fake_clock);
	held = get();
	use_at_once(3);
	for (int i = 0; i < 2; i++) {
		fake_pass_ms(1400);
		assert_int_equal(try_get(), 0); /* one stays warm */
	}
	assert_int_equal(stats().open, 4);
	fake_pass_ms(200);
	orm_pool_tend(pool, fake_now);
	assert_int_equal(stats().open, 2);
	assert_int_equal(stats().closed_idle, 2);
	orm_pool_release(pool, held);
	fake_pass_ms(3000);
	orm_pool_tend(pool, fake_now);
	assert_int_equal(stats().open, 1); /* pool_min stays */
	fake_pass_ms(3000);
	orm_pool_tend(pool, fake_now);
	assert_int_equal(stats().open, 1);
}

static void size_follows_load(void **state)
{
	unsigned seconds = 0;

	(void)state;
	options.pool_max = 8;
	make(&fake_clock);
	orm_pool_tend(pool, fake_now);
	for (int i = 0; i < 60; i++) { /* a steady load keeps what it uses */
		use_at_once(5);
		tend_for_s(1);
	}
	assert_int_equal(stats().open, 5);
	assert_int_equal(stats().target, 5);
	assert_int_equal(fake_servers[0].opens, 5);
	for (; stats().open > 1 && seconds < 100; seconds++) {
		assert_int_equal(try_get(), 0); /* now one is enough */
		tend_for_s(1);
	}
	assert_in_range(seconds, 5, 35); /* slowly, but before idle_timeout_ms */
	use_at_once(8);			 /* grows at once */
	assert_int_equal(stats().open, 8);
	tend_for_s(3);
	assert_in_range(stats().open, 6, 8); /* a burst is not forgotten at once */
	tend_for_s(60);
	assert_int_equal(stats().open, 0);
}

static void tend_opens_the_least(void **state)
{
	(void)state;
	options.pool_min = 3;
	make(&fake_clock);
	fake_servers[0].fail_opens = 1;
	orm_pool_tend(pool, fake_now);
	assert_int_equal(fake_servers[0].opens, 1); /* not again and again */
	orm_pool_tend(pool, fake_now);
	assert_int_equal(stats().idle, 3);
	assert_int_equal(stats().acquired, 0);
	use_at_once(3);
	assert_int_equal(fake_servers[0].opens, 4);
}

static void lives_end_one_by_one(void **state)
{
	unsigned steps = 0, before = 0, most = 0;
	struct orm_pooled *held;

	(void)state;
	options.pool_min = options.pool_max = 8;
	options.life_timeout_ms = 100000;
	make(&fake_clock);
	orm_pool_tend(pool, fake_now);
	held = get();
	fake_pass_ms(89990);
	orm_pool_tend(pool, fake_now);
	assert_int_equal(fake_servers[0].opens, 8);
	for (; steps < 21; steps++) {
		fake_pass_ms(1000);
		orm_pool_tend(pool, fake_now);
		most = fake_servers[0].opens - 8 - before > most
			       ? fake_servers[0].opens - 8 - before
			       : most;
		before = fake_servers[0].opens - 8;
	}
	assert_int_equal(before, 7);
	assert_int_equal(stats().closed_life, 7);
	assert_true(most < 5);	      /* spread over the twenty seconds */
	orm_pool_release(pool, held); /* too old by now */
	assert_int_equal(stats().closed_life, 8);
	assert_int_equal(stats().open, 7);
}

static void circuit(void **state)
{
	(void)state;
	make(&fake_clock);
	fake_servers[0].down = true;
	for (int i = 0; i < 5; i++)
		assert_int_equal(try_get(), ORM_E_CONNECTION);
	assert_int_equal(try_get(), ORM_E_OPEN_CIRCUIT);
	assert_true(err.retryable);
	assert_int_equal(fake_servers[0].opens, 5); /* it was not asked */
	assert_int_equal(stats().refused, 1);
	fake_pass_ms(1000);
	assert_int_equal(try_get(), ORM_E_CONNECTION); /* the probe */
	assert_int_equal(try_get(), ORM_E_OPEN_CIRCUIT);
	fake_pass_ms(1999);
	assert_int_equal(try_get(), ORM_E_OPEN_CIRCUIT);
	fake_servers[0].down = false;
	fake_pass_ms(1);
	assert_int_equal(try_get(), 0);
	assert_int_equal(fake_servers[0].checks, 1); /* a probe must answer, not only connect */
	assert_int_equal(stats().open, 1);
}

/* A pooler in front of a dead server lets us in, and then breaks. */
static void connects_that_break_at_once(void **state)
{
	(void)state;
	make(&fake_clock);
	for (int i = 0; i < 5; i++) {
		struct orm_pooled *p;
		int r = orm_pool_acquire(pool, -1, &p, &err);

		fake_servers[0].generation++;
		if (!r) {
			assert_int_equal(i, 0);
			break_conn(p);
			orm_pool_release(pool, p);
		}
		fake_servers[0].fail_one_in = 1;
	}
	assert_int_equal(try_get(), ORM_E_OPEN_CIRCUIT);
	fake_servers[0].fail_one_in = 0;
}

static void a_full_server_is_shared(void **state)
{
	struct orm_pooled *a, *b;

	(void)state;
	make(&fake_clock);
	fake_servers[0].most = 2;
	a = get();
	b = get();
	for (int i = 0; i < 8; i++) /* no failure, a limit */
		assert_int_equal(try_get(), ORM_E_BUSY);
	assert_true(orm_breaker_is_calm(orm_pool_breaker(pool)));
	assert_in_range(stats().server_full, 1, 8);
	assert_true(stats().server_full == fake_servers[0].opens - 2);
	orm_pool_release(pool, a);
	assert_int_equal(try_get(), 0);
	fake_servers[0].most = 0;
	fake_pass_ms(1000);
	use_at_once(3);
	orm_pool_release(pool, b);
	assert_int_equal(stats().open, 4);
}

static void a_full_server_and_none_of_ours(void **state)
{
	(void)state;
	make(&fake_clock);
	fake_servers[0].fail_opens = 1;
	fake_servers[0].fail_sqlstate = "53300";
	assert_int_equal(try_get(), ORM_E_CONNECTION);
	assert_false(orm_breaker_is_calm(orm_pool_breaker(pool)));
	assert_int_equal(stats().open, 0);
}

static void closed_means_closed(void **state)
{
	struct orm_pooled *p;

	(void)state;
	make(&fake_clock);
	use_at_once(3);
	p = get();
	orm_pool_close(pool);
	assert_int_equal(fake_servers[0].live, 1);
	assert_int_equal(try_get(), ORM_E_STATE);
	orm_pool_tend(pool, fake_now);
	orm_pool_release(pool, p);
	assert_int_equal(fake_servers[0].live, 0);
	assert_int_equal(stats().open, 0);
	orm_pool_close(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(last_used_first),
		CASE(bad_sizes),
		CASE(busy_says_who),
		CASE(asks_after_a_while),
		CASE(one_broken_makes_the_others_suspect),
		CASE(no_transaction_survives_release),
		CASE(idle_ones_are_closed),
		CASE(size_follows_load),
		CASE(tend_opens_the_least),
		CASE(lives_end_one_by_one),
		CASE(circuit),
		CASE(connects_that_break_at_once),
		CASE(a_full_server_is_shared),
		CASE(a_full_server_and_none_of_ours),
		CASE(closed_means_closed),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
