/* SPDX-License-Identifier: Apache-2.0 */
/* Parsed into a certificate of its own first: ret_cert changes as a whole. */
#include <user/wire/cert.h>

#include <string.h>

#include <user/wire/bytes.h>
#include <user/wire/text.h>

const char *cert_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		CERT_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

int cert_parse(const uint8_t *bytes, size_t len, struct cert *ret_cert)
{
	const uint8_t *at = bytes + CERT_MAGIC_LEN;
	struct cert cert = {0};

	if (len < CERT_MAGIC_LEN)
		return CERT_SHORT;
	if (memcmp(bytes, PH_CERT_MAGIC, CERT_MAGIC_LEN) != 0)
		return CERT_MAGIC;
	if (len < CERT_HEAD_LEN)
		return CERT_SHORT;
	memcpy(cert.key, at, sizeof(cert.key));
	at += sizeof(cert.key);
	cert.not_before = get_be64(at);
	cert.not_after = get_be64(at + 8);
	at += 16;
	memcpy(cert.key_id, at, sizeof(cert.key_id));
	at += sizeof(cert.key_id);
	cert.name_len = *at++;
	if (cert.not_after < cert.not_before)
		return CERT_TIMES;
	if (len < cert_len(&cert))
		return CERT_SHORT;
	if (!cert.name_len || !text_clean(at, cert.name_len))
		return CERT_NAME;
	if (len > cert_len(&cert))
		return CERT_TRAILING;
	memcpy(cert.name, at, cert.name_len);
	memcpy(cert.signature, at + cert.name_len, sizeof(cert.signature));
	*ret_cert = cert;
	return 0;
}

void cert_emit(const struct cert *cert, uint8_t *to)
{
	to = put_bytes(to, PH_CERT_MAGIC, CERT_MAGIC_LEN);
	to = put_bytes(to, cert->key, sizeof(cert->key));
	to = put_be64(put_be64(to, cert->not_before), cert->not_after);
	to = put_bytes(to, cert->key_id, sizeof(cert->key_id));
	to = put_bytes(put_byte(to, cert->name_len), cert->name, cert->name_len);
	put_bytes(to, cert->signature, sizeof(cert->signature));
}
