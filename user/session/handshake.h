/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Phantom's handshake, both sides, without I/O: whole frames in, whole frames out.
 *
 *	client			server
 *	handshake_connect()	handshake_accept()
 *	write: ClientHello  ->	read
 *	read		    <-	write: Retry, when handshake_ask() said so
 *	write: ClientHello  ->	read
 *	read		    <-	write: ServerHello
 *	write: ClientFinish ->	read				suites XK1 and XX alone
 *	handshake_keys()	handshake_keys()
 *
 * handshake_next() says what comes next. Reading a hello costs the server hashes and at most one
 * AES-GCM; writing a ServerHello is what is expensive: a caller that is under load reads many,
 * unshields its key once and writes then. In NK1, NX and RESUME the client's first record is the
 * finish (session_finish_due() of keys.h): until the record layer has verified it, the server has
 * an unconfirmed peer and must not act on its behalf.
 *
 * Functions return 0; -errno (ours: no memory, OpenSSL failed, -EINVAL for a call that is out of
 * turn); or enum hs_condition, which the peer caused: to be counted, charged, and answered by
 * closing, without a word. After anything but 0 the handshake is over and what it knew is wiped.
 *
 * RESUME is Noise NNpsk0: the tag of the hello proves the ticket's owner at once. There is no
 * hybrid form of it: the psk carries what the first handshake had.
 * Hybrid: Noise hfs, pattern name "NK1hfs" and so on, "25519+MLKEM768"; the KEM key (e1) travels in
 * extension 5, its text (ekem1) sealed in the ServerHello behind the server's key.
 * In NX and XX the payload of the ServerHello is nonce 16 | certificate.
 */
#ifndef STRAZH_USER_SESSION_HANDSHAKE_H
#define STRAZH_USER_SESSION_HANDSHAKE_H

#include <user/session/hs_condition.h>
#include <user/session/keys.h>
#include <user/session/noise.h>
#include <user/session/puzzle.h>
#include <user/session/ticket.h>

#define HS_FRAME_LEN (PH_FRAME_HEAD + PH_FRAME_MAX)
#define HS_KEY_ID_LEN 8
#define HS_SUITE_BIT(suite) (1u << (suite))

/* ---- the server ---- */

struct hs_server_key {
	uint8_t public[PH_KEY_LEN];
	uint8_t id[HS_KEY_ID_LEN]; /* keyfile_id() */
	const uint8_t *cert;	   /* NX, XX; NULL: it has none */
	size_t cert_len;
};

/* Outlives its handshakes; never changed while there are some: a reload makes another. */
struct hs_server {
	const char *name;
	uint32_t suites;		  /* HS_SUITE_BIT() of each that is taken */
	uint16_t demand;		  /* bits of enum ph_offer that a client has to offer */
	const struct hs_server_key *keys; /* the first is for clients that name none */
	unsigned key_count;
	const struct ticket_keys *tickets; /* NULL: there is no resumption */
	/* Whether a client may come: XK1, XX and tickets from there. NULL: each may. */
	bool (*known)(void *owner, const uint8_t key[PH_KEY_LEN]);
	void *owner;
};

/* ---- the client ---- */

struct hs_resume {
	const uint8_t *ticket;
	size_t len;
	uint8_t psk[PH_KEY_LEN]; /* ticket_psk() of the session that gave it */
	uint8_t server_key[PH_KEY_LEN];
	uint8_t origin;
	uint64_t origin_s;
	bool identified;
};

/* Outlives its handshake. */
struct hs_client {
	uint8_t suite;
	const char *name;	   /* of the server */
	const uint8_t *server_key; /* NK1, XK1: the pinned one */
	const uint8_t *root;	   /* NX, XX: the pinned Ed25519 key */
	const uint8_t *public;	   /* XK1, XX: our own */
	const struct hs_resume *resume;
	uint16_t offer;	    /* enum ph_offer: what is offered and known to the server is in force */
	bool say_key;	    /* NK1, XK1: say which of the server's keys is pinned */
	uint8_t puzzle_max; /* bits; 0: PH_PUZZLE_BITS_MAX */
	uint8_t capabilities[8];
};

/* ---- a handshake ---- */

enum hs_next {
	HS_NEXT_READ,
	HS_NEXT_WRITE,
	HS_NEXT_DONE,	 /* handshake_keys() */
	HS_NEXT_NOTHING, /* failed, or the keys were taken */
};

enum hs_state {
	HS_IDLE,
	/* of the server */
	HS_ACCEPTED,
	HS_RETRY_DUE,
	HS_RETRY_SENT,
	HS_HELLO_OK,
	HS_SENT,
	/* of the client */
	HS_HELLO_DUE,
	HS_HELLO_SENT,
	HS_FINISH_DUE,

	HS_DONE,
	HS_FAILED,
};

/* Embedded: the half-open slot of a connection. Nothing is allocated for it, but a copy of the
 * client's KEM key (1,184 bytes, hybrid suites alone) between a checked hello and the answer. */
struct handshake {
	const struct hs_server *server; /* one of the two */
	const struct hs_client *client;
	enum hs_state state;
	uint8_t suite;
	uint8_t key; /* which of the server's */
	bool retried;
	uint16_t offer; /* in force */
	bool identified;
	bool fixed; /* by fixed.h */
	uint8_t origin;
	uint64_t origin_s;
	uint64_t now_s;
	struct puzzle puzzle;
	uint64_t tries; /* the client's */
	uint8_t retry_hash[PH_HASH_LEN];
	uint8_t peer_key[PH_KEY_LEN];
	uint8_t capabilities[8];
	uint8_t fixed_key[PH_KEY_LEN], fixed_nonce[PH_NONCE_LEN];
	uint8_t *kem_public; /* owned */
	struct kem_key *kem; /* owned */
	struct noise noise;
};

void handshake_accept(struct handshake *hs, const struct hs_server *server);
/* -EINVAL: the suite wants what is not given. */
int handshake_connect(struct handshake *hs, const struct hs_client *client) must_check;
/* Wipes and frees all; fine twice, after a failure, and on zeros. */
void handshake_deinit(struct handshake *hs);

enum hs_next handshake_next(const struct handshake *hs);
/* One frame, exactly. Time is UTC: of tickets and certificates. */
int handshake_read(struct handshake *hs, struct crypto *c, const uint8_t *frame, size_t len,
		   uint64_t now_s) must_check;
/*
 * `secret`: the server's static key number handshake_key(), or the client's own; NULL where none is
 * wanted. A client that was asked for work does it here, all that handshake_work() left.
 */
int handshake_write(struct handshake *hs, struct crypto *c, const uint8_t *secret,
		    uint8_t ret_frame[HS_FRAME_LEN], size_t *ret_len) must_check;
/* Which of hs_server.keys the next write wants; -1: none. On the client 0: its own. */
int handshake_key(const struct handshake *hs) must_check;

/* The server, between reading a hello and answering: ask for work first. PH_PUZZLE_BITS_MIN to
 * _MAX; once a connection. -EINVAL: neither; the handshake goes on as it was. */
int handshake_ask(struct handshake *hs, unsigned bits) must_check;
/* The hello at hand came with a ticket that is good, and its owner is proven. */
bool handshake_resumed(const struct handshake *hs) must_check;
/* The client, asked for work: some of it. True: done, or there is none. */
int handshake_work(struct handshake *hs, struct crypto *c, uint64_t tries,
		   bool *ret_done) must_check;

/* The end; the handshake is wiped. */
int handshake_keys(struct handshake *hs, struct session_keys *ret_keys) must_check;

#endif
