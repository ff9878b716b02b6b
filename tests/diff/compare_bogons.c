// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Which sources are bogons: a clean UDP packet from every IPv4 /16 and from many an IPv6 one, from
 * both ends of every special range and from just outside them, under changing sets of groups. On
 * a box of its own without lists, which would speak first; without a seed, so the gate draws it.
 */
#include <stdio.h>
#include <string.h>

#include <strazh/abi/settings.h>

#include "compare.h"

#define BLOCK 512
#define SHOWN_MAX 5

struct sweep {
	struct gatebox *box;
	struct model_world world;
	struct rng rng;
	struct tally before;
	size_t asked, until_change, bogons, differences;
};

static const uint8_t clean4[] = {
	2,    0,  0, 0,	 0, 2,	2, 0, 0,  0,  0, 1, 0x08, 0x00,			      /* Ethernet */
	0x45, 0,  0, 32, 0, 0,	0, 0, 64, 17, 0, 0, 0,	  0,	0, 0, 20, 30, 40, 50, /* IPv4 */
	0,    53, 0, 80, 0, 12, 0, 0, 1,  2,  3, 4,				      /* UDP */
};

static const uint8_t clean6[] = {
	2,    0,  0, 0,	 0, 2,	  2,  0,  0, 0, 0,    1, 0x86, 0xdd, /* Ethernet */
	0x60, 0,  0, 0,	 0, 12,	  17, 64, 0, 0, 0,    0, 0,    0,    /* IPv6 */
	0,    0,  0, 0,	 0, 0,	  0,  0,  0, 0, 0x26, 0, 0x12, 0x34,
	0,    0,  0, 0,	 0, 0,				 /* addresses */
	0,    0,  0, 0,	 0, 0x80,			 /* destination */
	0,    53, 0, 80, 0, 12,	  0,  0,  1, 2, 3,    4, /* UDP */
};

static void ask(struct sweep *sweep, unsigned int family, const uint8_t *src)
{
	struct frame frame = {.len = family == 4 ? sizeof(clean4) : sizeof(clean6)};
	struct model_answer answer;
	struct tally after;
	unsigned int moved;
	bool drops;

	sweep->asked++;
	if (sweep->until_change-- == 0) {
		sweep->until_change = BLOCK;
		sweep->world.bogon_flip = rng_below(&sweep->rng, SZ_BOGON_ALL + 1);
		gatebox_settings(sweep->box, &sweep->world);
	}
	memcpy(frame.bytes, family == 4 ? clean4 : clean6, frame.len);
	memcpy(frame.bytes + (family == 4 ? 26 : 22), src, family == 4 ? 4 : 16);
	answer = model_judge(&sweep->world, frame.bytes, frame.len);
	drops = gatebox_drops(sweep->box, frame.bytes, frame.len);
	after = sweep->before;
	gatebox_count(sweep->box, SZ_REASON_PASS, &after.of[SZ_REASON_PASS]);
	gatebox_count(sweep->box, SZ_REASON_BOGON, &after.of[SZ_REASON_BOGON]);
	moved = tally_moved(&sweep->before, &after);
	sweep->before = after;
	sweep->bogons += drops;
	if (drops == answer.drop && moved == answer.reason)
		return;
	if (sweep->differences++ < SHOWN_MAX) {
		printf("# difference: groups %u, the model says %s, the gate %s\n",
		       SZ_BOGON_DEFAULT ^ sweep->world.bogon_flip, model_reason_name(answer.reason),
		       model_reason_name(moved));
		frame_print(&frame, &answer.facts, stdout);
	}
}

/* addr + 1 or - 1; wraps around */
static void step(uint8_t *addr, unsigned int bytes, int by)
{
	for (unsigned int i = bytes; i-- > 0;) {
		addr[i] = (uint8_t)(addr[i] + by);
		if (addr[i] != (by > 0 ? 0 : 255))
			return;
	}
}

static void ask_edges(struct sweep *sweep, unsigned int family, unsigned int len,
		      const uint8_t first[16])
{
	unsigned int bytes = family == 4 ? 4 : 16;
	uint8_t a[16], last[16];

	memcpy(last, first, 16);
	for (unsigned int bit = len; bit < bytes * 8; bit++)
		last[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	ask(sweep, family, first);
	ask(sweep, family, last);
	memcpy(a, first, 16);
	step(a, bytes, -1);
	ask(sweep, family, a);
	memcpy(a, last, 16);
	step(a, bytes, 1);
	ask(sweep, family, a);
}

static void ask_ranges(struct sweep *sweep)
{
	unsigned int family, len;
	uint8_t first[16];

	for (size_t i = 0; model_special(i, &family, &len, first); i++)
		for (unsigned int again = 0; again < 8; again++) {
			sweep->until_change = 0;
			ask_edges(sweep, family, len, first);
		}
}

void compare_bogons(struct run *run)
{
	struct sweep sweep = {.box = gatebox_open(run->object), .rng = {.state = run->seed + 4}};
	uint8_t addr[16];

	sweep.world.ifindex = 1;
	ask_ranges(&sweep);
	for (unsigned int net = 0; net < 65536; net++) {
		rng_bytes(&sweep.rng, addr, sizeof(addr));
		addr[0] = (uint8_t)(net >> 8);
		addr[1] = (uint8_t)net;
		ask(&sweep, 4, addr);
		if (net % 8 == 0)
			ask(&sweep, 6, addr);
	}
	tap(sweep.differences == 0 && sweep.bogons > 1000,
	    "bogons: every IPv4 /16, edges of all ranges, %zu sources, %zu dropped, %zu "
	    "differences",
	    sweep.asked, sweep.bogons, sweep.differences);
	gatebox_close(sweep.box);
}
