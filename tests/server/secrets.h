/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a server must have forgotten, derived by its client from the other end of the session; and
 * sessions with one, in all suites, that are looked for. The server may be any process.
 */
#ifndef TESTS_SERVER_SECRETS_H
#define TESTS_SERVER_SECRETS_H

#include <tests/server/raw.h>
#include <tests/unit/crypto/memory_scan.h>

struct secrets {
	struct scan over;    /* of handshakes and operations that are over, and old seeds */
	struct scan current; /* seeds that are in use */
	struct scan fixed;   /* the static key */
};

struct secrets *secrets_new(void);
void secrets_free(struct secrets *secrets);

/* The server's, from its file. */
void secrets_static(struct secrets *secrets, struct crypto *c, const char *key_path);
/* What a handshake was made of: the results of all X25519, chaining key, psk, t1 to t3. */
void secrets_handshake(struct scan *scan, const struct raw *raw, const uint8_t server_key[32]);
/* Seeds of the blocks before that of operation `last`, and some operations' keys up to it. */
void secrets_operations(struct scan *scan, const struct session_keys *keys, uint64_t last);
/* The seeds that operation `last` has. */
void secrets_seeds(struct scan *scan, const struct session_keys *keys, uint64_t last);

/* Some echoes of a session that is open. */
void secrets_echo(struct raw *raw, unsigned count);
/* A session of each suite, one resumed, and one that ends before its finish; over at the end. */
void secrets_sessions(struct secrets *secrets, const struct house *house);

#endif
