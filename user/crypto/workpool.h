/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that compute for others when there is more to do than its owners can do themselves: one
 * pool for the process, none of its threads at rest, as many as the load wants up to a maximum.
 *
 * A job is embedded in what it is about; putting it allocates nothing. It waits in one bounded
 * queue until a thread takes it, or its owner takes it back to do it himself. The pool promises no
 * more than that: with no thread (none may be, none could be started) jobs wait until they are
 * taken back, so who puts one looks after it.
 *
 * Threads are started while others run: who confines this process has to leave it clone(2) and
 * mmap(2) for that. Where he does not, the pool stays empty, which is counted.
 */
#ifndef STRAZH_USER_CRYPTO_WORKPOOL_H
#define STRAZH_USER_CRYPTO_WORKPOOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/crypto/crypto.h>

#define WORKPOOL_THREADS_MAX 256U

struct workpool_job {
	/* In a thread of the pool, with that thread's struct crypto. The pool does not touch the
	 * job once this is called: it may be put again from within, or freed. */
	void (*run)(struct workpool_job *job, struct crypto *crypto);
	/* the rest is the pool's: zeros */
	struct workpool_job *next;
	uint64_t since_us;
	atomic_bool queued;
};

/* When threads come and go. */
struct workpool_rule {
	uint32_t wait_us; /* a job that waited so long wants one more; one in that time at most */
	uint32_t deep;	  /* and so do more jobs than this that wait */
	uint32_t idle_ms; /* a thread with nothing to do for so long ends */
};
/* 2 ms, 4 jobs, 5 s. */
struct workpool_rule workpool_rule_usual(void);

/* What the rule is applied to. */
struct workpool_load {
	unsigned threads, threads_max;
	unsigned idle;		 /* of the threads, and not woken */
	unsigned queued;	 /* jobs */
	uint64_t oldest_us;	 /* how long the first of them has waited */
	uint64_t since_start_us; /* since a thread was started, or could not be */
};
/* Is it time for one more? Pure. */
bool workpool_wants_thread(const struct workpool_rule *rule,
			   const struct workpool_load *load) must_check;
/* How many there may be, of `wanted` (0: one a processor). With one processor none: they would only
 * take turns with those whose work they do. Pure. */
unsigned workpool_threads_for(unsigned wanted, unsigned processors) must_check;

struct workpool_config {
	unsigned threads_max; /* at most WORKPOOL_THREADS_MAX; 0: all jobs wait for their owners */
	unsigned queue_max;   /* jobs */
	struct workpool_rule rule;
};

struct workpool_stats {
	unsigned threads;     /* now */
	uint64_t jobs;	      /* that were run by threads */
	uint64_t taken_back;  /* by their owners */
	uint64_t full;	      /* that found no room in the queue */
	uint64_t started;     /* threads */
	uint64_t not_started; /* threads that there was no memory for */
};

enum workpool_condition {
	WORKPOOL_FULL = 1, /* as many jobs wait as may: the caller does it himself; counted */
};

struct workpool;

int workpool_new(const struct workpool_config *config, struct workpool **ret_pool) must_check;
/* Ends and joins the threads. No job is queued or runs: workpool_settle(). NULL is fine. */
void workpool_free(struct workpool *pool);

/* Any thread may call these. */
int workpool_put(struct workpool *pool, struct workpool_job *job) must_check;
/* True: it waited still, and is the caller's again. */
bool workpool_take_back(struct workpool *pool, struct workpool_job *job) must_check;
/* A guess, without a lock: whether workpool_take_back() may be worth the while. */
static inline bool workpool_waits(const struct workpool_job *job)
{
	return atomic_load_explicit(&job->queued, memory_order_relaxed);
}
/* The job neither waits nor runs when this returns. True: it has not run. */
bool workpool_settle(struct workpool *pool, struct workpool_job *job) must_check;
/* False: nobody takes jobs now, and nobody comes before one is put. */
bool workpool_works(struct workpool *pool) must_check;
struct workpool_stats workpool_stats(struct workpool *pool);

#endif
