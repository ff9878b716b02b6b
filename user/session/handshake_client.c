/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model. HELLO_DUE -> HELLO_SENT -> (ServerHello) -> FINISH_DUE (XK1, XX) or DONE; a Retry leads
 * from HELLO_SENT back to HELLO_DUE, once, with a new ephemeral key. The puzzle is bound to that
 * key, so the key is made first, then the work is done, then the hello is written.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/crypto/keyfile.h>
#include <user/crypto/wipe.h>
#include <user/session/cert.h>
#include <user/session/handshake_parts.h>
#include <user/wire/retry.h>

/* What the next hello begins with: keys, made once for it. */
static int prepare(struct handshake *hs, struct crypto *c, uint8_t ret_public[PH_KEY_LEN])
{
	const struct hs_client *client = hs->client;
	int r;

	if (!hs->noise.pattern) {
		if (hs_hybrid(hs->suite) && !kem_available(c))
			return HS_NO_KEM;
		r = hs_noise_init(hs, true, client->public, client->server_key,
				  client->resume ? client->resume->psk : NULL);
		if (r)
			return r;
		if (hs_hybrid(hs->suite)) {
			hs->kem_public = malloc(PH_KEM_KEY_LEN);
			r = hs->kem_public ? kem_generate(c, &hs->kem, hs->kem_public) : -ENOMEM;
			if (r)
				return r;
			noise_lend_kem(&hs->noise, hs->kem_public, hs->kem);
		}
	}
	return hs_ephemeral(hs, c, ret_public);
}

static bool has_work(const struct handshake *hs)
{
	return hs->state == HS_HELLO_DUE && hs->retried;
}

static bool work(struct handshake *hs, const uint8_t public[PH_KEY_LEN], uint64_t tries)
{
	uint8_t solution[PUZZLE_SOLUTION_LEN];

	/* The counter stays where it fits, so a second call finds it at once. */
	return puzzle_solve(&hs->puzzle, public, tries, &hs->tries, solution);
}

int handshake_work(struct handshake *hs, struct crypto *c, uint64_t tries, bool *ret_done)
{
	uint8_t public[PH_KEY_LEN];
	int r;

	if (!hs->client || !has_work(hs)) {
		*ret_done = true;
		return 0;
	}
	r = prepare(hs, c, public);
	if (r) {
		handshake_deinit(hs);
		hs->state = HS_FAILED;
		return r;
	}
	*ret_done = work(hs, public, tries);
	return 0;
}

static int write_hello(struct handshake *hs, struct crypto *c, uint8_t *out, size_t *ret_len)
{
	const struct hs_client *client = hs->client;
	uint8_t nonce[PH_NONCE_LEN], public[PH_KEY_LEN], id[HS_KEY_ID_LEN];
	uint8_t solution[PUZZLE_SOLUTION_LEN];
	size_t noise_len = hello_noise_len(hs->suite), len, written;
	uint8_t *body = out + PH_FRAME_HEAD, *extensions = body + noise_len;
	struct hello_extensions x = {
		.has_offer = client->offer != 0,
		.offer = client->offer,
	};
	int r = prepare(hs, c, public);

	if (r)
		return r;
	if (has_work(hs)) {
		if (!puzzle_solve(&hs->puzzle, public, UINT64_MAX, &hs->tries, solution))
			return -EIO;
		x.solution = solution;
	}
	if (client->say_key && hs_pins(hs->suite)) {
		keyfile_id(client->server_key, id);
		x.server_key = id;
	}
	if (hs->suite == PH_RESUME) {
		x.ticket = client->resume->ticket;
		x.ticket_len = client->resume->len;
	}
	x.kem_key = hs->kem_public;
	len = hello_extensions_len(&x);
	hello_extensions_emit(&x, extensions);
	hs_noise_begin(hs, client->name, extensions, len);
	r = hs_nonce(hs, nonce);
	if (!r)
		r = noise_write(&hs->noise, c, nonce, sizeof(nonce), body, noise_len, &written);
	if (r)
		return hs_of_noise(r);
	frame_emit(PH_CLIENT_HELLO, hs->suite, noise_len + len, out);
	*ret_len = PH_FRAME_HEAD + noise_len + len;
	hs->offer = client->offer;
	hs->state = HS_HELLO_SENT;
	return 0;
}

