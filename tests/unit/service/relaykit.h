/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a client of the relay says, and what it hears, in one line each. After fakehost.h. */
#ifndef TESTS_UNIT_SERVICE_RELAYKIT_H
#define TESTS_UNIT_SERVICE_RELAYKIT_H

#include <tests/unit/service/fakehost.h>
#include <user/wire/relay.h>

static inline void say_join(struct peer *peer, uint32_t request, const char *name, uint8_t want)
{
	struct relay_join join = {want, (uint8_t)strlen(name), name};
	uint8_t payload[RELAY_JOIN_MAX];

	peer_says(peer, RELAY_JOIN, request, payload, relay_join_emit(&join, payload));
}

static inline void say_leave(struct peer *peer, uint32_t request, uint32_t room)
{
	uint8_t payload[RELAY_ROOM_LEN];

	peer_says(peer, RELAY_LEAVE, request, payload, relay_room_emit(room, payload));
}

static inline void say_who(struct peer *peer, uint32_t request, uint32_t room)
{
	uint8_t payload[RELAY_ROOM_LEN];

	peer_says(peer, RELAY_PRESENCE, request, payload, relay_room_emit(room, payload));
}

static inline void say_history(struct peer *peer, uint32_t request, uint32_t room, uint32_t count)
{
	struct relay_count what = {room, count};
	uint8_t payload[RELAY_COUNT_MAX];

	peer_says(peer, RELAY_HISTORY, request, payload,
		  relay_count_emit(RELAY_HISTORY, &what, payload));
}

/* RELAY_BROADCAST or RELAY_DIRECT; `signature` may be NULL. */
static inline void say_post(struct peer *peer, uint8_t opcode, uint32_t request, uint64_t to,
			    const uint8_t *signature, const void *body, size_t len)
{
	struct relay_post post = {to, signature, body, len};
	static __thread uint8_t payload[RELAY_POST_HEAD_MAX + (1U << 17)];
	size_t head = relay_post_emit(opcode, &post, payload);

	memcpy(payload + head, body, len);
	peer_says(peer, opcode, request, payload, head + len);
}

/* The n-th message that it got, as what it should be. */
static inline struct relay_joined joined_at(const struct peer *peer, size_t n)
{
	struct relay_joined joined;

	if (n >= peer->count || peer->got[n].head.opcode != PH_OP_REPLY ||
	    relay_joined_parse(peer->got[n].head.payload, peer->got[n].head.len, &joined))
		abort();
	return joined;
}

static inline struct relay_event event_at(const struct peer *peer, size_t n, uint8_t opcode)
{
	struct relay_event event;

	if (n >= peer->count || peer->got[n].head.opcode != opcode ||
	    relay_event_parse(opcode, peer->got[n].head.payload, peer->got[n].head.len, &event))
		abort();
	return event;
}

static inline struct relay_presence presence_at(const struct peer *peer, size_t n)
{
	struct relay_presence presence;

	if (n >= peer->count || peer->got[n].head.opcode != RELAY_PRESENCE ||
	    relay_presence_parse(peer->got[n].head.payload, peer->got[n].head.len, &presence))
		abort();
	return presence;
}

static inline struct relay_count missed_at(const struct peer *peer, size_t n)
{
	struct relay_count count;

	if (n >= peer->count || peer->got[n].head.opcode != RELAY_MISSED ||
	    relay_count_parse(RELAY_MISSED, peer->got[n].head.payload, peer->got[n].head.len,
			      &count))
		abort();
	return count;
}

/* In the room, its reply forgotten. Returns the room's number. */
static inline uint32_t enter(struct peer *peer, const char *name, uint8_t want)
{
	struct relay_joined joined;

	say_join(peer, 1, name, want);
	world_turn();
	joined = joined_at(peer, 0);
	peer_clear(peer);
	return joined.room;
}

#endif
