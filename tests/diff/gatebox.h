/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The built gate in a box: loaded on maps of its own that are pinned nowhere, attached to nothing,
 * fed by BPF_PROG_TEST_RUN. Every function exits on a failure of the box itself.
 */
#ifndef STRAZH_TESTS_DIFF_GATEBOX_H
#define STRAZH_TESTS_DIFF_GATEBOX_H

#include <strazh/abi/stats.h>

#include "frames.h"
#include "world.h"

struct gatebox;

struct gatebox *gatebox_open(const char *object);
void gatebox_close(struct gatebox *box);

/* The lists of this world, presence and rate settings that no run can reach. */
void gatebox_fill(struct gatebox *box, const struct world *world);
/* The model's settings become the gate's. */
void gatebox_settings(struct gatebox *box, const struct model_world *settings);

/* From here on the program for drivers that spread a frame over several buffers, or the other. */
void gatebox_choose(struct gatebox *box, bool frags);

/* True: dropped. Frames beyond a page want the program chosen with `frags`. */
bool gatebox_drops(struct gatebox *box, const uint8_t *frame, size_t len);
/* Sums over all CPUs, sample fields 0. */
void gatebox_count(struct gatebox *box, unsigned int index, struct sz_count *ret_count);
/* Hits of all entries of the deny tables: hosts or prefixes. */
uint64_t gatebox_hits(struct gatebox *box, enum model_table table);

#endif
