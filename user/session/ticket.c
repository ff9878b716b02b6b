/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model. Two keys: the first seals, both open. Turning moves the first to the second place and
 * wipes what was there. The nonce of a ticket is random: 2^32 tickets under one key would be too
 * many for that (NIST SP 800-38D, 8.3), and a lifetime of a day at 10,000 a second has a fifth of
 * them. Times inside a ticket were written by the server and are trusted once the tag fits.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <user/crypto/hash.h>
#include <user/crypto/wipe.h>
#include <user/session/ticket.h>

#define AD "PHS1 ticket"
#define AD_LEN (sizeof(AD) - 1)
#define RES "PHS1 res"
#define RES_LEN (sizeof(RES) - 1)

/* Places in what is sealed. */
enum { AT_EXPIRES = 32, AT_ORIGIN_S = 40, AT_ORIGIN = 48, AT_IDENTIFIED = 49, AT_KEY = 56 };

static void put64(uint8_t *at, uint64_t value)
{
	value = htobe64(value);
	memcpy(at, &value, sizeof(value));
}

static uint64_t get64(const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return be64toh(value);
}

static int make_key(struct ticket_key *key)
{
	struct ticket_key made = {.set = true};
	int r = crypto_random(made.id, sizeof(made.id));

	if (!r)
		r = crypto_random(made.key, sizeof(made.key));
	if (!r)
		*key = made;
	wipe(&made, sizeof(made));
	return r;
}

int ticket_keys_init(struct ticket_keys *keys, uint32_t lifetime_s, uint32_t chain_s,
		     uint64_t now_s)
{
	struct ticket_keys made = {.lifetime_s = lifetime_s, .chain_s = chain_s, .since_s = now_s};
	int r = lifetime_s ? make_key(&made.keys[0]) : -EINVAL;

	if (!r)
		*keys = made;
	wipe(&made, sizeof(made));
	return r;
}

int ticket_keys_turn(struct ticket_keys *keys, uint64_t now_s, bool *ret_turned)
{
	struct ticket_key fresh;
	bool due = now_s < keys->since_s || now_s - keys->since_s >= keys->lifetime_s;
	int r = due ? make_key(&fresh) : 0;

	if (r)
		return r;
	*ret_turned = due;
	if (!due)
		return 0;
	/* Two lifetimes without a turn: nothing that the old key sealed is good any more. */
	if (now_s < keys->since_s || now_s - keys->since_s >= 2ULL * keys->lifetime_s)
		wipe(&keys->keys[1], sizeof(keys->keys[1]));
	else
		keys->keys[1] = keys->keys[0];
	keys->keys[0] = fresh;
	keys->since_s = now_s;
	wipe(&fresh, sizeof(fresh));
	return 0;
}

void ticket_keys_deinit(struct ticket_keys *keys)
{
	wipe(keys, sizeof(*keys));
}

void ticket_psk(const struct session_keys *session, uint8_t ret_psk[PH_KEY_LEN])
{
	uint8_t info[RES_LEN + PH_HASH_LEN];
	struct hmac_key key;

	memcpy(info, RES, RES_LEN);
	memcpy(info + RES_LEN, session->h, PH_HASH_LEN);
	hmac_key_set(&key, session->t[2], PH_KEY_LEN);
	kdf_expand1(&key, info, sizeof(info), ret_psk);
	wipe(&key, sizeof(key));
}

static bool is_chain_over(const struct ticket_keys *keys, uint64_t origin_s, uint64_t now_s)
{
	return now_s > origin_s && now_s - origin_s > keys->chain_s;
}

int ticket_make(const struct ticket_keys *keys, const struct session_keys *session, uint64_t now_s,
		struct ticket *ret_ticket)
{
	struct ticket ticket = {
		.expires_s = now_s + keys->lifetime_s,
		.origin_s = session->origin_s,
		.origin = session->origin,
		.identified = session->identified,
	};

	if (is_chain_over(keys, session->origin_s, now_s))
		return -EINVAL;
	if (session->identified)
		memcpy(ticket.client_key, session->peer_key, PH_KEY_LEN);
	ticket_psk(session, ticket.psk);
	*ret_ticket = ticket;
	wipe(&ticket, sizeof(ticket));
	return 0;
}

