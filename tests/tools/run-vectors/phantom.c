/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Whole sessions of Phantom with fixed keys. The handshake runs between the product's client and
 * its server: each frame is compared byte by byte, then h and t1 to t3.
 */
#include <tests/tools/run-vectors/vectors.h>

#include <string.h>

#include <user/session/fixed.h>

struct session {
	const json_t *v;
	struct crypto *c;
	struct handshake client, server;
	uint8_t server_secret[32], client_secret[32];
};

static void key_of(const json_t *v, const char *name, void *to, size_t len)
{
	own_bytes struct bytes key = bytes_of(v, name);

	if (key.len != len)
		die("'%s' does not have %zu bytes", name, len);
	memcpy(to, key.at, len);
}

/* One frame from one side to the other; it has to be the one of the file. */
static bool pass(struct session *s, struct handshake *from, const uint8_t *secret, const char *name)
{
	own_bytes struct bytes want = bytes_of(s->v, name);
	struct handshake *to = from == &s->client ? &s->server : &s->client;
	uint8_t frame[HS_FRAME_LEN];
	size_t len;

	return !handshake_write(from, s->c, secret, frame, &len) && bytes_same(&want, frame, len) &&
	       !handshake_read(to, s->c, frame, len, 1);
}

static bool has_keys(const struct session *s, const struct session_keys *keys)
{
	const json_t *list = json_object_get(s->v, "t");
	own_bytes struct bytes h = bytes_of(s->v, "h");

	if (json_array_size(list) != 3 || !bytes_same(&h, keys->h, sizeof(keys->h)))
		return false;
	for (size_t i = 0; i < 3; i++) {
		json_t *one = json_pack("{sO}", "t", json_array_get(list, i));
		own_bytes struct bytes t = bytes_of(one, "t");

		json_decref(one);
		if (!bytes_same(&t, keys->t[i], sizeof(keys->t[i])))
			return false;
	}
	return true;
}

static void count_handshake(struct session *s, bool xk1, struct tally *tally)
{
	const char *suite = text_of(s->v, "suite");
	struct session_keys keys[2];
	bool good = pass(s, &s->client, NULL, "client_hello");

	tally_count(tally, good, "%s: client_hello", suite);
	good = good && pass(s, &s->server, s->server_secret, "server_hello");
	tally_count(tally, good, "%s: server_hello", suite);
	if (xk1) {
		good = good && pass(s, &s->client, s->client_secret, "client_finish");
		tally_count(tally, good, "%s: client_finish", suite);
	}
	good = good && !handshake_keys(&s->client, &keys[0]) &&
	       !handshake_keys(&s->server, &keys[1]) && has_keys(s, &keys[0]) &&
	       has_keys(s, &keys[1]);
	tally_count(tally, good, "%s: h and t1 to t3", suite);
}

static void run_handshake(const json_t *v, bool xk1, struct tally *tally)
{
	struct session s = {.v = v};
	uint8_t own[32], ephemeral[2][32], nonce[2][16];
	struct hs_server_key key = {.cert = NULL};
	struct hs_client client = {
		.suite = xk1 ? PH_XK1 : PH_NK1,
		.name = text_of(v, "server_name"),
		.server_key = key.public,
		.public = own,
	};
	struct hs_server server = {
		.name = client.name,
		.suites = HS_SUITE_BIT(client.suite),
		.keys = &key,
		.key_count = 1,
	};

	key_of(v, "server_static", s.server_secret, 32);
	key_of(v, "server_static_pub", key.public, 32);
	key_of(v, "client_ephemeral", ephemeral[0], 32);
	key_of(v, "server_ephemeral", ephemeral[1], 32);
	key_of(v, "client_nonce", nonce[0], 16);
	key_of(v, "server_nonce", nonce[1], 16);
	if (xk1)
		key_of(v, "client_static", s.client_secret, 32);
	if (crypto_new(&s.c) || dh_public(s.c, s.client_secret, own) ||
	    handshake_connect(&s.client, &client))
		die("no cryptography, or no client");
	handshake_accept(&s.server, &server);
	handshake_fix(&s.client, ephemeral[0], nonce[0]);
	handshake_fix(&s.server, ephemeral[1], nonce[1]);
	count_handshake(&s, xk1, tally);
	handshake_deinit(&s.client);
	handshake_deinit(&s.server);
	crypto_free(s.c);
}

void run_phantom(const json_t *root, struct tally *tally)
{
	const json_t *sessions = json_object_get(root, "sessions"), *session;
	size_t i;

	if (!json_is_array(sessions))
		die("%s: no list 'sessions'", tally->file);
	json_array_foreach(sessions, i, session)
	{
		const char *suite = text_of(session, "suite");
		bool xk1 = !strcmp(suite, "xk1");

		if (xk1 || !strcmp(suite, "nk1"))
			run_handshake(session, xk1, tally);
		else
			tally_skip(tally, 1);
	}
}
