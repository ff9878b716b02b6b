/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The reactors of a server, one a thread. All are made, and given their listeners, in the caller's
 * thread, so a port that is taken is an error before anything runs.
 */
#ifndef STRAZH_USER_NET_REACTORS_H
#define STRAZH_USER_NET_REACTORS_H

#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/reactor.h>

#define REACTORS_MAX 256U

struct reactors;

struct reactors_config {
	unsigned count;		    /* 0: as many as this process has processors */
	struct reactor_config each; /* `number` is set here */
	/* For each, in the caller's thread, before any runs. Non-zero ends it all. */
	int (*start)(struct reactor *reactor, void *context);
	/* For each that start() was called for with success, when none runs any more: all of their
	 * connections have ended, all that was posted has run. May be NULL. */
	void (*stop)(struct reactor *reactor, void *context);
	void *context;
};

int reactors_new(const struct reactors_config *config, struct reactors **ret_reactors) must_check;
/* Stops those that run, at once. */
void reactors_free(struct reactors *reactors);
/* Threads for all; they take no signals. -errno: none runs. */
int reactors_start(struct reactors *reactors) must_check;
/* Until all have stopped; the first error of one, which stops the others. */
int reactors_join(struct reactors *reactors) must_check;
/* Both, with the first of them in the caller's thread: one reactor needs no thread at all. */
int reactors_run(struct reactors *reactors) must_check;
/* Any thread, any signal handler: reactor_stop() for each. */
void reactors_stop(struct reactors *reactors, uint64_t drain_ms);

unsigned reactors_count(const struct reactors *reactors);
struct reactor *reactors_get(struct reactors *reactors, unsigned number);
/* The sum over all. */
uint64_t reactors_counted(const struct reactors *reactors, enum net_counter which);

#endif
