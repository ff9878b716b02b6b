/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * run-vectors --noise: vectors as cacophony writes them. Both sides run with the ephemeral keys of
 * the file; each message is compared byte by byte as it is written, and read by the other side;
 * messages behind the handshake are sealed with the keys of Split().
 */
#include <errno.h>
#include <string.h>

#include <tests/vectors/vectors.h>
#include <user/session/fixed.h>

#define MESSAGE_MAX 4096

struct side {
	struct noise noise;
	uint8_t s[32], s_public[32], e[32], remote[32], psk[32], prologue[256];
	bool has_s, has_e, has_remote, has_psk;
	size_t prologue_len;
	uint8_t t[3][32];
	uint64_t sent, received;
};

/* A key of the file under PREFIX_name; absent is fine. False: it is not 32 bytes of hex. */
static bool get_key(const json_t *vector, const char *prefix, const char *name, uint8_t to[32],
		    bool *ret_has)
{
	char full[64];
	const json_t *value;
	size_t len;

	snprintf(full, sizeof(full), "%s_%s", prefix, name);
	value = json_object_get(vector, full);
	if (json_is_array(value))
		value = json_array_get(value, 0);
	*ret_has = value != NULL;
	return !value || (hex_bytes(json_string_value(value), to, 32, &len) && len == 32);
}

static bool get_side(const json_t *vector, const char *prefix, struct side *side)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_prologue", prefix);
	return get_key(vector, prefix, "static", side->s, &side->has_s) &&
	       get_key(vector, prefix, "ephemeral", side->e, &side->has_e) &&
	       get_key(vector, prefix, "remote_static", side->remote, &side->has_remote) &&
	       get_key(vector, prefix, "psks", side->psk, &side->has_psk) &&
	       hex_bytes(json_string_value(json_object_get(vector, name)), side->prologue,
			 sizeof(side->prologue), &side->prologue_len);
}

/* 0, or what noise_init() said. */
static int begin(struct side *side, struct crypto *c, const char *pattern, bool initiator)
{
	struct noise_setup setup = {
		.pattern = pattern,
		.initiator = initiator,
		.own_public = side->has_s ? side->s_public : NULL,
		.remote_public = side->has_remote ? side->remote : NULL,
		.psk = side->has_psk ? side->psk : NULL,
	};
	struct noise_bytes prologue = {side->prologue, side->prologue_len};
	int r = side->has_s ? dh_public(c, side->s, side->s_public) : 0;

	if (!r)
		r = noise_init(&side->noise, &setup);
	if (!r && side->has_e)
		r = noise_fix_ephemeral(&side->noise, c, side->e);
	if (r)
		return r;
	noise_begin(&side->noise, &prologue, 1);
	noise_lend(&side->noise, side->has_s ? side->s : NULL);
	return 0;
}

/* Behind the handshake: n counts by direction, t1 is the initiator's. */
static bool transport(struct crypto *c, struct side *from, struct side *to, bool by_initiator,
		      const uint8_t *payload, size_t len, uint8_t *message)
{
	uint8_t nonce[12] = {0}, opened[MESSAGE_MAX];

	nonce[11] = (uint8_t)from->sent++;
	if (aead_seal(c, from->t[!by_initiator], nonce, NULL, 0, payload, len, message,
		      message + len))
		return false;
	nonce[11] = (uint8_t)to->received++;
	return aead_open(c, to->t[!by_initiator], nonce, NULL, 0, message, len, message + len,
			 opened) == 0 &&
	       !memcmp(opened, payload, len);
}

static bool one_message(struct crypto *c, struct side *from, struct side *to, bool by_initiator,
			const json_t *vector)
{
	uint8_t payload[MESSAGE_MAX], want[MESSAGE_MAX], message[MESSAGE_MAX], got[MESSAGE_MAX];
	const char *text = json_string_value(json_object_get(vector, "payload"));
	const char *sealed = json_string_value(json_object_get(vector, "ciphertext"));
	size_t len, want_len, message_len, got_len;

	if (!hex_bytes(text, payload, sizeof(payload) - 64, &len) ||
	    !hex_bytes(sealed, want, sizeof(want), &want_len))
		return false;
	if (noise_done(&from->noise)) {
		message_len = len + NOISE_TAG_LEN;
		if (!transport(c, from, to, by_initiator, payload, len, message))
			return false;
	} else {
		if (noise_write(&from->noise, c, payload, len, message, sizeof(message),
				&message_len) ||
		    noise_read(&to->noise, c, message, message_len, got, sizeof(got), &got_len) ||
		    got_len != len || memcmp(got, payload, len) != 0)
			return false;
		if (noise_done(&from->noise)) {
			noise_split(&from->noise, from->t);
			noise_split(&to->noise, to->t);
		}
	}
	return message_len == want_len && !memcmp(message, want, want_len);
}

static enum vector_result run(struct crypto *c, const json_t *vector, const char *pattern)
{
	struct side init = {0}, resp = {0};
	const json_t *messages = json_object_get(vector, "messages");
	uint8_t hash[32];
	size_t len;
	int r;

	if (!get_side(vector, "init", &init) || !get_side(vector, "resp", &resp) ||
	    !hex_bytes(json_string_value(json_object_get(vector, "handshake_hash")), hash, 32,
		       &len) ||
	    len != 32)
		return VECTOR_FAILED;
	r = begin(&init, c, pattern, true);
	if (r == -ENOENT)
		return VECTOR_SKIPPED;
	if (r || begin(&resp, c, pattern, false))
		return VECTOR_FAILED;
	for (size_t i = 0; i < json_array_size(messages); i++) {
		bool first = i % 2 == 0;

		if (!one_message(c, first ? &init : &resp, first ? &resp : &init, first,
				 json_array_get(messages, i)))
			return VECTOR_FAILED;
	}
	return noise_done(&init.noise) && !memcmp(noise_hash(&init.noise), hash, 32) &&
			       !memcmp(noise_hash(&resp.noise), hash, 32)
		       ? VECTOR_PASSED
		       : VECTOR_FAILED;
}

/* The pattern between "Noise_" and the suite of ours; NULL: another suite. */
static const char *pattern_of(const char *protocol, char *to, size_t max)
{
	static const char suite[] = "_25519_AESGCM_SHA256";
	const char *end = protocol ? strstr(protocol, suite) : NULL;
	size_t len;

	if (!end || strncmp(protocol, "Noise_", 6) != 0 || end[sizeof(suite) - 1])
		return NULL;
	len = (size_t)(end - protocol) - 6;
	if (len >= max)
		return NULL;
	memcpy(to, protocol + 6, len);
	to[len] = 0;
	return to;
}

int vectors_noise(const json_t *file, struct tally *tally)
{
	const json_t *vectors = json_object_get(file, "vectors"), *vector;
	struct crypto *c = NULL;
	size_t i;
	int r;

	if (!json_is_array(vectors))
		return -EINVAL;
	r = crypto_new(&c);
	if (r)
		return r;
	json_array_foreach(vectors, i, vector)
	{
		const char *name = json_string_value(json_object_get(vector, "protocol_name"));
		char text[64];
		const char *pattern = pattern_of(name, text, sizeof(text));

		tally_add(tally, pattern ? run(c, vector, pattern) : VECTOR_SKIPPED,
			  name ? name : "a vector without a name");
	}
	crypto_free(c);
	return 0;
}
