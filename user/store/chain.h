/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The hash of an audit record:
 *
 *	SHA-256(previous hash (32) || "strazh audit 1" and a NUL (15) || seq (8) || at_ms (8) ||
 *		5 x (length (4) || bytes): actor, action, subject, cause, detail)
 *
 * numbers big-endian. Every part has one length or says it, so two records never have the same
 * encoding. The hash before the first record is 32 zero bytes.
 *
 * It is libcrypto's, directly: this room may not include user/crypto, and a hash that the caller
 * chose would let two programs disagree about the same chain.
 */
#ifndef STRAZH_USER_STORE_CHAIN_H
#define STRAZH_USER_STORE_CHAIN_H

#include <user/store/rows.h>

/* 0 or -ENOMEM. `previous` may be ret_hash. */
int store_chain_hash(const uint8_t previous[STORE_HASH_LEN], const struct store_record *record,
		     uint8_t ret_hash[STORE_HASH_LEN]) must_check;

#define STORE_HEX_LEN (2 * STORE_HASH_LEN + 1)
const char *store_chain_hex(const uint8_t hash[STORE_HASH_LEN], char text[STORE_HEX_LEN]);

#endif
