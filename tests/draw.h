/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Numbers that look random and are the same in each run: xorshift64 (Marsaglia, 2003). */
#ifndef TESTS_DRAW_H
#define TESTS_DRAW_H

#include <stdint.h>

/* 0 to below - 1. Each file that includes this has a sequence of its own. */
static inline uint64_t draw(uint64_t below)
{
	static uint64_t state = 88172645463325252ULL;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

#endif
