/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One seed lives at a time. It is kept as the midstates of HMAC under it, which is all that anybody
 * does with it; whoever has them has the seed, so that they are wiped like one.
 */
#include <user/session/schedule.h>

#include <string.h>

#include <user/crypto/hash.h>
#include <user/crypto/wipe.h>
#include <user/wire/bytes.h>

#define LABEL_MAX 10 /* "PHS1 rekey" */
#define INFO_MAX (LABEL_MAX + 1 + PH_HASH_LEN)

static void expand(const struct hmac_key *key, const char *label, uint8_t direction,
		   const uint8_t *value, size_t len, uint8_t ret_key[32])
{
	uint8_t info[INFO_MAX], *end = info;

	end = put_bytes(end, label, strlen(label));
	end = put_byte(end, direction);
	end = put_bytes(end, value, len);
	kdf_expand1(key, info, (size_t)(end - info), ret_key);
}

void schedule_init(struct schedule *s, const struct session_keys *keys, uint8_t direction)
{
	own_wiped struct secret32 out = {0};
	struct hmac_key t;

	*s = (struct schedule){
		.n = keys->first[direction],
		.direction = direction,
		.strict = keys->strict,
	};
	hmac_key_set(&t, keys->t[direction], sizeof(keys->t[direction]));
	expand(&t, "PHS1 iv", direction, keys->h, sizeof(keys->h), out.bytes);
	memcpy(s->key.iv, out.bytes, sizeof(s->key.iv));
	expand(&t, "PHS1 seed", direction, keys->h, sizeof(keys->h), out.bytes);
	hmac_key_set(&s->key.seed, out.bytes, sizeof(out.bytes));
	wipe(&t, sizeof(t));
}

void schedule_wipe(struct schedule *s)
{
	wipe(&s->key, sizeof(s->key));
}

/* Into block j. */
static void ratchet(struct schedule *s, uint64_t j)
{
	own_wiped struct secret32 next = {0};
	uint8_t number[8];

	put_be64(number, j);
	expand(&s->key.seed, "PHS1 next", s->direction, number, sizeof(number), next.bytes);
	hmac_key_set(&s->key.seed, next.bytes, sizeof(next.bytes));
}

void schedule_advance(struct schedule *s, uint32_t count, uint64_t bytes)
{
	s->n += count;
	s->bytes += bytes;
	if (s->strict)
		ratchet(s, s->n);
	else if (s->n % PH_BLOCK == 0)
		ratchet(s, s->n / PH_BLOCK);
}

void schedule_rekey(struct schedule *s, const uint8_t dh[32], const uint8_t hash[32])
{
	own_wiped struct secret32 secret = {0};
	struct hmac_key mixed;

	hmac(&s->key.seed, dh, PH_KEY_LEN, secret.bytes);
	hmac_key_set(&mixed, secret.bytes, sizeof(secret.bytes));
	expand(&mixed, "PHS1 rekey", s->direction, hash, PH_HASH_LEN, secret.bytes);
	hmac_key_set(&s->key.seed, secret.bytes, sizeof(secret.bytes));
	wipe(&mixed, sizeof(mixed));
	s->epoch = !s->epoch;
	s->since = s->n;
	s->bytes = 0;
}
