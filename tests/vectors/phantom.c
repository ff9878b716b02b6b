/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run-vectors --phantom: whole sessions with fixed keys. The handshake of both sides is run with
 * them: each frame is compared byte by byte, and so are h and t1 to t3; then the records, by
 * phantom_records.c.
 */
#include <errno.h>
#include <string.h>

#include <tests/vectors/vectors.h>
#include <user/session/fixed.h>

static bool get(const json_t *session, const char *name, uint8_t *to, size_t len)
{
	size_t got;

	return hex_bytes(json_string_value(json_object_get(session, name)), to, len, &got) &&
	       got == len;
}

/* Whether a frame is the one of the file. */
static bool is_frame(const json_t *session, const char *name, const uint8_t *frame, size_t len)
{
	uint8_t want[HS_FRAME_LEN];
	size_t want_len;

	return hex_bytes(json_string_value(json_object_get(session, name)), want, sizeof(want),
			 &want_len) &&
	       len == want_len && !memcmp(frame, want, len);
}

static bool is_keys(const json_t *session, const struct session_keys *keys)
{
	const json_t *list = json_object_get(session, "t");
	uint8_t want[32];
	size_t len;

	if (!get(session, "h", want, 32) || memcmp(want, keys->h, 32) != 0)
		return false;
	for (size_t i = 0; i < 3; i++)
		if (!hex_bytes(json_string_value(json_array_get(list, i)), want, 32, &len) ||
		    len != 32 || memcmp(want, keys->t[i], 32) != 0)
			return false;
	return true;
}

struct pair {
	struct crypto *c;
	struct handshake client, server;
	uint8_t server_secret[32], client_secret[32];
};

/* One frame from one side to the other. */
static bool pass(struct pair *p, struct handshake *from, struct handshake *to,
		 const uint8_t *secret, const json_t *session, const char *name)
{
	uint8_t frame[HS_FRAME_LEN];
	size_t len;

	return !handshake_write(from, p->c, secret, frame, &len) &&
	       is_frame(session, name, frame, len) && !handshake_read(to, p->c, frame, len, 1);
}

static bool shake(struct pair *p, const json_t *session, bool finish,
		  struct session_keys ret_keys[2])
{
	if (!pass(p, &p->client, &p->server, NULL, session, "client_hello") ||
	    !pass(p, &p->server, &p->client, p->server_secret, session, "server_hello"))
		return false;
	if (finish && !pass(p, &p->client, &p->server, p->client_secret, session, "client_finish"))
		return false;
	return !handshake_keys(&p->client, &ret_keys[0]) &&
	       !handshake_keys(&p->server, &ret_keys[1]) && is_keys(session, &ret_keys[0]) &&
	       is_keys(session, &ret_keys[1]);
}

static enum vector_result run(struct pair *p, const json_t *session,
			      struct session_keys ret_keys[2])
{
	const char *suite = json_string_value(json_object_get(session, "suite"));
	const char *name = json_string_value(json_object_get(session, "server_name"));
	uint8_t pinned[32], own[32], key[2][32], nonce[2][16];
	struct hs_server_key server_key = {0};
	struct hs_server server = {.name = name, .keys = &server_key, .key_count = 1};
	struct hs_client client = {.name = name, .server_key = pinned};
	bool xk1 = suite && !strcmp(suite, "xk1");

	if (!xk1 && (!suite || strcmp(suite, "nk1") != 0))
		return VECTOR_SKIPPED;
	if (!name || !get(session, "server_static", p->server_secret, 32) ||
	    !get(session, "server_static_pub", pinned, 32) ||
	    !get(session, "client_ephemeral", key[0], 32) ||
	    !get(session, "server_ephemeral", key[1], 32) ||
	    !get(session, "client_nonce", nonce[0], 16) ||
	    !get(session, "server_nonce", nonce[1], 16) ||
	    (xk1 && !get(session, "client_static", p->client_secret, 32)))
		return VECTOR_FAILED;
	if (xk1 && dh_public(p->c, p->client_secret, own))
		return VECTOR_FAILED;
	client.suite = xk1 ? PH_XK1 : PH_NK1;
	client.public = own;
	server.suites = HS_SUITE_BIT(client.suite);
	memcpy(server_key.public, pinned, sizeof(pinned));
	if (handshake_connect(&p->client, &client))
		return VECTOR_FAILED;
	handshake_accept(&p->server, &server);
	handshake_fix(&p->client, key[0], nonce[0]);
	handshake_fix(&p->server, key[1], nonce[1]);
	return shake(p, session, xk1, ret_keys) ? VECTOR_PASSED : VECTOR_FAILED;
}

int vectors_phantom(const json_t *file, struct tally *tally)
{
	const json_t *sessions = json_object_get(file, "sessions"), *session;
	struct pair p = {0};
	size_t i;
	int r;

	if (!json_is_array(sessions))
		return -EINVAL;
	r = crypto_new(&p.c);
	if (r)
		return r;
	json_array_foreach(sessions, i, session)
	{
		struct session_keys keys[2];
		enum vector_result result = run(&p, session, keys);
		const char *suite = json_string_value(json_object_get(session, "suite"));

		tally_add(tally, result, suite ? suite : "a session without a suite");
		handshake_deinit(&p.client);
		handshake_deinit(&p.server);
	}
	crypto_free(p.c);
	return 0;
}
