/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Buffers of one reactor, in three sizes, lent to connections while they hold bytes. Bounded by
 * `max`; what is given back is kept for the next up to POOL_KEEP of a size. Single-threaded.
 */
#ifndef STRAZH_USER_NET_POOL_H
#define STRAZH_USER_NET_POOL_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

/* A handshake frame; records of some KiB; the longest record, which is 65,584 bytes. */
#define POOL_SMALL 2304U
#define POOL_MEDIUM 17408U
#define POOL_LARGE 73728U
#define POOL_CLASSES 3
#define POOL_KEEP 64U /* blocks of each size */

struct block {
	struct block *next;
	uint32_t at, len; /* the holder's: [at, len) is what is in it */
	uint32_t size;	  /* of bytes */
	uint32_t class;
	uint8_t bytes[];
};

struct pool {
	size_t max, lent; /* bytes */
	size_t refused;
	struct {
		struct block *free;
		unsigned kept;
	} classes[POOL_CLASSES];
};

void pool_init(struct pool *pool, size_t max);
void pool_deinit(struct pool *pool);
/* A block of at least `need` bytes (at most POOL_LARGE), empty. NULL: the pool is at its end, or
 * there is no memory; counted in `refused`. */
struct block *pool_take(struct pool *pool, size_t need) must_check;
/*
 * The same for who can wait until there is room: of the last quarter it gets small ones alone. So
 * peers that do not read what is for them leave room for what others send, who cannot wait.
 */
struct block *pool_take_patient(struct pool *pool, size_t need) must_check;
void pool_put(struct pool *pool, struct block *block); /* NULL is fine */

#endif
