/* SPDX-License-Identifier: Apache-2.0 */
/* Two fields of fixed length. */
#include <user/wire/retry.h>

#include <string.h>

#include <user/wire/bytes.h>

const char *retry_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		RETRY_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

int retry_parse(const uint8_t *body, size_t len, struct retry *ret_retry)
{
	if (len != RETRY_LEN)
		return RETRY_LENGTH;
	if (body[0] < PH_PUZZLE_BITS_MIN || body[0] > PH_PUZZLE_BITS_MAX)
		return RETRY_BITS;
	ret_retry->bits = body[0];
	memcpy(ret_retry->challenge, body + 1, PH_CHALLENGE_LEN);
	return 0;
}

void retry_emit(const struct retry *retry, uint8_t ret_body[RETRY_LEN])
{
	put_bytes(put_byte(ret_body, retry->bits), retry->challenge, PH_CHALLENGE_LEN);
}
