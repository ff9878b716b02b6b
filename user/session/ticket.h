/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tickets: what a server has to know to resume a session, sealed by it and kept by the client.
 *
 *	ticket	key id 8 | nonce 12 | AES-256-GCM(psk 32 | expires 8 | origin time 8 | origin suite
 *1 | identified 1 | zero 6 | client's key 32) | tag 16;  AAD: "PHS1 ticket" | key id psk
 *Expand1(t3, "PHS1 res" | h) of the session that it was given in
 *
 * The sealing key lives for one lifetime of a ticket and is kept for one more to open with, then it
 * is wiped: so what a ticket protects is gone for good after two lifetimes at most. A chain of
 * resumed sessions ends `chain_s` after the full handshake that it began with.
 *
 * A ticket may be used more than once: a resumed session has fresh X25519 keys of both sides, so
 * nothing repeats, and without the psk a replayed hello leads nowhere.
 */
#ifndef STRAZH_USER_SESSION_TICKET_H
#define STRAZH_USER_SESSION_TICKET_H

#include <user/crypto/crypto.h>
#include <user/session/keys.h>

#define TICKET_KEY_ID_LEN 8
#define TICKET_NONCE_LEN 12
#define TICKET_PLAIN_LEN (32 + 8 + 8 + 1 + 1 + 6 + 32)
#define TICKET_LEN (TICKET_KEY_ID_LEN + TICKET_NONCE_LEN + TICKET_PLAIN_LEN + PH_TAG_LEN)

enum ticket_condition {
	TICKET_LAYOUT = 1, /* length, or what is sealed in it */
	TICKET_KEY,	   /* sealed with a key that is not here (any more) */
	TICKET_BAD,	   /* changed */
	TICKET_EXPIRED,
	TICKET_CHAIN, /* the full handshake is too long ago */
};

struct ticket {
	uint8_t psk[PH_KEY_LEN]; /* secret */
	uint64_t expires_s;	 /* UTC, as all times here */
	uint64_t origin_s;
	uint8_t origin; /* enum ph_suite */
	bool identified;
	uint8_t client_key[PH_KEY_LEN];
};

struct ticket_key {
	bool set;
	uint8_t id[TICKET_KEY_ID_LEN];
	uint8_t key[PH_KEY_LEN];
};

/* Plain data: each thread has a copy; one makes them (ticket_keys_turn) and passes them on. */
struct ticket_keys {
	uint32_t lifetime_s;
	uint32_t chain_s;
	uint64_t since_s;	   /* when key[0] was made */
	struct ticket_key keys[2]; /* [0] seals, both open */
};

int ticket_keys_init(struct ticket_keys *keys, uint32_t lifetime_s, uint32_t chain_s,
		     uint64_t now_s) must_check;
/* A new key when it is time; *ret_turned says whether. Also a clock that was set back turns. */
int ticket_keys_turn(struct ticket_keys *keys, uint64_t now_s, bool *ret_turned) must_check;
void ticket_keys_deinit(struct ticket_keys *keys);

/* What a ticket for a session says. -EINVAL: chain_s is over, so there is none. */
int ticket_make(const struct ticket_keys *keys, const struct session_keys *session, uint64_t now_s,
		struct ticket *ret_ticket) must_check;
int ticket_seal(const struct ticket_keys *keys, struct crypto *c, const struct ticket *ticket,
		uint8_t ret_bytes[TICKET_LEN]) must_check;
int ticket_open(const struct ticket_keys *keys, struct crypto *c, const uint8_t *bytes, size_t len,
		uint64_t now_s, struct ticket *ret_ticket) must_check;

/* Both sides: the secret that a later session begins with. */
void ticket_psk(const struct session_keys *session, uint8_t ret_psk[PH_KEY_LEN]);

#endif
