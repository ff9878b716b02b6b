/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files with keys and certificates: text, one field a line, base64, in this order and no other:
 *
 *	strazh key 1				strazh certificate 1
 *	kind: server				certificate: BASE64 of what goes over the wire
 *	name: front-1			[may be left out]
 *	created: 2026-11-21T10:00:00Z
 *	until: 2027-11-21T10:00:00Z	[may be left out: without end]
 *	public: BASE64 of 32 bytes
 *	secret: BASE64 of 32 bytes
 *
 * or in place of "secret", when it is under a passphrase:
 *
 *	scrypt: 16 8 1			log2 N, r, p (RFC 7914)
 *	salt: BASE64 of 16 bytes
 *	sealed: BASE64 of 48 bytes
 *
 * scrypt makes 44 bytes, key and nonce of AES-256-GCM; the associated data are all lines above
 * "sealed", so that kind, name, times and public key cannot be changed either. There is one text
 * for each content: what the parser takes is, byte for byte, what keyfile_emit() makes of it.
 *
 * A root's key is Ed25519 (the secret is its seed), the others' are X25519. A key's id is the first
 * 8 bytes of SHA-256(public). A key file must belong to its owner alone (mode 0600 or less).
 *
 * Functions return 0, -errno, or an enum keyfile_condition.
 */
#ifndef STRAZH_USER_CRYPTO_KEYFILE_H
#define STRAZH_USER_CRYPTO_KEYFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <user/crypto/crypto.h>
#include <user/crypto/wipe.h>

#define KEYFILE_NAME_MAX 255
#define KEYFILE_TEXT_MAX 2048 /* with its terminator */
#define KEYFILE_CERT_MAX 512
#define KEYFILE_ID_LEN 8
#define KEYFILE_ID_TEXT_LEN (2 * KEYFILE_ID_LEN + 1)
#define KEYFILE_TIME_TEXT_LEN 21
#define KEYFILE_SCRYPT_LOG2N 16 /* 64 MiB, some 200 ms */
#define KEYFILE_SCRYPT_LOG2N_MIN 10
#define KEYFILE_SCRYPT_LOG2N_MAX 18 /* a file must not make us hold more than 256 MiB */
#define KEYFILE_PASSPHRASE_MAX 1024

#define KEYFILE_CONDITIONS(X)                                                                      \
	X(MALFORMED, "it is no such file")                                                         \
	X(IRREGULAR, "it is no regular file")                                                      \
	X(EXPOSED, "others than its owner may read or change it; chmod 600 mends that")            \
	X(LOCKED, "it is under a passphrase, and none was given")                                  \
	X(PASSPHRASE, "the passphrase does not fit, or the file was changed")                      \
	X(MISMATCH, "its public key is not that of its secret key")                                \
	X(EXISTS, "there is such a file already, and it is not overwritten")

enum keyfile_condition {
	KEYFILE_DONE,
#define X(name, text) KEYFILE_##name,
	KEYFILE_CONDITIONS(X)
#undef X
};

#define KEYFILE_KINDS(X)                                                                           \
	X(ROOT, "root")                                                                            \
	X(SERVER, "server")                                                                        \
	X(CLIENT, "client")

enum keyfile_kind {
#define X(name, text) KEYFILE_##name,
	KEYFILE_KINDS(X)
#undef X
		KEYFILE_KIND_COUNT,
};
extern const char *const keyfile_kind_names[KEYFILE_KIND_COUNT];

struct keyfile_seal {
	uint8_t log2n;
	uint8_t salt[16];
	uint8_t box[32 + 16];
};

/* Wiped by its owner: own_keyfile. */
struct keyfile {
	enum keyfile_kind kind;
	char name[KEYFILE_NAME_MAX + 1]; /* "": none; printable ASCII */
	uint64_t created_s, until_s;	 /* wall clock; until 0: without end */
	uint8_t public[32];
	bool sealed;		/* `seal` is there, `secret` only after keyfile_unlock() */
	struct secret32 secret; /* all zeros: not known */
	struct keyfile_seal seal;
};
static inline void keyfile_wipe(struct keyfile *file)
{
	wipe(file, sizeof(*file));
}
#define own_keyfile cleanup_with(keyfile_wipe)

/* Where a text is wrong and what would be right. */
struct keyfile_fault {
	unsigned int line; /* from 1 */
	const char *why;
};

/* ---- keys ---- */

/* A fresh one of that kind. -EINVAL: no such name (see keyfile_name_fits()). */
int keyfile_generate(struct crypto *c, enum keyfile_kind kind, const char *name, uint64_t now_s,
		     struct keyfile *ret_file) must_check;
