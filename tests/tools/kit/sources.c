/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Addresses are 64-bit numbers here: IPv4 whole, IPv6 its upper or its lower half. */
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include <tests/tools/kit/sources.h>

#define ROUNDS 4
#define BITS_MAX 62u
#define DEFAULT4_FIRST 41u
#define DEFAULT4_COUNT 59u

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
	return z ^ (z >> 31);
}

/* A permutation of the numbers below 2^(2 * half). */
static uint64_t feistel(uint64_t number, unsigned int half, uint64_t key)
{
	uint64_t mask = (1ull << half) - 1, left = number >> half, right = number & mask;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		uint64_t next = left ^ (mix(right + key + round * 0x9e3779b97f4a7c15ull) & mask);

		left = right;
		right = next;
	}
	return left << half | right;
}

/* A permutation of the numbers below `size`. */
static uint64_t permute(uint64_t number, uint64_t size, uint64_t key)
{
	unsigned int half = 1;

	while (1ull << 2 * half < size)
		half++;
	do
		number = feistel(number, half, key);
	while (number >= size);
	return number;
}

struct source_range source_range_of(int family, const uint8_t *base, unsigned int len)
{
	struct source_range range = {.family = family, .len = len};
	unsigned int bits = family == AF_INET ? 32 - len : len < 64 ? 64 - len : 128 - len;

	memcpy(range.base, base, family == AF_INET ? 4 : 16);
	range.size = 1ull << (bits < BITS_MAX ? bits : BITS_MAX);
	return range;
}

struct source_range source_range_default(int family)
{
	struct source_range range = {.family = family};

	if (family == AF_INET) {
		range.base[0] = DEFAULT4_FIRST;
		range.size = (uint64_t)DEFAULT4_COUNT << 24;
		return range;
	}
	return source_range_of(family, (const uint8_t[16]){0x2a}, 12);
}

static uint64_t load_number(const uint8_t *bytes, unsigned int len)
{
	uint64_t number = 0;

	for (unsigned int i = 0; i < len; i++)
		number = number << 8 | bytes[i];
	return number;
}

static void store_number(uint8_t *ret_bytes, unsigned int len, uint64_t number)
{
	for (unsigned int i = len; i-- > 0; number >>= 8)
		ret_bytes[i] = (uint8_t)number;
}

void source_address(const struct source_range *range, uint64_t key, uint64_t number,
		    uint8_t ret_address[16])
{
	uint64_t place = permute(number, range->size, key), cut = range->size - 1;
	bool lower = range->len >= 64;
	uint8_t *half = ret_address + (lower ? 8 : 0);

	memcpy(ret_address, range->base, 16);
	if (range->family == AF_INET) {
		/* Only a prefix has its own bits under those of the number. */
		uint64_t base = load_number(range->base, 4);

		store_number(ret_address, 4, (range->len ? base & ~cut : base) + place);
		return;
	}
	store_number(half, 8, (load_number(half, 8) & ~cut) | place);
	if (!lower)
		store_number(ret_address + 8, 8, mix(place + key));
}
