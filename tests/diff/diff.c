// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The differential test of the gate. Three ways to call it, for tests/diff/run.sh:
 *
 *	diff addresses SEED		the sources that frames should have
 *	diff ruleset SEED		the lists as a ruleset of nftables
 *	diff run SEED OBJECT FRAMES	the test; needs the links and the ruleset that run.sh makes
 *
 * The lists depend on SEED alone, so all three speak of the same ones.
 */
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

#define FRAMES_TOTAL 100000U

static unsigned int planned, failed;

void tap(bool ok, const char *format, ...)
{
	va_list args;

	planned++;
	failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", planned);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

int tap_end(void)
{
	printf("1..%u\n", planned);
	return failed ? 1 : 0;
}

void run_frame(const struct run *run, size_t i, struct frame *ret_frame)
{
	struct rng rng = {.state = run->seed * 0x2545f4914f6cdd1dULL + i};

	if (i < run->corpus.count)
		*ret_frame = run->corpus.frames[i];
	else
		frame_mutate(&run->corpus, &run->world, &rng, ret_frame);
}

void tally_read(struct gatebox *box, struct tally *ret_tally)
{
	for (unsigned int reason = 0; reason < SZ_REASON_COUNT; reason++)
		gatebox_count(box, reason, &ret_tally->of[reason]);
}

unsigned int tally_moved(const struct tally *before, const struct tally *after)
{
	unsigned int moved = SZ_REASON_COUNT;

	for (unsigned int reason = 0; reason < SZ_REASON_COUNT; reason++) {
		if (!memcmp(&before->of[reason], &after->of[reason], sizeof(struct sz_count)))
			continue;
		if (moved != SZ_REASON_COUNT)
			return SZ_REASON_COUNT;
		moved = reason;
	}
	return moved;
}

static int run_all(uint64_t seed, const char *object, const char *frames)
{
	struct run run = {.seed = seed, .object = object, .total = FRAMES_TOTAL};

	world_make(&run.world, seed);
	corpus_read(&run.corpus, frames);
	run.box = gatebox_open(object);
	gatebox_fill(run.box, &run.world);
	printf("# seed %llu: %zu frames of scapy, %zu in all; entries: never %zu, allow %zu, hosts "
	       "%zu, prefixes %zu\n",
	       (unsigned long long)seed, run.corpus.count, run.total,
	       run.world.model.counts[MODEL_NEVER], run.world.model.counts[MODEL_ALLOW],
	       run.world.model.counts[MODEL_HOST], run.world.model.counts[MODEL_NET]);
	compare_model(&run);
	compare_bogons(&run);
	compare_large(&run);
	compare_mutants(&run);
	compare_nft(&run);
	gatebox_close(run.box);
	corpus_free(&run.corpus);
	world_free(&run.world);
	return tap_end();
}

static uint64_t seed_from(const char *text)
{
	char *end;
	uint64_t seed = strtoull(text, &end, 0);

	if (end == text || *end)
		errx(2, "SEED '%s' is no number", text);
	return seed;
}

int main(int argc, char **argv)
{
	struct world world;

	if (argc == 5 && !strcmp(argv[1], "run"))
		return run_all(seed_from(argv[2]), argv[3], argv[4]);
	if (argc != 3 || (strcmp(argv[1], "addresses") != 0 && strcmp(argv[1], "ruleset") != 0))
		errx(2, "diff addresses SEED | diff ruleset SEED | diff run SEED OBJECT FRAMES");
	world_make(&world, seed_from(argv[2]));
	world.model.lists_off = NFT_LISTS_OFF;
	if (!strcmp(argv[1], "addresses"))
		world_print_addresses(&world, stdout);
	else
		world_print_ruleset(&world, stdout);
	world_free(&world);
	return 0;
}
