/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Who the server is: its static keys, each behind a shield, their certificates, and the clients it
 * knows. Made once and never changed; a reload makes another, and handshakes that have begun keep
 * the one they began with. Counted; any thread.
 */
#ifndef STRAZH_USER_SERVER_IDENTITY_H
#define STRAZH_USER_SERVER_IDENTITY_H

#include <stddef.h>

#include <strazh/base/compiler.h>
#include <user/crypto/shield.h>
#include <user/session/handshake.h>

#define IDENTITY_KEYS_MAX 9 /* the key, and those that were rotated out and still count */
#define IDENTITY_WHY_LEN 256

/*
 * The files of an identity, opened by who may, for one who must not open any: the key, those that
 * were rotated out, and what else the configuration names. `fd` < 0: -errno of opening it.
 */
#define IDENTITY_FILES_MAX 16
struct identity_files {
	size_t count;
	struct identity_file {
		char *path;
		int fd;
	} list[IDENTITY_FILES_MAX];
};

struct identity_config {
	const struct identity_files *files; /* NULL: identity_load() opens what it needs */
	const char *name;		    /* of the server */
	uint32_t suites;		    /* HS_SUITE_BIT() of each; 0: all that the keys allow */
	bool hybrid;	      /* and the hybrid ones of these, where OpenSSL has ML-KEM-768 */
	uint16_t demand;      /* enum ph_offer: what a client must offer */
	const char *key_path; /* of `strazhctl keys new --server`; its .old-ID count too */
	const char *passphrase_path; /* of keys that are under one; NULL: none */
	const char *cert_path;	     /* NULL: no NX and XX */
	const char *clients_path;    /* public keys that may come, a base64 a line; NULL: any */
};

/* What can be wrong: each at most once, and told with the others. */
enum identity_part {
	IDENTITY_KEY,
	IDENTITY_PASSPHRASE,
	IDENTITY_CERTIFICATE,
	IDENTITY_CLIENTS,
	IDENTITY_SUITES,
	IDENTITY_HYBRID,
	IDENTITY_PARTS
};
struct identity_faults {
	char why[IDENTITY_PARTS][IDENTITY_WHY_LEN]; /* which file, what is wrong, what to do; "" */
};
/* The first of them, or "". */
const char *identity_why(const struct identity_faults *faults);

struct identity;

/* All that identity_load() would open. -ENOMEM; that one cannot be opened is told in it. */
int identity_files_open(const struct identity_config *config,
			struct identity_files *ret_files) must_check;
void identity_files_close(struct identity_files *files);

/* -EINVAL: there are faults; -ENOMEM and -EIO: ours, and there may be none. */
int identity_load(const struct identity_config *config, struct identity **ret_identity,
		  struct identity_faults *ret_faults) must_check;
struct identity *identity_get(struct identity *identity);
void identity_put(struct identity *identity); /* NULL is fine */

/* A hs_server for one reactor, whose tickets are its own: valid as long as the identity. */
struct hs_server identity_server(const struct identity *identity,
				 const struct ticket_keys *tickets);
/* The static key number `key`, for one batch. Close with shield_close(). */
int identity_open(struct identity *identity, int key, struct secret32 *ret_secret) must_check;
/* A new prekey for each; to be called every SHIELD_RENEW_MS. */
int identity_renew(struct identity *identity) must_check;
const uint8_t *identity_public(const struct identity *identity); /* 32: the first key's */

#endif
