// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * A property, without any model of what a mutation means: a frame of a denied source stays
 * dropped, whatever happens to the bytes around its source address. Ethertype, tags and the IP
 * version stay, because with them the frame stops being an IP packet of that source.
 *
 * The one exception is neighbour discovery, which the gate never touches.
 */
#include <stdio.h>
#include <string.h>

#include "compare.h"

#define MUTANTS 40000

static bool is_discovery(const struct frame *frame, size_t l3)
{
	const uint8_t *ip = frame->bytes + l3;

	return frame->len >= l3 + 42 && ip[0] / 16 == 6 && ip[6] == 58 && ip[7] == 255 &&
	       ip[40] >= 133 && ip[40] <= 137 && ip[41] == 0;
}

static const uint8_t *denied_source(const struct run *run, unsigned int family, struct rng *rng)
{
	const struct model_world *m = &run->world.model;
	const struct world_address *a;

	do
		a = world_pick(&run->world, family, rng);
	while (model_listed(m, MODEL_NEVER, family, a->addr) ||
	       model_listed(m, MODEL_ALLOW, family, a->addr) ||
	       (!model_listed(m, MODEL_HOST, family, a->addr) &&
		!model_listed(m, MODEL_NET, family, a->addr)));
	return a->addr;
}

/* The source address, and what is in front of the IP header, are put back afterwards. */
static void disturb(struct frame *frame, const struct model_facts *f, size_t l3, struct rng *rng)
{
	struct frame before = *frame;
	uint32_t from = (uint32_t)l3, flips = 1 + rng_below(rng, 12);

	if (rng_percent(rng, 30))
		frame->len = (uint16_t)(FRAME_MIN + rng_below(rng, frame->len - FRAME_MIN + 1U));
	for (uint32_t i = 0; i < flips && frame->len > from; i++)
		frame->bytes[from + rng_below(rng, frame->len - from)] = (uint8_t)rng_below(rng,
											    256);
	memcpy(frame->bytes, before.bytes, l3);
	frame->bytes[l3] = (uint8_t)((before.bytes[l3] & 0xf0) | (frame->bytes[l3] & 0x0f));
	memcpy(frame->bytes + f->src_at, before.bytes + f->src_at, f->addr_len);
}

void compare_mutants(struct run *run)
{
	struct rng rng = {.state = run->seed + 2};
	static const struct model_world nothing;
	size_t tried = 0, passed = 0;

	while (tried < MUTANTS) {
		struct frame frame =
			run->corpus.frames[rng_below(&rng, (uint32_t)run->corpus.count)];
		struct model_facts f = model_judge(&nothing, frame.bytes, frame.len).facts;
		size_t l3 = f.src_at - (f.family == 4 ? 12 : 8);

		if (!f.family)
			continue;
		memcpy(frame.bytes + f.src_at, denied_source(run, f.family, &rng), f.addr_len);
		disturb(&frame, &f, l3, &rng);
		if (is_discovery(&frame, l3))
			continue;
		tried++;
		if (gatebox_drops(run->box, frame.bytes, frame.len))
			continue;
		if (passed++ < 5)
			frame_print(&frame, &f, stdout);
	}
	tap(passed == 0,
	    "a denied source stays dropped under every mutation: %zu frames, %zu passed", tried,
	    passed);
}
