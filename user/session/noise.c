/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Model. A pattern is a table of tokens; modifiers are applied while a message is walked, so there
 * is no table of their products: psk0 stands before the first message's tokens and pskI behind
 * those of message I (section 9.4), e1 behind the first e and ekem1 behind the first ee (hfs).
 *
 * struct noise holds the symmetric state (section 5.2: ck, h, and the cipher k, n) and the
 * handshake state (5.3). One walker serves both directions: each token appends to or takes from
 * the message. What fails wipes the state, so a half-handled message leaves nothing to go on with.
 */
#include <errno.h>
#include <string.h>

#include <user/crypto/wipe.h>
#include <user/session/fixed.h>
#include <user/session/noise.h>

enum token { END, E, S, EE, ES, SE, SS };
#define PRE_I 1 /* pre-message -> s: the responder knows the initiator's static key */
#define PRE_R 2 /* pre-message <- s */
#define MESSAGES 3
#define TOKENS 5

struct noise_pattern {
	char name[4];
	uint8_t pre;
	uint8_t messages;
	uint8_t tokens[MESSAGES][TOKENS];
};

/* Sections 7.4 and 18. */
static const struct noise_pattern PATTERNS[] = {
	{"NN", 0, 2, {{E}, {E, EE}}},
	{"NK", PRE_R, 2, {{E, ES}, {E, EE}}},
	{"NX", 0, 2, {{E}, {E, EE, S, ES}}},
	{"XK", PRE_R, 3, {{E, ES}, {E, EE}, {S, SE}}},
	{"IK", PRE_R, 2, {{E, ES, S, SS}, {E, EE, SE}}},
	{"XX", 0, 3, {{E}, {E, EE, S, ES}, {S, SE}}},
	{"NK1", PRE_R, 2, {{E}, {E, EE, ES}}},
	{"XK1", PRE_R, 3, {{E}, {E, EE, ES}, {S, SE}}},
};

/* The message at hand: written, or read. */
struct walk {
	struct noise *noise;
	struct crypto *c;
	uint8_t *out; /* NULL: it is read */
	const uint8_t *in;
	size_t at, max;
};

/* ---- 5.2 the symmetric state ---- */

static void mix_hash_pieces(struct noise *noise, const struct noise_bytes *pieces, unsigned count)
{
	struct sha256 s;

	sha256_init(&s);
	sha256_add(&s, noise->h, sizeof(noise->h));
	for (unsigned i = 0; i < count; i++)
		sha256_add(&s, pieces[i].at, pieces[i].len);
	sha256_end(&s, noise->h);
}

static void mix_hash(struct noise *noise, const void *bytes, size_t len)
{
	const struct noise_bytes piece = {bytes, len};

	mix_hash_pieces(noise, &piece, 1);
}

static void mix_key(struct noise *noise, const uint8_t *input, size_t len)
{
	uint8_t out[2][32];

	kdf_noise(noise->ck, input, len, 2, out);
	memcpy(noise->ck, out[0], 32);
	memcpy(noise->k, out[1], 32);
	noise->n = 0;
	noise->keyed = true;
	wipe(out, sizeof(out));
}

static void mix_key_and_hash(struct noise *noise, const uint8_t psk[32])
{
	uint8_t out[3][32];

	kdf_noise(noise->ck, psk, 32, 3, out);
	memcpy(noise->ck, out[0], 32);
	mix_hash(noise, out[1], 32);
	memcpy(noise->k, out[2], 32);
	noise->n = 0;
	noise->keyed = true;
	wipe(out, sizeof(out));
}

/* 12.4: 32 zero bits, then n, big-endian. */
static void nonce_of(uint64_t n, uint8_t ret_nonce[12])
{
	memset(ret_nonce, 0, 4);
	for (int i = 0; i < 8; i++)
		ret_nonce[4 + i] = (uint8_t)(n >> (56 - 8 * i));
}

/* EncryptAndHash() into the message. */
static int append_sealed(struct walk *w, const void *bytes, size_t len)
{
	struct noise *noise = w->noise;
	size_t tag = noise->keyed ? NOISE_TAG_LEN : 0;
	uint8_t *to = w->out + w->at, nonce[12];
	int r;

	if (w->max - w->at < len || w->max - w->at - len < tag)
		return -ENOBUFS;
	if (noise->keyed) {
		nonce_of(noise->n, nonce);
		r = aead_seal(w->c, noise->k, nonce, noise->h, 32, bytes, len, to, to + len);
		if (r)
			return r;
		noise->n++;
	} else if (len) {
		memcpy(to, bytes, len);
	}
	mix_hash(noise, to, len + tag);
	w->at += len + tag;
	return 0;
}

