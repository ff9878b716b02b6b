/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A server with two static keys, certificates, tickets; a client with a key of its own; frames that
 * go from one to the other by hand.
 */
#ifndef STRAZH_TESTS_UNIT_SESSION_RIG_H
#define STRAZH_TESTS_UNIT_SESSION_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <user/crypto/keyfile.h>
#include <user/session/cert.h>
#include <user/session/handshake.h>

#define NOW 1800000000
#define LIFETIME 3600
#define CHAIN (10 * LIFETIME)
#define ALL_SUITES                                                                                 \
	(HS_SUITE_BIT(PH_NK1) | HS_SUITE_BIT(PH_XK1) | HS_SUITE_BIT(PH_NX) | HS_SUITE_BIT(PH_XX) | \
	 HS_SUITE_BIT(PH_RESUME))

struct frame_bytes {
	uint8_t bytes[HS_FRAME_LEN + 8];
	size_t len;
};

struct rig {
	struct crypto *c;
	uint8_t secrets[2][PH_KEY_LEN];
	struct hs_server_key keys[2];
	uint8_t certs[2][PH_CERT_MAX];
	uint8_t root_secret[32], root[32];
	uint8_t client_secret[PH_KEY_LEN], client_public[PH_KEY_LEN];
	struct ticket_keys tickets;
	uint8_t ticket[TICKET_LEN];
	struct hs_resume resume;
	struct hs_server server;
	struct hs_client client;
	struct handshake s, cl;
	uint64_t now_s;
};

static const uint8_t SUITES[] = {PH_NK1, PH_XK1, PH_NX, PH_XX, PH_RESUME};
static const uint8_t CAPABILITIES[8] = {1, 2, 3, 4, 5, 6, 7, 8};

static inline void rig_cert(struct rig *rig, unsigned i, const uint8_t *root_secret,
			    const char *name, uint64_t from, uint64_t to)
{
	assert_int_equal(cert_make(rig->c, root_secret, rig->keys[i].public, name, from, to,
				   rig->certs[i], &rig->keys[i].cert_len),
			 0);
}

static inline void rig_open(struct rig *rig)
{
	*rig = (struct rig){.now_s = NOW};
	assert_int_equal(crypto_new(&rig->c), 0);
	assert_int_equal(sign_generate(rig->c, rig->root_secret, rig->root), 0);
	assert_int_equal(dh_generate(rig->c, rig->client_secret, rig->client_public), 0);
	for (unsigned i = 0; i < 2; i++) {
		struct hs_server_key *key = &rig->keys[i];

		assert_int_equal(dh_generate(rig->c, rig->secrets[i], key->public), 0);
		keyfile_id(key->public, key->id);
		key->cert = rig->certs[i];
		rig_cert(rig, i, rig->root_secret, "strazh", NOW - 10, NOW + 10);
	}
	assert_int_equal(ticket_keys_init(&rig->tickets, LIFETIME, CHAIN, NOW), 0);
	rig->server = (struct hs_server){
		.name = "strazh",
		.suites = ALL_SUITES,
		.keys = rig->keys,
		.key_count = 2,
		.tickets = &rig->tickets,
	};
	rig->client = (struct hs_client){
		.name = "strazh",
		.server_key = rig->keys[0].public,
		.root = rig->root,
		.public = rig->client_public,
		.resume = &rig->resume,
	};
	memcpy(rig->client.capabilities, CAPABILITIES, sizeof(CAPABILITIES));
}

static inline void rig_close(struct rig *rig)
{
	handshake_deinit(&rig->s);
	handshake_deinit(&rig->cl);
	ticket_keys_deinit(&rig->tickets);
	crypto_free(rig->c);
}

/* Both at the beginning. RESUME wants a ticket in the rig: rig_ticket(). */
static inline void rig_begin(struct rig *rig, uint8_t suite)
{
	handshake_deinit(&rig->s);
	handshake_deinit(&rig->cl);
	rig->client.suite = suite;
	assert_int_equal(handshake_connect(&rig->cl, &rig->client), 0);
	handshake_accept(&rig->s, &rig->server);
}

static inline int rig_write(struct rig *rig, struct handshake *hs, struct frame_bytes *ret_frame)
{
	int key = handshake_key(hs);
	const uint8_t *secret = hs == &rig->cl ? rig->client_secret : rig->secrets[key == 1];

	return handshake_write(hs, rig->c, key < 0 ? NULL : secret, ret_frame->bytes,
			       &ret_frame->len);
}

/* From a piece of memory of exactly that size, so that a sanitizer sees what is read behind it. */
static inline int rig_read(struct rig *rig, struct handshake *hs, const struct frame_bytes *frame)
{
	uint8_t *exact = test_malloc(frame->len ? frame->len : 1);
	int r;

	memcpy(exact, frame->bytes, frame->len);
	r = handshake_read(hs, rig->c, exact, frame->len, rig->now_s);
	test_free(exact);
	return r;
}

static inline void rig_pass(struct rig *rig, struct handshake *from, struct handshake *to)
{
	struct frame_bytes frame;

	assert_int_equal(rig_write(rig, from, &frame), 0);
	assert_int_equal(rig_read(rig, to, &frame), 0);
}

/* What is left of it, from wherever it is. */
static inline void rig_finish(struct rig *rig, struct session_keys *ret_client,
			      struct session_keys *ret_server)
{
	for (int i = 0; i < 8 && handshake_next(&rig->s) != HS_NEXT_DONE; i++) {
		bool client = handshake_next(&rig->cl) == HS_NEXT_WRITE;

		rig_pass(rig, client ? &rig->cl : &rig->s, client ? &rig->s : &rig->cl);
	}
	assert_int_equal(handshake_next(&rig->cl), HS_NEXT_DONE);
	assert_int_equal(handshake_keys(&rig->cl, ret_client), 0);
	assert_int_equal(handshake_keys(&rig->s, ret_server), 0);
}

/* A session, and the ticket that its server gives. */
static inline void rig_ticket(struct rig *rig, uint8_t suite)
{
	struct session_keys client, server;
	struct ticket ticket;

	rig_begin(rig, suite);
	rig_finish(rig, &client, &server);
	assert_int_equal(ticket_make(&rig->tickets, &server, rig->now_s, &ticket), 0);
	assert_int_equal(ticket_seal(&rig->tickets, rig->c, &ticket, rig->ticket), 0);
	rig->resume = (struct hs_resume){
		.ticket = rig->ticket,
		.len = TICKET_LEN,
		.origin = client.origin,
		.origin_s = client.origin_s,
		.identified = client.identified,
	};
	memcpy(rig->resume.server_key, client.peer_key, PH_KEY_LEN);
	ticket_psk(&client, rig->resume.psk);
}

/* Nothing is left in it but that it failed. */
static inline void assert_wiped(const struct handshake *hs)
{
	struct handshake want = {.state = HS_FAILED};

	assert_int_equal(hs->state, HS_FAILED);
	assert_int_equal(handshake_next(hs), HS_NEXT_NOTHING);
	want.state = hs->state;
	assert_memory_equal((const uint8_t *)hs + offsetof(struct handshake, suite),
			    (const uint8_t *)&want + offsetof(struct handshake, suite),
			    sizeof(want) - offsetof(struct handshake, suite));
}

#endif
