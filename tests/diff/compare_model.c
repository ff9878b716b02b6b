// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Gate against model, frame by frame: the verdict, and the one counter that may move. Settings
 * change from block to block, and the two programs of the object take turns. After each frame only
 * the counter that the model expects to move is read; after each block all of them, so nothing that
 * moved behind the test's back stays unseen.
 */
#include <stdio.h>
#include <string.h>

#include <strazh/abi/settings.h>

#include "compare.h"

#define BLOCK 2000
#define SHOWN_MAX 10
#define SEEN_MIN 20

struct score {
	size_t frames, differences, blind_blocks;
	size_t seen[SZ_REASON_COUNT][2]; /* by reason and whether observed */
	size_t denied[2][2];		 /* host and prefix, by family */
	size_t pairs[SZ_REASON_COUNT][SZ_REASON_COUNT + 1];
};

/* Block 0 runs under zero settings; a few later ones stand by. */
static void settings_draw(struct model_world *m, struct rng *rng, size_t block)
{
	m->lists_off = m->flags = m->bogon_flip = m->lease_ifindex = m->lease_until_s = 0;
	m->standby = block % 16 == 9;
	if (block == 0)
		return;
	if (rng_percent(rng, 60))
		m->lists_off = rng_next(rng) & rng_next(rng);
	if (rng_percent(rng, 60))
		m->bogon_flip = rng_below(rng, SZ_BOGON_ALL + 1);
	if (rng_percent(rng, 20))
		m->flags |= SZ_SET_OBSERVE;
	if (rng_percent(rng, 30)) {
		m->lease_ifindex = m->ifindex + rng_below(rng, 2);
		m->lease_until_s = rng_percent(rng, 60) ? m->now_s : m->now_s + 100000;
	}
}

static void expect(struct sz_count *count, const struct model_answer *answer, uint16_t len)
{
	if (answer->observed) {
		count->observed_packets++;
		count->observed_bytes += len;
	} else {
		count->packets++;
		count->bytes += len;
	}
}

static const char *verdict_text(bool drop)
{
	return drop ? "drop" : "pass";
}

/* What differs, for a person. `expected` becomes what is, or every later frame would differ. */
static void difference(struct run *run, struct score *score, struct tally *expected,
		       const struct model_answer *answer, const struct frame *frame, bool drops)
{
	struct tally before = *expected, after;
	unsigned int moved;

	/* `expected` has the model's step in it already: take it back to see what the gate did. */
	if (answer->observed) {
		before.of[answer->reason].observed_packets--;
		before.of[answer->reason].observed_bytes -= frame->len;
	} else {
		before.of[answer->reason].packets--;
		before.of[answer->reason].bytes -= frame->len;
	}
	tally_read(run->box, &after);
	moved = tally_moved(&before, &after);
	*expected = after;
	score->pairs[answer->reason][moved]++;
	if (++score->differences > SHOWN_MAX)
		return;
	printf("# difference: the model says %s %s%s, the gate %s %s\n", verdict_text(answer->drop),
	       model_reason_name(answer->reason), answer->observed ? " (observed)" : "",
	       verdict_text(drops), model_reason_name(moved));
	frame_print(frame, &answer->facts, stdout);
}

static void score_note(struct score *score, const struct model_answer *answer)
{
	bool six = answer->facts.family == 6;

	score->frames++;
	score->seen[answer->reason][answer->observed]++;
	if (answer->reason == SZ_REASON_DENY_HOST || answer->reason == SZ_REASON_DENY_NET)
		score->denied[answer->reason == SZ_REASON_DENY_NET][six]++;
}

static void compare_frame(struct run *run, struct score *score, struct tally *expected,
			  const struct frame *frame)
{
	struct model_answer answer = model_judge(&run->world.model, frame->bytes, frame->len);
	bool drops = gatebox_drops(run->box, frame->bytes, frame->len);
	struct sz_count count;

	score_note(score, &answer);
	expect(&expected->of[answer.reason], &answer, frame->len);
	gatebox_count(run->box, answer.reason, &count);
	if (drops != answer.drop || memcmp(&count, &expected->of[answer.reason], sizeof(count)))
		difference(run, score, expected, &answer, frame, drops);
}

