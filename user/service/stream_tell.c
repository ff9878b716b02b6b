/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the client is told of a stream: data as they come, and what is owed as there is room. */
#include <user/service/stream_parts.h>

#include <user/wire/message.h>

/* Of a send: true when it is in the queue, or when nobody is left to be told. */
static bool was_sent(struct stream *s, int r)
{
	if (r == PEER_FULL) {
		s->owner->full = true;
		tunnel_of(s)->count.full++;
		return false;
	}
	if (r) {
		s->owner->gone = true;
		if (r != PEER_CLOSED)
			peer_close(s->owner->peer, "tunnel_failed");
	}
	return true;
}

static struct ph_message head_of(const struct stream *s, uint8_t opcode)
{
	return (struct ph_message){
		.service = PH_S_TUNNEL,
		.opcode = opcode,
		.priority = s->priority,
		.request = s->id,
	};
}

static bool say(struct stream *s, uint8_t opcode, const void *payload, size_t len)
{
	struct ph_message message = head_of(s, opcode);

	message.payload = payload;
	message.len = len;
	if (s->owner->gone)
		return true;
	return !s->owner->full && was_sent(s, peer_send(s->owner->peer, &message));
}

bool stream_say_data(struct stream *s, const void *bytes, size_t len)
{
	return say(s, TUNNEL_DATA, bytes, len);
}

void stream_say_placed(struct stream *s, const uint8_t *place, size_t len)
{
	struct ph_message message = head_of(s, TUNNEL_DATA);

	message.payload = place;
	message.len = len;
	(void)was_sent(s, peer_placed(s->owner->peer, &message));
}

static bool say_credit(struct stream *s, uint8_t opcode, uint32_t credit)
{
	uint8_t payload[TUNNEL_CREDIT_LEN];

	if (!say(s, opcode, payload, tunnel_credit_emit(credit, payload)))
		return false;
	s->window += credit;
	return true;
}

static bool say_error(struct stream *s)
{
	uint8_t payload[ERROR_LEN_MAX];

	return say(s, PH_OP_ERROR, payload, error_emit(s->code, s->why, payload));
}

static bool say_close(struct stream *s)
{
	uint8_t payload[TUNNEL_CLOSE_LEN];

	return say(s, TUNNEL_CLOSE, payload, tunnel_close_emit(s->reason, payload));
}

bool stream_say_held(struct stream *s)
{
	struct ph_message head = head_of(s, TUNNEL_DATA);

	if (!s->owner->gone &&
	    (s->owner->full || !was_sent(s, peer_send_shared(s->owner->peer, &head, s->held))))
		return false;
	shared_bytes_put(s->held);
	s->held = NULL;
	return true;
}

void stream_tell(struct stream *s)
{
	uint32_t window = (uint32_t)tunnel_of(s)->shared->settings.window;

	if (s->owe_opened) {
		if (!say_credit(s, PH_OP_REPLY, window))
			return;
		s->owe_opened = false;
	}
	if (s->held && !stream_say_held(s))
		return;
	if (s->upstream_ended && !s->end_sent && s->state == STREAM_OPEN)
		s->end_sent = say(s, TUNNEL_END, NULL, 0);
	if (s->state == STREAM_OPEN && !s->client_ended && s->owed && s->owed >= window / 4 &&
	    say_credit(s, TUNNEL_WINDOW, s->owed))
		s->owed = 0;
	if (s->owe_error && say_error(s))
		s->owe_error = false;
	if (s->owe_close && !s->close_sent)
		s->close_sent = say_close(s);
}
