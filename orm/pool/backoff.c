/* SPDX-License-Identifier: Apache-2.0 */
#include <strazh/base/compiler.h>

#include <orm/pool/backoff.h>

/* Odd constant of SplitMix64: close seeds become far states. */
#define GOLDEN 0x9e3779b97f4a7c15ULL

void orm_random_init(struct orm_random *r, uint64_t seed)
{
	uint64_t z = seed + GOLDEN;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	z ^= z >> 31;
	r->state = z ? z : GOLDEN; /* 0 is the one state that it never leaves */
}

uint64_t orm_random_next(struct orm_random *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

uint64_t orm_random_upto(struct orm_random *r, uint64_t most)
{
	/* The high half of a 128-bit product; its bias is below most / 2^64. */
	if (most == UINT64_MAX)
		return orm_random_next(r);
	return (uint64_t)(((unsigned __int128)orm_random_next(r) * (most + 1)) >> 64);
}

void orm_backoff_init(struct orm_backoff *b, uint64_t base_ns, uint64_t cap_ns, uint64_t seed)
{
	orm_random_init(&b->random, seed);
	b->base_ns = MAX(base_ns, 1);
	b->cap_ns = cap_ns;
	orm_backoff_reset(b);
}

void orm_backoff_reset(struct orm_backoff *b)
{
	b->most_ns = MIN(b->base_ns, b->cap_ns);
}

uint64_t orm_backoff_next_ns(struct orm_backoff *b)
{
	uint64_t pause = orm_random_upto(&b->random, b->most_ns);

	b->most_ns = b->most_ns > b->cap_ns / 2 ? b->cap_ns : b->most_ns * 2;
	return pause;
}