static int write_finish(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
			size_t *ret_len)
{
	uint8_t payload[FINISH_LEN];
	size_t len;
	int r;

	finish_emit(hs->client->capabilities, payload);
	noise_lend(&hs->noise, secret);
	r = noise_write(&hs->noise, c, payload, sizeof(payload), out + PH_FRAME_HEAD, PH_FRAME_MAX,
			&len);
	if (r)
		return hs_of_noise(r);
	noise_lend(&hs->noise, NULL);
	frame_emit(PH_CLIENT_FINISH, hs->suite, len, out);
	*ret_len = PH_FRAME_HEAD + len;
	memcpy(hs->capabilities, hs->client->capabilities, sizeof(hs->capabilities));
	hs->identified = true;
	hs->state = HS_DONE;
	return 0;
}

int hs_client_write(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
		    size_t *ret_len)
{
	return hs->state == HS_FINISH_DUE ? write_finish(hs, c, secret, out, ret_len)
					  : write_hello(hs, c, out, ret_len);
}

static int read_retry(struct handshake *hs, const uint8_t *bytes, const struct frame *frame)
{
	unsigned most = hs->client->puzzle_max ? hs->client->puzzle_max : PH_PUZZLE_BITS_MAX;
	struct retry retry;
	int r;

	if (hs->retried)
		return HS_RETRY_AGAIN;
	r = retry_parse(frame->body, frame->len, &retry);
	if (r)
		return r == RETRY_BITS ? HS_PUZZLE_BITS : HS_MALFORMED;
	if (retry.bits > most)
		return HS_PUZZLE_BITS;
	sha256(bytes, PH_FRAME_HEAD + (size_t)frame->len, hs->retry_hash);
	hs->puzzle.bits = retry.bits;
	memcpy(hs->puzzle.challenge, retry.challenge, sizeof(retry.challenge));
	hs_noise_drop(hs);
	hs->tries = 0;
	hs->retried = true;
	hs->state = HS_HELLO_DUE;
	return 0;
}

/* The key that Noise used has to be the one that the root signed. */
static int check_cert(struct handshake *hs, struct crypto *c, const uint8_t *cert, size_t len,
		      uint64_t now_s)
{
	uint8_t key[PH_KEY_LEN];

	switch (cert_check(c, cert, len, hs->client->root, hs->client->name, now_s, key)) {
	case 0:
		return memcmp(key, noise_remote(&hs->noise), PH_KEY_LEN) ? HS_CERT : 0;
	case CERT_FAULT_LAYOUT:
		return HS_CERT;
	case CERT_FAULT_ROOT:
		return HS_CERT_ROOT;
	case CERT_FAULT_NAME:
		return HS_CERT_NAME;
	case CERT_FAULT_TIME:
		return HS_CERT_TIME;
	default:
		return -EIO;
	}
}

/* Who the server is, and where the chain of sessions began. */
static void note_server(struct handshake *hs, uint64_t now_s)
{
	const struct hs_resume *resume = hs->client->resume;

	if (hs->suite == PH_RESUME) {
		memcpy(hs->peer_key, resume->server_key, PH_KEY_LEN);
		hs->origin = resume->origin;
		hs->origin_s = resume->origin_s;
		hs->identified = resume->identified;
	} else {
		memcpy(hs->peer_key, noise_remote(&hs->noise), PH_KEY_LEN);
		hs->origin = hs->suite;
		hs->origin_s = now_s;
	}
}

static int read_hello(struct handshake *hs, struct crypto *c, const struct frame *frame,
		      uint64_t now_s)
{
	uint8_t payload[PH_NONCE_LEN + PH_CERT_MAX];
	size_t len;
	int r;

	r = noise_read(&hs->noise, c, frame->body, frame->len, payload, sizeof(payload), &len);
	if (r)
		return hs_of_noise(r);
	if (hs_certified(hs->suite) ? len < PH_NONCE_LEN : len != PH_NONCE_LEN)
		return HS_MALFORMED;
	if (hs_certified(hs->suite)) {
		r = check_cert(hs, c, payload + PH_NONCE_LEN, len - PH_NONCE_LEN, now_s);
		if (r)
			return r;
	}
	note_server(hs, now_s);
	noise_lend_kem(&hs->noise, NULL, NULL);
	kem_key_free(hs->kem);
	hs->kem = NULL;
	free(hs->kem_public);
	hs->kem_public = NULL;
	hs->state = noise_done(&hs->noise) ? HS_DONE : HS_FINISH_DUE;
	return 0;
}

int hs_client_read(struct handshake *hs, struct crypto *c, const uint8_t *bytes, size_t len,
		   uint64_t now_s)
{
	struct frame frame;
	int r = hs_parse_frame(bytes, len, &frame);

	if (r)
		return r;
	if (frame.suite != hs->suite)
		return HS_SUITE_OTHER;
	if (frame.type == PH_RETRY)
		return read_retry(hs, bytes, &frame);
	return frame.type == PH_SERVER_HELLO ? read_hello(hs, c, &frame, now_s) : HS_TYPE;
}
