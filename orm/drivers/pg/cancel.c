/* SPDX-License-Identifier: Apache-2.0 */
/* The lock guards refs and running; the PGcancel never changes. The last reference frees. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include <orm/drivers/pg/cancel.h>

#define HANGING_MAX 32 /* requests on their way in this process */
#define STACK_SIZE 131072

struct pg_canceller {
	pthread_mutex_t lock;
	pthread_cond_t idle;
	PGcancel *cancel;
	unsigned refs;
	bool running;
};

static atomic_int hanging;

int pg_canceller_new(PGconn *pg, struct pg_canceller **ret_canceller)
{
	struct pg_canceller *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;

	if (!c)
		return -ENOMEM;
	c->cancel = PQgetCancel(pg);
	if (!c->cancel) {
		free(c);
		return -ENOMEM;
	}
	c->refs = 1;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->idle, &attr);
	pthread_condattr_destroy(&attr);
	*ret_canceller = c;
	return 0;
}

/* Called with the lock, which it gives up. */
static void put_ref(struct pg_canceller *c)
{
	bool last = --c->refs == 0;

	pthread_mutex_unlock(&c->lock);
	if (!last)
		return;
	PQfreeCancel(c->cancel);
	pthread_cond_destroy(&c->idle);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void pg_canceller_free(struct pg_canceller *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	put_ref(c);
}

static void *run(void *data)
{
	struct pg_canceller *c = data;
	char why[256];

	/* Whether it worked is seen by the statement, which ends or does not. */
	(void)!PQcancel(c->cancel, why, sizeof(why));
	atomic_fetch_sub(&hanging, 1);
	pthread_mutex_lock(&c->lock);
	c->running = false;
	pthread_cond_broadcast(&c->idle);
	put_ref(c);
	return NULL;
}

static int spawn(struct pg_canceller *c)
{
	pthread_attr_t attr;
	pthread_t thread;
	int r = pthread_attr_init(&attr);

	if (r)
		return r;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	r = pthread_create(&thread, &attr, run, c);
	pthread_attr_destroy(&attr);
	return r;
}

bool pg_canceller_ask(struct pg_canceller *c)
{
	bool ok = true;

	pthread_mutex_lock(&c->lock);
	if (!c->running) {
		ok = atomic_fetch_add(&hanging, 1) < HANGING_MAX && !spawn(c);
		if (ok) {
			c->running = true;
			c->refs++;
		} else {
			atomic_fetch_sub(&hanging, 1);
		}
	}
	pthread_mutex_unlock(&c->lock);
	return ok;
}

bool pg_canceller_wait(struct pg_canceller *c, int64_t ms)
{
	struct timespec until;
	int r = 0;
	bool idle;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&c->lock);
	while (c->running && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&c->idle, &c->lock, &until);
	idle = !c->running;
	pthread_mutex_unlock(&c->lock);
	return idle;
}
