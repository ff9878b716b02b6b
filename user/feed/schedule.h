/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* When a feed is fetched next, and how long what was fetched holds. Pure: time and chance come in.
 */
#ifndef STRAZH_USER_FEED_SCHEDULE_H
#define STRAZH_USER_FEED_SCHEDULE_H

#include <stdint.h>

#include <strazh/base/compiler.h>

/*
 * ms to the next try. After a success each every_s; after failures sooner, but with growing pauses:
 * 30 s (every_s where that is less), twice as long each time, up to every_s or 5 min, whichever is
 * more. All +-10 % by `chance`, so that a thousand hosts do not come at once.
 */
uint64_t feed_schedule_ms(uint64_t every_s, unsigned failures, uint32_t chance);

/*
 * Seconds that a copy fetched at fetched_s still holds; 0: it is over. Never more than expiry_s, so
 * that a wall clock that was wrong makes none eternal.
 */
uint64_t feed_holds_s(uint64_t fetched_s, uint64_t expiry_s, uint64_t now_s);

#endif