bool keyfile_name_fits(const char *name) must_check;
void keyfile_id(const uint8_t public[32], uint8_t ret_id[KEYFILE_ID_LEN]);
/* An id in hexadecimal digits; that of a key. */
const char *keyfile_hex(const uint8_t id[KEYFILE_ID_LEN], char text[KEYFILE_ID_TEXT_LEN]);
const char *keyfile_id_text(const uint8_t public[32], char text[KEYFILE_ID_TEXT_LEN]);
/* "2026-11-21T10:00:00Z" */
const char *keyfile_time_text(uint64_t wall_s, char text[KEYFILE_TIME_TEXT_LEN]);

/* Put the secret under a passphrase, with fresh salt. log2n: KEYFILE_SCRYPT_LOG2N. */
int keyfile_lock(struct crypto *c, struct keyfile *file, const void *passphrase, size_t len,
		 uint8_t log2n) must_check;
/* Get the secret out, and check that the public key is its own. passphrase NULL: none is known;
 * one that is not needed is not looked at. KEYFILE_LOCKED, _PASSPHRASE, _MISMATCH. */
int keyfile_unlock(struct crypto *c, struct keyfile *file, const void *passphrase,
		   size_t len) must_check;

/* ---- as text ---- */

/* KEYFILE_MALFORMED and ret_fault; ret_file is untouched then. */
int keyfile_parse(const char *text, size_t len, struct keyfile *ret_file,
		  struct keyfile_fault *ret_fault) must_check;
/* Terminated; its length. What it holds is as secret as the file. */
size_t keyfile_emit(const struct keyfile *file, char ret_text[KEYFILE_TEXT_MAX]);
/* Bytes of a certificate as they go over the wire; what they say is not looked at here. */
int certfile_parse(const char *text, size_t len, uint8_t ret_bytes[KEYFILE_CERT_MAX],
		   size_t *ret_len, struct keyfile_fault *ret_fault) must_check;
/* -EMSGSIZE: longer than KEYFILE_CERT_MAX. */
int certfile_emit(const uint8_t *bytes, size_t len, char ret_text[KEYFILE_TEXT_MAX]) must_check;

/* ---- on disk ---- */

enum keyfile_write {
	KEYFILE_NEW,	 /* KEYFILE_EXISTS where there is something */
	KEYFILE_REPLACE, /* whatever is there */
};

/* -errno of open(2), KEYFILE_IRREGULAR, KEYFILE_EXPOSED, KEYFILE_MALFORMED. */
int keyfile_read(const char *path, struct keyfile *ret_file,
		 struct keyfile_fault *ret_fault) must_check;
/* All or nothing: a file beside it, written out to the disk, takes the name in one step. */
int keyfile_write(const char *path, const struct keyfile *file, enum keyfile_write how) must_check;
/* Certificates are public: mode 0644. */
int certfile_read(const char *path, uint8_t ret_bytes[KEYFILE_CERT_MAX], size_t *ret_len,
		  struct keyfile_fault *ret_fault) must_check;
int certfile_write(const char *path, const uint8_t *bytes, size_t len,
		   enum keyfile_write how) must_check;
/* The first line of a file, without its end; mode as of a key. -ERANGE: longer than
 * KEYFILE_PASSPHRASE_MAX or empty. */
int keyfile_read_passphrase(const char *path, char ret_passphrase[KEYFILE_PASSPHRASE_MAX],
			    size_t *ret_len) must_check;

/*
 * The same of a file that is open already, by who may open it; from its beginning, wherever it
 * stands. keyfile_open() never waits: -errno of open(2).
 */
int keyfile_open(const char *path, int *ret_fd) must_check;
int keyfile_read_fd(int fd, struct keyfile *ret_file, struct keyfile_fault *ret_fault) must_check;
int certfile_read_fd(int fd, uint8_t ret_bytes[KEYFILE_CERT_MAX], size_t *ret_len,
		     struct keyfile_fault *ret_fault) must_check;
int keyfile_read_passphrase_fd(int fd, char ret_passphrase[KEYFILE_PASSPHRASE_MAX],
			       size_t *ret_len) must_check;

/* What keyfile_rotate() of ctl leaves beside a key for a while: PATH.old-ID. */
#define KEYFILE_OLD ".old-"
#define KEYFILE_OLDS_MAX 8
/* Paths of these, up to KEYFILE_OLDS_MAX; more are not told. Free with keyfile_olds_free(). */
struct keyfile_olds {
	size_t count;
	char *paths[KEYFILE_OLDS_MAX];
};
int keyfile_olds(const char *path, struct keyfile_olds *ret_olds) must_check;
void keyfile_olds_free(struct keyfile_olds *olds);

/* Of a condition or -errno. */
const char *keyfile_text(int r);

#endif
