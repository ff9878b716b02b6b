/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A hash table whose links are in what it holds: adding cannot fail. It grows when it can; without
 * memory its chains get longer. Hashes of what a stranger chooses come from table_hash(), whose key
 * he does not know.
 *
 *	for (n = table_first(&rooms, hash); n; n = table_next(n, hash))
 */
#ifndef STRAZH_USER_SERVICE_TABLE_H
#define STRAZH_USER_SERVICE_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>

struct table_node {
	struct table_node *next;
	uint64_t hash;
};

struct table {
	struct table_node **buckets;
	size_t mask;
	size_t count;
};

int table_init(struct table *table) must_check;
void table_deinit(struct table *table); /* what it holds is the owner's */
void table_add(struct table *table, struct table_node *node, uint64_t hash);
void table_remove(struct table *table, struct table_node *node);
struct table_node *table_first(const struct table *table, uint64_t hash);
struct table_node *table_next(const struct table_node *node, uint64_t hash);

/* SipHash-1-3 (Aumasson and Bernstein, 2012). */
uint64_t table_hash(const uint64_t key[2], const void *bytes, size_t len);
/* Of a number that we gave ourselves. */
static inline uint64_t table_number(uint64_t number)
{
	return number * 0x9e3779b97f4a7c15U;
}

#endif