/* DecryptAndHash() of `len` bytes and the tag that may stand behind them. */
static int take_sealed(struct walk *w, void *bytes, size_t len)
{
	struct noise *noise = w->noise;
	size_t tag = noise->keyed ? NOISE_TAG_LEN : 0, left = w->max - w->at;
	const uint8_t *from = w->in + w->at;
	uint8_t nonce[12];
	int r;

	if (left < len || left - len < tag)
		return NOISE_SHORT;
	if (noise->keyed) {
		nonce_of(noise->n, nonce);
		r = aead_open(w->c, noise->k, nonce, noise->h, 32, from, len, from + len, bytes);
		if (r)
			return r == CRYPTO_BAD ? NOISE_BAD : r;
		noise->n++;
	} else if (len) {
		memcpy(bytes, from, len);
	}
	mix_hash(noise, from, len + tag);
	w->at += len + tag;
	return 0;
}

/* ---- 5.3 the tokens ---- */

static int make_ephemeral(struct noise *noise, struct crypto *c)
{
	int r;

	if (noise->has_e)
		return 0;
	r = dh_generate(c, noise->e, noise->e_public);
	noise->has_e = !r;
	return r;
}

static int token_e(struct walk *w)
{
	struct noise *noise = w->noise;
	uint8_t *key = w->out ? noise->e_public : noise->re;
	int r;

	if (w->max - w->at < NOISE_KEY_LEN)
		return w->out ? -ENOBUFS : NOISE_SHORT;
	if (w->out) {
		r = make_ephemeral(noise, w->c);
		if (r)
			return r;
		memcpy(w->out + w->at, key, NOISE_KEY_LEN);
	} else {
		memcpy(key, w->in + w->at, NOISE_KEY_LEN);
		noise->has_re = true;
	}
	w->at += NOISE_KEY_LEN;
	mix_hash(noise, key, NOISE_KEY_LEN);
	if (noise->psks) /* 9.2 */
		mix_key(noise, key, NOISE_KEY_LEN);
	return 0;
}

static int token_s(struct walk *w)
{
	struct noise *noise = w->noise;
	int r;

	if (w->out)
		return noise->s ? append_sealed(w, noise->s_public, NOISE_KEY_LEN) : -EINVAL;
	r = take_sealed(w, noise->rs, NOISE_KEY_LEN);
	noise->has_rs = !r;
	return r;
}

static int mix_dh(struct walk *w, const uint8_t *secret, bool has_public, const uint8_t *public)
{
	own_wiped struct secret32 shared;
	int r;

	if (!secret || !has_public)
		return -EINVAL;
	r = dh_shared(w->c, secret, public, shared.bytes);
	if (r)
		return r == CRYPTO_ZERO ? NOISE_ZERO : r;
	mix_key(w->noise, shared.bytes, sizeof(shared.bytes));
	return 0;
}

/* hfs: the key beside the message is hashed as if it were in it. */
static int token_e1(struct walk *w)
{
	if (!w->noise->kem_public || w->noise->keyed)
		return w->out ? -EINVAL : NOISE_KEM;
	mix_hash(w->noise, w->noise->kem_public, NOISE_KEM_KEY_LEN);
	return 0;
}

static int token_ekem1(struct walk *w)
{
	struct noise *noise = w->noise;
	own_wiped struct secret32 shared;
	uint8_t text[NOISE_KEM_TEXT_LEN];
	int r;

	if (w->out ? !noise->kem_public : !noise->kem)
		return -EINVAL;
	if (w->out) {
		r = kem_encapsulate(w->c, noise->kem_public, text, shared.bytes);
		if (r)
			return r == CRYPTO_BAD ? NOISE_KEM : r;
		r = append_sealed(w, text, sizeof(text));
	} else {
		r = take_sealed(w, text, sizeof(text));
		if (!r)
			r = kem_decapsulate(w->c, noise->kem, text, shared.bytes);
	}
	if (!r)
		mix_key(noise, shared.bytes, sizeof(shared.bytes));
	return r;
}

