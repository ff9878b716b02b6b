/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include <orm/base/hash.h>

struct lanes {
	uint64_t a, b, c, d;
};

static uint64_t left(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void round_once(struct lanes *v)
{
	v->a += v->b;
	v->c += v->d;
	v->b = left(v->b, 13) ^ v->a;
	v->d = left(v->d, 16) ^ v->c;
	v->a = left(v->a, 32);
	v->c += v->b;
	v->a += v->d;
	v->b = left(v->b, 17) ^ v->c;
	v->d = left(v->d, 21) ^ v->a;
	v->c = left(v->c, 32);
}

static void mix(struct lanes *v, uint64_t word)
{
	v->d ^= word;
	round_once(v);
	v->a ^= word;
}

/* Little-endian, so that the paper's test vectors hold everywhere. */
static uint64_t word_at(const uint8_t *p, size_t len)
{
	uint64_t word = 0;

	for (size_t i = 0; i < len; i++)
		word |= (uint64_t)p[i] << 8 * i;
	return word;
}

uint64_t orm_hash(const uint64_t key[2], const void *data, size_t len)
{
	struct lanes v = {
		key[0] ^ 0x736f6d6570736575ULL,
		key[1] ^ 0x646f72616e646f6dULL,
		key[0] ^ 0x6c7967656e657261ULL,
		key[1] ^ 0x7465646279746573ULL,
	};
	const uint8_t *p = data;
	size_t rest = len;

	for (; rest >= 8; p += 8, rest -= 8)
		mix(&v, word_at(p, 8));
	mix(&v, (uint64_t)len << 56 | word_at(p, rest));
	v.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		round_once(&v);
	return v.a ^ v.b ^ v.c ^ v.d;
}
