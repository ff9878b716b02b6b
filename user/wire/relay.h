/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads of the relay: rooms, and messages from member to member through the server.
 *
 * A client sends, and is answered under the same request id by PH_OP_REPLY or PH_OP_ERROR:
 *
 *	RELAY_JOIN	want 1 | name length 1 | name of the room	reply: struct relay_joined
 *	RELAY_LEAVE	room 4						reply: nothing
 *	RELAY_BROADCAST	room 4 | flags 1 | [signature 64] | body	no reply but an error
 *	RELAY_DIRECT	member 8 | flags 1 | [signature 64] | body	no reply but an error
 *	RELAY_PRESENCE	room 4						reply: nothing, when all
 *									members were told
 *	RELAY_HISTORY	room 4 | count 2				the same for messages
 *
 * The server sends, with request id 0 or that of what asked for it:
 *
 *	RELAY_BROADCAST	RELAY_DIRECT: struct relay_event; room 0 in a direct message
 *	RELAY_HISTORY	time 8 | struct relay_event
 *	RELAY_PRESENCE	struct relay_presence
 *	RELAY_MISSED	room 4 | count 4: so many messages were dropped for this slow member
 *
 * A room and a member are numbers that the server gave: a room's for as long as it exists, a
 * member's for the life of its session. Who sent a message is said by the server, from the key of
 * the session's handshake. A signature is passed through: Ed25519, of "PHS1 post" | name length 1 |
 * name of the room (length 0 in a direct message) | content type 1 | body.
 */
#ifndef STRAZH_USER_WIRE_RELAY_H
#define STRAZH_USER_WIRE_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include <strazh/base/compiler.h>
#include <strazh/wire/phantom.h>

enum relay_opcode {
	RELAY_JOIN = PH_OP_OWN,
	RELAY_LEAVE,
	RELAY_BROADCAST,
	RELAY_DIRECT,
	RELAY_PRESENCE,
	RELAY_HISTORY,
	RELAY_MISSED,
};

#define RELAY_ROOM_MAX 64 /* bytes of a name */
#define RELAY_SIGNATURE_LEN 64

#define RELAY_CONDITIONS(X)                                                                        \
	X(RELAY_SHORT, "the payload ends too early")                                               \
	X(RELAY_LONG, "bytes behind the payload")                                                  \
	X(RELAY_FLAGS, "unknown flags")                                                            \
	X(RELAY_NAME, "the name of a room is 1 to 64 bytes of clean UTF-8")                        \
	X(RELAY_COUNT, "a count of nothing")                                                       \
	X(RELAY_WHAT, "a presence that means nothing")

enum relay_condition {
	RELAY_NONE,
#define X(name, text) name,
	RELAY_CONDITIONS(X)
#undef X
};
const char *relay_condition_text(int condition); /* NULL: no such condition */

/* Every pointer below is borrowed from what was parsed; parsers return 0 or enum relay_condition;
 * an emitter returns how many bytes it wrote, of RELAY_X_MAX at most where a size is given. */

enum relay_want { RELAY_WANT_PRESENCE = 1, RELAY_WANT_HISTORY = 2 };
struct relay_join {
	uint8_t want; /* bits of enum relay_want */
	uint8_t name_len;
	const char *name;
};
#define RELAY_JOIN_MAX (2 + RELAY_ROOM_MAX)
int relay_join_parse(const uint8_t *payload, size_t len, struct relay_join *ret_join) must_check;
size_t relay_join_emit(const struct relay_join *join, uint8_t to[RELAY_JOIN_MAX]);

/* room 4 | member 8 | members 4 | welcome */
struct relay_joined {
	uint32_t room;
	uint64_t member; /* this client itself */
	uint32_t members;
	const uint8_t *welcome; /* may be empty */
	size_t welcome_len;
};
#define RELAY_JOINED_HEAD 16
int relay_joined_parse(const uint8_t *payload, size_t len,
		       struct relay_joined *ret_joined) must_check;
/* Without the welcome, which goes behind it. */
size_t relay_joined_emit(const struct relay_joined *joined, uint8_t to[RELAY_JOINED_HEAD]);

/* RELAY_LEAVE and the request RELAY_PRESENCE. */
#define RELAY_ROOM_LEN 4
int relay_room_parse(const uint8_t *payload, size_t len, uint32_t *ret_room) must_check;
size_t relay_room_emit(uint32_t room, uint8_t to[RELAY_ROOM_LEN]);

/* Of a client's broadcast or direct message; bit 0 of flags: signed. */
struct relay_post {
	uint64_t to;		  /* room or member */
	const uint8_t *signature; /* RELAY_SIGNATURE_LEN, or NULL */
	const uint8_t *body;
	size_t len;
};
#define RELAY_POST_HEAD_MAX (8 + 1 + RELAY_SIGNATURE_LEN)
int relay_post_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		     struct relay_post *ret_post) must_check;
/* Without the body, which goes behind it. */
size_t relay_post_emit(enum relay_opcode opcode, const struct relay_post *post,
		       uint8_t to[RELAY_POST_HEAD_MAX]);

/* [time 8] | room 4 | member 8 | flags 1 | [key 32] | [signature 64] | body; flags: bit 0 signed,
 * bit 1 identified. */
struct relay_event {
	uint64_t time; /* RELAY_HISTORY alone: seconds since 1970 */
	uint32_t room; /* 0 in a direct message */
	uint64_t member;
	const uint8_t *key; /* PH_KEY_LEN, or NULL: the sender is anonymous */
	const uint8_t *signature;
	const uint8_t *body;
	size_t len;
};
#define RELAY_EVENT_HEAD_MAX (8 + 4 + 8 + 1 + PH_KEY_LEN + RELAY_SIGNATURE_LEN)
int relay_event_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		      struct relay_event *ret_event) must_check;
/* Without the body. */
size_t relay_event_emit(enum relay_opcode opcode, const struct relay_event *event,
			uint8_t to[RELAY_EVENT_HEAD_MAX]);

/* room 4 | what 1 | member 8 | flags 1 | [key 32]; flags: bit 1 identified. */
enum relay_what { RELAY_HERE = 1, RELAY_CAME, RELAY_WENT };
struct relay_presence {
	uint32_t room;
	uint8_t what; /* enum relay_what */
	uint64_t member;
	const uint8_t *key;
};
#define RELAY_PRESENCE_MAX (4 + 1 + 8 + 1 + PH_KEY_LEN)
int relay_presence_parse(const uint8_t *payload, size_t len,
			 struct relay_presence *ret_presence) must_check;
size_t relay_presence_emit(const struct relay_presence *presence, uint8_t to[RELAY_PRESENCE_MAX]);

/* The request RELAY_HISTORY: room 4 | count 2, and RELAY_MISSED: room 4 | count 4. Never 0. */
struct relay_count {
	uint32_t room;
	uint32_t count;
};
#define RELAY_COUNT_MAX 8
int relay_count_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		      struct relay_count *ret_count) must_check;
size_t relay_count_emit(enum relay_opcode opcode, const struct relay_count *count,
			uint8_t to[RELAY_COUNT_MAX]);

#endif
