/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Wycheproof, testvectors_v1: groups of vectors of one type, each "valid", "invalid" or
 * "acceptable". A valid one must come out as it says, an invalid one must be refused. The
 * acceptable ones are X25519's: keys that RFC 7748 accepts (the result must be right) and points of
 * low order, whose result is all zeros (must be refused).
 */
#include <tests/tools/run-vectors/vectors.h>

#include <stdlib.h>
#include <string.h>

#include <user/crypto/crypto.h>
#include <user/crypto/hash.h>

static struct crypto *crypto;

static bool is(const json_t *vector, const char *result)
{
	return !strcmp(text_of(vector, "result"), result);
}

static bool x25519(const json_t *v)
{
	own_bytes struct bytes public = bytes_of(v, "public"), secret = bytes_of(v, "private");
	own_bytes struct bytes shared = bytes_of(v, "shared");
	uint8_t got[32], zeros[32] = {0};
	int r;

	if (public.len != 32 || secret.len != 32)
		return is(v, "invalid");
	r = dh_shared(crypto, secret.at, public.at, got);
	if (bytes_same(&shared, zeros, sizeof(zeros)) || is(v, "invalid"))
		return r == CRYPTO_ZERO;
	return !r && bytes_same(&shared, got, sizeof(got));
}

static bool aes_gcm(const json_t *v)
{
	own_bytes struct bytes key = bytes_of(v, "key"), iv = bytes_of(v, "iv");
	own_bytes struct bytes ad = bytes_of(v, "aad"), text = bytes_of(v, "msg");
	own_bytes struct bytes sealed = bytes_of(v, "ct"), tag = bytes_of(v, "tag");
	own_bytes struct bytes out = {.at = malloc(sealed.len + text.len + 1)};
	uint8_t made[16];
	int r;

	if (!out.at)
		die("no memory");
	if (key.len != 32 || iv.len != 12 || tag.len != 16)
		die("sizes that its group did not announce");
	r = aead_open(crypto, key.at, iv.at, ad.at, ad.len, sealed.at, sealed.len, tag.at, out.at);
	if (!is(v, "valid"))
		return r == CRYPTO_BAD;
	if (r || !bytes_same(&text, out.at, sealed.len))
		return false;
	r = aead_seal(crypto, key.at, iv.at, ad.at, ad.len, text.at, text.len, out.at, made);
	return !r && bytes_same(&sealed, out.at, text.len) && bytes_same(&tag, made, sizeof(made));
}

/* RFC 5869: T(i) = HMAC(PRK, T(i - 1) | info | i). The first is Expand1 where `info` fits. */
static bool expand(const struct hmac_key *prk, const struct bytes *info, const struct bytes *okm)
{
	uint8_t block[32], count = 0;
	struct hmac h;

	for (size_t at = 0; at < okm->len; at += sizeof(block)) {
		if (!count && info->len <= 119) {
			kdf_expand1(prk, info->at, info->len, block);
			count++;
		} else {
			hmac_init(&h, prk);
			hmac_add(&h, block, count ? sizeof(block) : 0);
			hmac_add(&h, info->at, info->len);
			count++;
			hmac_add(&h, &count, 1);
			hmac_end(&h, block);
		}
		if (memcmp(okm->at + at, block, MIN(sizeof(block), okm->len - at)))
			return false;
	}
	return true;
}

static bool hkdf(const json_t *v)
{
	own_bytes struct bytes ikm = bytes_of(v, "ikm"), salt = bytes_of(v, "salt");
	own_bytes struct bytes info = bytes_of(v, "info"), okm = bytes_of(v, "okm");
	struct hmac_key key;
	uint8_t prk[32];

	if (okm.len != (size_t)number_of(v, "size"))
		die("a size that is not the output's");
	hmac_key_set(&key, salt.at, salt.len);
	hmac(&key, ikm.at, ikm.len, prk);
	hmac_key_set(&key, prk, sizeof(prk));
	return expand(&key, &info, &okm);
}

static bool mac(const json_t *v)
{
	own_bytes struct bytes secret = bytes_of(v, "key"), text = bytes_of(v, "msg");
	own_bytes struct bytes tag = bytes_of(v, "tag");
	struct hmac_key key;
	uint8_t got[32];

	if (tag.len > sizeof(got))
		die("a tag of %zu bytes", tag.len);
	hmac_key_set(&key, secret.at, secret.len);
	hmac(&key, text.at, text.len, got);
	return crypto_same(got, tag.at, tag.len) == is(v, "valid");
}

/* Sizes that the protocol does not use are not in the product. */
static bool aes_gcm_fits(const json_t *group, const json_t *v)
{
	(void)v;
	return number_of(group, "keySize") == 256 && number_of(group, "ivSize") == 96 &&
	       number_of(group, "tagSize") == 128;
}

static bool x25519_fits(const json_t *group, const json_t *v)
{
	(void)v;
	return !strcmp(text_of(group, "curve"), "curve25519");
}

static bool mac_fits(const json_t *group, const json_t *v)
{
	(void)v;
	return number_of(group, "tagSize") == 256;
}

/* The refused ones ask for more blocks than a byte counts; Expand1 makes one. */
static bool hkdf_fits(const json_t *group, const json_t *v)
{
	(void)group;
	return is(v, "valid");
}

/* By algorithm: one type of group stands for many. */
static const struct kind {
	const char *algorithm, *type;
	bool (*fits)(const json_t *group, const json_t *vector);
	bool (*pass)(const json_t *vector);
} kinds[] = {
	{"XDH", "XdhComp", x25519_fits, x25519},
	{"AES-GCM", "AeadTest", aes_gcm_fits, aes_gcm},
	{"HKDF-SHA-256", "HkdfTest", hkdf_fits, hkdf},
	{"HMACSHA256", "MacTest", mac_fits, mac},
};

static const struct kind *find_kind(const json_t *root, const json_t *group)
{
	const char *algorithm = text_of(root, "algorithm"), *type = text_of(group, "type");

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (!strcmp(algorithm, kinds[i].algorithm) && !strcmp(type, kinds[i].type))
			return &kinds[i];
	return NULL;
}

void run_wycheproof(const json_t *root, struct tally *tally)
{
	const json_t *groups = json_object_get(root, "testGroups"), *group, *vector;
	size_t g, i;

	if (!json_is_array(groups))
		die("%s: no file of Wycheproof's", tally->file);
	if (crypto_new(&crypto))
		die("no cryptography");
	json_array_foreach(groups, g, group)
	{
		const json_t *tests = json_object_get(group, "tests");
		const struct kind *kind = find_kind(root, group);

		json_array_foreach(tests, i, vector)
		{
			if (kind && kind->fits(group, vector))
				tally_count(tally, kind->pass(vector), "%s %d: %s", kind->algorithm,
					    (int)number_of(vector, "tcId"),
					    text_of(vector, "comment"));
			else
				tally_skip(tally, 1);
		}
	}
	crypto_free(crypto);
}
