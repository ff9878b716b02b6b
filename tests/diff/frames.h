/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The frames of a run: those that scapy made, read from a file, and mutants of them. */
#ifndef STRAZH_TESTS_DIFF_FRAMES_H
#define STRAZH_TESTS_DIFF_FRAMES_H

#include <stdio.h>

#include "model.h"
#include "rng.h"
#include "world.h"

#define FRAME_MIN 14 /* BPF_PROG_TEST_RUN takes none shorter */
#define FRAME_MAX 2000

struct frame {
	uint16_t len;
	uint8_t bytes[FRAME_MAX];
};

struct corpus {
	struct frame *frames;
	size_t count;
};

/* Exits when the file is not what frames.py writes. */
void corpus_read(struct corpus *corpus, const char *path);
void corpus_free(struct corpus *corpus);

/* A frame of the corpus with one to four things changed, or, seldom, bytes from nowhere. */
void frame_mutate(const struct corpus *corpus, const struct world *world, struct rng *rng,
		  struct frame *ret_frame);

/* Another source address, where the frame has one. */
void frame_set_source(struct frame *frame, const uint8_t *addr);

/* In hex, with what the model read in it: lines that begin with "# ". */
void frame_print(const struct frame *frame, const struct model_facts *facts, FILE *to);

#endif
