/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The choice, and two at a time. A block is filled as words, once, in the order in which the
 * processor computes; its inner hash becomes the first half of the outer block without a turn.
 */
#include <pthread.h>

#include <user/crypto/compress.h>
#include <user/crypto/lanes_kind.h>
#include <user/crypto/wipe.h>

/* From here on the lanes of a register pay; below, pairs. Measured: 16 lanes take as long as 6
 * pairs take, however many of them are empty. */
#define SIXTEEN_MIN 10

const uint32_t sha256_k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};

static enum lanes_way best;

static void look(void)
{
	if (lanes_two_here())
		best = lanes_sixteen_here() ? LANES_SIXTEEN : LANES_TWO;
}

enum lanes_way lanes_best(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, look);
	return best;
}

struct block {
	uint32_t w[16];
};

static void block_text(struct block *b, const uint8_t *text, size_t len)
{
	const size_t whole = len / 4;

	memset(b->w, 0, sizeof(b->w));
	for (size_t i = 0; i < whole; i++)
		b->w[i] = lanes_word(text + 4 * i);
	b->w[whole] = lanes_last(text + 4 * whole, len % 4);
	b->w[15] = (uint32_t)(COMPRESS_BLOCK + len) * 8;
}

static void block_outer(struct block *b, const uint32_t inner[8])
{
	memcpy(b->w, inner, 32);
	memset(b->w + 8, 0, 32);
	b->w[8] = 0x80000000;
	b->w[15] = (COMPRESS_BLOCK + SHA256_LEN) * 8;
}

static void two_hmac(const struct lane *a, const struct lane *b, size_t text_len)
{
	uint32_t state[2][8];
	struct block block[2];

	memcpy(state[0], a->key->inner, 32);
	memcpy(state[1], b->key->inner, 32);
	block_text(&block[0], a->text, text_len);
	block_text(&block[1], b->text, text_len);
	lanes_two(state[0], block[0].w, state[1], block[1].w);
	block_outer(&block[0], state[0]);
	block_outer(&block[1], state[1]);
	memcpy(state[0], a->key->outer, 32);
	memcpy(state[1], b->key->outer, 32);
	lanes_two(state[0], block[0].w, state[1], block[1].w);
	put_be32s(a->mac, state[0], 8);
	put_be32s(b->mac, state[1], 8);
	wipe(state, sizeof(state));
	wipe(block, sizeof(block));
}

static void two_pads(const uint8_t *secret, struct hmac_key *ret_key)
{
	struct block inner, outer;

	for (unsigned i = 0; i < 16; i++) {
		uint32_t word = i < 8 ? lanes_word(secret + 4 * i) : 0;

		inner.w[i] = word ^ 0x36363636;
		outer.w[i] = word ^ 0x5c5c5c5c;
	}
	memcpy(ret_key->inner, sha256_first, 32);
	memcpy(ret_key->outer, sha256_first, 32);
	lanes_two(ret_key->inner, inner.w, ret_key->outer, outer.w);
	wipe(&inner, sizeof(inner));
	wipe(&outer, sizeof(outer));
}

void lanes_hmac(enum lanes_way way, const struct lane *lanes, size_t n, size_t text_len)
{
	size_t i = 0;

	for (; way == LANES_SIXTEEN && n - i >= SIXTEEN_MIN; i += MIN(n - i, (size_t)16))
		lanes_sixteen_hmac(lanes + i, MIN(n - i, (size_t)16), text_len);
	for (; way >= LANES_TWO && n - i >= 2; i += 2)
		two_hmac(&lanes[i], &lanes[i + 1], text_len);
	for (; i < n; i++)
		hmac(lanes[i].key, lanes[i].text, text_len, lanes[i].mac);
}

static void one_once(enum lanes_way way, const struct lane_once *l, size_t text_len)
{
	struct hmac_key key;

	if (way >= LANES_TWO)
		two_pads(l->secret, &key);
	else
		hmac_key_set(&key, l->secret, 32);
	hmac(&key, l->text, text_len, l->mac);
	wipe(&key, sizeof(key));
}

static void two_once(const struct lane_once *a, const struct lane_once *b, size_t text_len)
{
	struct hmac_key keys[2];

	two_pads(a->secret, &keys[0]);
	two_pads(b->secret, &keys[1]);
	two_hmac(&(struct lane){&keys[0], a->text, a->mac},
		 &(struct lane){&keys[1], b->text, b->mac}, text_len);
	wipe(keys, sizeof(keys));
}

void lanes_hmac_once(enum lanes_way way, const struct lane_once *lanes, size_t n, size_t text_len)
{
	size_t i = 0;

	for (; way == LANES_SIXTEEN && n - i >= SIXTEEN_MIN; i += MIN(n - i, (size_t)16))
		lanes_sixteen_hmac_once(lanes + i, MIN(n - i, (size_t)16), text_len);
	for (; way >= LANES_TWO && n - i >= 2; i += 2)
		two_once(&lanes[i], &lanes[i + 1], text_len);
	for (; i < n; i++)
		one_once(way, &lanes[i], text_len);
}
