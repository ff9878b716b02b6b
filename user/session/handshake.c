/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model. A struct handshake belongs to one side and goes through the states of its half of enum
 * hs_state, forwards alone; the only way back is the server's from a Retry to another hello. The
 * sides are handshake_server.c and handshake_client.c, here is what they share. Whatever fails
 * wipes all of it and leaves HS_FAILED, in one place: hs_end().
 *
 * The prologue binds what was negotiated (suite, name, extensions, Retry), so that a change on the
 * way shows as a tag that does not fit.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/crypto/wipe.h>
#include <user/session/fixed.h>
#include <user/session/handshake_parts.h>

_Static_assert(sizeof(struct handshake) <= 1024, "a half-open connection is small");

static const char *const PATTERNS[][2] = {
	[PH_NK1] = {"NK1", "NK1hfs"}, [PH_XK1] = {"XK1", "XK1hfs"}, [PH_NX] = {"NX", "NXhfs"},
	[PH_XX] = {"XX", "XXhfs"},    [PH_RESUME] = {"NNpsk0"},
};

static const char *pattern_of(uint8_t suite)
{
	uint8_t base = hs_base(suite);

	return base < ARRAY_LEN(PATTERNS) ? PATTERNS[base][hs_hybrid(suite)] : NULL;
}

bool hs_suite_exists(uint8_t suite)
{
	return pattern_of(suite) != NULL;
}

/* ---- for both sides ---- */

int hs_parse_frame(const uint8_t *bytes, size_t len, struct frame *ret_frame)
{
	switch (frame_parse(bytes, len, ret_frame)) {
	case FRAME_NONE:
		return len == PH_FRAME_HEAD + (size_t)ret_frame->len ? 0 : HS_FRAME;
	case FRAME_TYPE:
		return HS_TYPE;
	case FRAME_SUITE:
		return HS_SUITE;
	default:
		return HS_FRAME;
	}
}

int hs_of_noise(int r)
{
	switch (r) {
	case NOISE_SHORT:
	case NOISE_LONG:
		return HS_MALFORMED;
	case NOISE_ZERO:
		return HS_LOW_ORDER;
	case NOISE_BAD:
		return HS_BAD;
	case NOISE_KEM:
		return HS_KEM;
	default:
		return r;
	}
}

int hs_noise_init(struct handshake *hs, bool initiator, const uint8_t *own, const uint8_t *remote,
		  const uint8_t *psk)
{
	return noise_init(&hs->noise, &(struct noise_setup){
					      .pattern = pattern_of(hs->suite),
					      .initiator = initiator,
					      .own_public = own,
					      .remote_public = remote,
					      .psk = psk,
				      });
}

int hs_ephemeral(struct handshake *hs, struct crypto *c, uint8_t ret_public[PH_KEY_LEN])
{
	int r = hs->fixed ? noise_fix_ephemeral(&hs->noise, c, hs->fixed_key) : 0;

	return r ? r : noise_ephemeral(&hs->noise, c, ret_public);
}

int hs_nonce(struct handshake *hs, uint8_t ret_nonce[PH_NONCE_LEN])
{
	if (!hs->fixed)
		return crypto_random(ret_nonce, PH_NONCE_LEN);
	hs->fixed = false;
	memcpy(ret_nonce, hs->fixed_nonce, PH_NONCE_LEN);
	return 0;
}

void hs_noise_begin(struct handshake *hs, const char *name, const uint8_t *extensions, size_t len)
{
	const uint8_t name_len = (uint8_t)strlen(name);
	const struct noise_bytes prologue[] = {
		{PH_VERSION, sizeof(PH_VERSION) - 1},
		{&hs->suite, 1},
		{&name_len, 1},
		{name, name_len},
		{extensions, len},
		{hs->retry_hash, sizeof(hs->retry_hash)},
	};

	noise_begin(&hs->noise, prologue, ARRAY_LEN(prologue));
}

void hs_noise_drop(struct handshake *hs)
{
	noise_deinit(&hs->noise);
	kem_key_free(hs->kem);
	hs->kem = NULL;
	free(hs->kem_public);
	hs->kem_public = NULL;
}

/* ---- what others call ---- */

static int hs_end(struct handshake *hs, int r)
{
	if (r) {
		handshake_deinit(hs);
		hs->state = HS_FAILED;
	}
	return r;
}

void handshake_accept(struct handshake *hs, const struct hs_server *server)
{
	*hs = (struct handshake){.server = server, .state = HS_ACCEPTED};
}