static void compare_blocks(struct run *run, struct score *score)
{
	struct rng rng = {.state = run->seed + 1};
	struct tally expected, now;
	struct frame frame;

	tally_read(run->box, &expected);
	for (size_t i = 0; i < run->total; i++) {
		if (i % BLOCK == 0) {
			settings_draw(&run->world.model, &rng, i / BLOCK);
			gatebox_settings(run->box, &run->world.model);
			gatebox_choose(run->box, i / BLOCK % 2);
		}
		run_frame(run, i, &frame);
		compare_frame(run, score, &expected, &frame);
		if (i % BLOCK != BLOCK - 1)
			continue;
		tally_read(run->box, &now);
		score->blind_blocks += memcmp(&now, &expected, sizeof(now)) != 0;
		expected = now;
	}
}

static void report_pairs(const struct score *score)
{
	for (unsigned int m = 0; m < SZ_REASON_COUNT; m++)
		for (unsigned int g = 0; g <= SZ_REASON_COUNT; g++)
			if (score->pairs[m][g])
				printf("# %zu times: model %s, gate %s\n", score->pairs[m][g],
				       model_reason_name(m), model_reason_name(g));
}

/*
 * A reason that no frame reached was not compared. Those from RATE_HOST on depend on time, services
 * and sockets, which the model knows nothing of: tests/gate/test_rate*.c, test_service.c,
 * test_relief.c.
 */
static void report_reach(const struct score *score)
{
	unsigned int reached = 0;

	for (unsigned int r = 0; r < SZ_REASON_COUNT; r++) {
		size_t drops = score->seen[r][0], all = drops + score->seen[r][1];

		printf("# %-12s %6zu frames, %zu of them only observed\n", model_reason_name(r),
		       all, score->seen[r][1]);
		if (r < SZ_REASON_RATE_HOST)
			reached += drops >= (r == SZ_REASON_ETH_SHORT ? 1 : SEEN_MIN);
	}
	tap(reached == SZ_REASON_RATE_HOST,
	    "every reason that is the frame's own was met: %u of %u, %d times and more", reached,
	    SZ_REASON_RATE_HOST, SEEN_MIN);
	tap(score->denied[0][0] > 1000 && score->denied[0][1] > 1000 &&
		    score->denied[1][0] > 1000 && score->denied[1][1] > 1000,
	    "denied by host: %zu IPv4, %zu IPv6; by prefix: %zu and %zu", score->denied[0][0],
	    score->denied[0][1], score->denied[1][0], score->denied[1][1]);
}

/* Does the comparison see anything at all? A model without its deny lists must be found out. */
static void compare_blind(struct run *run)
{
	struct model_world forgetful = run->world.model;
	struct frame frame;
	size_t found = 0;

	forgetful.counts[MODEL_HOST] = forgetful.counts[MODEL_NET] = 0;
	for (size_t i = 0; i < BLOCK; i++) {
		run_frame(run, i, &frame);
		found += model_judge(&forgetful, frame.bytes, frame.len).drop !=
			 gatebox_drops(run->box, frame.bytes, frame.len);
	}
	tap(found > 100, "a model that forgot its deny lists is found out (%zu of %d frames)",
	    found, BLOCK);
}

void compare_model(struct run *run)
{
	static struct score score;
	uint64_t hosts, nets;
	struct rng rng = {0};

	compare_blocks(run, &score);
	report_pairs(&score);
	tap(score.differences == 0,
	    "gate and model agree on verdict and reason: %zu frames, %zu "
	    "differences",
	    score.frames, score.differences);
	tap(score.blind_blocks == 0, "no other counter moved");
	hosts = gatebox_hits(run->box, MODEL_HOST);
	nets = gatebox_hits(run->box, MODEL_NET);
	tap(hosts == score.denied[0][0] + score.denied[0][1] &&
		    nets == score.denied[1][0] + score.denied[1][1],
	    "hits of the entries add up: %llu in hosts, %llu in prefixes",
	    (unsigned long long)hosts, (unsigned long long)nets);
	report_reach(&score);
	settings_draw(&run->world.model, &rng, 0);
	gatebox_choose(run->box, false);
	gatebox_settings(run->box, &run->world.model);
	compare_blind(run);
}
