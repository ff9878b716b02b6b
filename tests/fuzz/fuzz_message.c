/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What an authenticated peer sends: the head of a message and, by service and opcode, each payload
 * that the relay, the tunnel and errors have. What was taken is written again, byte for byte.
 */
#include "must.h"

#include <user/wire/message.h>
#include <user/wire/relay.h>
#include <user/wire/text.h>
#include <user/wire/tunnel.h>

static const uint8_t *at;
static size_t len;

/* `head` bytes of `again`, then what was not parsed. */
static void same(const uint8_t *again, size_t head, size_t rest)
{
	MUST(head + rest == len);
	MUST(memcmp(again, at, head) == 0);
}

static void fuzz_error(void)
{
	uint8_t again[ERROR_LEN_MAX];
	char text[ERROR_TEXT_MAX + 1] = "";
	struct ph_error error;
	int r = error_parse(at, len, &error);

	if (r) {
		MUST(message_condition_text(r));
		return;
	}
	memcpy(text, error.text, error.len);
	same(again, error_emit(error.code, text, again), 0);
	MUST(code_text(error.code));
}

static void fuzz_requests(uint8_t opcode)
{
	uint8_t again[RELAY_EVENT_HEAD_MAX];
	struct relay_join join;
	struct relay_post post;
	struct relay_count count;
	uint32_t room;

	switch (opcode) {
	case RELAY_JOIN:
		if (!relay_join_parse(at, len, &join))
			same(again, relay_join_emit(&join, again), 0);
		break;
	case RELAY_BROADCAST:
	case RELAY_DIRECT:
		if (!relay_post_parse(opcode, at, len, &post))
			same(again, relay_post_emit(opcode, &post, again), post.len);
		break;
	case RELAY_HISTORY:
	case RELAY_MISSED:
		if (!relay_count_parse(opcode, at, len, &count))
			same(again, relay_count_emit(opcode, &count, again), 0);
		break;
	default:
		if (!relay_room_parse(at, len, &room))
			same(again, relay_room_emit(room, again), 0);
	}
}

static void fuzz_events(uint8_t opcode)
{
	uint8_t again[RELAY_EVENT_HEAD_MAX];
	struct relay_presence presence;
	struct relay_joined joined;
	struct relay_event event;

	if (opcode == RELAY_JOIN) {
		if (!relay_joined_parse(at, len, &joined))
			same(again, relay_joined_emit(&joined, again), joined.welcome_len);
	} else if (opcode == RELAY_PRESENCE) {
		if (!relay_presence_parse(at, len, &presence))
			same(again, relay_presence_emit(&presence, again), 0);
	} else if (!relay_event_parse(opcode, at, len, &event)) {
		same(again, relay_event_emit(opcode, &event, again), event.len);
	}
}

static void fuzz_tunnel(uint8_t opcode)
{
	uint8_t again[TUNNEL_OPEN_MAX], reason;
	struct tunnel_open open;
	uint32_t credit;

	if (opcode == TUNNEL_OPEN && !tunnel_open_parse(at, len, &open)) {
		MUST(text_clean(open.name, open.name_len));
		same(again, tunnel_open_emit(&open, again), 0);
	} else if (opcode == TUNNEL_WINDOW && !tunnel_credit_parse(at, len, &credit)) {
		MUST(credit && credit <= TUNNEL_WINDOW_MAX);
		same(again, tunnel_credit_emit(credit, again), 0);
	} else if (opcode == TUNNEL_CLOSE && !tunnel_close_parse(at, len, &reason)) {
		same(again, tunnel_close_emit(reason, again), 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[PH_MESSAGE_HEAD];
	struct ph_message message;
	int r = message_parse(data, size, PH_NORMAL, &message);

	if (r) {
		MUST(message_condition_text(r));
		return 0;
	}
	message_emit(&message, head);
	MUST(memcmp(head, data, sizeof(head)) == 0);
	MUST(content_name(message.content));
	at = message.payload;
	len = message.len;
	if (message.opcode == PH_OP_ERROR)
		fuzz_error();
	else if (message.service == PH_S_TUNNEL)
		fuzz_tunnel(message.opcode);
	else if (message.service == PH_S_RELAY && message.content & 1)
		fuzz_events(message.opcode);
	else
		fuzz_requests(message.opcode);
	return 0;
}
