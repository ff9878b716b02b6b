/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pool among threads, with the machine's clock; to be run under TSan too. */
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "pool_kit.h"

static atomic_int order, served[6];
static int results[6];

static void *wait_in_queue(void *data)
{
	int me = (int)(intptr_t)data;
	struct orm_pooled *p;
	struct orm_error e;

	results[me] = orm_pool_acquire(pool, 20000, &p, &e);
	served[me] = ++order;
	if (!results[me])
		orm_pool_release(pool, p);
	return NULL;
}

/* So many wait. */
static void until_waiting(unsigned n)
{
	while (stats().waiting != n)
		sched_yield();
}

static void start_queue(pthread_t threads[6])
{
	order = 0;
	for (int i = 0; i < 6; i++) {
		assert_int_equal(
			pthread_create(&threads[i], NULL, wait_in_queue, (void *)(intptr_t)i), 0);
		until_waiting((unsigned)i + 1);
	}
}

static void first_come_first_served(void **state)
{
	pthread_t threads[6];
	struct orm_pooled *p;

	(void)state;
	options.pool_max = 1;
	make(NULL);
	p = get();
	start_queue(threads);
	orm_pool_release(pool, p);
	for (int i = 0; i < 6; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(results[i], 0);
		assert_int_equal(served[i], i + 1);
	}
	assert_int_equal(stats().waited, 6);
	assert_int_equal(fake_servers[0].opens, 1);
}

/* The only connection breaks: the first waiter makes a new one, for the others too. */
static void waiters_replace_a_broken_one(void **state)
{
	pthread_t threads[6];
	struct orm_pooled *p;

	(void)state;
	options.pool_max = 1;
	make(NULL);
	p = get();
	start_queue(threads);
	break_conn(p);
	orm_pool_release(pool, p);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(results[i], 0);
	}
	assert_int_equal(fake_servers[0].opens, 2);
}

static void close_wakes_waiters(void **state)
{
	pthread_t threads[6];
	struct orm_pooled *p;

	(void)state;
	options.pool_max = 1;
	make(NULL);
	p = get();
	start_queue(threads);
	orm_pool_close(pool);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(results[i], ORM_E_STATE);
	}
	orm_pool_release(pool, p);
}

static void an_open_circuit_wakes_waiters(void **state)
{
	pthread_t threads[6];
	struct orm_pooled *p;
	unsigned refused = 0;

	(void)state;
	options.pool_max = 1;
	options.breaker_failures = 2;
	options.breaker_open_ms = 20000;
	make(NULL);
	p = get();
	start_queue(threads);
	fake_servers[0].down = true;
	break_conn(p);
	orm_pool_release(pool, p);
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		refused += results[i] == ORM_E_OPEN_CIRCUIT;
		assert_true(results[i] == ORM_E_OPEN_CIRCUIT || results[i] == ORM_E_CONNECTION);
	}
	assert_in_range(refused, 4, 5);
}

/* Six callers, three connections being made; what is released serves the others meanwhile. */
static void a_burst_opens_few(void **state)
{
	pthread_t threads[6];
	struct orm_pooled *p;

	(void)state;
	options.pool_max = 8;
	make(NULL);
	p = get();
	fake_servers[0].hold = true;
	order = 0;
	for (int i = 0; i < 6; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, wait_in_queue, (void *)(intptr_t)i), 0);
	until_waiting(3);
	assert_int_equal(fake_servers[0].opens, 1 + 3);
	orm_pool_release(pool, p);
	while (order != 3)
		sched_yield();
	assert_int_equal(stats().open, 1 + 3);
	fake_servers[0].hold = false;
	for (int i = 0; i < 6; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(results[i], 0);
	}
	assert_int_equal(fake_servers[0].opens, 1 + 3);
}

/* ---- many threads, much failing ---- */

enum { THREADS = 8, ROUNDS = 20000 };
static atomic_uint got, failed, taken_twice;

static void use(struct orm_pooled *p, unsigned i)
{
	struct fake_conn *conn = fake_of(p->conn);
	struct orm_error e;

	/* Whoever else had it would be seen by TSan, or here. */
	if (conn->transaction)
		taken_twice++;
	conn->transaction = true;
	if (i % 64 == 0)
		sched_yield();
	conn->transaction = false;
	if (i % 5 == 0)
		(void)!orm_pooled_begin(p, NULL, false, &e);
	if (i % 97 == 0)
		conn->head.broken = true;
}

static void *acquire_much(void *data)
{
	unsigned me = (unsigned)(uintptr_t)data;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct orm_pooled *p;
		struct orm_error e;
		int r = orm_pool_acquire(pool, (i + me) % 7 ? 5000 : 0, &p, &e);

		if (r) {
			failed++;
			if (r == ORM_E_OPEN_CIRCUIT)
				usleep(200);
			continue;
		}
		got++;
		use(p, i + me);
		orm_pool_release(pool, p);
	}
	return NULL;
}

static atomic_bool stop;
static void *tend_much(void *data)
{
	(void)data;
	while (!stop) {
		orm_pool_tend(pool, orm_now_ns(&orm_clock_machine));
		usleep(300);
	}
	return NULL;
}

static void stress(void **state)
{
	pthread_t threads[THREADS], keeper;
	struct orm_pool_stats s;

	(void)state;
	options.pool_min = 2;
	options.pool_max = 5;
	options.breaker_open_ms = 1;
	options.check_after_ms = 0;
	options.idle_timeout_ms = 1;
	options.life_timeout_ms = 20;
	fake_servers[0].fail_one_in = 50;
	make(NULL);
	stop = false;
	assert_int_equal(pthread_create(&keeper, NULL, tend_much, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, acquire_much, (void *)(intptr_t)i), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	pthread_join(keeper, NULL);
	s = stats();
	print_message("# %u got, %u failed, %u connects (%u refused), %u broken, %u waits\n", got,
		      failed, (unsigned)s.connects, (unsigned)s.connect_failures,
		      (unsigned)s.broken, (unsigned)s.waited);
	assert_int_equal(got + failed, THREADS * ROUNDS);
	assert_true(got > THREADS * ROUNDS / 2 && s.broken > 100 && s.connect_failures > 10);
	assert_int_equal(taken_twice, 0);
	assert_int_equal(s.used, 0);
	assert_int_equal(s.waiting, 0);
	assert_int_equal(s.open, s.idle);
	assert_int_equal(s.open, fake_servers[0].live);
	assert_true(fake_servers[0].live_max <= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(first_come_first_served), CASE(waiters_replace_a_broken_one),
		CASE(close_wakes_waiters),     CASE(an_open_circuit_wakes_waiters),
		CASE(a_burst_opens_few),       CASE(stress),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
