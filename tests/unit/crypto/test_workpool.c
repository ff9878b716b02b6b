/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The pool of threads: when one comes, what happens to a job, and the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <user/crypto/workpool.h>

/* ---- the rule ---- */

static const struct workpool_rule rule = {.wait_us = 2000, .deep = 4, .idle_ms = 5000};
static const struct workpool_load quiet = {.threads_max = 4, .since_start_us = UINT64_MAX};

static bool wants(struct workpool_load load)
{
	return workpool_wants_thread(&rule, &load);
}

static void nobody_is_wanted_at_rest(void **state)
{
	struct workpool_load load = quiet;

	(void)state;
	assert_false(wants(load));
	load.oldest_us = 1000000; /* of nothing */
	assert_false(wants(load));
}

static void who_waits_wants_one(void **state)
{
	struct workpool_load load = quiet;

	(void)state;
	load.queued = 1;
	load.oldest_us = 1999;
	assert_false(wants(load));
	load.oldest_us = 2000;
	assert_true(wants(load));
	load.threads = 3;
	assert_true(wants(load));
	load.threads = 4;
	assert_false(wants(load));
	load.threads_max = 0;
	load.threads = 0;
	assert_false(wants(load));
}

static void many_want_one_at_once(void **state)
{
	struct workpool_load load = quiet;

	(void)state;
	load.queued = 4;
	assert_false(wants(load));
	load.queued = 5;
	assert_true(wants(load));
}

static void one_at_a_time(void **state)
{
	struct workpool_load load = quiet;

	(void)state;
	load.queued = 100;
	load.oldest_us = 100000;
	load.threads = 1;
	load.since_start_us = 1999;
	assert_false(wants(load));
	load.since_start_us = 2000;
	assert_true(wants(load));
	load.idle = 1; /* it is woken first */
	assert_false(wants(load));
}

/* Load that comes and goes, on a clock of its own: what a second of it leads to. */
static unsigned threads_after(unsigned jobs_a_ms, unsigned done_a_ms_each)
{
	struct workpool_load load = quiet;
	uint64_t now = 0, started = 0;
	double queued = 0;

	for (; now < 1000000; now += 1000) {
		double can = load.threads * done_a_ms_each + 1; /* and one by who put them */

		queued += jobs_a_ms;
		queued -= queued < can ? queued : can;
		load.queued = (unsigned)queued;
		load.oldest_us = load.queued ? (uint64_t)(queued / jobs_a_ms * 1000) : 0;
		load.since_start_us = load.threads ? now - started : UINT64_MAX;
		if (wants(load)) {
			load.threads++;
			started = now;
		}
	}
	return load.threads;
}

static void as_many_as_the_load_wants(void **state)
{
	(void)state;
	assert_int_equal(threads_after(1, 2), 0);
	assert_int_equal(threads_after(2, 2), 1);
	assert_in_range(threads_after(4, 2), 2, 3); /* what had piled up wants one, too */
	assert_int_equal(threads_after(100, 2), 4);
}

static void as_many_as_make_sense(void **state)
{
	(void)state;
	assert_int_equal(workpool_threads_for(0, 1), 0);
	assert_int_equal(workpool_threads_for(8, 1), 0);
	assert_int_equal(workpool_threads_for(0, 0), 0);
	assert_int_equal(workpool_threads_for(0, 2), 2);
	assert_int_equal(workpool_threads_for(1, 64), 1);
	assert_int_equal(workpool_threads_for(0, 1000), WORKPOOL_THREADS_MAX);
}

/* ---- jobs ---- */

struct task {
	struct workpool_job job;
	sem_t *begun, *go; /* or NULL */
	sem_t *done;
	int r;
	uint8_t public[32];
};

static void run(struct workpool_job *job, struct crypto *crypto)
{
	struct task *task = (struct task *)(void *)job;
	uint8_t secret[32];

	if (task->begun)
		sem_post(task->begun);
	while (task->go && sem_wait(task->go))
		;
	task->r = dh_generate(crypto, secret, task->public);
	sem_post(task->done);
}

static struct workpool *new_pool(unsigned threads, unsigned queue, uint32_t idle_ms)
{
	const struct workpool_config config = {
		.threads_max = threads, .queue_max = queue, .rule = {.idle_ms = idle_ms}};
	struct workpool *pool;

	assert_int_equal(workpool_new(&config, &pool), 0);
	return pool;
}

static void wait_for(sem_t *sem)
{
	while (sem_wait(sem))
		assert_int_equal(errno, EINTR);
}

static void jobs_are_done(void **state)
{
	enum { TASKS = 200 };
	static struct task tasks[TASKS];
	struct workpool *pool = new_pool(3, TASKS, 10000);
	struct workpool_stats stats;
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < TASKS; i++) {
		tasks[i] = (struct task){.job.run = run, .done = &done, .r = -1};
		assert_int_equal(workpool_put(pool, &tasks[i].job), 0);
	}
	for (unsigned i = 0; i < TASKS; i++)
		wait_for(&done);
	for (unsigned i = 0; i < TASKS; i++) {
		assert_false(workpool_settle(pool, &tasks[i].job));
		assert_int_equal(tasks[i].r, 0);
		assert_true(!i || memcmp(tasks[i].public, tasks[i - 1].public, 32) != 0);
	}
	stats = workpool_stats(pool);
	assert_int_equal(stats.jobs, TASKS);
	assert_in_range(stats.started, 1, 3);
	assert_int_equal(stats.full + stats.not_started + stats.taken_back, 0);
	workpool_free(pool);
	sem_destroy(&done);
}

