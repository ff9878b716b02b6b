/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A link as services see it: service.h. */
#include <stdlib.h>
#include <string.h>

#include <user/server/parts.h>

static int answer_of(struct link *link, int r)
{
	switch (r) {
	case 0:
		server_count(&link->server->counters.messages_out);
		link_mark(link);
		return 0;
	case CHANNEL_FULL:
		return PEER_FULL;
	case CHANNEL_TOO_BIG:
		return PEER_TOO_BIG;
	default:
		return r < 0 ? r : PEER_CLOSED;
	}
}

int peer_send(struct peer *peer, const struct ph_message *message)
{
	struct link *link = peer_link(peer);

	if (link->ended)
		return PEER_CLOSED;
	return answer_of(link, channel_send(&link->channel, message));
}

static void release(void *owner)
{
	shared_bytes_put(owner);
}

int peer_send_shared(struct peer *peer, const struct ph_message *head, struct shared_bytes *payload)
{
	struct link *link = peer_link(peer);
	struct ph_message out = *head;
	int r;

	if (link->ended)
		return PEER_CLOSED;
	out.payload = payload->bytes;
	out.len = payload->len;
	shared_bytes_get(payload);
	r = channel_send_held(&link->channel, &out, release, payload);
	if (r)
		shared_bytes_put(payload);
	return answer_of(link, r);
}

void peer_report(struct peer *peer, enum peer_fault fault)
{
	struct link *link = peer_link(peer);

	if (!link->ended)
		server_sign(link->server, SERVER_BAD_QUERY, &link->conn->peer, link->port,
			    (int)fault, 0);
}

/* Half of what a block of a connection holds, so that two go to the socket in one piece. */
#define PLACE_ROOM (CONN_RESERVE_MAX / 2)

/* As pump(): never more than `high` bytes are sealed and not sent. */
uint8_t *peer_place(struct peer *peer, size_t *ret_max)
{
	struct link *link = peer_link(peer);
	uint8_t *to;

	if (link->ended || link->sealing || !channel_is_clear(&link->channel) ||
	    conn_unsent(link->conn) >= link->server->limits.conn.high ||
	    conn_reserve(link->conn, PLACE_ROOM, &to))
		return NULL;
	*ret_max = channel_place_max(&link->channel, PLACE_ROOM);
	return to + CHANNEL_PLACE;
}

int peer_placed(struct peer *peer, const struct ph_message *message)
{
	struct link *link = peer_link(peer);
	uint8_t *to = (uint8_t *)(uintptr_t)message->payload - CHANNEL_PLACE;
	size_t len;
	int r;

	if (link->ended)
		return PEER_CLOSED;
	r = channel_write_placed(&link->channel, message, to, link->server->reactor->now_ms, &len);
	if (r) {
		link_end(link, r);
		return PEER_CLOSED;
	}
	conn_commit(link->conn, len);
	server_count(&link->server->counters.messages_out);
	if (channel_has_output(&link->channel)) /* a rekey */
		link_mark(link);
	if (conn_unsent(link->conn) > PLACE_ROOM)
		conn_flush(link->conn);
	return 0;
}

void peer_push(struct peer *peer)
{
	struct link *link = peer_link(peer);

	if (!link->ended && !link->sealing)
		conn_flush(link->conn);
}

void peer_refuse(struct peer *peer, const struct ph_message *to, enum ph_code code,
		 const char *text)
{
	uint8_t payload[ERROR_LEN_MAX];
	struct ph_message out = *to;

	out.opcode = PH_OP_ERROR;
	out.content = 0;
	out.payload = payload;
	out.len = error_emit(code, text, payload);
	if (peer_send(peer, &out))
		server_count(&peer_link(peer)->server->counters.untold);
}

void peer_close(struct peer *peer, const char *why)
{
	struct link *link = peer_link(peer);

	(void)why; /* the service counts it */
	if (link->ended)
		return;
	conn_wait(link->conn, CONN_CLOSING, link->server->limits.conn.linger_ms);
	link_goodbye(link, 0);
}

void peer_pause(struct peer *peer)
{
	struct link *link = peer_link(peer);

	if (link->ended || !channel_is_open(&link->channel))
		return;
	channel_pause(&link->channel);
	conn_pause(link->conn);
}

void peer_resume(struct peer *peer)
{
	struct link *link = peer_link(peer);

	if (link->ended)
		return;
	channel_resume(&link->channel, link->server->reactor->now_ms);
	conn_resume(link->conn);
}

size_t peer_queued(const struct peer *peer)
{
	return channel_queued(&peer_link(peer)->channel);
}

const struct peer_about *peer_about(const struct peer *peer)
{
	return &peer_link(peer)->about;
}

void *peer_slot(const struct peer *peer, uint8_t service)
{
	return peer_link(peer)->slots[service];
}

void peer_set_slot(struct peer *peer, uint8_t service, void *slot)
{
	peer_link(peer)->slots[service] = slot;
}
