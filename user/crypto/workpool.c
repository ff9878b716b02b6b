/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `lock` guards all of struct workpool but what is said to be constant. A job is queued, or run by
 * the one worker whose `running` it is, or its owner's. job->queued is written under the lock; an
 * owner may read it without, to find out cheaply that there is nothing to take back.
 *
 * A worker is FREE (no thread), RUNS, or ENDED (its thread is about to return, and is joined by who
 * needs the worker next, or at the end). Idle threads are a stack, each with a condition of its
 * own: the one that worked last is woken first, so that those who are too many stay idle until they
 * end.
 *
 * The queue has no thread of its own that watches the clock: whoever comes by (puts, takes, takes
 * back) applies the rule. As long as jobs wait somebody does, because their owners look after them.
 *
 * `settled` is for who waits until a job does not run any more: it is told by the worker that left
 * it, by its address alone, because the job may be gone by then.
 */
#include <user/crypto/workpool.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define US_PER_S 1000000ULL
#define NS_PER_US 1000ULL
/* Those who wait for packets come first: a helper takes what processors have left. */
#define NICER 5

enum worker_state { WORKER_FREE, WORKER_RUNS, WORKER_ENDED };

struct worker {
	struct workpool *pool;
	enum worker_state state;
	pthread_t thread;
	pthread_cond_t wake;
	struct worker *idle_next;
	bool woken;
	const struct workpool_job *running;
};

struct workpool {
	struct workpool_config config; /* constant */
	pthread_mutex_t lock;
	pthread_cond_t settled;
	struct workpool_job *first, **end;
	struct worker *idle;
	unsigned queued, idle_len;
	uint64_t last_start_us; /* 0: never */
	bool ending;
	struct workpool_stats stats;
	unsigned conditions; /* of workers, that were made */
	struct worker workers[];
};

/* ---- the rule ---- */

struct workpool_rule workpool_rule_usual(void)
{
	return (struct workpool_rule){.wait_us = 2000, .deep = 4, .idle_ms = 5000};
}

bool workpool_wants_thread(const struct workpool_rule *rule, const struct workpool_load *load)
{
	if (!load->queued || load->idle || load->threads >= load->threads_max)
		return false;
	/* The last one has to show first what it can do. */
	if (load->since_start_us < rule->wait_us)
		return false;
	return load->oldest_us >= rule->wait_us || load->queued > rule->deep;
}

unsigned workpool_threads_for(unsigned wanted, unsigned processors)
{
	if (processors <= 1)
		return 0;
	return MIN(wanted ? wanted : processors, WORKPOOL_THREADS_MAX);
}

/* ---- under the lock ---- */

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / NS_PER_US;
}

static void append(struct workpool *pool, struct workpool_job *job)
{
	job->next = NULL;
	job->since_us = now_us();
	*pool->end = job;
	pool->end = &job->next;
	pool->queued++;
	atomic_store_explicit(&job->queued, true, memory_order_relaxed);
}

/* It is in the queue. */
static void leave_queue(struct workpool *pool, struct workpool_job *job)
{
	struct workpool_job **at = &pool->first;

	while (*at != job)
		at = &(*at)->next;
	*at = job->next;
	if (!*at)
		pool->end = at;
	pool->queued--;
	atomic_store_explicit(&job->queued, false, memory_order_relaxed);
}

static void wake_idle(struct workpool *pool)
{
	struct worker *w = pool->idle;

	if (!w)
		return;
	pool->idle = w->idle_next;
	pool->idle_len--;
	w->woken = true;
	pthread_cond_signal(&w->wake);
}

static void leave_idle(struct worker *w)
{
	struct worker **at = &w->pool->idle;

	while (*at != w)
		at = &(*at)->idle_next;
	*at = w->idle_next;
	w->pool->idle_len--;
}

static void *work(void *context);

static int start_worker(struct worker *w)
{
	sigset_t every, before;
	int r;

	if (w->state == WORKER_ENDED)
		pthread_join(w->thread, NULL);
	w->state = WORKER_FREE;
	sigfillset(&every); /* signals are for others */
	pthread_sigmask(SIG_SETMASK, &every, &before);
	r = pthread_create(&w->thread, NULL, work, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r)
		w->state = WORKER_RUNS;
	return -r;
}

static void start_if_wanted(struct workpool *pool)
{
	const uint64_t now = now_us();
	const struct workpool_load load = {
		.threads = pool->stats.threads,
		.threads_max = pool->config.threads_max,
		.idle = pool->idle_len,
		.queued = pool->queued,
		.oldest_us = pool->first ? now - pool->first->since_us : 0,
		.since_start_us = pool->last_start_us ? now - pool->last_start_us : UINT64_MAX,
	};
	struct worker *w = pool->workers;

	if (pool->ending || !workpool_wants_thread(&pool->config.rule, &load))
		return;
	while (w->state == WORKER_RUNS)
		w++;
	pool->last_start_us = now;
	if (start_worker(w)) {
		pool->stats.not_started++;
		return;
	}
	pool->stats.started++;
	pool->stats.threads++;
}

/* ---- a thread ---- */

/* False: nobody had anything to do for it for as long as it may be idle. */
static bool rest(struct worker *w)
{
	struct workpool *pool = w->pool;
	uint64_t until = now_us() + pool->config.rule.idle_ms * 1000ULL;
	const struct timespec at = {(time_t)(until / US_PER_S),
				    (long)(until % US_PER_S * NS_PER_US)};
	int r = 0;

	w->woken = false;
	w->idle_next = pool->idle;
	pool->idle = w;
	pool->idle_len++;
	while (!w->woken && !pool->ending && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&w->wake, &pool->lock, &at);
	if (!w->woken)
		leave_idle(w);
	return w->woken;
}

