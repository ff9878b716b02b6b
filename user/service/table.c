/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Chains in buckets, a power of two; the upper half of a hash says which. */
#include <user/service/table.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 16
#define BUCKETS_MAX (1U << 24)

int table_init(struct table *table)
{
	struct table_node **buckets = calloc(BUCKETS_FIRST, sizeof(struct table_node *));

	if (!buckets)
		return -ENOMEM;
	*table = (struct table){.buckets = buckets, .mask = BUCKETS_FIRST - 1};
	return 0;
}

void table_deinit(struct table *table)
{
	free(table->buckets);
	*table = (struct table){0};
}

static struct table_node **bucket_of(const struct table *table, uint64_t hash)
{
	return &table->buckets[(hash >> 32) & table->mask];
}

static void put(struct table *table, struct table_node *node)
{
	struct table_node **bucket = bucket_of(table, node->hash);

	node->next = *bucket;
	*bucket = node;
}

static void grow(struct table *table)
{
	struct table old = *table;
	size_t count = 2 * (old.mask + 1);
	struct table_node **buckets;

	if (count > BUCKETS_MAX)
		return;
	buckets = calloc(count, sizeof(struct table_node *));
	if (!buckets)
		return;
	table->buckets = buckets;
	table->mask = count - 1;
	for (size_t i = 0; i <= old.mask; i++) {
		struct table_node *node, *next;

		for (node = old.buckets[i]; node; node = next) {
			next = node->next;
			put(table, node);
		}
	}
	free(old.buckets);
}

void table_add(struct table *table, struct table_node *node, uint64_t hash)
{
	if (table->count > table->mask)
		grow(table);
	node->hash = hash;
	put(table, node);
	table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
	struct table_node **at = bucket_of(table, node->hash);

	while (*at != node)
		at = &(*at)->next;
	*at = node->next;
	table->count--;
}

static struct table_node *from(struct table_node *node, uint64_t hash)
{
	while (node && node->hash != hash)
		node = node->next;
	return node;
}

struct table_node *table_first(const struct table *table, uint64_t hash)
{
	return from(*bucket_of(table, hash), hash);
}

struct table_node *table_next(const struct table_node *node, uint64_t hash)
{
	return from(node->next, hash);
}

static uint64_t rotate(uint64_t value, unsigned by)
{
	return value << by | value >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] = rotate(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	sip_round(v);
	v[0] ^= word;
}

uint64_t table_hash(const uint64_t key[2], const void *bytes, size_t len)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575U,
		key[1] ^ 0x646f72616e646f6dU,
		key[0] ^ 0x6c7967656e657261U,
		key[1] ^ 0x7465646279746573U,
	};
	const uint8_t *at = bytes;
	uint64_t word;

	for (; (size_t)(at - (const uint8_t *)bytes) + 8 <= len; at += 8) {
		memcpy(&word, at, 8);
		sip_word(v, word);
	}
	word = (uint64_t)len << 56;
	for (size_t i = 0; i < len % 8; i++)
		word |= (uint64_t)at[i] << (8 * i);
	sip_word(v, word);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
