/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The comparisons. Each prints one or more lines of TAP. */
#ifndef STRAZH_TESTS_DIFF_COMPARE_H
#define STRAZH_TESTS_DIFF_COMPARE_H

#include "frames.h"
#include "gatebox.h"
#include "world.h"

struct run {
	uint64_t seed;
	const char *object;
	size_t total; /* frames in all; those behind the corpus are mutants */
	struct corpus corpus;
	struct world world;
	struct gatebox *box;
};

/* Frame number `i` of the run: always the same one. */
void run_frame(const struct run *run, size_t i, struct frame *ret_frame);

/* Counters of all reasons as the box has them. */
struct tally {
	struct sz_count of[SZ_REASON_COUNT];
};
void tally_read(struct gatebox *box, struct tally *ret_tally);
/* The reason whose counter moved between the two; SZ_REASON_COUNT: none or several did. */
unsigned int tally_moved(const struct tally *before, const struct tally *after);

void tap(bool ok, const char *format, ...) __attribute__((format(printf, 2, 3)));
int tap_end(void); /* prints the plan; exit status */

void compare_model(struct run *run);
void compare_bogons(struct run *run);
void compare_large(struct run *run);
void compare_mutants(struct run *run);
void compare_nft(struct run *run);

/* The lists that are silenced while nftables is asked. */
#define NFT_LISTS_OFF (1ULL << 2 | 1ULL << 7 | 1ULL << 30)

#endif