static void run_first(struct worker *w, struct crypto *crypto)
{
	struct workpool *pool = w->pool;
	struct workpool_job *job = pool->first;

	leave_queue(pool, job);
	pool->stats.jobs++;
	w->running = job;
	start_if_wanted(pool); /* for what waits behind it */
	pthread_mutex_unlock(&pool->lock);
	job->run(job, crypto);
	pthread_mutex_lock(&pool->lock);
	w->running = NULL;
	pthread_cond_broadcast(&pool->settled);
}

/* This thread alone. To less than it has it may always be set; and it is an ordinary thread also
 * where those that it helps are real-time ones. */
static void be_nicer(void)
{
	const struct sched_param none = {0};
	const id_t self = (id_t)gettid();

	if (sched_getscheduler(0) != SCHED_OTHER)
		(void)sched_setscheduler(0, SCHED_OTHER, &none);
	(void)setpriority(PRIO_PROCESS, self, getpriority(PRIO_PROCESS, self) + NICER);
}

static void *work(void *context)
{
	struct worker *w = context;
	struct workpool *pool = w->pool;
	struct crypto *crypto = NULL;
	int r = crypto_new(&crypto);

	(void)pthread_setname_np(pthread_self(), "crypto");
	be_nicer();
	pthread_mutex_lock(&pool->lock);
	if (r)
		pool->stats.not_started++;
	while (!r && (pool->first || (!pool->ending && rest(w))))
		if (pool->first)
			run_first(w, crypto);
	w->state = WORKER_ENDED;
	pool->stats.threads--;
	pthread_mutex_unlock(&pool->lock);
	crypto_free(crypto);
	return NULL;
}

/* ---- for others ---- */

int workpool_put(struct workpool *pool, struct workpool_job *job)
{
	int r = 0;

	pthread_mutex_lock(&pool->lock);
	if (pool->queued < pool->config.queue_max) {
		append(pool, job);
		start_if_wanted(pool);
		wake_idle(pool);
	} else {
		pool->stats.full++;
		r = WORKPOOL_FULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return r;
}

bool workpool_take_back(struct workpool *pool, struct workpool_job *job)
{
	bool queued;

	pthread_mutex_lock(&pool->lock);
	start_if_wanted(pool);
	queued = workpool_waits(job);
	if (queued) {
		leave_queue(pool, job);
		pool->stats.taken_back++;
	}
	pthread_mutex_unlock(&pool->lock);
	return queued;
}

static bool runs(const struct workpool *pool, const struct workpool_job *job)
{
	for (unsigned i = 0; i < pool->config.threads_max; i++)
		if (pool->workers[i].running == job)
			return true;
	return false;
}

bool workpool_settle(struct workpool *pool, struct workpool_job *job)
{
	bool queued;

	pthread_mutex_lock(&pool->lock);
	queued = workpool_waits(job);
	if (queued)
		leave_queue(pool, job);
	while (runs(pool, job))
		pthread_cond_wait(&pool->settled, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	return queued;
}

bool workpool_works(struct workpool *pool)
{
	bool works;

	pthread_mutex_lock(&pool->lock);
	works = pool->stats.threads > 0;
	pthread_mutex_unlock(&pool->lock);
	return works;
}

struct workpool_stats workpool_stats(struct workpool *pool)
{
	struct workpool_stats stats;

	pthread_mutex_lock(&pool->lock);
	stats = pool->stats;
	pthread_mutex_unlock(&pool->lock);
	return stats;
}

/* ---- beginning and end ---- */

static int init_workers(struct workpool *pool)
{
	pthread_condattr_t attr;
	int r = pthread_condattr_init(&attr);

	if (r)
		return -r;
	r = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (unsigned i = 0; !r && i < pool->config.threads_max; i++) {
		pool->workers[i].pool = pool;
		r = pthread_cond_init(&pool->workers[i].wake, &attr);
		if (!r)
			pool->conditions++;
	}
	(void)pthread_condattr_destroy(&attr);
	return -r;
}

int workpool_new(const struct workpool_config *config, struct workpool **ret_pool)
{
	struct workpool *pool;
	int r;

	if (config->threads_max > WORKPOOL_THREADS_MAX)
		return -EINVAL;
	pool = calloc(1, sizeof(*pool) + config->threads_max * sizeof(pool->workers[0]));
	if (!pool)
		return -ENOMEM;
	pool->config = *config;
	pool->end = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->settled, NULL);
	r = init_workers(pool);
	if (r) {
		workpool_free(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

void workpool_free(struct workpool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	for (unsigned i = 0; i < pool->conditions; i++)
		pthread_cond_signal(&pool->workers[i].wake);
	pthread_mutex_unlock(&pool->lock);
	for (unsigned i = 0; i < pool->conditions; i++) {
		struct worker *w = &pool->workers[i];
		bool joinable;

		pthread_mutex_lock(&pool->lock);
		joinable = w->state != WORKER_FREE;
		pthread_mutex_unlock(&pool->lock);
		if (joinable)
			pthread_join(w->thread, NULL);
		pthread_cond_destroy(&w->wake);
	}
	pthread_cond_destroy(&pool->settled);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
