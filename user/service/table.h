/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hash table whose links are in what it holds: adding cannot fail. It grows when it can; without
 * memory its chains get longer. Hashes of what a stranger chooses come from map_hash(), whose key
 * he does not know.
 *
 *	for (n = map_first(&rooms, hash); n; n = map_next(n, hash))
 */
#ifndef STRAZH_USER_SERVICE_TABLE_H
#define STRAZH_USER_SERVICE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t mask;
	size_t count;
};

int map_init(struct map *table) must_check;
void map_deinit(struct map *table); /* what it holds is the owner's */
void map_add(struct map *table, struct map_node *node, uint64_t hash);
void map_remove(struct map *table, struct map_node *node);
struct map_node *map_first(const struct map *table, uint64_t hash);
struct map_node *map_next(const struct map_node *node, uint64_t hash);

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
uint64_t map_hash(const uint64_t key[2], const void *bytes, size_t len);
/* Of a number that we gave ourselves. */
static inline uint64_t map_number(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15U;
}

#endif
