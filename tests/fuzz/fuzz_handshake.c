/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What strangers send to a server that waits for a hello, for the answer to a Retry or for a
 * finish, and what a server may send to a client: the first byte says which, the rest is the frame.
 * All keys are fixed, so that the whole frames of the corpus are right and lead to the end.
 */
#include "must.h"

#include <user/crypto/keyfile.h>
#include <user/session/cert.h>
#include <user/session/fixed.h>

#define NOW 1800000000

enum place {
	SERVER_HELLO,
	SERVER_RETRIED,
	SERVER_FINISH_XK1,
	SERVER_FINISH_XX,
	CLIENT_NK1,
	CLIENT_XK1,
	CLIENT_NX,
	CLIENT_XX,
	CLIENT_RESUME,
	CLIENT_RETRIED,
	PLACES,
};

static struct crypto *c;
static uint8_t server_secret[32], client_secret[32], root_secret[32];
static uint8_t client_public[32], root[32], cert[PH_CERT_MAX], ticket_bytes[TICKET_LEN];
static struct hs_server_key server_key;
static struct ticket_keys tickets;
static struct hs_resume resume;
static struct hs_server server;
static struct hs_client clients[PH_RESUME + 1];
/* Copied for each input: nothing in them is owned. */
static struct handshake places[PLACES];

/* Whole frames of the handshakes that led to the places. */
struct seen {
	uint8_t bytes[HS_FRAME_LEN];
	size_t len;
};
static struct seen seen_frames[PH_RESUME + 1][3], seen_retried[4];

static void pass(struct handshake *from, struct handshake *to, struct seen *seen)
{
	const uint8_t *secret = from->client ? client_secret : server_secret;

	MUST(!handshake_write(from, c, secret, seen->bytes, &seen->len));
	if (to)
		MUST(!handshake_read(to, c, seen->bytes, seen->len, NOW));
}

static void fix(struct handshake *hs)
{
	uint8_t ephemeral[32], nonce[16];

	memset(ephemeral, hs->client ? 0x51 : 0x52, sizeof(ephemeral));
	memset(nonce, hs->client ? 0x61 : 0x62, sizeof(nonce));
	handshake_fix(hs, ephemeral, nonce);
}

static void begin(uint8_t suite, struct handshake *client, struct handshake *at)
{
	MUST(!handshake_connect(client, &clients[suite]));
	handshake_accept(at, &server);
	fix(client);
	fix(at);
}

static void walk_suite(uint8_t suite)
{
	struct handshake client, at;
	struct seen *seen = seen_frames[suite];

	begin(suite, &client, &at);
	pass(&client, &at, &seen[0]);
	places[CLIENT_NK1 + suite - PH_NK1] = client;
	pass(&at, &client, &seen[1]);
	if (suite == PH_XK1 || suite == PH_XX) {
		places[suite == PH_XK1 ? SERVER_FINISH_XK1 : SERVER_FINISH_XX] = at;
		pass(&client, NULL, &seen[2]);
	}
}

/* Work is not what is tested: any solution fits zero bits. */
static void walk_retry(void)
{
	struct handshake client, at;

	begin(PH_NK1, &client, &at);
	pass(&client, &at, &seen_retried[0]);
	MUST(!handshake_ask(&at, PH_PUZZLE_BITS_MIN));
	MUST(!handshake_write(&at, c, NULL, seen_retried[1].bytes, &seen_retried[1].len));
	memset(seen_retried[1].bytes + PH_FRAME_HEAD + 1, 0x71, PH_CHALLENGE_LEN);
	MUST(!handshake_read(&client, c, seen_retried[1].bytes, seen_retried[1].len, NOW));
	memcpy(at.retry_hash, client.retry_hash, sizeof(at.retry_hash));
	at.puzzle = (struct puzzle){.bits = 0};
	client.puzzle = at.puzzle;
	fix(&client);
	fix(&at);
	places[SERVER_RETRIED] = at;
	pass(&client, &at, &seen_retried[2]);
	places[CLIENT_RETRIED] = client;
	pass(&at, &client, &seen_retried[3]);
}

