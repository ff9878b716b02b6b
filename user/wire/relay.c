/* SPDX-License-Identifier: Apache-2.0 */
/* Optional fields are said by flags, and a flag that is not known here is refused: nothing may be
 * taken for the body that is none. */
#include <user/wire/relay.h>

#include <stdbool.h>

#include <user/wire/bytes.h>
#include <user/wire/text.h>

#define FLAG_SIGNED 0x01
#define FLAG_IDENTIFIED 0x02

const char *relay_condition_text(int condition)
{
	switch (condition) {
#define X(name, text)                                                                              \
	case name:                                                                                 \
		return text;
		RELAY_CONDITIONS(X)
#undef X
	default:
		return NULL;
	}
}

/* ---- a room by name, a room by number ---- */

int relay_join_parse(const uint8_t *payload, size_t len, struct relay_join *ret_join)
{
	struct relay_join join;

	if (len < 2)
		return RELAY_SHORT;
	join.want = payload[0];
	join.name_len = payload[1];
	join.name = (const char *)payload + 2;
	if (join.want & ~(RELAY_WANT_PRESENCE | RELAY_WANT_HISTORY))
		return RELAY_FLAGS;
	if (!join.name_len || join.name_len > RELAY_ROOM_MAX)
		return RELAY_NAME;
	if (len - 2 < join.name_len)
		return RELAY_SHORT;
	if (len - 2 > join.name_len)
		return RELAY_LONG;
	if (!text_clean(join.name, join.name_len))
		return RELAY_NAME;
	*ret_join = join;
	return 0;
}

size_t relay_join_emit(const struct relay_join *join, uint8_t to[RELAY_JOIN_MAX])
{
	put_bytes(put_byte(put_byte(to, join->want), join->name_len), join->name, join->name_len);
	return 2 + (size_t)join->name_len;
}

int relay_joined_parse(const uint8_t *payload, size_t len, struct relay_joined *ret_joined)
{
	if (len < RELAY_JOINED_HEAD)
		return RELAY_SHORT;
	*ret_joined = (struct relay_joined){
		.room = get_be32(payload),
		.member = get_be64(payload + 4),
		.members = get_be32(payload + 12),
		.welcome = payload + RELAY_JOINED_HEAD,
		.welcome_len = len - RELAY_JOINED_HEAD,
	};
	return 0;
}

size_t relay_joined_emit(const struct relay_joined *joined, uint8_t to[RELAY_JOINED_HEAD])
{
	put_be32(put_be64(put_be32(to, joined->room), joined->member), joined->members);
	return RELAY_JOINED_HEAD;
}

int relay_room_parse(const uint8_t *payload, size_t len, uint32_t *ret_room)
{
	if (len != RELAY_ROOM_LEN)
		return len < RELAY_ROOM_LEN ? RELAY_SHORT : RELAY_LONG;
	*ret_room = get_be32(payload);
	return 0;
}

size_t relay_room_emit(uint32_t room, uint8_t to[RELAY_ROOM_LEN])
{
	put_be32(to, room);
	return RELAY_ROOM_LEN;
}

/* ---- messages ---- */

/* What is left of a payload. */
struct rest {
	const uint8_t *at;
	size_t len;
};

/* NULL: so much is not there. */
static const uint8_t *cut(struct rest *rest, size_t len)
{
	const uint8_t *field = rest->at;

	if (rest->len < len)
		return NULL;
	rest->at += len;
	rest->len -= len;
	return field;
}

/* flags 1 | [key] | [signature]; what may not be there is refused as an unknown flag. */
static int cut_optional(struct rest *rest, uint8_t known, const uint8_t **ret_key,
			const uint8_t **ret_signature)
{
	const uint8_t *flags = cut(rest, 1), *key = NULL, *signature = NULL;

	if (!flags)
		return RELAY_SHORT;
	if (*flags & ~known)
		return RELAY_FLAGS;
	if (*flags & FLAG_IDENTIFIED) {
		key = cut(rest, PH_KEY_LEN);
		if (!key)
			return RELAY_SHORT;
	}
	if (*flags & FLAG_SIGNED) {
		signature = cut(rest, RELAY_SIGNATURE_LEN);
		if (!signature)
			return RELAY_SHORT;
	}
	*ret_key = key;
	*ret_signature = signature;
	return 0;
}

