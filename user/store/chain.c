// SPDX-License-Identifier: AGPL-3.0-or-later
/* The encoding of audit records, hashed piece by piece. */
#include <user/store/chain.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

static const char label[] = "strazh audit 1"; /* its NUL is part of it */

static int add_number(EVP_MD_CTX *ctx, uint64_t number, size_t len)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(number >> 8 * (len - 1 - i));
	return EVP_DigestUpdate(ctx, bytes, len);
}

static int add_text(EVP_MD_CTX *ctx, const char *text)
{
	size_t len = strlen(text);

	return add_number(ctx, len, 4) && EVP_DigestUpdate(ctx, text, len);
}

int store_chain_hash(const uint8_t previous[STORE_HASH_LEN], const struct store_record *r,
		     uint8_t ret_hash[STORE_HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		   EVP_DigestUpdate(ctx, previous, STORE_HASH_LEN) &&
		   EVP_DigestUpdate(ctx, label, sizeof(label)) &&
		   add_number(ctx, (uint64_t)r->seq, 8) && add_number(ctx, (uint64_t)r->at_ms, 8) &&
		   add_text(ctx, r->actor) && add_text(ctx, r->action) &&
		   add_text(ctx, r->subject) && add_text(ctx, r->cause) &&
		   add_text(ctx, r->detail) && EVP_DigestFinal_ex(ctx, ret_hash, NULL);

	EVP_MD_CTX_free(ctx);
	return done ? 0 : -ENOMEM;
}

const char *store_chain_hex(const uint8_t hash[STORE_HASH_LEN], char text[STORE_HEX_LEN])
{
	for (unsigned i = 0; i < STORE_HASH_LEN; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	return text;
}
