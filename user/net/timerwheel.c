/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Level l has 64 slots of 64^l ticks each. A timer lies in the lowest level whose range holds what
 * is left of it, in the slot of its due tick; when the wheel comes to the first tick of a slot of
 * level l > 0, the timers in it move to lower levels (cascade). Bit s of used[l] is set exactly
 * when slot s of level l has a timer, so the next tick at which there is something to do is found
 * with one rotation a level.
 *
 * A slot that is being fired is first moved to a list of its own: what its callbacks start goes
 * into the wheel, what they stop leaves that list.
 */
#include <user/net/timerwheel.h>

#include <limits.h>
#include <stddef.h>
#include <string.h>

#include <strazh/base/compiler.h>

#define SLOT_BITS 6
#define LEVEL_FIRING WHEEL_LEVELS /* on the list that is being fired */
#define RANGE_MAX ((1U << (SLOT_BITS * WHEEL_LEVELS)) - 1)

void wheel_init(struct wheel *wheel, uint64_t now_ms)
{
	memset(wheel, 0, sizeof(*wheel));
	wheel->start_ms = now_ms;
	wheel->now_ms = now_ms;
}

bool wheel_runs(const struct wheel_timer *timer)
{
	return timer->at;
}

static void link_to(struct wheel_timer **head, struct wheel_timer *timer)
{
	timer->next = *head;
	if (timer->next)
		timer->next->at = &timer->next;
	timer->at = head;
	*head = timer;
}

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
	uint32_t left = MIN(timer->due - (uint32_t)wheel->tick, RANGE_MAX);
	uint64_t due = wheel->tick + left;
	uint8_t level = 0;

	while (level < WHEEL_LEVELS - 1 && left >> (SLOT_BITS * (level + 1)))
		level++;
	timer->level = level;
	timer->slot = (uint8_t)((due >> (SLOT_BITS * level)) % WHEEL_SLOTS);
	wheel->used[level] |= 1ULL << timer->slot;
	link_to(&wheel->slots[level][timer->slot], timer);
}

void wheel_stop(struct wheel *wheel, struct wheel_timer *timer)
{
	if (!timer->at)
		return;
	*timer->at = timer->next;
	if (timer->next)
		timer->next->at = timer->at;
	timer->at = NULL;
	if (timer->level < WHEEL_LEVELS && !wheel->slots[timer->level][timer->slot])
		wheel->used[timer->level] &= ~(1ULL << timer->slot);
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t ms)
{
	uint64_t from = wheel->now_ms - wheel->start_ms + MIN(ms, WHEEL_MS_MAX);
	uint64_t due = (from + WHEEL_TICK_MS - 1) / WHEEL_TICK_MS;

	wheel_stop(wheel, timer);
	timer->due = (uint32_t)MAX(due, wheel->tick + 1);
	place(wheel, timer);
}

/* Ticks to the next slot in use of any level; 0: none. */
static uint64_t next_step(const struct wheel *wheel)
{
	uint64_t best = 0;

	for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
		unsigned shift = SLOT_BITS * level;
		uint64_t used = wheel->used[level], at = wheel->tick >> shift, step;
		unsigned turn = (unsigned)(at + 1) % WHEEL_SLOTS;

		if (!used)
			continue;
		if (turn)
			used = used >> turn | used << (WHEEL_SLOTS - turn);
		step = ((at + 1 + (uint64_t)__builtin_ctzll(used)) << shift) - wheel->tick;
		if (!best || step < best)
			best = step;
	}
	return best;
}

static struct wheel_timer *take_slot(struct wheel *wheel, unsigned level, unsigned slot)
{
	struct wheel_timer *list = wheel->slots[level][slot];

	wheel->slots[level][slot] = NULL;
	wheel->used[level] &= ~(1ULL << slot);
	return list;
}

static void cascade(struct wheel *wheel)
{
	for (unsigned level = WHEEL_LEVELS - 1; level; level--) {
		unsigned shift = SLOT_BITS * level;
		struct wheel_timer *timer, *next;

		if (wheel->tick & ((1ULL << shift) - 1))
			continue;
		timer = take_slot(wheel, level, (unsigned)(wheel->tick >> shift) % WHEEL_SLOTS);
		for (; timer; timer = next) {
			next = timer->next;
			place(wheel, timer);
		}
	}
}

static void fire(struct wheel *wheel)
{
	struct wheel_timer *list = take_slot(wheel, 0, (unsigned)wheel->tick % WHEEL_SLOTS);

	if (list)
		list->at = &list;
	for (struct wheel_timer *timer = list; timer; timer = timer->next)
		timer->level = LEVEL_FIRING;
	while (list) {
		struct wheel_timer *timer = list;

		wheel_stop(wheel, timer);
		timer->on_time(timer);
	}
}

void wheel_set_now(struct wheel *wheel, uint64_t now_ms)
{
	wheel->now_ms = MAX(now_ms, wheel->now_ms);
}

void wheel_advance(struct wheel *wheel, uint64_t now_ms)
{
	uint64_t to;

	wheel_set_now(wheel, now_ms);
	to = (wheel->now_ms - wheel->start_ms) / WHEEL_TICK_MS;
	while (wheel->tick < to) {
		uint64_t step = next_step(wheel);

		if (!step || step > to - wheel->tick) {
			wheel->tick = to;
			break;
		}
		wheel->tick += step;
		cascade(wheel);
		fire(wheel);
	}
}

int wheel_wait_ms(const struct wheel *wheel, uint64_t now_ms)
{
	uint64_t step = next_step(wheel), at;

	if (!step)
		return -1;
	at = wheel->start_ms + (wheel->tick + step) * WHEEL_TICK_MS;
	return at <= now_ms ? 0 : (int)MIN(at - now_ms, (uint64_t)INT_MAX);
}
