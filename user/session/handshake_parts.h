/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of the handshake share: for handshake*.c alone. */
#ifndef STRAZH_USER_SESSION_HANDSHAKE_PARTS_H
#define STRAZH_USER_SESSION_HANDSHAKE_PARTS_H

#include <user/session/handshake.h>
#include <user/wire/frame.h>
#include <user/wire/hello.h>

static inline uint8_t hs_base(uint8_t suite)
{
	return suite & (uint8_t)~PH_SUITE_HYBRID;
}

static inline bool hs_hybrid(uint8_t suite)
{
	return suite & PH_SUITE_HYBRID;
}

/* The server's key is pinned; it comes in a certificate; the client has a key. */
static inline bool hs_pins(uint8_t suite)
{
	return hs_base(suite) == PH_NK1 || hs_base(suite) == PH_XK1;
}
static inline bool hs_certified(uint8_t suite)
{
	return hs_base(suite) == PH_NX || hs_base(suite) == PH_XX;
}
static inline bool hs_identifies(uint8_t suite)
{
	return hs_base(suite) == PH_XK1 || hs_base(suite) == PH_XX;
}

/* A suite that the protocol has. */
bool hs_suite_exists(uint8_t suite) must_check;

/* Exactly one frame. */
int hs_parse_frame(const uint8_t *bytes, size_t len, struct frame *ret_frame) must_check;
int hs_of_noise(int r); /* enum noise_condition to enum hs_condition */

/* Noise as the suite has it, up to the prologue. */
int hs_noise_init(struct handshake *hs, bool initiator, const uint8_t *own, const uint8_t *remote,
		  const uint8_t *psk) must_check;
/* Our ephemeral key, and the prologue with the extensions as they are sent. */
int hs_ephemeral(struct handshake *hs, struct crypto *c, uint8_t ret_public[PH_KEY_LEN]) must_check;
void hs_noise_begin(struct handshake *hs, const char *name, const uint8_t *extensions, size_t len);
int hs_nonce(struct handshake *hs, uint8_t ret_nonce[PH_NONCE_LEN]) must_check;
/* The Noise state of a hello that is not gone on with. */
void hs_noise_drop(struct handshake *hs);

int hs_server_read(struct handshake *hs, struct crypto *c, const uint8_t *bytes, size_t len,
		   uint64_t now_s) must_check;
int hs_server_write(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
		    size_t *ret_len) must_check;
int hs_client_read(struct handshake *hs, struct crypto *c, const uint8_t *bytes, size_t len,
		   uint64_t now_s) must_check;
int hs_client_write(struct handshake *hs, struct crypto *c, const uint8_t *secret, uint8_t *out,
		    size_t *ret_len) must_check;

#endif
