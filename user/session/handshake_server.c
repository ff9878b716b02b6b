/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model. ACCEPTED -> (hello) -> HELLO_OK -> (answer) -> SENT (XK1, XX) or DONE, with RETRY_DUE and
 * RETRY_SENT between two hellos when the caller asked for work. A hello is judged from what is
 * cheap to what is not: frame, suite, layout, puzzle, key id, ticket, Noise. Nothing here waits,
 * nothing is kept of a frame but hashes, the client's key in `noise`, and a KEM key.
 *
 * A puzzle is forgotten as soon as an answer to it was looked at: a second one finds RETRY_SENT
 * gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/crypto/wipe.h>
#include <user/session/handshake_parts.h>
#include <user/wire/retry.h>

static int check_suite(const struct handshake *hs, const struct crypto *c, uint8_t suite)
{
	if (hs->retried && suite != hs->suite)
		return HS_SUITE_OTHER;
	if (!hs_suite_exists(suite))
		return HS_SUITE;
	if (hs_hybrid(suite) && !kem_available(c))
		return HS_NO_KEM;
	if (!(hs->server->suites & HS_SUITE_BIT(suite)))
		return HS_SUITE;
	if (suite == PH_RESUME ? !hs->server->tickets : !hs->server->key_count)
		return HS_SUITE;
	return 0;
}

static int parse_hello(const struct frame *frame, struct hello *ret_hello)
{
	int r = hello_parse(frame->suite, frame->body, frame->len, ret_hello);

	if (r)
		return r == HELLO_TICKET || r == HELLO_KEM ? HS_EXTENSION : HS_MALFORMED;
	return ret_hello->extensions.server_key && !hs_pins(frame->suite) ? HS_EXTENSION : 0;
}

static int check_puzzle(struct handshake *hs, const struct hello *hello)
{
	const uint8_t *solution = hello->extensions.solution;
	struct puzzle puzzle = hs->puzzle;

	if (!hs->retried)
		return solution ? HS_PUZZLE_UNASKED : 0;
	hs->puzzle = (struct puzzle){0};
	if (!solution)
		return HS_PUZZLE_NONE;
	return puzzle_fits(&puzzle, hello->noise, solution) ? 0 : HS_PUZZLE_WRONG;
}

/* The first is for who names none. */
static int pick_key(struct handshake *hs, const uint8_t *id)
{
	const struct hs_server *server = hs->server;
	unsigned i = 0;

	if (id)
		while (i < server->key_count && memcmp(server->keys[i].id, id, HS_KEY_ID_LEN) != 0)
			i++;
	if (i >= server->key_count)
		return HS_SERVER_KEY;
	if (hs_certified(hs->suite) && !server->keys[i].cert)
		return HS_SUITE;
	hs->key = (uint8_t)i;
	return 0;
}

static bool is_known(const struct hs_server *server, const uint8_t key[PH_KEY_LEN])
{
	return !server->known || server->known(server->owner, key);
}

static int open_ticket(struct handshake *hs, struct crypto *c, const struct hello *hello,
		       struct ticket *ret_ticket)
{
	int r = ticket_open(hs->server->tickets, c, hello->extensions.ticket,
			    hello->extensions.ticket_len, hs->now_s, ret_ticket);

	switch (r) {
	case 0:
		break;
	case TICKET_LAYOUT:
	case TICKET_BAD:
		return HS_TICKET;
	case TICKET_KEY:
		return HS_TICKET_KEY;
	case TICKET_EXPIRED:
	case TICKET_CHAIN:
		return HS_TICKET_EXPIRED;
	default:
		return r;
	}
	/* A suite that is not taken any more does not live on in its tickets. */
	if (!(hs->server->suites & HS_SUITE_BIT(ret_ticket->origin & 31)))
		return HS_SUITE;
	if (ret_ticket->identified && !is_known(hs->server, ret_ticket->client_key))
		return HS_CLIENT;
	hs->identified = ret_ticket->identified;
	hs->origin = ret_ticket->origin;
	hs->origin_s = ret_ticket->origin_s;
	memcpy(hs->peer_key, ret_ticket->client_key, PH_KEY_LEN);
	return 0;
}

static int init_noise(struct handshake *hs, struct crypto *c, const struct hello *hello)
{
	struct ticket ticket = {0};
	int r;

	if (hs->suite != PH_RESUME) {
		r = pick_key(hs, hello->extensions.server_key);
		hs->origin = hs->suite;
		hs->origin_s = hs->now_s;
		return r ? r
			 : hs_noise_init(hs, false, hs->server->keys[hs->key].public, NULL, NULL);
	}
	r = open_ticket(hs, c, hello, &ticket);
	if (!r)
		r = hs_noise_init(hs, false, NULL, NULL, ticket.psk);
	wipe(&ticket, sizeof(ticket));
	return r;
}