/* The nonce of a ticket is random; here the same ticket has to come out each time. */
static void fix_ticket(void)
{
	uint8_t *nonce = ticket_bytes + TICKET_KEY_ID_LEN, *sealed = nonce + TICKET_NONCE_LEN;
	uint8_t *tag = sealed + TICKET_PLAIN_LEN, ad[11 + TICKET_KEY_ID_LEN] = "PHS1 ticket";

	memcpy(ad + 11, ticket_bytes, TICKET_KEY_ID_LEN);
	MUST(!aead_open(c, tickets.keys[0].key, nonce, ad, sizeof(ad), sealed, TICKET_PLAIN_LEN,
			tag, sealed));
	memset(nonce, 0x34, TICKET_NONCE_LEN);
	MUST(!aead_seal(c, tickets.keys[0].key, nonce, ad, sizeof(ad), sealed, TICKET_PLAIN_LEN,
			sealed, tag));
}

static void make_ticket(void)
{
	struct ticket ticket = {
		.expires_s = NOW + 100,
		.origin_s = NOW,
		.origin = PH_XK1,
		.identified = true,
	};

	tickets = (struct ticket_keys){.lifetime_s = 1000, .chain_s = 1000, .since_s = NOW};
	tickets.keys[0].set = true;
	memset(tickets.keys[0].id, 0x31, sizeof(tickets.keys[0].id));
	memset(tickets.keys[0].key, 0x32, sizeof(tickets.keys[0].key));
	memset(ticket.psk, 0x33, sizeof(ticket.psk));
	MUST(!ticket_seal(&tickets, c, &ticket, ticket_bytes));
	fix_ticket();
	resume = (struct hs_resume){.ticket = ticket_bytes, .len = TICKET_LEN, .origin = PH_XK1};
	memcpy(resume.psk, ticket.psk, sizeof(resume.psk));
}

static void set_up(void)
{
	MUST(!crypto_new(&c));
	memset(server_secret, 0x41, 32);
	memset(client_secret, 0x42, 32);
	memset(root_secret, 0x43, 32);
	MUST(!dh_public(c, server_secret, server_key.public));
	MUST(!dh_public(c, client_secret, client_public));
	MUST(!sign_public(c, root_secret, root));
	MUST(!cert_make(c, root_secret, server_key.public, "strazh", NOW - 1, NOW + 1, cert,
			&server_key.cert_len));
	server_key.cert = cert;
	keyfile_id(server_key.public, server_key.id);
	make_ticket();
	server = (struct hs_server){
		.name = "strazh",
		.suites = UINT32_MAX,
		.keys = &server_key,
		.key_count = 1,
		.tickets = &tickets,
	};
	for (int suite = PH_NK1; suite <= PH_RESUME; suite++) {
		clients[suite] = (struct hs_client){
			.suite = (uint8_t)suite,
			.name = "strazh",
			.server_key = server_key.public,
			.root = root,
			.public = client_public,
			.resume = &resume,
			.offer = PH_OFFER_STRICT,
			.say_key = true,
		};
		walk_suite((uint8_t)suite);
	}
	walk_retry();
	handshake_accept(&places[SERVER_HELLO], &server);
}

/* What was read well is gone on with. */
static void go_on(struct handshake *hs)
{
	uint8_t frame[HS_FRAME_LEN];
	struct session_keys keys;
	size_t len = 0;
	int r;

	if (hs->client && hs->state == HS_HELLO_DUE)
		return; /* a Retry: the work is real */
	if (handshake_next(hs) == HS_NEXT_WRITE) {
		if (hs->server)
			fix(hs);
		r = handshake_write(hs, c, hs->client ? client_secret : server_secret, frame, &len);
		MUST(r ? hs->server && (r == HS_LOW_ORDER || r == HS_KEM)
		       : len > PH_FRAME_HEAD && len <= sizeof(frame));
	}
	if (handshake_next(hs) == HS_NEXT_DONE)
		MUST(!handshake_keys(hs, &keys));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct handshake failed = {.state = HS_FAILED};
	struct handshake hs;
	int r;

	if (!c)
		set_up();
	if (!size)
		return 0;
	hs = places[data[0] % PLACES];
	r = handshake_read(&hs, c, data + 1, size - 1, NOW);
	MUST(r >= 0 && r < HS_CONDITION_COUNT);
	if (r) {
		MUST(hs_text(r) && hs_label(r));
		MUST(hs.state == HS_FAILED && !hs.kem_public && !hs.kem);
		MUST(!memcmp(hs.peer_key, failed.peer_key, sizeof(hs.peer_key)));
		MUST(!memcmp(hs.noise.ck, failed.noise.ck, sizeof(hs.noise.ck)));
		MUST(!memcmp(hs.noise.e, failed.noise.e, sizeof(hs.noise.e)));
	} else {
		go_on(&hs);
	}
	handshake_deinit(&hs);
	return 0;
}
