/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handshakes with fixed ephemeral keys and nonces, so that published vectors can be compared byte
 * by byte. For tests alone: a repeated ephemeral key repeats a key and a nonce of AES-GCM, so no
 * file of the product includes this but those that define it.
 */
#ifndef STRAZH_USER_SESSION_FIXED_H
#define STRAZH_USER_SESSION_FIXED_H

#include <user/session/handshake.h>
#include <user/session/noise.h>

int noise_fix_ephemeral(struct noise *noise, struct crypto *c,
			const uint8_t secret[NOISE_KEY_LEN]) must_check;
/* Of the next hello, ours or our answer; once. */
void handshake_fix(struct handshake *hs, const uint8_t ephemeral[PH_KEY_LEN],
		   const uint8_t nonce[PH_NONCE_LEN]);

#endif
