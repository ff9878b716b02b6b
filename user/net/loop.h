/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One epoll loop: descriptors, timers on CLOCK_BOOTTIME, signals. Single-threaded. A callback may
 * add, change and remove any watch, also its own; a removed watch gets no event any more, not even
 * one that the kernel has reported already.
 */
#ifndef STRAZH_USER_NET_LOOP_H
#define STRAZH_USER_NET_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <strazh/base/compiler.h>

struct loop;

/* Embedded in whatever it belongs to; the descriptor is the owner's. */
struct watch {
	int fd;
	void (*on_ready)(struct watch *watch, uint32_t events);
	void *context;
};

int loop_new(struct loop **ret_loop) must_check;
void loop_free(struct loop *loop);
int loop_add(struct loop *loop, struct watch *watch, uint32_t events) must_check;
int loop_change(struct loop *loop, struct watch *watch, uint32_t events) must_check;
void loop_remove(struct loop *loop, struct watch *watch);
/* The same where the descriptor is closed next and nobody else has it: close() tells the kernel. */
void loop_forget(struct loop *loop, struct watch *watch);
/* Until loop_stop(). 0 or -errno. */
int loop_run(struct loop *loop) must_check;
/* One wait of at most `wait_ms` (-1: until something comes) and its callbacks. 0 or -errno. */
int loop_turn(struct loop *loop, int wait_ms) must_check;
void loop_stop(struct loop *loop);

/* What the loop's owner does around each wait. */
struct loop_hooks {
	int (*before_wait)(void *context); /* how many ms to wait at most; -1: no matter */
	void (*after_wait)(void *context); /* before the callbacks of the watches */
	void *context;
};
/* Borrowed for the loop's life. */
void loop_set_hooks(struct loop *loop, const struct loop_hooks *hooks);

struct timer {
	struct watch watch;
	struct loop *loop;
	void (*on_time)(struct timer *timer);
	void *context;
};

/* A timer that is not running yet. */
int timer_open(struct loop *loop, struct timer *timer, void (*on_time)(struct timer *),
	       void *context) must_check;
/* Fires in first_ms (at least 1), then each every_ms (0: once). Replaces what was set before. */
int timer_start(struct timer *timer, uint64_t first_ms, uint64_t every_ms) must_check;
int timer_stop(struct timer *timer) must_check;
void timer_close(struct timer *timer);

struct signals {
	struct watch watch;
	struct loop *loop;
	void (*on_signal)(struct signals *signals, const struct signalfd_siginfo *info);
	void *context;
};

/* Blocks `set` for this thread and hands its signals to the loop. */
int signals_open(struct loop *loop, struct signals *signals, const sigset_t *set,
		 void (*on_signal)(struct signals *, const struct signalfd_siginfo *),
		 void *context) must_check;
void signals_close(struct signals *signals);

#endif
