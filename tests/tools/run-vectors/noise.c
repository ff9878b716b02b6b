/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Noise vectors as cacophony writes them: a protocol name, the keys of both sides, messages. Both
 * sides run with the ephemeral keys of the file; each message is compared byte by byte as it is
 * written, and read by the other side; so are those behind the handshake, with the keys of Split().
 * Other ciphers, hashes and patterns than ours are skipped.
 */
#include <tests/tools/run-vectors/vectors.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <user/session/fixed.h>

#define MESSAGE_MAX 4096

static struct crypto *crypto;

struct side {
	struct noise noise;
	uint8_t s[32], s_public[32], e[32], remote[32], psk[32];
	bool has_s, has_e, has_remote, has_psk;
	uint8_t t[3][32];
	uint8_t sent, received;
};

/* PREFIX_NAME, when it is there. */
static bool key_of(const json_t *vector, const char *prefix, const char *name, uint8_t to[32])
{
	char member[64];

	snprintf(member, sizeof(member), "%s_%s", prefix, name);
	if (!json_object_get(vector, member))
		return false;
	own_bytes struct bytes key = bytes_of(vector, member);

	if (key.len != 32)
		die("'%s' is no key", member);
	memcpy(to, key.at, 32);
	return true;
}

/* One psk, the same for each token: a list of several different ones is not of our patterns. */
static bool psk_of(const json_t *vector, const char *prefix, uint8_t to[32])
{
	char member[64];
	const json_t *list;
	json_t *one;

	snprintf(member, sizeof(member), "%s_psks", prefix);
	list = json_object_get(vector, member);
	if (!list)
		return false;
	one = json_pack("{sO}", "x_psk", json_array_get(list, 0));
	if (!one || json_array_size(list) != 1 || !key_of(one, "x", "psk", to))
		die("'%s' is no list of one key", member);
	json_decref(one);
	return true;
}

/* 0, or what noise_init() said. */
static int begin(struct side *side, const json_t *vector, const char *prefix, const char *pattern)
{
	char member[64];
	bool initiator = !strcmp(prefix, "init");
	int r;

	side->has_s = key_of(vector, prefix, "static", side->s);
	side->has_e = key_of(vector, prefix, "ephemeral", side->e);
	side->has_remote = key_of(vector, prefix, "remote_static", side->remote);
	side->has_psk = psk_of(vector, prefix, side->psk);
	snprintf(member, sizeof(member), "%s_prologue", prefix);
	own_bytes struct bytes prologue = bytes_of(vector, member);
	const struct noise_bytes piece = {prologue.at, prologue.len};

	r = side->has_s ? dh_public(crypto, side->s, side->s_public) : 0;
	if (!r)
		r = noise_init(&side->noise,
			       &(struct noise_setup){
				       .pattern = pattern,
				       .initiator = initiator,
				       .own_public = side->has_s ? side->s_public : NULL,
				       .remote_public = side->has_remote ? side->remote : NULL,
				       .psk = side->has_psk ? side->psk : NULL,
			       });
	if (!r && side->has_e)
		r = noise_fix_ephemeral(&side->noise, crypto, side->e);
	if (r)
		return r;
	noise_begin(&side->noise, &piece, 1);
	noise_lend(&side->noise, side->has_s ? side->s : NULL);
	return 0;
}

/* Behind the handshake; n counts by direction. */
static bool transport(struct side *from, struct side *to, const struct bytes *payload,
		      uint8_t *message)
{
	unsigned d = from->noise.initiator ? 0 : 1;
	uint8_t nonce[12] = {0}, opened[MESSAGE_MAX];

	nonce[11] = from->sent++;
	if (aead_seal(crypto, from->t[d], nonce, NULL, 0, payload->at, payload->len, message,
		      message + payload->len))
		return false;
	nonce[11] = to->received++;
	return !aead_open(crypto, to->t[d], nonce, NULL, 0, message, payload->len,
			  message + payload->len, opened) &&
	       bytes_same(payload, opened, payload->len);
}

static bool one_message(struct side *from, struct side *to, const json_t *v)
{
	own_bytes struct bytes payload = bytes_of(v, "payload"), want = bytes_of(v, "ciphertext");
	uint8_t message[MESSAGE_MAX], got[MESSAGE_MAX];
	size_t len, got_len;

	if (payload.len > MESSAGE_MAX / 2)
		die("a payload of %zu bytes", payload.len);
	if (noise_done(&from->noise)) {
		len = payload.len + NOISE_TAG_LEN;
		return transport(from, to, &payload, message) && bytes_same(&want, message, len);
	}
	if (noise_write(&from->noise, crypto, payload.at, payload.len, message, sizeof(message),
			&len) ||
	    !bytes_same(&want, message, len) ||
	    noise_read(&to->noise, crypto, message, len, got, sizeof(got), &got_len) ||
	    !bytes_same(&payload, got, got_len))
		return false;
	if (noise_done(&from->noise)) {
		noise_split(&from->noise, from->t);
		noise_split(&to->noise, to->t);
	}
	return true;
}

static void run(const json_t *vector, const char *name, const char *pattern, struct tally *tally)
{
	struct side init = {0}, resp = {0};
	const json_t *messages = json_object_get(vector, "messages"), *message;
	int r = begin(&init, vector, "init", pattern);
	bool good = !r && !begin(&resp, vector, "resp", pattern);
	size_t i;

	if (r == -ENOENT) {
		tally_skip(tally, 1);
		return;
	}
	if (!json_array_size(messages))
		die("%s: no messages", name);
	json_array_foreach(messages, i, message)
	{
		good = good && one_message(i % 2 ? &resp : &init, i % 2 ? &init : &resp, message);
		if (!good)
			break;
	}
	good = good && noise_done(&init.noise);
	if (good && json_object_get(vector, "handshake_hash")) {
		own_bytes struct bytes hash = bytes_of(vector, "handshake_hash");

		good = bytes_same(&hash, noise_hash(&init.noise), 32) &&
		       bytes_same(&hash, noise_hash(&resp.noise), 32);
	}
	tally_count(tally, good, "%s: message %zu", name, i);
	noise_deinit(&init.noise);
	noise_deinit(&resp.noise);
}

/* The pattern in "Noise_PATTERN_25519_AESGCM_SHA256"; false: another suite. */
static bool pattern_of(const char *name, char *to, size_t max)
{
	static const char head[] = "Noise_", suite[] = "_25519_AESGCM_SHA256";
	const char *end = strstr(name, suite);
	size_t len;

	if (!end || end[sizeof(suite) - 1] || strncmp(name, head, sizeof(head) - 1) != 0)
		return false;
	len = (size_t)(end - name) - (sizeof(head) - 1);
	if (len >= max)
		return false;
	memcpy(to, name + sizeof(head) - 1, len);
	to[len] = 0;
	return true;
}

void run_noise(const json_t *root, struct tally *tally)
{
	const json_t *vectors = json_object_get(root, "vectors"), *vector;
	size_t i;

	if (!json_is_array(vectors))
		die("%s: no list 'vectors'", tally->file);
	if (crypto_new(&crypto))
		die("no cryptography");
	json_array_foreach(vectors, i, vector)
	{
		const char *name = text_of(vector, "protocol_name");
		char pattern[32];

		if (pattern_of(name, pattern, sizeof(pattern)))
			run(vector, name, pattern, tally);
		else
			tally_skip(tally, 1);
	}
	crypto_free(crypto);
}