/* The first message; a KEM key is kept until the answer. */
static int read_noise(struct handshake *hs, struct crypto *c, const struct hello *hello)
{
	uint8_t nonce[PH_NONCE_LEN];
	size_t len;
	int r;

	if (hello->extensions.kem_key) {
		hs->kem_public = malloc(PH_KEM_KEY_LEN);
		if (!hs->kem_public)
			return -ENOMEM;
		memcpy(hs->kem_public, hello->extensions.kem_key, PH_KEM_KEY_LEN);
		noise_lend_kem(&hs->noise, hs->kem_public, NULL);
	}
	hs_noise_begin(hs, hs->server->name, hello->sent, hello->sent_len);
	r = noise_read(&hs->noise, c, hello->noise, hello->noise_len, nonce, sizeof(nonce), &len);
	return hs_of_noise(r);
}

static int read_hello(struct handshake *hs, struct crypto *c, const struct frame *frame)
{
	struct hello hello;
	int r;

	if (frame->type != PH_CLIENT_HELLO)
		return HS_TYPE;
	r = check_suite(hs, c, frame->suite);
	if (!r)
		r = parse_hello(frame, &hello);
	if (!r)
		r = check_puzzle(hs, &hello);
	if (r)
		return r;
	hs->suite = frame->suite;
	hs->offer = hello.extensions.offer;
	if (hs->server->demand & ~hs->offer)
		return HS_OFFER;
	r = init_noise(hs, c, &hello);
	if (!r)
		r = read_noise(hs, c, &hello);
	if (!r)
		hs->state = HS_HELLO_OK;
	return r;
}

static int read_finish(struct handshake *hs, struct crypto *c, const struct frame *frame)
{
	uint8_t payload[FINISH_LEN];
	size_t len;
	int r;

	if (frame->type != PH_CLIENT_FINISH)
		return HS_TYPE;
	if (frame->suite != hs->suite)
		return HS_SUITE_OTHER;
	r = noise_read(&hs->noise, c, frame->body, frame->len, payload, sizeof(payload), &len);
	if (r)
		return hs_of_noise(r);
	if (len != sizeof(payload) || !finish_parse(payload, hs->capabilities))
		return HS_MALFORMED;
	memcpy(hs->peer_key, noise_remote(&hs->noise), PH_KEY_LEN);
	hs->identified = true;
	if (!is_known(hs->server, hs->peer_key))
		return HS_CLIENT;
	hs->state = HS_DONE;
	return 0;
}

int hs_server_read(struct handshake *hs, struct crypto *c, const uint8_t *bytes, size_t len,
		   uint64_t now_s)
{
	struct frame frame;
	int r = hs_parse_frame(bytes, len, &frame);

	if (r)
		return r;
	hs->now_s = now_s;
	return hs->state == HS_SENT ? read_finish(hs, c, &frame) : read_hello(hs, c, &frame);
}

/* Its hash goes into the prologue of the hello that answers it. */
static int write_retry(struct handshake *hs, uint8_t *out, size_t *ret_len)
{
	struct retry retry = {.bits = hs->puzzle.bits};
	uint8_t *body = frame_emit(PH_RETRY, hs->suite, RETRY_LEN, out);
	int r = crypto_random(retry.challenge, sizeof(retry.challenge));

	if (r)
		return r;
	memcpy(hs->puzzle.challenge, retry.challenge, sizeof(retry.challenge));
	retry_emit(&retry, body);
	sha256(out, PH_FRAME_HEAD + RETRY_LEN, hs->retry_hash);
	hs->retried = true;
	hs->state = HS_RETRY_SENT;
	*ret_len = PH_FRAME_HEAD + RETRY_LEN;
	return 0;
}

static int write_hello(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
		       size_t *ret_len)
{
	uint8_t payload[PH_NONCE_LEN + PH_CERT_MAX], public[PH_KEY_LEN];
	size_t len = PH_NONCE_LEN;
	int r;

	if (hs_certified(hs->suite)) {
		const struct hs_server_key *key = &hs->server->keys[hs->key];

		if (key->cert_len > PH_CERT_MAX)
			return -EINVAL;
		memcpy(payload + len, key->cert, key->cert_len);
		len += key->cert_len;
	}
	r = hs_ephemeral(hs, c, public);
	if (!r)
		r = hs_nonce(hs, payload);
	if (r)
		return r;
	noise_lend(&hs->noise, secret);
	r = noise_write(&hs->noise, c, payload, len, out + PH_FRAME_HEAD, PH_FRAME_MAX, &len);
	if (r)
		return hs_of_noise(r);
	noise_lend(&hs->noise, NULL);
	noise_lend_kem(&hs->noise, NULL, NULL);
	free(hs->kem_public);
	hs->kem_public = NULL;
	frame_emit(PH_SERVER_HELLO, hs->suite, len, out);
	*ret_len = PH_FRAME_HEAD + len;
	hs->state = noise_done(&hs->noise) ? HS_DONE : HS_SENT;
	return 0;
}

int hs_server_write(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
		    size_t *ret_len)
{
	return hs->state == HS_RETRY_DUE ? write_retry(hs, out, ret_len)
					 : write_hello(hs, c, secret, out, ret_len);
}
