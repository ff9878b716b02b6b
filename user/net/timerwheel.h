/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Many coarse timers: starting and stopping one is O(1) and allocates nothing. A timer never fires
 * early and at most a tick late (and as late as wheel_advance() is called). The clock is the
 * caller's: milliseconds that never go back. Single-threaded.
 *
 * The shape is the hierarchical wheel of Varghese and Lauck, "Hashed and Hierarchical Timing
 * Wheels" (1987), scheme 7, with a bitmap a level, so that empty time is jumped over.
 */
#ifndef STRAZH_USER_NET_TIMERWHEEL_H
#define STRAZH_USER_NET_TIMERWHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_MS 4U
#define WHEEL_LEVELS 4
#define WHEEL_SLOTS 64
/* A longer time is cut to this one. */
#define WHEEL_MS_MAX (30ULL * 86400 * 1000)

/* Embedded in whatever it belongs to; all zero is a timer that does not run. */
struct wheel_timer {
	struct wheel_timer *next, **at; /* at NULL: not running */
	void (*on_time)(struct wheel_timer *timer);
	uint32_t due; /* low bits of the tick */
	uint8_t level, slot;
};

struct wheel {
	uint64_t start_ms, now_ms;
	uint64_t tick; /* everything due up to here was fired */
	uint64_t used[WHEEL_LEVELS];
	struct wheel_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
};

void wheel_init(struct wheel *wheel, uint64_t now_ms);
/* Fires on_time() once, `ms` from the wheel's now; replaces what was started before. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t ms);
void wheel_stop(struct wheel *wheel, struct wheel_timer *timer);
/* Sets the wheel's now and fires nothing: what is started from here on counts from it. */
void wheel_set_now(struct wheel *wheel, uint64_t now_ms);
bool wheel_runs(const struct wheel_timer *timer);
/*
 * Sets the wheel's now and fires what is due. A callback may start and stop any timer, also its
 * own, which does not run any more when it is called.
 */
void wheel_advance(struct wheel *wheel, uint64_t now_ms);
/* How long nothing is to be done from `now_ms` on; -1: no timer runs. */
int wheel_wait_ms(const struct wheel *wheel, uint64_t now_ms);

#endif