static bool has_what_it_wants(const struct hs_client *client)
{
	uint8_t suite = client->suite;
	size_t name_len = client->name ? strlen(client->name) : 0;

	return hs_suite_exists(suite) && name_len && name_len <= PH_NAME_MAX &&
	       (!hs_pins(suite) || client->server_key) && (!hs_certified(suite) || client->root) &&
	       (!hs_identifies(suite) || client->public) &&
	       (suite != PH_RESUME ||
		(client->resume && client->resume->len && client->resume->len <= HELLO_TICKET_MAX));
}

int handshake_connect(struct handshake *hs, const struct hs_client *client)
{
	*hs = (struct handshake){.client = client, .state = HS_FAILED, .suite = client->suite};
	if (!has_what_it_wants(client))
		return -EINVAL;
	hs->state = HS_HELLO_DUE;
	return 0;
}

void handshake_deinit(struct handshake *hs)
{
	hs_noise_drop(hs);
	wipe(hs, sizeof(*hs));
}

enum hs_next handshake_next(const struct handshake *hs)
{
	switch (hs->state) {
	case HS_ACCEPTED:
	case HS_RETRY_SENT:
	case HS_SENT:
	case HS_HELLO_SENT:
		return HS_NEXT_READ;
	case HS_RETRY_DUE:
	case HS_HELLO_OK:
	case HS_HELLO_DUE:
	case HS_FINISH_DUE:
		return HS_NEXT_WRITE;
	case HS_DONE:
		return HS_NEXT_DONE;
	case HS_IDLE:
	case HS_FAILED:
		break;
	}
	return HS_NEXT_NOTHING;
}

int handshake_read(struct handshake *hs, struct crypto *c, const uint8_t *frame, size_t len,
		   uint64_t now_s)
{
	if (handshake_next(hs) != HS_NEXT_READ)
		return hs_end(hs, -EINVAL);
	return hs_end(hs, hs->server ? hs_server_read(hs, c, frame, len, now_s)
				     : hs_client_read(hs, c, frame, len, now_s));
}

int handshake_write(struct handshake *hs, struct crypto *c, const uint8_t *secret,
		    uint8_t ret_frame[HS_FRAME_LEN], size_t *ret_len)
{
	if (handshake_next(hs) != HS_NEXT_WRITE)
		return hs_end(hs, -EINVAL);
	return hs_end(hs, hs->server ? hs_server_write(hs, c, secret, ret_frame, ret_len)
				     : hs_client_write(hs, c, secret, ret_frame, ret_len));
}

int handshake_key(const struct handshake *hs)
{
	if (hs->state == HS_FINISH_DUE)
		return 0;
	return hs->state == HS_HELLO_OK && hs->suite != PH_RESUME ? hs->key : -1;
}

bool handshake_resumed(const struct handshake *hs)
{
	return hs->state == HS_HELLO_OK && hs->suite == PH_RESUME;
}

int handshake_ask(struct handshake *hs, unsigned bits)
{
	if (hs->state != HS_HELLO_OK || hs->retried || bits < PH_PUZZLE_BITS_MIN ||
	    bits > PH_PUZZLE_BITS_MAX)
		return -EINVAL;
	hs_noise_drop(hs);
	hs->puzzle.bits = (uint8_t)bits;
	hs->state = HS_RETRY_DUE;
	return 0;
}

int handshake_keys(struct handshake *hs, struct session_keys *ret_keys)
{
	if (hs->state != HS_DONE)
		return -EINVAL;
	*ret_keys = (struct session_keys){
		.suite = hs->suite,
		.origin = hs->origin,
		.origin_s = hs->origin_s,
		.identified = hs->identified,
		.strict = hs->offer & PH_OFFER_STRICT,
		.classes = hs->offer & PH_OFFER_CLASSES,
	};
	memcpy(ret_keys->peer_key, hs->peer_key, PH_KEY_LEN);
	memcpy(ret_keys->capabilities, hs->capabilities, sizeof(ret_keys->capabilities));
	memcpy(ret_keys->h, noise_hash(&hs->noise), PH_HASH_LEN);
	noise_split(&hs->noise, ret_keys->t);
	handshake_deinit(hs);
	return 0;
}

void handshake_fix(struct handshake *hs, const uint8_t ephemeral[PH_KEY_LEN],
		   const uint8_t nonce[PH_NONCE_LEN])
{
	memcpy(hs->fixed_key, ephemeral, PH_KEY_LEN);
	memcpy(hs->fixed_nonce, nonce, PH_NONCE_LEN);
	hs->fixed = true;
}
