/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>

#include <orm/pool/keeper.h>

static void *keep(void *data)
{
	struct orm_keeper *k = data;
	const struct orm_clock *clock = &orm_clock_machine;

	pthread_mutex_lock(&k->lock);
	while (!k->stop) {
		uint64_t until;

		k->now = false;
		pthread_mutex_unlock(&k->lock);
		k->tend(k->data, orm_now_ns(clock));
		until = orm_now_ns(clock) + k->every_ns;
		pthread_mutex_lock(&k->lock);
		while (!k->stop && !k->now &&
		       clock->wait(clock->data, &k->told, &k->lock, until) != ETIMEDOUT)
			;
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* The thread inherits the mask: a signal of the program's never runs its handler here. */
static int start_without_signals(struct orm_keeper *k)
{
	sigset_t all, before;
	int r;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return -r;
	r = pthread_create(&k->thread, NULL, keep, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r)
		pthread_setname_np(k->thread, "orm-keeper");
	return -r;
}

int orm_keeper_start(struct orm_keeper *k, uint64_t every_ns,
		     void (*tend)(void *data, uint64_t now_ns), void *data)
{
	int r;

	*k = (struct orm_keeper){.every_ns = every_ns, .tend = tend, .data = data};
	r = -pthread_mutex_init(&k->lock, NULL);
	if (r)
		return r;
	r = orm_cond_init(&k->told);
	if (!r) {
		r = start_without_signals(k);
		if (r)
			pthread_cond_destroy(&k->told);
	}
	if (r)
		pthread_mutex_destroy(&k->lock);
	return r;
}

void orm_keeper_tell(struct orm_keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->now = true;
	pthread_cond_signal(&k->told);
	pthread_mutex_unlock(&k->lock);
}

void orm_keeper_stop(struct orm_keeper *k)
{
	pthread_mutex_lock(&k->lock);
	k->stop = true;
	pthread_cond_signal(&k->told);
	pthread_mutex_unlock(&k->lock);
	pthread_join(k->thread, NULL);
	pthread_cond_destroy(&k->told);
	pthread_mutex_destroy(&k->lock);
}
