/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of fixed length; tables of names. */
#include <user/wire/message.h>

#include <string.h>

#include <user/wire/bytes.h>
#include <user/wire/text.h>

const char *message_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		MESSAGE_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

const char *content_name(uint8_t content)
{
	switch (content) {
#define X(name, value, text)                                                                       \
	case name:                                                                                 \
		return text;
		PH_CONTENTS(X)
#undef X
	default:
		return content >= PH_CONTENT_OWN ? "application" : "unknown";
	}
}

int message_parse(const uint8_t *plain, size_t len, uint8_t priority,
		  struct ph_message *ret_message)
{
	if (len < PH_MESSAGE_HEAD)
		return MESSAGE_SHORT;
	if (len > PH_PLAIN_MAX)
		return MESSAGE_LONG;
	if (plain[3])
		return MESSAGE_ZERO;
	*ret_message = (struct ph_message){
		.service = plain[0],
		.opcode = plain[1],
		.content = plain[2],
		.priority = priority,
		.request = get_be32(plain + 4),
		.payload = plain + PH_MESSAGE_HEAD,
		.len = len - PH_MESSAGE_HEAD,
	};
	return 0;
}

uint8_t *message_emit(const struct ph_message *message, uint8_t to[PH_MESSAGE_HEAD])
{
	to = put_byte(put_byte(to, message->service), message->opcode);
	return put_be32(put_byte(put_byte(to, message->content), 0), message->request);
}

int error_parse(const uint8_t *payload, size_t len, struct ph_error *ret_error)
{
	if (len < 2)
		return ERROR_SHORT;
	if (len > ERROR_LEN_MAX || !text_clean(payload + 2, len - 2))
		return ERROR_TEXT;
	*ret_error = (struct ph_error){
		.code = get_be16(payload),
		.len = (uint16_t)(len - 2),
		.text = (const char *)payload + 2,
	};
	return 0;
}

size_t error_emit(enum ph_code code, const char *text, uint8_t to[ERROR_LEN_MAX])
{
	size_t len = strnlen(text, ERROR_TEXT_MAX + 1);

	if (len > ERROR_TEXT_MAX) {
		len = ERROR_TEXT_MAX;
		while (len && ((unsigned char)text[len] & 0xc0) == 0x80)
			len--;
	}
	put_bytes(put_be16(to, (uint16_t)code), text, len);
	return 2 + len;
}

const char *code_text(uint16_t code)
{
	switch (code) {
	case PH_C_UNKNOWN:
		return "unknown service or opcode";
	case PH_C_MALFORMED:
		return "malformed payload";
	case PH_C_DENIED:
		return "not for this client";
	case PH_C_LIMIT:
		return "a limit is reached";
	case PH_C_ABSENT:
		return "not there";
	case PH_C_UPSTREAM:
		return "what is behind the server failed";
	case PH_C_TOO_BIG:
		return "too big";
	case PH_C_CLOSING:
		return "the server is about to end";
	default:
		return "an error without a name";
	}
}
