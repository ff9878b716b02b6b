/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long to wait before the next attempt: exponential with full jitter, a pause drawn evenly from
 * 0 to min(cap, base * 2^n), which of the usual ways spreads clients best (M. Brooker, "Exponential
 * Backoff And Jitter", AWS Architecture Blog, 2015). The same seed gives the same pauses.
 */
#ifndef STRAZH_ORM_BACKOFF_H
#define STRAZH_ORM_BACKOFF_H

#include <stdint.h>

/* xorshift64* (S. Vigna, "An experimental exploration of Marsaglia's xorshift generators,
 * scrambled", 2016). For spreading load, not for secrets. Any seed, 0 too. */
struct orm_random {
	uint64_t state;
};
void orm_random_init(struct orm_random *r, uint64_t seed);
uint64_t orm_random_next(struct orm_random *r);
/* 0 to most, both included, evenly. */
uint64_t orm_random_upto(struct orm_random *r, uint64_t most);

struct orm_backoff {
	struct orm_random random;
	uint64_t base_ns;
	uint64_t cap_ns;
	uint64_t most_ns; /* of the next pause */
};

/* base_ns at least 1. */
void orm_backoff_init(struct orm_backoff *b, uint64_t base_ns, uint64_t cap_ns, uint64_t seed);
uint64_t orm_backoff_next_ns(struct orm_backoff *b);
/* It worked: the next pause is a short one again. */
void orm_backoff_reset(struct orm_backoff *b);

#endif
