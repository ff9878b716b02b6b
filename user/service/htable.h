/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hash table whose links are in what it holds: adding cannot fail. It grows when it can; without
 * memory its chains get longer. Hashes of what a stranger chooses come from htable_hash(), whose
 * key he does not know.
 *
 *	for (n = htable_first(&rooms, hash); n; n = htable_next(n, hash))
 */
#ifndef STRAZH_USER_SERVICE_HTABLE_H
#define STRAZH_USER_SERVICE_HTABLE_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

struct htable_node {
	struct htable_node *next;
	uint64_t hash;
};

struct htable {
	struct htable_node **buckets;
	size_t mask;
	size_t count;
};

int htable_init(struct htable *table) must_check;
void htable_deinit(struct htable *table); /* what it holds is the owner's */
void htable_add(struct htable *table, struct htable_node *node, uint64_t hash);
void htable_remove(struct htable *table, struct htable_node *node);
struct htable_node *htable_first(const struct htable *table, uint64_t hash);
struct htable_node *htable_next(const struct htable_node *node, uint64_t hash);

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
uint64_t htable_hash(const uint64_t key[2], const void *bytes, size_t len);
/* Of a number that we gave ourselves. */
static inline uint64_t htable_number(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15U;
}

#endif
