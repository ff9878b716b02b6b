/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of a certificate, by which the server of NX and XX shows that its static key is its
 * own:
 *
 *	"PHS1 cert" 9 | X25519 key 32 | not before 8 | not after 8 | key id 8 | name length 1 | name
 *	| Ed25519 signature 64 of all that stands before it
 *
 * Times are seconds since 1970. The key id is that of the root: first 8 bytes of SHA-256 of its
 * public key. Whether the signature, the name and the times are right is not judged here.
 */
#ifndef STRAZH_USER_WIRE_CERT_H
#define STRAZH_USER_WIRE_CERT_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

#define CERT_MAGIC_LEN (sizeof(PH_CERT_MAGIC) - 1)
#define CERT_KEY_ID_LEN 8
#define CERT_SIGNATURE_LEN 64
/* Without name and signature. */
#define CERT_HEAD_LEN (CERT_MAGIC_LEN + PH_KEY_LEN + 8 + 8 + CERT_KEY_ID_LEN + 1)

#define CERT_CONDITIONS(X)                                                                         \
	X(CERT_SHORT, "a certificate that ends too early")                                         \
	X(CERT_MAGIC, "no certificate: it does not begin with 'PHS1 cert'")                        \
	X(CERT_TIMES, "a certificate that ends before it begins")                                  \
	X(CERT_NAME, "a certificate whose name is empty or no clean UTF-8")                        \
	X(CERT_TRAILING, "bytes behind a certificate")

enum cert_condition {
	CERT_NONE,
#define X(name, text) name,
	CERT_CONDITIONS(X)
#undef X
};
const char *cert_condition_text(int condition); /* NULL: no such condition */

struct cert {
	uint8_t key[PH_KEY_LEN];
	uint8_t key_id[CERT_KEY_ID_LEN];
	uint64_t not_before, not_after; /* both inclusive */
	uint8_t name_len;		/* 1 to PH_NAME_MAX */
	char name[PH_NAME_MAX + 1];	/* ends with a NUL */
	uint8_t signature[CERT_SIGNATURE_LEN];
};

/* How many bytes are signed, and how many there are. */
static inline size_t cert_signed_len(const struct cert *cert)
{
	return CERT_HEAD_LEN + cert->name_len;
}

static inline size_t cert_len(const struct cert *cert)
{
	return cert_signed_len(cert) + CERT_SIGNATURE_LEN;
}

/* 0 or enum cert_condition; the certificate has to be all that there is. */
int cert_parse(const uint8_t *bytes, size_t len, struct cert *ret_cert) must_check;
/* cert_len() bytes, the first cert_signed_len() of which are what is signed. */
void cert_emit(const struct cert *cert, uint8_t *to);

#endif
