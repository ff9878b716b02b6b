/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `last` is the type of the extension before: a type at or below it is out of order, so that the
 * loop ends after five extensions whatever comes.
 */
#include <user/wire/hello.h>

#include <string.h>

#include <user/wire/bytes.h>

#define EXTENSION_HEAD 3

const char *hello_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		HELLO_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

size_t hello_noise_len(uint8_t suite)
{
	bool sealed = (suite & (uint8_t)~PH_SUITE_HYBRID) == PH_RESUME;

	return sealed ? HELLO_NOISE_MAX : HELLO_NOISE_LEN;
}

static int take(struct hello_extensions *to, uint8_t type, const uint8_t *value, size_t len)
{
	switch (type) {
	case PH_EXT_OFFER:
		if (len != 2)
			return HELLO_LENGTH;
		to->has_offer = true;
		to->offer = get_be16(value);
		return 0;
	case PH_EXT_SERVER_KEY:
		to->server_key = value;
		return len == HELLO_SERVER_KEY_LEN ? 0 : HELLO_LENGTH;
	case PH_EXT_SOLUTION:
		to->solution = value;
		return len == HELLO_SOLUTION_LEN ? 0 : HELLO_LENGTH;
	case PH_EXT_TICKET:
		to->ticket = value;
		to->ticket_len = len;
		return len && len <= HELLO_TICKET_MAX ? 0 : HELLO_LENGTH;
	case PH_EXT_KEM:
		to->kem_key = value;
		return len == PH_KEM_KEY_LEN ? 0 : HELLO_LENGTH;
	default:
		return HELLO_UNKNOWN;
	}
}

static int parse_extensions(const uint8_t *at, const uint8_t *end, struct hello_extensions *to)
{
	uint8_t last = 0;

	while (at < end) {
		size_t left = (size_t)(end - at), len;
		uint8_t type = at[0];
		int r;

		if (type < PH_EXT_OFFER || type > PH_EXT_KEM)
			return HELLO_UNKNOWN;
		if (type <= last)
			return type == last ? HELLO_TWICE : HELLO_ORDER;
		if (left < EXTENSION_HEAD)
			return HELLO_CUT;
		len = get_be16(at + 1);
		if (left - EXTENSION_HEAD < len)
			return HELLO_CUT;
		r = take(to, type, at + EXTENSION_HEAD, len);
		if (r)
			return r;
		last = type;
		at += EXTENSION_HEAD + len;
	}
	return 0;
}

int hello_parse(uint8_t suite, const uint8_t *body, size_t len, struct hello *ret_hello)
{
	size_t noise_len = hello_noise_len(suite);
	struct hello hello = {.noise = body, .noise_len = noise_len};
	int r;

	if (len < noise_len)
		return HELLO_SHORT;
	if (len > PH_FRAME_MAX)
		return HELLO_LONG;
	hello.sent = body + noise_len;
	hello.sent_len = len - noise_len;
	r = parse_extensions(hello.sent, body + len, &hello.extensions);
	if (r)
		return r;
	if (!hello.extensions.ticket != (noise_len == HELLO_NOISE_LEN))
		return HELLO_TICKET;
	if (!hello.extensions.kem_key != !(suite & PH_SUITE_HYBRID))
		return HELLO_KEM;
	*ret_hello = hello;
	return 0;
}

size_t hello_extensions_len(const struct hello_extensions *x)
{
	size_t len = 0;

	if (x->has_offer)
		len += EXTENSION_HEAD + 2;
	if (x->server_key)
		len += EXTENSION_HEAD + HELLO_SERVER_KEY_LEN;
	if (x->solution)
		len += EXTENSION_HEAD + HELLO_SOLUTION_LEN;
	if (x->ticket)
		len += EXTENSION_HEAD + x->ticket_len;
	if (x->kem_key)
		len += EXTENSION_HEAD + PH_KEM_KEY_LEN;
	return len;
}

static uint8_t *put_extension(uint8_t *to, enum ph_extension type, const void *value, size_t len)
{
	to = put_be16(put_byte(to, (uint8_t)type), (uint16_t)len);
	return put_bytes(to, value, len);
}

uint8_t *hello_extensions_emit(const struct hello_extensions *x, uint8_t *to)
{
	uint8_t offer[2];

	if (x->has_offer) {
		put_be16(offer, x->offer);
		to = put_extension(to, PH_EXT_OFFER, offer, sizeof(offer));
	}
	if (x->server_key)
		to = put_extension(to, PH_EXT_SERVER_KEY, x->server_key, HELLO_SERVER_KEY_LEN);
	if (x->solution)
		to = put_extension(to, PH_EXT_SOLUTION, x->solution, HELLO_SOLUTION_LEN);
	if (x->ticket)
		to = put_extension(to, PH_EXT_TICKET, x->ticket, x->ticket_len);
	if (x->kem_key)
		to = put_extension(to, PH_EXT_KEM, x->kem_key, PH_KEM_KEY_LEN);
	return to;
}

bool finish_parse(const uint8_t payload[FINISH_LEN], uint8_t ret_capabilities[FINISH_CAPABILITIES])
{
	if (get_be64(payload + FINISH_CAPABILITIES))
		return false;
	memcpy(ret_capabilities, payload, FINISH_CAPABILITIES);
	return true;
}

void finish_emit(const uint8_t capabilities[FINISH_CAPABILITIES], uint8_t ret_payload[FINISH_LEN])
{
	put_be64(put_bytes(ret_payload, capabilities, FINISH_CAPABILITIES), 0);
}
