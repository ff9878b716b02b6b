/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates judged and made; user/wire/cert.h has their layout. A certificate says that an
 * X25519 key is that of the server called so, from a time to a time, both inclusive, under an
 * Ed25519 root that the client pins.
 */
#ifndef STRAZH_USER_SESSION_CERT_H
#define STRAZH_USER_SESSION_CERT_H

#include <user/crypto/crypto.h>
#include <user/wire/cert.h>

enum cert_fault {
	CERT_FAULT_LAYOUT = 1,
	CERT_FAULT_ROOT, /* the root did not sign it */
	CERT_FAULT_NAME,
	CERT_FAULT_TIME,
};

/* 0, -errno, or enum cert_fault. The signature comes first: nothing unsigned is judged. */
int cert_check(struct crypto *c, const uint8_t *bytes, size_t len, const uint8_t root[32],
	       const char *name, uint64_t now_s, uint8_t ret_key[PH_KEY_LEN]) must_check;

/* For the key of a server. -EINVAL: name or times cannot be. */
int cert_make(struct crypto *c, const uint8_t root_secret[32], const uint8_t key[PH_KEY_LEN],
	      const char *name, uint64_t not_before, uint64_t not_after,
	      uint8_t ret_bytes[PH_CERT_MAX], size_t *ret_len) must_check;

#endif
