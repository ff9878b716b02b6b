// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Gate against nftables: who is denied? Each frame goes through the kernel and past a set of
 * nftables with the same addresses; what is dropped there must be what the gate drops for its
 * source, frame by frame.
 *
 * Left out, because nftables at ingress answers another question there:
 *   - what is no IP packet of sound headers (the gate drops it before it asks for the source);
 *   - neighbour discovery, which the gate passes whoever sends it;
 *   - two tags: the kernel takes one off before ingress, and the packet behind the second is not
 *     IP for nftables; and tags of type 0x9100, which the kernel does not know as tags.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare.h"
#include "wire.h"

struct ask {
	struct wire wire;
	struct frame batch[WIRE_BATCH];
	uint32_t first, fill;
	uint8_t *seen;	  /* by number, enum wire_seen */
	uint8_t *denies;  /* the gate's word */
	uint32_t *origin; /* number of the frame in the run */
	bool marker_lost;
};

static bool comparable(const struct model_answer *answer)
{
	switch ((int)answer->reason) {
	case SZ_REASON_FRAG_LEN:
	case SZ_REASON_EXT_SHORT:
	case SZ_REASON_EXT_DEEP:
	case SZ_REASON_ND:
		return false;
	default:
		return answer->facts.family != 0 && answer->facts.tags < 2 &&
		       (answer->facts.tags == 0 || answer->facts.tag_types[0] != 0x9100);
	}
}

/* From the gate's own counters, not from the model. */
static bool gate_denies(struct gatebox *box, const struct frame *frame)
{
	struct sz_count host[2], net[2];

	gatebox_count(box, SZ_REASON_DENY_HOST, &host[0]);
	gatebox_count(box, SZ_REASON_DENY_NET, &net[0]);
	(void)gatebox_drops(box, frame->bytes, frame->len);
	gatebox_count(box, SZ_REASON_DENY_HOST, &host[1]);
	gatebox_count(box, SZ_REASON_DENY_NET, &net[1]);
	return host[1].packets + net[1].packets != host[0].packets + net[0].packets;
}

static void flush(struct ask *ask)
{
	if (ask->fill == 0 || ask->marker_lost)
		return;
	if (!wire_ask(&ask->wire, ask->batch, ask->first, ask->fill, ask->seen))
		ask->marker_lost = true;
	ask->first += ask->fill;
	ask->fill = 0;
}

static void ask_all(struct run *run, struct ask *ask)
{
	struct frame frame;

	for (size_t i = 0; i < run->total && !ask->marker_lost; i++) {
		struct model_answer answer;
		uint32_t number = ask->first + ask->fill;

		run_frame(run, i, &frame);
		answer = model_judge(&run->world.model, frame.bytes, frame.len);
		if (!comparable(&answer))
			continue;
		ask->denies[number] = gate_denies(run->box, &frame);
		ask->origin[number] = (uint32_t)i;
		ask->batch[ask->fill++] = frame;
		if (ask->fill == WIRE_BATCH)
			flush(ask);
	}
	flush(ask);
}

static void show(struct run *run, uint32_t origin, bool gate)
{
	struct model_answer answer;
	struct frame frame;

	run_frame(run, origin, &frame);
	answer = model_judge(&run->world.model, frame.bytes, frame.len);
	printf("# difference: the gate %s it, nftables %s it; the model says %s\n",
	       gate ? "denies" : "does not deny", gate ? "passes" : "drops",
	       model_reason_name(answer.reason));
	frame_print(&frame, &answer.facts, stdout);
}

static void report(struct run *run, const struct ask *ask)
{
	size_t denied = 0, differences = 0, lost = 0;

	for (uint32_t n = 0; n < ask->first; n++) {
		bool dropped = ask->seen[n] == WIRE_DROPPED;

		if (ask->seen[n] != WIRE_PASSED && ask->seen[n] != WIRE_DROPPED) {
			lost++;
			continue;
		}
		denied += dropped;
		if (dropped != ask->denies[n] && differences++ < 10)
			show(run, ask->origin[n], ask->denies[n]);
	}
	printf("# %zu frames on the wire that this test did not send\n", ask->wire.strangers);
	tap(!ask->marker_lost && lost == 0 && ask->first > run->total / 3,
	    "every frame asked of nftables came out once: %u sent, %zu lost or doubled%s",
	    ask->first, lost, ask->marker_lost ? ", a marker lost" : "");
	tap(differences == 0 && denied > 1000 && ask->first - denied > 1000,
	    "gate and nftables deny the same: %u frames, %zu of them denied, %zu differences",
	    ask->first, denied, differences);
}

void compare_nft(struct run *run)
{
	static struct ask ask;

	ask.seen = calloc(run->total, 1);
	ask.denies = calloc(run->total, 1);
	ask.origin = calloc(run->total, sizeof(*ask.origin));
	if (!ask.seen || !ask.denies || !ask.origin)
		err(2, "no memory");
	run->world.model.lists_off = NFT_LISTS_OFF;
	gatebox_settings(run->box, &run->world.model);
	wire_open(&ask.wire);
	ask_all(run, &ask);
	report(run, &ask);
	wire_close(&ask.wire);
	free(ask.seen);
	free(ask.denies);
	free(ask.origin);
}
