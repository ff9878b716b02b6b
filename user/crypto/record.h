/* SPDX-License-Identifier: Apache-2.0 */
/* A record's layout and what is derived for it; the numbers are those of strazh/wire/phantom.h,
 * which this room does not see (tests/unit/crypto/test_engine.c compares them). For the engines. */
#ifndef STRAZH_USER_CRYPTO_RECORD_H
#define STRAZH_USER_CRYPTO_RECORD_H

#include <stdint.h>
#include <string.h>

#define RECORD_HEAD 16
#define RECORD_TAG 16
#define RECORD_SIG 32
#define RECORD_PAD 16
#define RECORD_CIPHER_MAX 65520
#define RECORD_NONCE 12

/* label 8 | type 1 | n 8 */
#define RECORD_INFO 17
#define RECORD_LABEL_ENC "PHS1 enc"
#define RECORD_LABEL_MAC "PHS1 mac"

static inline void record_info(uint8_t *to, const char label[9], const uint8_t *record)
{
	memcpy(to, label, 8);
	to[8] = record[0];
	memcpy(to + 9, record + 8, 8);
}

/* iv xor (0^32 | n) */
static inline void record_nonce(uint8_t *to, const uint8_t *iv, const uint8_t *record)
{
	memcpy(to, iv, 4);
	for (unsigned i = 0; i < 8; i++)
		to[4 + i] = iv[4 + i] ^ record[8 + i];
}

static inline uint8_t *record_text(uint8_t *record)
{
	return record + RECORD_HEAD;
}

static inline uint8_t *record_tag(uint8_t *record, uint32_t len)
{
	return record + RECORD_HEAD + len;
}

static inline uint8_t *record_sig(uint8_t *record, uint32_t len)
{
	return record + RECORD_HEAD + len + RECORD_TAG;
}

/* What is signed: header | tag. */
#define RECORD_SIGNED (RECORD_HEAD + RECORD_TAG)
static inline void record_signed(uint8_t *to, uint8_t *record, uint32_t len)
{
	memcpy(to, record, RECORD_HEAD);
	memcpy(to + RECORD_HEAD, record_tag(record, len), RECORD_TAG);
}

#endif
