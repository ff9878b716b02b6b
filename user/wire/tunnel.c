/* SPDX-License-Identifier: Apache-2.0 */
/* A window of 0 would be a stream that never moves, one above the maximum a promise of memory. */
#include <user/wire/tunnel.h>

#include <stdbool.h>

#include <user/wire/bytes.h>
#include <user/wire/text.h>

const char *tunnel_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		TUNNEL_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

const char *tunnel_reason_text(uint8_t reason)
{
	switch (reason) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		TUNNEL_REASONS(X)
#undef X
	default:
		return "a reason without a name";
	}
}

static bool credit_right(uint32_t credit)
{
	return credit && credit <= TUNNEL_WINDOW_MAX;
}

int tunnel_open_parse(const uint8_t *payload, size_t len, struct tunnel_open *ret_open)
{
	struct tunnel_open open;

	if (len < 5)
		return TUNNEL_SHORT;
	open.window = get_be32(payload);
	open.name_len = payload[4];
	open.name = (const char *)payload + 5;
	if (!credit_right(open.window))
		return TUNNEL_CREDIT;
	if (!open.name_len || open.name_len > TUNNEL_NAME_MAX)
		return TUNNEL_NAME;
	if (len - 5 < open.name_len)
		return TUNNEL_SHORT;
	if (len - 5 > open.name_len)
		return TUNNEL_LONG;
	if (!text_clean(open.name, open.name_len))
		return TUNNEL_NAME;
	*ret_open = open;
	return 0;
}

size_t tunnel_open_emit(const struct tunnel_open *open, uint8_t to[TUNNEL_OPEN_MAX])
{
	put_bytes(put_byte(put_be32(to, open->window), open->name_len), open->name, open->name_len);
	return 5 + (size_t)open->name_len;
}

int tunnel_credit_parse(const uint8_t *payload, size_t len, uint32_t *ret_credit)
{
	if (len != TUNNEL_CREDIT_LEN)
		return len < TUNNEL_CREDIT_LEN ? TUNNEL_SHORT : TUNNEL_LONG;
	if (!credit_right(get_be32(payload)))
		return TUNNEL_CREDIT;
	*ret_credit = get_be32(payload);
	return 0;
}

size_t tunnel_credit_emit(uint32_t credit, uint8_t to[TUNNEL_CREDIT_LEN])
{
	put_be32(to, credit);
	return TUNNEL_CREDIT_LEN;
}

int tunnel_close_parse(const uint8_t *payload, size_t len, uint8_t *ret_reason)
{
	if (len != TUNNEL_CLOSE_LEN)
		return len < TUNNEL_CLOSE_LEN ? TUNNEL_SHORT : TUNNEL_LONG;
	if (payload[0] >= TUNNEL_REASONS_LEN)
		return TUNNEL_WHY;
	*ret_reason = payload[0];
	return 0;
}

size_t tunnel_close_emit(enum tunnel_reason reason, uint8_t to[TUNNEL_CLOSE_LEN])
{
	to[0] = (uint8_t)reason;
	return TUNNEL_CLOSE_LEN;
}
