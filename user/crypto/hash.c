/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 and HMAC. The state lies in our own structs; a SHA256_CTX is only the vessel in which a
 * block is compressed. Everything that a key went through on the stack is wiped.
 *
 * The words are in the order of the host, as libipsec-mb wants midstates, too.
 */
#include <user/crypto/hash.h>

#include <user/crypto/compress.h>
#include <user/crypto/wipe.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "put_be32s() turns bytes around"
#endif

static void run(uint32_t state[8], const uint8_t *blocks, size_t n)
{
	SHA256_CTX ctx;

	memcpy(ctx.h, state, sizeof(ctx.h));
	if (n == 1)
		compress(&ctx, blocks);
	else
		compress_many(&ctx, blocks, n);
	memcpy(state, ctx.h, sizeof(ctx.h));
	wipe(ctx.h, sizeof(ctx.h));
}

void sha256_init(struct sha256 *s)
{
	memcpy(s->state, sha256_first, sizeof(s->state));
	s->len = 0;
}

void sha256_add(struct sha256 *s, const void *bytes, size_t len)
{
	size_t held = s->len % COMPRESS_BLOCK, whole;
	const uint8_t *from = bytes;

	if (!len)
		return;
	s->len += len;
	if (held) {
		size_t n = COMPRESS_BLOCK - held;

		if (len < n)
			n = len;
		memcpy(s->block + held, from, n);
		from += n;
		len -= n;
		if (held + n < COMPRESS_BLOCK)
			return;
		run(s->state, s->block, 1);
	}
	whole = len / COMPRESS_BLOCK;
	if (whole) {
		run(s->state, from, whole);
		from += whole * COMPRESS_BLOCK;
		len -= whole * COMPRESS_BLOCK;
	}
	if (len)
		memcpy(s->block, from, len);
}

void sha256_end(struct sha256 *s, uint8_t ret_digest[32])
{
	size_t held = s->len % COMPRESS_BLOCK;

	s->block[held++] = 0x80;
	if (held > COMPRESS_BLOCK - 8) {
		memset(s->block + held, 0, COMPRESS_BLOCK - held);
		run(s->state, s->block, 1);
		held = 0;
	}
	memset(s->block + held, 0, COMPRESS_BLOCK - 8 - held);
	put_be64(s->block + COMPRESS_BLOCK - 8, s->len * 8);
	run(s->state, s->block, 1);
	put_be32s(ret_digest, s->state, 8);
	wipe(s, sizeof(*s));
}

void sha256(const void *bytes, size_t len, uint8_t ret_digest[32])
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, bytes, len);
	sha256_end(&s, ret_digest);
}

/* RFC 2104: a longer key is hashed first. */
void hmac_key_set(struct hmac_key *key, const void *secret, size_t len)
{
	uint8_t block[COMPRESS_BLOCK] = {0}, pad[COMPRESS_BLOCK];

	if (len > COMPRESS_BLOCK)
		sha256(secret, len, block);
	else if (len)
		memcpy(block, secret, len);
	for (size_t i = 0; i < COMPRESS_BLOCK; i++)
		pad[i] = block[i] ^ 0x36;
	memcpy(key->inner, sha256_first, sizeof(key->inner));
	run(key->inner, pad, 1);
	for (size_t i = 0; i < COMPRESS_BLOCK; i++)
		pad[i] = block[i] ^ 0x5c;
	memcpy(key->outer, sha256_first, sizeof(key->outer));
	run(key->outer, pad, 1);
	wipe(block, sizeof(block));
	wipe(pad, sizeof(pad));
}

void hmac_init(struct hmac *h, const struct hmac_key *key)
{
	memcpy(h->inner.state, key->inner, sizeof(h->inner.state));
	h->inner.len = COMPRESS_BLOCK;
	memcpy(h->outer, key->outer, sizeof(h->outer));
}

void hmac_add(struct hmac *h, const void *bytes, size_t len)
{
	sha256_add(&h->inner, bytes, len);
}

void hmac_end(struct hmac *h, uint8_t ret_mac[32])
{
	uint8_t inner[SHA256_LEN];
	struct sha256 outer;

	sha256_end(&h->inner, inner);
	memcpy(outer.state, h->outer, sizeof(outer.state));
	outer.len = COMPRESS_BLOCK;
	sha256_add(&outer, inner, sizeof(inner));
	sha256_end(&outer, ret_mac);
	wipe(inner, sizeof(inner));
	wipe(h, sizeof(*h));
}

/* A message that fits the last block of the inner hash with its padding: two compressions in one
 * vessel. This is each key and each signature of a record. */
static void hmac_short(const struct hmac_key *key, const void *bytes, size_t len,
		       uint8_t ret_mac[32])
{
	uint8_t block[COMPRESS_BLOCK] = {0};
	SHA256_CTX ctx;

	if (len)
		memcpy(block, bytes, len);
	block[len] = 0x80;
	put_be64(block + COMPRESS_BLOCK - 8, (COMPRESS_BLOCK + len) * 8);
	memcpy(ctx.h, key->inner, sizeof(ctx.h));
	compress(&ctx, block);

	put_be32s(block, ctx.h, 8);
	memset(block + SHA256_LEN, 0, sizeof(block) - SHA256_LEN);
	block[SHA256_LEN] = 0x80;
	put_be64(block + COMPRESS_BLOCK - 8, (COMPRESS_BLOCK + SHA256_LEN) * 8);
	memcpy(ctx.h, key->outer, sizeof(ctx.h));
	compress(&ctx, block);
	put_be32s(ret_mac, ctx.h, 8);
	wipe(ctx.h, sizeof(ctx.h));
	wipe(block, sizeof(block));
}

void hmac(const struct hmac_key *key, const void *bytes, size_t len, uint8_t ret_mac[32])
{
	struct hmac h;

	if (len <= COMPRESS_BLOCK - 9) {
		hmac_short(key, bytes, len, ret_mac);
		return;
	}
	hmac_init(&h, key);
	hmac_add(&h, bytes, len);
	hmac_end(&h, ret_mac);
}
