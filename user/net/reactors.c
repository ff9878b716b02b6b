/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A reactor belongs to the caller until its thread is created and again after it was joined: in
 * between only what is said to be for any thread is called.
 */
#include <user/net/reactors.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <strazh/base/own.h>

struct runner {
	struct reactors *all;
	struct reactor *reactor;
	pthread_t thread;
	bool running; /* a thread is to be joined */
	int result;
};

struct reactors {
	struct reactors_config config;
	unsigned count, started; /* start() was called with success */
	struct runner runners[];
};

static unsigned processors(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) ? 1 : (unsigned)CPU_COUNT(&set);
}

static void reactors_release(struct reactors **reactors)
{
	reactors_free(*reactors);
}

int reactors_new(const struct reactors_config *config, struct reactors **ret_reactors)
{
	struct reactors *reactors cleanup_with(reactors_release) = NULL;
	unsigned count = config->count ? config->count : processors();

	if (count > REACTORS_MAX)
		return -EINVAL;
	reactors = calloc(1, sizeof(*reactors) + count * sizeof(reactors->runners[0]));
	if (!reactors)
		return -ENOMEM;
	reactors->config = *config;
	reactors->count = count;
	for (unsigned i = 0; i < count; i++) {
		struct runner *runner = &reactors->runners[i];
		struct reactor_config each = config->each;
		int r;

		each.number = i;
		runner->all = reactors;
		r = reactor_new(&each, &runner->reactor);
		if (!r)
			r = config->start(runner->reactor, config->context);
		if (r)
			return r;
		reactors->started++;
	}
	*ret_reactors = take_ptr(reactors);
	return 0;
}

void reactors_stop(struct reactors *reactors, uint64_t drain_ms)
{
	for (unsigned i = 0; i < reactors->count; i++)
		if (reactors->runners[i].reactor)
			reactor_stop(reactors->runners[i].reactor, drain_ms);
}

/* What is posted by one to another is run by it although neither runs: nothing is lost, and stop()
 * finds nobody at work. */
static void settle(struct reactors *reactors)
{
	size_t some;

	for (unsigned i = 0; i < reactors->started; i++)
		reactor_end(reactors->runners[i].reactor);
	do {
		some = 0;
		for (unsigned i = 0; i < reactors->started; i++)
			some += reactor_run_posted(reactors->runners[i].reactor);
	} while (some);
}

void reactors_free(struct reactors *reactors)
{
	if (!reactors)
		return;
	reactors_stop(reactors, 0);
	/* Its errors were for whoever joined it before. */
	(void)!reactors_join(reactors);
	settle(reactors);
	for (unsigned i = 0; i < reactors->started; i++)
		if (reactors->config.stop)
			reactors->config.stop(reactors->runners[i].reactor,
					      reactors->config.context);
	for (unsigned i = 0; i < reactors->count; i++)
		reactor_free(reactors->runners[i].reactor);
	free(reactors);
}

static void run_here(struct runner *runner)
{
	runner->result = reactor_run(runner->reactor);
	if (runner->result)
		reactors_stop(runner->all, 0);
}

static void *run_thread(void *context)
{
	struct runner *runner = context;
	char name[16];

	(void)snprintf(name, sizeof(name), "reactor-%u", runner->reactor->number % 1000);
	(void)pthread_setname_np(pthread_self(), name);
	run_here(runner);
	return NULL;
}

static int start_from(struct reactors *reactors, unsigned first)
{
	sigset_t every, before;
	int r = 0;

	sigfillset(&every);
	pthread_sigmask(SIG_BLOCK, &every, &before);
	for (unsigned i = first; !r && i < reactors->count; i++) {
		struct runner *runner = &reactors->runners[i];

		r = pthread_create(&runner->thread, NULL, run_thread, runner);
		runner->running = !r;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r) {
		reactors_stop(reactors, 0);
		(void)!reactors_join(reactors);
	}
	return -r;
}

int reactors_start(struct reactors *reactors)
{
	return start_from(reactors, 0);
}

int reactors_join(struct reactors *reactors)
{
	int first = 0;

	for (unsigned i = 0; i < reactors->count; i++) {
		struct runner *runner = &reactors->runners[i];

		if (runner->running)
			pthread_join(runner->thread, NULL);
		runner->running = false;
		if (!first)
			first = runner->result;
		runner->result = 0;
	}
	return first;
}

int reactors_run(struct reactors *reactors)
{
	int r = start_from(reactors, 1);

	if (r)
		return r;
	run_here(&reactors->runners[0]);
	return reactors_join(reactors);
}

unsigned reactors_count(const struct reactors *reactors)
{
	return reactors->count;
}

struct reactor *reactors_get(struct reactors *reactors, unsigned number)
{
	return reactors->runners[number].reactor;
}

uint64_t reactors_counted(const struct reactors *reactors, enum net_counter which)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < reactors->count; i++)
		sum += net_counted(&reactors->runners[i].reactor->stats, which);
	return sum;
}