static void make_ad(const uint8_t id[TICKET_KEY_ID_LEN], uint8_t ret_ad[AD_LEN + TICKET_KEY_ID_LEN])
{
	memcpy(ret_ad, AD, AD_LEN);
	memcpy(ret_ad + AD_LEN, id, TICKET_KEY_ID_LEN);
}

int ticket_seal(const struct ticket_keys *keys, struct crypto *c, const struct ticket *ticket,
		uint8_t ret_bytes[TICKET_LEN])
{
	const struct ticket_key *key = &keys->keys[0];
	uint8_t bytes[TICKET_LEN] = {0}, ad[AD_LEN + TICKET_KEY_ID_LEN];
	uint8_t *nonce = bytes + TICKET_KEY_ID_LEN, *plain = nonce + TICKET_NONCE_LEN;
	int r = key->set ? crypto_random(nonce, TICKET_NONCE_LEN) : -EINVAL;

	if (!r) {
		memcpy(bytes, key->id, sizeof(key->id));
		make_ad(key->id, ad);
		memcpy(plain, ticket->psk, PH_KEY_LEN);
		put64(plain + AT_EXPIRES, ticket->expires_s);
		put64(plain + AT_ORIGIN_S, ticket->origin_s);
		plain[AT_ORIGIN] = ticket->origin;
		plain[AT_IDENTIFIED] = ticket->identified;
		memcpy(plain + AT_KEY, ticket->client_key, PH_KEY_LEN);
		r = aead_seal(c, key->key, nonce, ad, sizeof(ad), plain, TICKET_PLAIN_LEN, plain,
			      plain + TICKET_PLAIN_LEN);
	}
	if (!r)
		memcpy(ret_bytes, bytes, sizeof(bytes));
	wipe(bytes, sizeof(bytes));
	return r;
}

static int read_plain(const struct ticket_keys *keys, const uint8_t *plain, uint64_t now_s,
		      struct ticket *ret_ticket)
{
	static const uint8_t zeros[AT_KEY - AT_IDENTIFIED - 1];

	if (plain[AT_IDENTIFIED] > 1 || memcmp(plain + AT_IDENTIFIED + 1, zeros, sizeof(zeros)))
		return TICKET_LAYOUT;
	if (get64(plain + AT_EXPIRES) <= now_s)
		return TICKET_EXPIRED;
	if (is_chain_over(keys, get64(plain + AT_ORIGIN_S), now_s))
		return TICKET_CHAIN;
	ret_ticket->expires_s = get64(plain + AT_EXPIRES);
	ret_ticket->origin_s = get64(plain + AT_ORIGIN_S);
	ret_ticket->origin = plain[AT_ORIGIN];
	ret_ticket->identified = plain[AT_IDENTIFIED];
	memcpy(ret_ticket->psk, plain, PH_KEY_LEN);
	memcpy(ret_ticket->client_key, plain + AT_KEY, PH_KEY_LEN);
	return 0;
}

int ticket_open(const struct ticket_keys *keys, struct crypto *c, const uint8_t *bytes, size_t len,
		uint64_t now_s, struct ticket *ret_ticket)
{
	const uint8_t *nonce = bytes + TICKET_KEY_ID_LEN, *sealed = nonce + TICKET_NONCE_LEN;
	uint8_t plain[TICKET_PLAIN_LEN], ad[AD_LEN + TICKET_KEY_ID_LEN];
	const struct ticket_key *key = NULL;
	int r;

	if (len != TICKET_LEN)
		return TICKET_LAYOUT;
	for (size_t i = 0; i < ARRAY_LEN(keys->keys); i++)
		if (keys->keys[i].set && !memcmp(keys->keys[i].id, bytes, TICKET_KEY_ID_LEN))
			key = &keys->keys[i];
	if (!key)
		return TICKET_KEY;
	make_ad(key->id, ad);
	r = aead_open(c, key->key, nonce, ad, sizeof(ad), sealed, TICKET_PLAIN_LEN,
		      sealed + TICKET_PLAIN_LEN, plain);
	if (r)
		return r == CRYPTO_BAD ? TICKET_BAD : r;
	r = read_plain(keys, plain, now_s, ret_ticket);
	wipe(plain, sizeof(plain));
	return r;
}
