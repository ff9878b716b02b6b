/* SPDX-License-Identifier: Apache-2.0 */
/* For handshakes: each key is forgotten at once, which an engine does once a batch. */
#include <user/crypto/state.h>

int aead_seal(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12], const void *ad,
	      size_t ad_len, const void *from, size_t len, void *to, uint8_t ret_tag[16])
{
	const struct gcm_text text = {
		.key = key,
		.nonce = nonce,
		.ad = ad,
		.ad_len = ad_len,
		.from = from,
		.to = to,
		.len = len,
	};
	int r = gcm_seal(&c->gcm, &text, ret_tag);

	gcm_forget(&c->gcm);
	return r;
}

int aead_open(struct crypto *c, const uint8_t key[32], const uint8_t nonce[12], const void *ad,
	      size_t ad_len, const void *from, size_t len, const uint8_t tag[16], void *to)
{
	const struct gcm_text text = {
		.key = key,
		.nonce = nonce,
		.ad = ad,
		.ad_len = ad_len,
		.from = from,
		.to = to,
		.len = len,
	};
	int r = gcm_open(&c->gcm, &text, tag);

	gcm_forget(&c->gcm);
	return r;
}