static uint8_t *put_optional(uint8_t *to, const uint8_t *key, const uint8_t *signature)
{
	to = put_byte(to, (uint8_t)((key ? FLAG_IDENTIFIED : 0) | (signature ? FLAG_SIGNED : 0)));
	to = put_bytes(to, key, key ? PH_KEY_LEN : 0);
	return put_bytes(to, signature, signature ? RELAY_SIGNATURE_LEN : 0);
}

int relay_post_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		     struct relay_post *ret_post)
{
	struct rest rest = {payload, len};
	const uint8_t *to = cut(&rest, opcode == RELAY_DIRECT ? 8 : 4), *key;
	struct relay_post post;
	int r;

	if (!to)
		return RELAY_SHORT;
	post.to = opcode == RELAY_DIRECT ? get_be64(to) : get_be32(to);
	r = cut_optional(&rest, FLAG_SIGNED, &key, &post.signature);
	if (r)
		return r;
	post.body = rest.at;
	post.len = rest.len;
	*ret_post = post;
	return 0;
}

size_t relay_post_emit(enum relay_opcode opcode, const struct relay_post *post,
		       uint8_t to[RELAY_POST_HEAD_MAX])
{
	uint8_t *at = opcode == RELAY_DIRECT ? put_be64(to, post->to)
					     : put_be32(to, (uint32_t)post->to);

	return (size_t)(put_optional(at, NULL, post->signature) - to);
}

int relay_event_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		      struct relay_event *ret_event)
{
	struct rest rest = {payload, len};
	struct relay_event event = {0};
	const uint8_t *field;
	int r;

	if (opcode == RELAY_HISTORY) {
		field = cut(&rest, 8);
		if (!field)
			return RELAY_SHORT;
		event.time = get_be64(field);
	}
	field = cut(&rest, 12);
	if (!field)
		return RELAY_SHORT;
	event.room = get_be32(field);
	event.member = get_be64(field + 4);
	r = cut_optional(&rest, FLAG_SIGNED | FLAG_IDENTIFIED, &event.key, &event.signature);
	if (r)
		return r;
	event.body = rest.at;
	event.len = rest.len;
	*ret_event = event;
	return 0;
}

size_t relay_event_emit(enum relay_opcode opcode, const struct relay_event *event,
			uint8_t to[RELAY_EVENT_HEAD_MAX])
{
	uint8_t *at = opcode == RELAY_HISTORY ? put_be64(to, event->time) : to;

	at = put_be64(put_be32(at, event->room), event->member);
	return (size_t)(put_optional(at, event->key, event->signature) - to);
}

/* ---- who is there, and how many ---- */

int relay_presence_parse(const uint8_t *payload, size_t len, struct relay_presence *ret_presence)
{
	struct rest rest = {payload, len};
	const uint8_t *field = cut(&rest, 13), *signature;
	struct relay_presence presence;
	int r;

	if (!field)
		return RELAY_SHORT;
	presence.room = get_be32(field);
	presence.what = field[4];
	presence.member = get_be64(field + 5);
	if (presence.what < RELAY_HERE || presence.what > RELAY_WENT)
		return RELAY_WHAT;
	r = cut_optional(&rest, FLAG_IDENTIFIED, &presence.key, &signature);
	if (r)
		return r;
	if (rest.len)
		return RELAY_LONG;
	*ret_presence = presence;
	return 0;
}

size_t relay_presence_emit(const struct relay_presence *presence, uint8_t to[RELAY_PRESENCE_MAX])
{
	uint8_t *at = put_byte(put_be32(to, presence->room), presence->what);

	return (size_t)(put_optional(put_be64(at, presence->member), presence->key, NULL) - to);
}

int relay_count_parse(enum relay_opcode opcode, const uint8_t *payload, size_t len,
		      struct relay_count *ret_count)
{
	size_t want = opcode == RELAY_HISTORY ? 6 : 8;
	struct relay_count count;

	if (len != want)
		return len < want ? RELAY_SHORT : RELAY_LONG;
	count.room = get_be32(payload);
	count.count = opcode == RELAY_HISTORY ? get_be16(payload + 4) : get_be32(payload + 4);
	if (!count.count)
		return RELAY_COUNT;
	*ret_count = count;
	return 0;
}

size_t relay_count_emit(enum relay_opcode opcode, const struct relay_count *count,
			uint8_t to[RELAY_COUNT_MAX])
{
	uint8_t *at = put_be32(to, count->room);

	if (opcode == RELAY_HISTORY)
		at = put_be16(at, (uint16_t)count->count);
	else
		at = put_be32(at, count->count);
	return (size_t)(at - to);
}
