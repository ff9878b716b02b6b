/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#include <user/server/door.h>

#define TOKEN 1000U

/* At least two, or the parts that are kept for others would leave less than one to strangers. */
static uint64_t depth(const struct door *door)
{
	return MAX(door->rate, 2U) * (uint64_t)TOKEN;
}

/* What holds, from what was set and what is withheld. */
static void settle(struct door *door)
{
	uint64_t whole = door->set_rate ? door->set_rate : door->nominal;
	bool had_rate = door->rate;

	door->rate = door->set_rate;
	if (door->withheld && whole)
		door->rate = (uint32_t)MAX(whole * (DOOR_WHOLE - door->withheld) / DOOR_WHOLE, 1U);
	door->always = door->set_always || door->floor;
	door->least = MAX(door->floor, PH_PUZZLE_BITS_MIN);
	door->least = MIN(door->least, door->most);
	/* Without a rate nothing was taken out, and nothing filled. */
	door->tokens = had_rate ? MIN(door->tokens, depth(door)) : depth(door);
	door->kept = MIN(door->kept, depth(door) / 2);
	door->bits = MIN(door->always ? MAX(door->bits, door->least) : door->bits, door->most);
	if (!door->rate && !door->always) {
		door->bits = 0;
		door->short_of = 0;
	}
}

void door_init(struct door *door, uint32_t rate, unsigned most, bool always, uint64_t now_ms)
{
	*door = (struct door){.set_rate = rate,
			      .set_always = always,
			      .most = most,
			      .filled_ms = now_ms,
			      .stepped_ms = now_ms};
	settle(door);
	door->kept = depth(door) / 2;
}

void door_set(struct door *door, uint32_t rate, unsigned most, bool always)
{
	door->set_rate = rate;
	door->most = most;
	door->set_always = always;
	settle(door);
}

void door_pace(struct door *door, uint32_t withheld, uint32_t nominal, unsigned floor)
{
	withheld = MIN(withheld, DOOR_WHOLE);
	floor = MIN(floor, door->most);
	if (door->withheld == withheld && door->nominal == nominal && door->floor == floor)
		return;
	door->withheld = withheld;
	door->nominal = nominal;
	door->floor = floor;
	settle(door);
}

static void fill(struct door *door, uint64_t now_ms)
{
	/* Two seconds fill two tokens at the lowest rate. */
	uint64_t passed = MIN(now_ms - door->filled_ms, 2000);

	door->filled_ms = now_ms;
	door->tokens = MIN(door->tokens + passed * door->rate, depth(door));
	door->kept = MIN(door->kept + passed * door->rate / 2, depth(door) / 2);
}

/* Steps that nobody saw were quiet ones. */
static void step(struct door *door, uint64_t now_ms)
{
	uint64_t steps = (now_ms - door->stepped_ms) / DOOR_STEP_MS;

	if (!steps)
		return;
	door->stepped_ms += steps * DOOR_STEP_MS;
	if (door->short_of) {
		door->bits = MIN(MAX(door->bits + 1, door->least), door->most);
		steps--;
	}
	door->short_of = 0;
	for (; steps && door->bits > door->least; steps--)
		door->bits--;
	if (steps && !door->always)
		door->bits = 0;
}

unsigned door_bits(struct door *door, uint64_t now_ms)
{
	step(door, now_ms);
	return door->bits;
}

enum door_answer door_ask(struct door *door, bool worked, bool known, uint64_t now_ms)
{
	uint64_t keep; /* of the tokens, for others */
	bool scarce;

	if (!door->rate && (!door->always || worked || known))
		return DOOR_OPEN;
	fill(door, now_ms);
	step(door, now_ms);
	scarce = door->tokens < depth(door) / 2 + TOKEN;
	known = known && (!scarce || door->kept >= TOKEN);
	keep = known ? 0 : depth(door) / (worked ? 4 : 2);
	if (door->tokens >= keep + TOKEN && (worked || known || !door->bits)) {
		door->tokens -= TOKEN;
		if (known && scarce)
			door->kept -= TOKEN;
		return DOOR_OPEN;
	}
	if (!known && door->tokens < keep + TOKEN)
		door->short_of++;
	if (worked || known || !door->most)
		return DOOR_BUSY;
	if (!door->bits)
		door->bits = door->least;
	return DOOR_WORK;
}
