/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Frames through the kernel, and what became of them. Sent on "in0" they arrive at "in1", where
 * the ruleset of world_print_ruleset() sends them on to "pass0" or a copy of them to "drop0"; both
 * are watched at their far ends. A frame carries its number in its source MAC address.
 */
#ifndef STRAZH_TESTS_DIFF_WIRE_H
#define STRAZH_TESTS_DIFF_WIRE_H

#include "frames.h"

#define WIRE_BATCH 64

enum wire_seen { WIRE_PASSED = 1, WIRE_DROPPED = 2, WIRE_TWICE = 4 };

struct wire {
	int in_fd, pass_fd, drop_fd;
	uint32_t markers;
	size_t strangers; /* frames nobody here sent */
};

/* Exits when the links are not there. */
void wire_open(struct wire *wire);
void wire_close(struct wire *wire);

/*
 * Send up to WIRE_BATCH frames numbered from `first`, wait until the marker behind them has come
 * out at both ends, and note in seen[number] where each was met (enum wire_seen). False: a marker
 * was lost, so nothing can be said.
 */
bool wire_ask(struct wire *wire, struct frame *frames, uint32_t first, uint32_t count,
	      uint8_t *seen) __attribute__((warn_unused_result));

#endif
