/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A line is trimmed, stripped of its comment, and what is left is one item: an address, a prefix, a
 * range, or one of these inside `ipset save` or JSON clothes. IPv4, of which lists have millions,
 * is collected as 64-bit keys (address and length in one number, in the order of prefix_compare)
 * that a radix sort puts in order; the few IPv6 prefixes go through qsort.
 */
#include <user/base/cidrlist.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>

#define LEN_BITS 6 /* of a key: 0 to 32 */
#define RADIX_BITS 13
#define RADIX_PASSES 3 /* 32 + 6 bits */
#define RADIX_SIZE (1U << RADIX_BITS)

struct building {
	uint64_t *keys; /* IPv4 */
	size_t key_count, key_room;
	struct prefix *six;
	size_t six_count, six_room;
	struct cidrlist *list; /* for lines and faults */
};

struct text {
	const char *at, *end;
};

/* ---- collecting ---- */

static int grow(void **array, size_t *room, size_t count, size_t size)
{
	size_t more = *room ? *room * 2 : 1024;
	void *bigger;

	if (count < *room)
		return 0;
	bigger = reallocarray(*array, more, size);
	if (!bigger)
		return -ENOMEM;
	*array = bigger;
	*room = more;
	return 0;
}

static bool is_full(const struct building *b)
{
	return b->key_count + b->six_count >= CIDRLIST_MAX;
}

static int put4(struct building *b, uint32_t addr, unsigned int len)
{
	void *keys = b->keys;
	int r;

	if (is_full(b))
		return CIDRLIST_TOO_MANY;
	r = grow(&keys, &b->key_room, b->key_count, sizeof(*b->keys));
	b->keys = keys;
	if (r)
		return r;
	addr &= len ? ~0U << (32 - len) : 0;
	b->keys[b->key_count++] = (uint64_t)addr << LEN_BITS | len;
	return 0;
}

static uint32_t number4(const uint8_t *addr)
{
	return (uint32_t)addr[0] << 24 | (uint32_t)addr[1] << 16 | (uint32_t)addr[2] << 8 | addr[3];
}

static int put(struct building *b, const struct prefix *p)
{
	void *six = b->six;
	int r;

	if (p->family == 4)
		return put4(b, number4(p->addr), p->len);
	if (is_full(b))
		return CIDRLIST_TOO_MANY;
	r = grow(&six, &b->six_room, b->six_count, sizeof(*b->six));
	b->six = six;
	if (r)
		return r;
	b->six[b->six_count++] = *p;
	return 0;
}

static void fault(struct building *b, struct text line, const char *why)
{
	struct cidrlist *list = b->list;
	struct cidrlist_fault *f = &list->faults[list->faults_total];
	size_t len = MIN((size_t)(line.end - line.at), sizeof(f->text) - 1);

	if (list->faults_total++ >= ARRAY_LEN(list->faults))
		return;
	f->line = list->lines;
	f->why = why;
	for (size_t i = 0; i < len; i++)
		f->text[i] = line.at[i] >= ' ' && line.at[i] < 0x7f ? line.at[i] : '?';
	f->text[len] = '\0';
}

/* ---- ranges ---- */

/* The bits of an address as one number; IPv4 in its upper 32. */
typedef unsigned __int128 wide;

static wide wide_of(const struct prefix *p)
{
	wide n = 0;

	for (int i = 0; i < 16; i++)
		n = n << 8 | p->addr[i];
	return n;
}

static struct prefix prefix_of(uint8_t family, wide n, uint8_t len)
{
	uint8_t addr[16];

	for (int i = 15; i >= 0; i--, n >>= 8)
		addr[i] = (uint8_t)n;
	return prefix_from(family, addr, len);
}

/* The largest prefix that begins at `first` and ends at or before `last`, again and again. */
static int put_range(struct building *b, const struct prefix *from, const struct prefix *to)
{
	uint8_t max = prefix_len_max(from->family);
	wide first = wide_of(from) >> (128 - max), last = wide_of(to) >> (128 - max);

	for (;;) {
		uint8_t bits = 0; /* the prefix holds 2^bits addresses */
		struct prefix p;
		int r;

		while (bits < max && !(first >> bits & 1) &&
		       first + (((wide)1 << bits) - 1) + ((wide)1 << bits) <= last)
			bits++;
		if (bits == max - 1 && !first && last == first + (((wide)1 << bits) - 1))
			bits = (uint8_t)(max - 1);
		p = prefix_of(from->family, first << (128 - max), (uint8_t)(max - bits));
		r = put(b, &p);
		if (r)
			return r;
		if (last - first < (wide)1 << bits)
			return 0;
		first += (wide)1 << bits;
		if (first > last || !first)
			return 0;
	}
}