/* One runs and holds the only thread, two wait, more do not fit. */
static void a_full_queue(void **state)
{
	struct workpool *pool = new_pool(1, 2, 10000);
	struct task tasks[4];
	sem_t begun, go, done;

	(void)state;
	sem_init(&begun, 0, 0);
	sem_init(&go, 0, 0);
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < 4; i++)
		tasks[i] = (struct task){
			.job.run = run, .begun = &begun, .go = &go, .done = &done, .r = -1};
	assert_int_equal(workpool_put(pool, &tasks[0].job), 0);
	wait_for(&begun);
	assert_int_equal(workpool_put(pool, &tasks[1].job), 0);
	assert_int_equal(workpool_put(pool, &tasks[2].job), 0);
	assert_int_equal(workpool_put(pool, &tasks[3].job), WORKPOOL_FULL);
	assert_int_equal(workpool_stats(pool).full, 1);
	/* What runs is not given back, what waits is, once. */
	assert_false(workpool_take_back(pool, &tasks[0].job));
	assert_true(workpool_waits(&tasks[1].job));
	assert_true(workpool_take_back(pool, &tasks[1].job));
	assert_false(workpool_take_back(pool, &tasks[1].job));
	assert_int_equal(workpool_put(pool, &tasks[3].job), 0);
	/* Settled: one that waited, and one that has to end first. */
	assert_true(workpool_settle(pool, &tasks[3].job));
	sem_post(&go);
	assert_false(workpool_settle(pool, &tasks[0].job));
	assert_int_equal(tasks[0].r, 0);
	wait_for(&begun);
	sem_post(&go);
	assert_false(workpool_settle(pool, &tasks[2].job));
	assert_int_equal(tasks[1].r, -1);
	assert_int_equal(tasks[3].r, -1);
	workpool_free(pool);
	assert_int_equal(tasks[2].r, 0);
}

static void no_threads_no_work(void **state)
{
	struct workpool *pool = new_pool(0, 4, 0);
	struct task task = {.job.run = run, .r = -1};

	(void)state;
	assert_int_equal(workpool_put(pool, &task.job), 0);
	assert_false(workpool_works(pool));
	assert_true(workpool_take_back(pool, &task.job));
	assert_int_equal(task.r, -1);
	workpool_free(pool);
}

/* Threads end when nothing is to be done, and come again; the ones of before are joined. */
static void they_come_and_go(void **state)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	struct workpool *pool = new_pool(2, 4, 1);
	sem_t done;

	(void)state;
	sem_init(&done, 0, 0);
	for (unsigned i = 1; i <= 20; i++) {
		struct task task = {.job.run = run, .done = &done, .r = -1};

		assert_int_equal(workpool_put(pool, &task.job), 0);
		wait_for(&done);
		assert_false(workpool_settle(pool, &task.job));
		assert_int_equal(task.r, 0);
		for (unsigned n = 0; n < 20000 && workpool_works(pool); n++)
			nanosleep(&pause, NULL);
		assert_false(workpool_works(pool));
		assert_int_equal(workpool_stats(pool).started, i);
	}
	workpool_free(pool);
	sem_destroy(&done);
}

/* Owners that put, take back and settle from many threads at once: each job ends once. */
enum { OWNERS = 4, TURNS = 2000 };
static struct workpool *shared;

static void *own(void *arg)
{
	uintptr_t mine = 0, theirs = 0;
	sem_t done;

	(void)arg;
	sem_init(&done, 0, 0);
	for (unsigned i = 0; i < TURNS; i++) {
		struct task task = {.job.run = run, .done = &done, .r = -1};

		if (workpool_put(shared, &task.job)) {
			mine++;
			continue;
		}
		if (i % 3 == 0 ? workpool_take_back(shared, &task.job)
			       : i % 3 == 1 && workpool_settle(shared, &task.job)) {
			mine++;
			continue;
		}
		wait_for(&done);
		/* It is on this stack, and its thread may be about to leave it. */
		assert_false(workpool_settle(shared, &task.job));
		theirs += !task.r;
	}
	sem_destroy(&done);
	assert_int_equal(mine + theirs, TURNS);
	return (void *)theirs;
}

static void many_owners(void **state)
{
	pthread_t threads[OWNERS];
	uint64_t done = 0;

	(void)state;
	shared = new_pool(2, 3, 1);
	for (unsigned i = 0; i < OWNERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, own, NULL), 0);
	for (unsigned i = 0; i < OWNERS; i++) {
		void *result;

		assert_int_equal(pthread_join(threads[i], &result), 0);
		done += (uintptr_t)result;
	}
	assert_int_equal(workpool_stats(shared).jobs, done);
	workpool_free(shared);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_is_wanted_at_rest),
		cmocka_unit_test(who_waits_wants_one),
		cmocka_unit_test(many_want_one_at_once),
		cmocka_unit_test(one_at_a_time),
		cmocka_unit_test(as_many_as_the_load_wants),
		cmocka_unit_test(as_many_as_make_sense),
		cmocka_unit_test(jobs_are_done),
		cmocka_unit_test(a_full_queue),
		cmocka_unit_test(no_threads_no_work),
		cmocka_unit_test(they_come_and_go),
		cmocka_unit_test(many_owners),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
