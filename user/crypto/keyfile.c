/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys made, named, put under a passphrase and taken out. Files: keystore.c; their text: keytext.c.
 */
#include <user/crypto/keyfile.h>

#include <errno.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <user/crypto/hash.h>

#define SCRYPT_R 8U
#define SCRYPT_P 1U
#define SEALED_FIELD "\nsealed: "

const char *const keyfile_kind_names[KEYFILE_KIND_COUNT] = {
#define X(name, text) [KEYFILE_##name] = (text),
	KEYFILE_KINDS(X)
#undef X
};

const char *keyfile_text(int r)
{
	static const char *const texts[] = {"done",
#define X(name, text) [KEYFILE_##name] = (text),
					    KEYFILE_CONDITIONS(X)
#undef X
	};

	return r < 0 ? strerror(-r) : (size_t)r < ARRAY_LEN(texts) ? texts[r] : "unknown";
}

void keyfile_id(const uint8_t public[32], uint8_t ret_id[KEYFILE_ID_LEN])
{
	uint8_t digest[SHA256_LEN];

	sha256(public, 32, digest);
	memcpy(ret_id, digest, KEYFILE_ID_LEN);
}

const char *keyfile_hex(const uint8_t id[KEYFILE_ID_LEN], char text[KEYFILE_ID_TEXT_LEN])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < KEYFILE_ID_LEN; i++) {
		text[2 * i] = digits[id[i] >> 4];
		text[2 * i + 1] = digits[id[i] & 15];
	}
	text[KEYFILE_ID_TEXT_LEN - 1] = '\0';
	return text;
}

const char *keyfile_id_text(const uint8_t public[32], char text[KEYFILE_ID_TEXT_LEN])
{
	uint8_t id[KEYFILE_ID_LEN];

	keyfile_id(public, id);
	return keyfile_hex(id, text);
}

int keyfile_generate(struct crypto *c, enum keyfile_kind kind, const char *name, uint64_t now_s,
		     struct keyfile *ret_file)
{
	own_keyfile struct keyfile file = {.kind = kind, .created_s = now_s};
	int r;

	if (name[0] && !keyfile_name_fits(name))
		return -EINVAL;
	memcpy(file.name, name, strlen(name));
	r = kind == KEYFILE_ROOT ? sign_generate(c, file.secret.bytes, file.public)
				 : dh_generate(c, file.secret.bytes, file.public);
	if (!r)
		*ret_file = file;
	return r;
}

/* ---- under a passphrase ---- */

struct seal_key {
	uint8_t key[32];
	uint8_t nonce[12]; /* fresh with the salt, as the key is */
};

static void wipe_seal_key(struct seal_key *key)
{
	wipe(key, sizeof(*key));
}
#define own_seal_key cleanup_with(wipe_seal_key)

static int derive(const struct keyfile_seal *seal, const void *passphrase, size_t len,
		  struct seal_key *ret_key)
{
	uint64_t n = 1ULL << seal->log2n, most = 2 * 128 * n * SCRYPT_R;
	uint32_t r = SCRYPT_R, p = SCRYPT_P;
	/* OpenSSL's parameters are not const, but it does not write to them. */
	const OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
						  (void *)(uintptr_t)passphrase, len),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)seal->salt, sizeof(seal->salt)),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
		OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
		OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_SCRYPT, NULL);
	EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	int done = ctx ? EVP_KDF_derive(ctx, (uint8_t *)ret_key, sizeof(*ret_key), params) : 0;

	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return done == 1 ? 0 : -EIO;
}

/* All lines above "sealed". No base64 or name holds a newline, so there is one such place. */
static size_t associated(const struct keyfile *file, char text[KEYFILE_TEXT_MAX])
{
	const char *at;

	(void)keyfile_emit(file, text);
	at = strstr(text, SEALED_FIELD);
	return at ? (size_t)(at - text) + 1 : 0;
}

int keyfile_lock(struct crypto *c, struct keyfile *file, const void *passphrase, size_t len,
		 uint8_t log2n)
{
	own_keyfile struct keyfile locked = *file;
	own_seal_key struct seal_key key = {0};
	char text[KEYFILE_TEXT_MAX];
	uint8_t *box = locked.seal.box;
	int r;

	if (!len || log2n < KEYFILE_SCRYPT_LOG2N_MIN || log2n > KEYFILE_SCRYPT_LOG2N_MAX)
		return -EINVAL;
	locked.sealed = true;
	locked.seal.log2n = log2n;
	r = crypto_random(locked.seal.salt, sizeof(locked.seal.salt));
	if (!r)
		r = derive(&locked.seal, passphrase, len, &key);
	if (!r)
		r = aead_seal(c, key.key, key.nonce, text, associated(&locked, text),
			      locked.secret.bytes, sizeof(locked.secret), box,
			      box + sizeof(locked.secret));
	if (!r)
		*file = locked;
	return r;
}

static int unseal(struct crypto *c, const struct keyfile *file, const void *passphrase, size_t len,
		  struct secret32 *ret_secret)
{
	own_seal_key struct seal_key key = {0};
	char text[KEYFILE_TEXT_MAX];
	const uint8_t *box = file->seal.box;
	int r = derive(&file->seal, passphrase, len, &key);

	if (!r)
		r = aead_open(c, key.key, key.nonce, text, associated(file, text), box,
			      sizeof(*ret_secret), box + sizeof(*ret_secret), ret_secret->bytes);
	return r == CRYPTO_BAD ? KEYFILE_PASSPHRASE : r;
}

static int check_public(struct crypto *c, const struct keyfile *file, const struct secret32 *secret)
{
	uint8_t public[32];
	int r = file->kind == KEYFILE_ROOT ? sign_public(c, secret->bytes, public)
					   : dh_public(c, secret->bytes, public);

	if (r)
		return r;
	return crypto_same(public, file->public, sizeof(public)) ? 0 : KEYFILE_MISMATCH;
}

int keyfile_unlock(struct crypto *c, struct keyfile *file, const void *passphrase, size_t len)
{
	own_wiped struct secret32 secret = file->secret;
	int r = 0;

	if (file->sealed && !passphrase)
		return KEYFILE_LOCKED;
	if (file->sealed)
		r = unseal(c, file, passphrase, len, &secret);
	if (!r)
		r = check_public(c, file, &secret);
	if (!r)
		file->secret = secret;
	return r;
}
