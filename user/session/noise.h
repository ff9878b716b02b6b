/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Noise protocol framework, revision 34, for 25519, AESGCM and SHA256: the handshake of a
 * pattern, one message at a time, without I/O. Patterns: NN NK NX XK IK XX NK1 XK1; modifiers psk0
 * to psk3 and hfs (hybrid forward secrecy) with ML-KEM-768, joined by "+" as section 8 says:
 * "NNpsk0", "XXpsk3", "NK1hfs".
 *
 * With hfs the initiator's KEM key (token e1) is hashed where the extension puts it, but travels
 * beside the message: whoever calls carries it. The text (ekem1) is in the message. The protocol
 * name says 25519+MLKEM768.
 *
 * Ephemeral keys are made here, fresh for every handshake; user/session/fixed.h is for vectors.
 * Keys that are given are borrowed: they must stay until the message that needs them was handled.
 *
 * Functions return 0, -errno, or a condition that the peer caused. After anything but 0 the
 * handshake is over and its secrets are wiped; it only can be deinitialised.
 */
#ifndef STRAZH_USER_SESSION_NOISE_H
#define STRAZH_USER_SESSION_NOISE_H

#include <user/crypto/crypto.h>
#include <user/crypto/hash.h>

enum noise_condition {
	NOISE_SHORT = 1, /* the message ends before its tokens do */
	NOISE_ZERO,	 /* a key of low order */
	NOISE_BAD,	 /* a tag does not fit */
	NOISE_KEM,	 /* no KEM key */
	NOISE_LONG,	 /* a payload of more than there is room for */
};

#define NOISE_KEY_LEN 32
#define NOISE_TAG_LEN 16
#define NOISE_PSKS 4
#define NOISE_KEM_KEY_LEN 1184
#define NOISE_KEM_TEXT_LEN 1088

struct noise_bytes {
	const void *at;
	size_t len;
};

/* What a handshake begins with. What the pattern does not need may be NULL. */
struct noise_setup {
	const char *pattern;
	bool initiator;
	const uint8_t *own_public;    /* of the static key: copied */
	const uint8_t *remote_public; /* copied */
	const uint8_t *psk;	      /* copied: one for every psk token */
};

struct noise_pattern;
struct noise {
	const struct noise_pattern *pattern;
	bool initiator;
	bool hybrid;
	bool begun;
	bool keyed; /* k is set */
	bool has_e; /* fixed before, or sent */
	bool has_re, has_rs;
	uint8_t psks; /* bit i: modifier pski */
	uint8_t next; /* message */
	uint64_t n;
	uint8_t ck[NOISE_KEY_LEN], h[NOISE_KEY_LEN], k[NOISE_KEY_LEN];
	uint8_t e[NOISE_KEY_LEN], e_public[NOISE_KEY_LEN];
	uint8_t re[NOISE_KEY_LEN], rs[NOISE_KEY_LEN];
	uint8_t s_public[NOISE_KEY_LEN];
	uint8_t psk[NOISE_KEY_LEN];
	const uint8_t *s;	   /* borrowed for a call: noise_lend() */
	const uint8_t *kem_public; /* borrowed: noise_lend_kem() */
	struct kem_key *kem;
};

/* -ENOENT: no such pattern. -EINVAL: a key is missing that both sides must know before. */
int noise_init(struct noise *noise, const struct noise_setup *setup) must_check;
/* The prologue, in pieces that are hashed as one: once, before the first message. */
void noise_begin(struct noise *noise, const struct noise_bytes *prologue, unsigned pieces);
/* Wipes everything; fine after a failure, twice, and on zeros. */
void noise_deinit(struct noise *noise);

/* The static secret for the calls that need it; NULL takes it back. */
void noise_lend(struct noise *noise, const uint8_t secret[NOISE_KEY_LEN]);
/* hfs: the initiator's KEM key and its secret (the responder's NULL). */
void noise_lend_kem(struct noise *noise, const uint8_t public[NOISE_KEM_KEY_LEN],
		    struct kem_key *kem);

/* The ephemeral key before it is sent: made now, once. */
int noise_ephemeral(struct noise *noise, struct crypto *c,
		    uint8_t ret_public[NOISE_KEY_LEN]) must_check;

/* Our turn and theirs (else -EINVAL). -ENOBUFS: the message does not fit. */
int noise_write(struct noise *noise, struct crypto *c, const void *payload, size_t payload_len,
		void *message, size_t max, size_t *ret_len) must_check;
int noise_read(struct noise *noise, struct crypto *c, const void *message, size_t len,
	       void *payload, size_t max, size_t *ret_payload_len) must_check;

bool noise_done(const struct noise *noise) must_check;
/* The hash of the handshake so far. */
const uint8_t *noise_hash(const struct noise *noise);
/* NULL: not known (yet). */
const uint8_t *noise_remote(const struct noise *noise);
/* t1, t2 (the keys of Split()) and t3, after the last message: Noise HKDF(ck, "", 3). */
void noise_split(const struct noise *noise, uint8_t ret_t[3][NOISE_KEY_LEN]);

#endif
