/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The route among threads, while servers break, lag and change places; for TSan too. */
#include <pthread.h>
#include <unistd.h>

#include "route_kit.h"

enum { THREADS = 6, ROUNDS = 10000 };
static atomic_bool stop;
static atomic_uint missed, reads, writes, failures, again;

/* What the present primary has, the others have soon. */
static void *replicate(void *data)
{
	(void)data;
	while (!stop) {
		unsigned long long most = 0;

		for (int i = 0; i < SERVERS; i++) {
			unsigned long long at = fake_servers[i].lsn;

			most = at > most ? at : most;
		}
		for (int i = 0; i < SERVERS; i++) {
			if (fake_servers[i].in_recovery)
				fake_servers[i].lsn = most;
		}
		usleep(500);
	}
	return NULL;
}

static void *keep(void *data)
{
	(void)data;
	while (!stop) {
		orm_route_tend(route, orm_now_ns(&orm_clock_machine));
		usleep(1000);
	}
	return NULL;
}

static void *break_things(void *data)
{
	(void)data;
	while (!stop) {
		struct fake_server *s = &fake_servers[1];

		s->down = true;
		usleep(2000);
		s->down = false;
		s->generation++;
		usleep(10000);
	}
	return NULL;
}

static void use(struct orm_routed *routed, struct orm_seen *seen, unsigned long long *wrote,
		bool write)
{
	struct fake_server *s = fake_of(routed->pooled->conn)->server;
	struct orm_error e;
	int r = 0;

	if (!write) {
		reads++;
		if (s->lsn < *wrote)
			missed++;
	} else if (s->in_recovery) {
		r = ORM_E_READ_ONLY;
	} else {
		writes++;
		*wrote = atomic_fetch_add(&s->lsn, 1) + 1;
		orm_route_wrote(route, seen);
		if (*wrote % 3 == 0)
			r = orm_route_learn(route, routed, seen, &e);
	}
	orm_route_took(route, routed, 1000);
	again += orm_route_give_back(route, routed, r);
}

static void *run_much(void *data)
{
	unsigned me = (unsigned)(uintptr_t)data;
	struct orm_seen seen = {0};
	unsigned long long wrote = 0;

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct orm_routed routed;
		struct orm_error e;
		bool write = (i + me) % 250 == 0;
		int r = write ? orm_route_write(route, 100, &routed, &e)
			      : orm_route_read(route, &seen, 0, 100, &routed, &e);

		if (r)
			failures++;
		else
			use(&routed, &seen, &wrote, write);
		if (i % 4 == 0)
			usleep(100);
	}
	return NULL;
}

static void no_write_is_missed(void **state)
{
	pthread_t threads[THREADS], others[3];

	(void)state;
	options.breaker_open_ms = 2;
	options.check_after_ms = 1;
	refresh_ms = 4;
	make(3, NULL);
	assert_int_equal(pthread_create(&others[0], NULL, replicate, NULL), 0);
	assert_int_equal(pthread_create(&others[1], NULL, keep, NULL), 0);
	assert_int_equal(pthread_create(&others[2], NULL, break_things, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_much, (void *)(intptr_t)i),
				 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	stop = true;
	for (int i = 0; i < 3; i++)
		pthread_join(others[i], NULL);
	print_message("# %u reads, %u of them on replicas, %u writes, %u failures\n", reads,
		      (unsigned)stats().on_replica, writes, failures);
	assert_int_equal(missed, 0);
	assert_int_equal(reads + writes + failures, THREADS * ROUNDS);
	assert_true(stats().on_replica > 1000 && writes > 100);
}

static void switch_over(void **state)
{
	pthread_t threads[THREADS], keeper;

	(void)state;
	stop = false;
	writes = reads = failures = 0;
	make(3, NULL);
	assert_int_equal(pthread_create(&keeper, NULL, keep, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, run_much, (void *)(intptr_t)i),
				 0);
	usleep(20000);
	fake_servers[0].in_recovery = true;
	fake_servers[2].lsn = (unsigned long long)fake_servers[0].lsn;
	fake_servers[2].timeline = 2;
	fake_servers[2].in_recovery = false;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	orm_route_survey(route);
	stop = true;
	pthread_join(keeper, NULL);
	assert_int_equal(orm_route_primary(route), 2);
	assert_int_equal(stats().failovers, 1);
	assert_true(writes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(no_write_is_missed),
		CASE(switch_over),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
