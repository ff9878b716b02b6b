// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Frames of several buffers, up to those whose length field cannot say their length (BIG TCP): an
 * ordinary frame with a long tail, and a length field that is true, or nearly, or silent.
 */
#include <stdio.h>
#include <string.h>

#include "compare.h"

#define LARGE 3000
#define LARGE_MAX 70000

static size_t length_draw(struct rng *rng)
{
	static const size_t lengths[] = {3000,	4096,  9014,  32768, 65000,
					 65535, 65536, 65550, 69000};

	return lengths[rng_below(rng, sizeof(lengths) / sizeof(lengths[0]))] + rng_below(rng, 40);
}

static void lengthen(uint8_t *frame, size_t len, const struct model_facts *f, struct rng *rng)
{
	size_t l3 = f->src_at - (f->family == 4 ? 12 : 8);
	size_t field = l3 + (f->family == 4 ? 2 : 4), claim = len - l3 - (f->family == 4 ? 0 : 40);

	switch (rng_below(rng, 5)) {
	case 0:
		claim = 0;
		break;
	case 1:
		claim = claim + rng_below(rng, 3) - 1;
		break;
	case 2:
		claim = 65535;
		break;
	default:
		break;
	}
	if (claim > 65535)
		claim = 0;
	frame[field] = (uint8_t)(claim >> 8);
	frame[field + 1] = (uint8_t)claim;
}

void compare_large(struct run *run)
{
	static uint8_t frame[LARGE_MAX];
	static const struct model_world nothing;
	struct rng rng = {.state = run->seed + 3};
	size_t tried = 0, kept = 0, silent = 0, differences = 0;
	struct tally before, after;

	gatebox_choose(run->box, true);
	tally_read(run->box, &before);
	while (tried < LARGE) {
		const struct frame *base =
			&run->corpus.frames[rng_below(&rng, (uint32_t)run->corpus.count)];
		struct model_facts f = model_judge(&nothing, base->bytes, base->len).facts;
		size_t len = length_draw(&rng);
		struct model_answer answer;
		bool drops;

		if (!f.family)
			continue;
		memset(frame, 0, sizeof(frame));
		memcpy(frame, base->bytes, base->len);
		lengthen(frame, len, &f, &rng);
		answer = model_judge(&run->world.model, frame, len);
		drops = gatebox_drops(run->box, frame, len);
		tally_read(run->box, &after);
		tried++;
		kept += !drops;
		silent += !drops && len - f.src_at > 65535;
		if (drops == answer.drop && tally_moved(&before, &after) == answer.reason) {
			before = after;
			continue;
		}
		printf("# difference in %zu bytes: the model says %s, the gate %s\n", len,
		       model_reason_name(answer.reason),
		       model_reason_name(tally_moved(&before, &after)));
		frame_print(base, &answer.facts, stdout);
		before = after;
		differences++;
	}
	gatebox_choose(run->box, false);
	tap(differences == 0 && silent > 50 && tried - kept > 100,
	    "frames of several buffers: %zu, %zu passed, %zu of those too "
	    "long for their length field, %zu differences",
	    tried, kept, silent, differences);
}