static int token_ee(struct walk *w, bool second_message)
{
	struct noise *noise = w->noise;
	int r = mix_dh(w, noise->has_e ? noise->e : NULL, noise->has_re, noise->re);

	return r || !noise->hybrid || !second_message ? r : token_ekem1(w);
}

static int handle_token(struct walk *w, enum token token)
{
	struct noise *noise = w->noise;
	const uint8_t *e = noise->has_e ? noise->e : NULL;
	int r;

	switch (token) {
	case E:
		r = token_e(w);
		return r || !noise->hybrid || noise->next ? r : token_e1(w);
	case S:
		return token_s(w);
	case EE:
		return token_ee(w, noise->next == 1);
	case ES: /* the initiator's e, the responder's s */
		return noise->initiator ? mix_dh(w, e, noise->has_rs, noise->rs)
					: mix_dh(w, noise->s, noise->has_re, noise->re);
	case SE:
		return noise->initiator ? mix_dh(w, noise->s, noise->has_re, noise->re)
					: mix_dh(w, e, noise->has_rs, noise->rs);
	case SS:
		return mix_dh(w, noise->s, noise->has_rs, noise->rs);
	case END:
		break;
	}
	return -EINVAL;
}

static int handle_message(struct walk *w)
{
	struct noise *noise = w->noise;
	const uint8_t *tokens = noise->pattern->tokens[noise->next];
	int r;

	if (!noise->next && noise->psks & 1)
		mix_key_and_hash(noise, noise->psk);
	for (unsigned i = 0; i < TOKENS && tokens[i] != END; i++) {
		r = handle_token(w, tokens[i]);
		if (r)
			return r;
	}
	if (noise->psks & (1u << (noise->next + 1)))
		mix_key_and_hash(noise, noise->psk);
	return 0;
}

/* ---- names ---- */

/* The longest pattern that the name begins with; then "hfs" and "pskI", joined by "+". */
static int parse_pattern(struct noise *noise, const char *name)
{
	size_t best = 0;

	for (size_t i = 0; i < ARRAY_LEN(PATTERNS); i++) {
		size_t len = strlen(PATTERNS[i].name);

		if (len > best && !strncmp(name, PATTERNS[i].name, len)) {
			best = len;
			noise->pattern = &PATTERNS[i];
		}
	}
	if (!best)
		return -ENOENT;
	for (name += best; *name; name += *name == '+' && name[1]) {
		if (!strncmp(name, "hfs", 3) && !noise->hybrid) {
			noise->hybrid = true;
			name += 3;
		} else if (!strncmp(name, "psk", 3) && name[3] >= '0' &&
			   name[3] <= '0' + noise->pattern->messages) {
			noise->psks |= (uint8_t)(1u << (name[3] - '0'));
			name += 4;
		} else {
			return -ENOENT;
		}
		if (*name && *name != '+')
			return -ENOENT;
	}
	/* e1 would be encrypted, and so longer than the key that travels beside. */
	return noise->hybrid && noise->psks & 1 ? -ENOENT : 0;
}

/* h of section 5.2: the name, filled up with zeros, or its hash. */
static void hash_name(struct noise *noise, const char *pattern)
{
	const struct noise_bytes name[] = {
		{"Noise_", 6},		{pattern, strlen(pattern)},
		{"_25519", 6},		{"+MLKEM768", noise->hybrid ? 9 : 0},
		{"_AESGCM_SHA256", 14},
	};
	struct sha256 s;
	uint8_t text[32] = {0};
	size_t len = 0;

	sha256_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(name); i++) {
		sha256_add(&s, name[i].at, name[i].len);
		if (len + name[i].len <= sizeof(text))
			memcpy(text + len, name[i].at, name[i].len);
		len += name[i].len;
	}
	if (len <= sizeof(text))
		memcpy(noise->h, text, sizeof(text));
	else
		sha256_end(&s, noise->h);
	memcpy(noise->ck, noise->h, sizeof(noise->ck));
}

/* ---- what others call ---- */

