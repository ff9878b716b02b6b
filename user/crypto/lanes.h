/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many HMAC-SHA256 of one short length at once. What a record costs is the latency of SHA-256: its
 * rounds wait for one another, so independent messages run side by side for little more than the
 * price of one. Three ways, by what the processor has:
 *
 *	AVX-512   16 messages in the lanes of a register       18 ns a compression
 *	SHA-NI    2 messages, their rounds in turn	       34
 *	else      one after the other by OpenSSL	       49 with SHA-NI
 *
 * All give the same bytes (tests/unit/crypto/test_lanes.c runs each). For the files of this folder.
 */
#ifndef STRAZH_USER_CRYPTO_LANES_H
#define STRAZH_USER_CRYPTO_LANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <user/crypto/hash.h>

#define LANES_TEXT_MAX 55 /* with padding, one block */

struct lane {
	const struct hmac_key *key;
	const uint8_t *text;
	uint8_t *mac; /* 32 */
};

enum lanes_way { LANES_ONE, LANES_TWO, LANES_SIXTEEN };

/* The widest that this processor has. */
enum lanes_way lanes_best(void);
/* hmac() of each. `way` is at most lanes_best(). */
void lanes_hmac(enum lanes_way way, const struct lane *lanes, size_t n, size_t text_len);

struct lane_once {
	const uint8_t *secret; /* 32 */
	const uint8_t *text;
	uint8_t *mac; /* 32 */
};
/* The same under keys that are used this once: hmac_key_set() and hmac() of each. */
void lanes_hmac_once(enum lanes_way way, const struct lane_once *lanes, size_t n, size_t text_len);

#endif
