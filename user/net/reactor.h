/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One thread's world: an epoll loop, a timer wheel, buffers, a mailbox, and the connections that
 * live in it. Nothing in it is shared but the mailbox, the counters and the table of sources.
 *
 * A round: callbacks of what is ready; then timers; then connections that have something left to
 * do (output to send, input that waited, an end to tell). A connection that has ended is told so
 * and forgotten only there, so nothing disappears under a callback.
 */
#ifndef STRAZH_USER_NET_REACTOR_H
#define STRAZH_USER_NET_REACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/net/loop.h>
#include <user/net/mailbox.h>
#include <user/net/net_stats.h>
#include <user/net/pool.h>
#include <user/net/sources.h>
#include <user/net/timerwheel.h>

struct conn;
struct listener;

#define REACTOR_SCRATCH POOL_LARGE

struct reactor_config {
	unsigned number;    /* which one, for its owner */
	uint32_t conns_max; /* of this reactor; a slot of < 300 bytes is reserved for each */
	size_t buffers_max; /* bytes lent to connections, at most */
	size_t mailbox_len; /* calls that may wait */
	struct sources
		*sources; /* shared and borrowed; NULL: connections are not counted by source */
	uint64_t (*clock_ms)(void); /* NULL: CLOCK_BOOTTIME */
	void *context;
};

/* A call at the end of the round. Embedded in what it is about; zeros, but for run(). */
struct deferred {
	struct deferred *next;
	void (*run)(struct deferred *deferred);
	bool queued;
};

struct reactor {
	struct loop *loop;
	struct wheel wheel;
	struct pool pool;
	struct mailbox *mailbox;
	struct net_stats stats;
	struct sources *sources;
	uint64_t now_ms; /* as of this round; never goes back */
	unsigned number;
	void *context;

	/* the rest is of user/net alone */
	uint64_t (*clock_ms)(void);
	struct watch mail;
	struct loop_hooks hooks;
	struct conn *slots, *free_slot;
	uint32_t slots_len, slots_touched, live;
	struct conn *pending, **pending_end;
	struct deferred *deferred, **deferred_end;
	struct listener *listeners;
	_Atomic(uint64_t) stop_in_ms; /* 1 + the time to drain; 0: nobody asked */
	struct wheel_timer drain_deadline;
	uint64_t drain_until;
	bool draining;
	uint8_t *scratch; /* REACTOR_SCRATCH bytes: where connections without a buffer read to */
};

int reactor_new(const struct reactor_config *config, struct reactor **ret_reactor) must_check;
/* What does not run (any more): ends what is left of its connections and listeners, calls back. */
void reactor_end(struct reactor *reactor);
/* Runs what was posted to one that does not run (any more), and what was deferred. How much was
 * posted. */
size_t reactor_run_posted(struct reactor *reactor);
/* reactor_end(), and what is in the mailbox is released: run(NULL, item). */
void reactor_free(struct reactor *reactor);
/* In the calling thread until it has stopped. 0 or -errno. */
int reactor_run(struct reactor *reactor) must_check;
/* One round that waits at most `wait_ms`, for whoever has a loop around it. */
int reactor_turn(struct reactor *reactor, int wait_ms) must_check;

/* Any thread: run(reactor, item) in the reactor's thread. 0 or MAILBOX_FULL (counted). */
int reactor_post(struct reactor *reactor, mail_run *run, void *item) must_check;
/* The same, and it always finds room. */
void reactor_push(struct reactor *reactor, struct mail *letter);
/*
 * The reactor's thread: run() once, when all that this round brought was handled and before
 * connections send. Nothing if it is queued already; never, once the reactor is freed. For what
 * many events of a round have in common: it costs no system call, as posting does.
 */
void reactor_defer(struct reactor *reactor, struct deferred *deferred);
/*
 * Any thread, any signal handler: accept no more, close what is open in order, end what is not
 * closed `drain_ms` from then on, and stop. 0 ends all at once. A second call may only shorten.
 */
void reactor_stop(struct reactor *reactor, uint64_t drain_ms);
bool reactor_stopped(const struct reactor *reactor);

#endif