int noise_init(struct noise *noise, const struct noise_setup *setup)
{
	const uint8_t *first, *second;
	int r;

	*noise = (struct noise){.initiator = setup->initiator};
	r = parse_pattern(noise, setup->pattern);
	if (r)
		return r;
	first = setup->initiator ? setup->own_public : setup->remote_public;
	second = setup->initiator ? setup->remote_public : setup->own_public;
	if ((noise->pattern->pre & PRE_I && !first) || (noise->pattern->pre & PRE_R && !second) ||
	    (noise->psks && !setup->psk))
		return -EINVAL;
	hash_name(noise, setup->pattern);
	if (setup->own_public)
		memcpy(noise->s_public, setup->own_public, NOISE_KEY_LEN);
	/* A key that the pattern sends is not taken from elsewhere. */
	if (setup->remote_public && noise->pattern->pre & (setup->initiator ? PRE_R : PRE_I)) {
		memcpy(noise->rs, setup->remote_public, NOISE_KEY_LEN);
		noise->has_rs = true;
	}
	if (setup->psk)
		memcpy(noise->psk, setup->psk, NOISE_KEY_LEN);
	return 0;
}

void noise_begin(struct noise *noise, const struct noise_bytes *prologue, unsigned pieces)
{
	const uint8_t *first = noise->initiator ? noise->s_public : noise->rs;
	const uint8_t *second = noise->initiator ? noise->rs : noise->s_public;

	mix_hash_pieces(noise, prologue, pieces);
	if (noise->pattern->pre & PRE_I)
		mix_hash(noise, first, NOISE_KEY_LEN);
	if (noise->pattern->pre & PRE_R)
		mix_hash(noise, second, NOISE_KEY_LEN);
	noise->begun = true;
}

void noise_deinit(struct noise *noise)
{
	wipe(noise, sizeof(*noise));
}

void noise_lend(struct noise *noise, const uint8_t secret[NOISE_KEY_LEN])
{
	noise->s = secret;
}

void noise_lend_kem(struct noise *noise, const uint8_t public[NOISE_KEM_KEY_LEN],
		    struct kem_key *kem)
{
	noise->kem_public = public;
	noise->kem = kem;
}

int noise_ephemeral(struct noise *noise, struct crypto *c, uint8_t ret_public[NOISE_KEY_LEN])
{
	int r = make_ephemeral(noise, c);

	if (!r)
		memcpy(ret_public, noise->e_public, NOISE_KEY_LEN);
	return r;
}

int noise_fix_ephemeral(struct noise *noise, struct crypto *c, const uint8_t secret[NOISE_KEY_LEN])
{
	int r = dh_public(c, secret, noise->e_public);

	if (!r)
		memcpy(noise->e, secret, NOISE_KEY_LEN);
	noise->has_e = !r;
	return r;
}

/* Messages alternate, and the initiator has the even ones. */
static bool is_turn(const struct noise *noise, bool writer)
{
	return noise->begun && noise->next < noise->pattern->messages &&
	       (noise->next % 2 == 0) == (noise->initiator == writer);
}

int noise_write(struct noise *noise, struct crypto *c, const void *payload, size_t payload_len,
		void *message, size_t max, size_t *ret_len)
{
	struct walk w = {.noise = noise, .c = c, .out = message, .max = max};
	int r = is_turn(noise, true) ? handle_message(&w) : -EINVAL;

	if (!r)
		r = append_sealed(&w, payload, payload_len);
	if (r) {
		noise_deinit(noise);
		return r;
	}
	noise->next++;
	*ret_len = w.at;
	return 0;
}

int noise_read(struct noise *noise, struct crypto *c, const void *message, size_t len,
	       void *payload, size_t max, size_t *ret_payload_len)
{
	struct walk w = {.noise = noise, .c = c, .in = message, .max = len};
	int r = is_turn(noise, false) ? handle_message(&w) : -EINVAL;
	size_t rest = 0, tag = 0;

	if (!r) {
		tag = noise->keyed ? NOISE_TAG_LEN : 0;
		r = len - w.at < tag ? NOISE_SHORT : 0;
	}
	if (!r) {
		rest = len - w.at - tag;
		r = rest > max ? NOISE_LONG : take_sealed(&w, payload, rest);
	}
	if (r) {
		noise_deinit(noise);
		return r;
	}
	noise->next++;
	*ret_payload_len = rest;
	return 0;
}

bool noise_done(const struct noise *noise)
{
	return noise->pattern && noise->next == noise->pattern->messages;
}

const uint8_t *noise_hash(const struct noise *noise)
{
	return noise->h;
}

const uint8_t *noise_remote(const struct noise *noise)
{
	return noise->has_rs ? noise->rs : NULL;
}

void noise_split(const struct noise *noise, uint8_t ret_t[3][NOISE_KEY_LEN])
{
	kdf_noise(noise->ck, NULL, 0, 3, ret_t);
}
