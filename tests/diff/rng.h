/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* splitmix64 (S. Vigna, public domain): the same numbers on every machine for the same seed. */
#ifndef STRAZH_TESTS_DIFF_RNG_H
#define STRAZH_TESTS_DIFF_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t state;
};

static inline uint64_t rng_next(struct rng *rng)
{
	uint64_t z = (rng->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 0 .. below - 1; the bias of the modulo does not matter to a test */
static inline uint32_t rng_below(struct rng *rng, uint32_t below)
{
	return (uint32_t)(rng_next(rng) >> 32) % below;
}

static inline bool rng_percent(struct rng *rng, uint32_t percent)
{
	return rng_below(rng, 100) < percent;
}

static inline void rng_bytes(struct rng *rng, uint8_t *to, size_t len)
{
	for (size_t i = 0; i < len; i++)
		to[i] = (uint8_t)(rng_next(rng) >> 32);
}

#endif
