/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of one direction of a session:
 *
 *	seed[d,0]   = Expand1(t_d, "PHS1 seed" | d | h)
 *	iv[d]       = Expand1(t_d, "PHS1 iv" | d | h)[0..11]
 *	seed[d,j+1] = Expand1(seed[d,j], "PHS1 next" | d | be64(j + 1))		j = n >> 8
 *	seed'	    = Expand1(HMAC(seed[d,j], DH), "PHS1 rekey" | d | hash)
 *
 * Here are the seeds only; the keys of an operation exist inside the engine and nowhere else. A
 * strict direction has blocks of one operation: j = n. A seed that was moved on from is gone.
 *
 * After a rekey n counts on and so does j = n >> 8: seed' takes the place of seed[d,j], where j is
 * the block of the first operation under it.
 */
#ifndef STRAZH_USER_SESSION_SCHEDULE_H
#define STRAZH_USER_SESSION_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include <strazh/wire/phantom.h>
#include <user/crypto/engine.h>
#include <user/session/keys.h>

struct schedule {
	struct record_key key; /* seed[d,j] and iv[d]: secret */
	uint64_t n;	       /* the operation that comes next */
	uint64_t since;	       /* the n at which the last rekey took place */
	uint64_t bytes;	       /* of C since then */
	uint8_t direction;
	bool strict;
	bool epoch; /* changes with each rekey */
};

/* From t1 or t2 of a handshake; the caller wipes the keys once it has no use for them. */
void schedule_init(struct schedule *s, const struct session_keys *keys, uint8_t direction);
void schedule_wipe(struct schedule *s);

/* How many operations from n on have s->key in common: what one batch of an engine can hold. */
static inline uint32_t schedule_run(const struct schedule *s)
{
	return s->strict ? 1 : PH_BLOCK - (uint32_t)(s->n % PH_BLOCK);
}

/* That many are done, at most schedule_run(): n moves on, and the seed with it when they ended a
 * block. `bytes` of C were in them. */
void schedule_advance(struct schedule *s, uint32_t count, uint64_t bytes);

/* From n on under fresh keys; the epoch changes. The hash is that of both rekey bodies. */
void schedule_rekey(struct schedule *s, const uint8_t dh[32], const uint8_t hash[32]);

/* Operations since the last rekey, or since the beginning. */
static inline uint64_t schedule_age(const struct schedule *s)
{
	return s->n - s->since;
}

#endif
