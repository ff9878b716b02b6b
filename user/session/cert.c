/* SPDX-License-Identifier: Apache-2.0 */
/* Model. No state. What is signed is the bytes as they stand before the signature. */
#include <errno.h>
#include <string.h>

#include <user/crypto/hash.h>
#include <user/session/cert.h>

static void key_id_of(const uint8_t public[32], uint8_t ret_id[CERT_KEY_ID_LEN])
{
	uint8_t digest[SHA256_LEN];

	sha256(public, 32, digest);
	memcpy(ret_id, digest, CERT_KEY_ID_LEN);
}

int cert_check(struct crypto *c, const uint8_t *bytes, size_t len, const uint8_t root[32],
	       const char *name, uint64_t now_s, uint8_t ret_key[PH_KEY_LEN])
{
	uint8_t id[CERT_KEY_ID_LEN];
	struct cert cert;
	int r;

	if (cert_parse(bytes, len, &cert))
		return CERT_FAULT_LAYOUT;
	key_id_of(root, id);
	if (memcmp(id, cert.key_id, sizeof(id)) != 0)
		return CERT_FAULT_ROOT;
	r = sign_check(c, root, bytes, cert_signed_len(&cert), cert.signature);
	if (r)
		return r == CRYPTO_BAD ? CERT_FAULT_ROOT : r;
	if (strlen(name) != cert.name_len || memcmp(name, cert.name, cert.name_len) != 0)
		return CERT_FAULT_NAME;
	if (now_s < cert.not_before || now_s > cert.not_after)
		return CERT_FAULT_TIME;
	memcpy(ret_key, cert.key, PH_KEY_LEN);
	return 0;
}

int cert_make(struct crypto *c, const uint8_t root_secret[32], const uint8_t key[PH_KEY_LEN],
	      const char *name, uint64_t not_before, uint64_t not_after,
	      uint8_t ret_bytes[PH_CERT_MAX], size_t *ret_len)
{
	struct cert cert = {.not_before = not_before, .not_after = not_after}, again;
	uint8_t root[32], bytes[PH_CERT_MAX];
	size_t name_len = strlen(name);
	int r;

	if (name_len > PH_NAME_MAX)
		return -EINVAL;
	cert.name_len = (uint8_t)name_len;
	memcpy(cert.name, name, name_len);
	memcpy(cert.key, key, PH_KEY_LEN);
	r = sign_public(c, root_secret, root);
	if (r)
		return r;
	key_id_of(root, cert.key_id);
	cert_emit(&cert, bytes);
	r = sign_make(c, root_secret, bytes, cert_signed_len(&cert), cert.signature);
	if (r)
		return r;
	cert_emit(&cert, bytes);
	/* What no client would read is not made. */
	if (cert_parse(bytes, cert_len(&cert), &again))
		return -EINVAL;
	memcpy(ret_bytes, bytes, cert_len(&cert));
	*ret_len = cert_len(&cert);
	return 0;
}
