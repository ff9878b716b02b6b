/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A room at its home: who is in it, how many of them in which reactor, and what was said last.
 * Whatever reaches its members goes through here, in one order.
 *
 * A member keeps its room: what it sends names the room by pointer, and its leave comes after all
 * that. A room without members is freed, or kept for its history for history_keep seconds, unless
 * its place among max_rooms is wanted before. Only its own home can free it, so all homes together
 * keep half of max_rooms at most: else who leaves many rooms of one home behind would have the
 * places of all.
 */
#include <user/service/room.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <user/service/cast.h>
#include <user/service/client.h>
#include <user/service/lane.h>
#include <user/service/place.h>

struct room {
	struct htable_node by_name, by_number;
	TAILQ_ENTRY(room) in_empty;
	struct member_list members;
	uint64_t count;
	uint32_t number;
	uint64_t empty_since_ms;
	struct cast **past; /* a ring of settings.history, or NULL */
	uint64_t past_first, past_next;
	uint8_t name_len;
	char name[RELAY_ROOM_MAX];
	struct {
		uint64_t members, watching;
		uint32_t missed; /* since something got through to this reactor */
	} at[];
};

static unsigned home_of(const struct relay *relay, const struct member *member)
{
	return (unsigned)(member->hash % relay->host->reactors);
}

/* ---- history ---- */

static void forget_oldest(struct relay *relay, struct room *room)
{
	struct cast *cast = room->past[room->past_first++ % relay->shared->settings.history];

	discharge(&relay->shared->history_bytes, cast_cost(cast));
	cast_put(cast);
	relay->count.history--;
}

/* A room makes way for its own new messages only: what others keep is theirs. */
static void remember(struct relay *relay, struct room *room, struct cast *cast)
{
	const struct relay_settings *may = &relay->shared->settings;

	if (!may->history)
		return;
	if (!room->past)
		room->past = calloc(may->history, sizeof(struct cast *));
	if (!room->past)
		return;
	if (room->past_next - room->past_first == may->history)
		forget_oldest(relay, room);
	while (!charge(&relay->shared->history_bytes, may->history_memory, cast_cost(cast))) {
		if (room->past_first == room->past_next)
			return;
		forget_oldest(relay, room);
	}
	room->past[room->past_next++ % may->history] = cast_get(cast);
	relay->count.history++;
}

/* The last `count` messages, or as many of them as there is memory for. */
static struct past *recall(struct relay *relay, const struct room *room, uint64_t count)
{
	const struct relay_settings *may = &relay->shared->settings;
	uint64_t there = room->past_next - room->past_first, first;
	struct past *past;

	count = MIN(count, there);
	past = calloc(1, sizeof(*past) + count * sizeof(past->casts[0]));
	if (!past)
		return NULL;
	for (first = room->past_next; count; count--, first--) {
		size_t cost = cast_cost(room->past[(first - 1) % may->history]);

		if (!charge(&relay->shared->queue_bytes, may->queue_memory, cost))
			break;
		past->charged += cost;
	}
	for (; first < room->past_next; first++)
		past->casts[past->count++] = cast_get(room->past[first % may->history]);
	return past;
}

/* ---- to all ---- */

/* One of its hops is over, or was none. */
static void landed(struct cast *cast, struct relay_shared *shared)
{
	if (atomic_fetch_sub_explicit(&cast->under_way, 1, memory_order_acq_rel) == 1)
		discharge(&shared->way_bytes, cast->charged);
}

static void hop_arrived(struct note *note, struct relay *relay)
{
	struct hop *hop = (struct hop *)note;

	place_deliver(relay, hop->cast, hop->missed);
	landed(hop->cast, relay->shared);
	cast_put(hop->cast);
}

static void drop_arrival(struct note *note)
{
	struct hop *hop = (struct hop *)note;

	landed(hop->cast, note->shared);
	cast_put(hop->cast);
}

static int offer(struct relay *relay, struct room *room, struct cast *cast, unsigned reactor)
{
	struct hop *hop = &cast->hops[reactor];
	int r;

	if (reactor != relay->host->reactor && !cast->charged)
		return -EAGAIN;
	hop->note.run = hop_arrived;
	hop->note.drop = drop_arrival;
	hop->note.weight = 0; /* the cast was charged once for all */
	hop->missed = room->at[reactor].missed;
	cast_get(cast);
	atomic_fetch_add_explicit(&cast->under_way, 1, memory_order_relaxed);
	r = lane_offer(relay, reactor, &hop->note);
	if (r) {
		landed(cast, relay->shared);
		cast_put(cast);
	}
	return r;
}

static void send_to(struct relay *relay, struct room *room, struct cast *cast, unsigned reactor)
{
	if (!offer(relay, room, cast, reactor)) {
		room->at[reactor].missed = 0;
		return;
	}
	room->at[reactor].missed++;
	relay->count.lost++;
}

static bool wants(const struct room *room, const struct cast *cast, unsigned reactor)
{
	return cast->opcode == RELAY_PRESENCE ? room->at[reactor].watching
					      : room->at[reactor].members;
}

/* What goes to other reactors is charged as long as it is on its way to one of them. */
static void send_to_all(struct relay *relay, struct room *room, struct cast *cast)
{
	struct relay_shared *shared = relay->shared;
	unsigned reactors = relay->host->reactors;
	bool others = false;

	for (unsigned i = 0; i < reactors; i++)
		others = others || (i != relay->host->reactor && wants(room, cast, i));
	if (others && charge(&shared->way_bytes, shared->settings.queue_memory, cast_cost(cast)))
		cast->charged = cast_cost(cast);
	atomic_store_explicit(&cast->under_way, 1, memory_order_relaxed);
	for (unsigned i = 0; i < reactors; i++)
		if (wants(room, cast, i))
			send_to(relay, room, cast, i);
	landed(cast, shared);
}

static void cast_arrived(struct note *note, struct relay *relay)
{
	struct cast *cast = ((struct hop *)note)->cast;

	remember(relay, cast->room, cast);
	send_to_all(relay, cast->room, cast);
	cast_put(cast);
}

int room_cast(struct relay *relay, const struct member *member, struct cast *cast)
{
	unsigned home = home_of(relay, member);
	int r;

	cast->room = member->answer.room;
	cast->hops[home].note.run = cast_arrived;
	cast->hops[home].note.weight = cast_cost(cast);
	r = lane_offer(relay, home, &cast->hops[home].note);
	if (r)
		cast_put(cast);
	return r;
}

static struct relay_presence presence_of(const struct room *room, const struct member *member,
					 enum relay_what what)
{
	return (struct relay_presence){
		.room = room->number,
		.what = (uint8_t)what,
		.member = member->id,
		.key = member->identified ? member->key : NULL,
	};
}

/* Without memory nobody is told: who is there can be asked. */
static void announce(struct relay *relay, struct room *room, const struct member *member,
		     enum relay_what what)
{
	struct relay_presence presence = presence_of(room, member, what);
	struct shared_bytes *payload;
	struct cast *cast;

	if (room->count > relay->shared->settings.presence_max)
		return;
	payload = shared_bytes_new(RELAY_PRESENCE_MAX);
	if (!payload)
		return;
	payload->len = relay_presence_emit(&presence, payload->bytes);
	cast = cast_new(relay, payload);
	if (!cast) {
		shared_bytes_put(payload);
		return;
	}
	cast->room = room;
	cast->number = room->number;
	cast->from = member->id;
	cast->opcode = RELAY_PRESENCE;
	cast->priority = PH_NORMAL;
	send_to_all(relay, room, cast);
	cast_put(cast);
}

/* ---- rooms come and go ---- */

static struct room *find(const struct relay *relay, const struct member *member)
{
	struct htable_node *n = htable_first(&relay->rooms, member->hash);

	for (; n; n = htable_next(n, member->hash)) {
		struct room *room = (struct room *)n;

		if (room->name_len == member->name_len &&
		    !memcmp(room->name, member->name, room->name_len))
			return room;
	}
	return NULL;
}

static void room_free(struct relay *relay, struct room *room)
{
	while (room->past_first != room->past_next)
		forget_oldest(relay, room);
	htable_remove(&relay->rooms, &room->by_name);
	htable_remove(&relay->numbers, &room->by_number);
	discharge(&relay->shared->rooms, 1);
	relay->count.rooms--;
	free(room->past);
	free(room);
}

static void no_longer_empty(struct relay *relay, struct room *room)
{
	TAILQ_REMOVE(&relay->empty, room, in_empty);
	discharge(&relay->shared->kept, 1);
}

static void free_empty(struct relay *relay, struct room *room)
{
	no_longer_empty(relay, room);
	room_free(relay, room);
}

/* Never 0, and no number of a room that there is. */
static uint32_t new_number(struct relay *relay)
{
	uint32_t number;

	do {
		number = relay->host->reactor << 24 | (++relay->next_room & 0xffffff);
	} while (!(number & 0xffffff) || htable_first(&relay->numbers, htable_number(number)));
	return number;
}

static int room_new(struct relay *relay, const struct member *member, struct room **ret_room)
{
	struct relay_shared *shared = relay->shared;
	struct room *room;

	if (!charge(&shared->rooms, shared->settings.max_rooms, 1)) {
		if (TAILQ_EMPTY(&relay->empty))
			return PH_C_LIMIT;
		free_empty(relay, TAILQ_FIRST(&relay->empty));
		if (!charge(&shared->rooms, shared->settings.max_rooms, 1))
			return PH_C_LIMIT;
	}
	room = calloc(1, sizeof(*room) + relay->host->reactors * sizeof(room->at[0]));
	if (!room) {
		discharge(&shared->rooms, 1);
		return -ENOMEM;
	}
	TAILQ_INIT(&room->members);
	room->name_len = member->name_len;
	memcpy(room->name, member->name, member->name_len);
	room->number = new_number(relay);
	htable_add(&relay->rooms, &room->by_name, member->hash);
	htable_add(&relay->numbers, &room->by_number, htable_number(room->number));
	relay->count.rooms++;
	*ret_room = room;
	return 0;
}

/* The oldest one of this home makes way. */
static bool may_keep(struct relay *relay)
{
	uint64_t most = (relay->shared->settings.max_rooms + 1) / 2;

	if (charge(&relay->shared->kept, most, 1))
		return true;
	if (TAILQ_EMPTY(&relay->empty))
		return false;
	free_empty(relay, TAILQ_FIRST(&relay->empty));
	return charge(&relay->shared->kept, most, 1);
}

static void became_empty(struct relay *relay, struct room *room)
{
	if (room->past_first == room->past_next || !relay->shared->settings.history_keep ||
	    !may_keep(relay)) {
		room_free(relay, room);
		return;
	}
	room->empty_since_ms = relay->host->now_ms(relay->host);
	TAILQ_INSERT_TAIL(&relay->empty, room, in_empty);
}

void rooms_expire(struct relay *relay, uint64_t now_ms)
{
	uint64_t keep_ms = relay->shared->settings.history_keep * 1000;
	struct room *room;

	while ((room = TAILQ_FIRST(&relay->empty)) && now_ms - room->empty_since_ms >= keep_ms)
		free_empty(relay, room);
}

void rooms_deinit(struct relay *relay)
{
	for (size_t i = 0; i <= relay->numbers.mask; i++) {
		struct htable_node *n;

		while ((n = relay->numbers.buckets[i]))
			room_free(relay,
				  (struct room *)((char *)n - offsetof(struct room, by_number)));
	}
}

/* ---- members come and go ---- */

static int admit(struct relay *relay, struct member *member)
{
	struct room *room = find(relay, member);

	if (!room) {
		int r = room_new(relay, member, &room);

		if (r)
			return r;
	} else if (room->count >= relay->shared->settings.room_members) {
		return PH_C_LIMIT;
	} else if (!room->count) {
		no_longer_empty(relay, room);
	}
	TAILQ_INSERT_TAIL(&room->members, member, in_room);
	room->count++;
	member->answer.room = room;
	member->answer.number = room->number;
	member->answer.members = (uint32_t)room->count;
	if (member->want & RELAY_WANT_HISTORY)
		member->answer.past = recall(relay, room, relay->shared->settings.history);
	return 0;
}

static void answered(struct note *note, struct relay *relay)
{
	member_joined(relay, (struct member *)note);
}

/* Nobody waits for it, and it is in no room that will be looked at. */
static void drop_member(struct note *note)
{
	struct member *member = (struct member *)note;

	past_free(member->answer.past, note->shared);
	free(member);
}

static void join_arrived(struct note *note, struct relay *relay)
{
	struct member *member = (struct member *)note;
	struct room *room;
	int r = admit(relay, member);

	note->run = answered;
	if (r) {
		member->answer.refused = PH_C_LIMIT;
		member->answer.why = r < 0 ? "no memory for the room" : "no place in the room";
		relay->count.no_memory += r < 0;
		relay->count.refused_limit += r > 0;
		lane_send(relay, member->reactor, note);
		return;
	}
	room = member->answer.room;
	/* First the others: the answer is the newcomer's own, and what it hears comes after that.
	 */
	announce(relay, room, member, RELAY_CAME);
	room->at[member->reactor].members++;
	room->at[member->reactor].watching += (member->want & RELAY_WANT_PRESENCE) != 0;
	lane_send(relay, member->reactor, note);
}

void room_join(struct relay *relay, struct member *member)
{
	member->note.run = join_arrived;
	member->note.drop = drop_member;
	lane_send(relay, home_of(relay, member), &member->note);
}

static void leave_arrived(struct note *note, struct relay *relay)
{
	struct member *member = (struct member *)note;
	struct room *room = member->answer.room;

	TAILQ_REMOVE(&room->members, member, in_room);
	room->count--;
	room->at[member->reactor].members--;
	room->at[member->reactor].watching -= (member->want & RELAY_WANT_PRESENCE) != 0;
	if (!room->at[member->reactor].members)
		room->at[member->reactor].missed = 0;
	announce(relay, room, member, RELAY_WENT);
	if (!room->count)
		became_empty(relay, room);
	free(member);
}

void room_leave(struct relay *relay, struct member *member)
{
	member->note.run = leave_arrived;
	lane_send(relay, home_of(relay, member), &member->note);
}

/* ---- questions ---- */

void query_free(struct query *query)
{
	past_free(query->past, query->note.shared);
	if (query->list) {
		discharge(&query->note.shared->queue_bytes, query->list->len);
		shared_bytes_put(query->list);
	}
	free(query);
}

static void drop_query(struct note *note)
{
	query_free((struct query *)note);
}

static enum ph_code list_members(struct relay *relay, const struct room *room,
				 struct shared_bytes **ret_list)
{
	size_t most = room->count * (1 + RELAY_PRESENCE_MAX), at = 0;
	const struct relay_settings *may = &relay->shared->settings;
	struct shared_bytes *list;
	struct member *m;

	if (!charge(&relay->shared->queue_bytes, may->queue_memory, most))
		return PH_C_LIMIT;
	list = shared_bytes_new(most);
	if (!list) {
		discharge(&relay->shared->queue_bytes, most);
		return PH_C_LIMIT;
	}
	TAILQ_FOREACH(m, &room->members, in_room)
	{
		struct relay_presence presence = presence_of(room, m, RELAY_HERE);
		size_t len = relay_presence_emit(&presence, list->bytes + at + 1);

		list->bytes[at] = (uint8_t)len;
		at += 1 + len;
	}
	list->len = at;
	discharge(&relay->shared->queue_bytes, most - at);
	*ret_list = list;
	return 0;
}

static void query_answered(struct note *note, struct relay *relay)
{
	client_answered(relay, (struct query *)note);
}

static void query_arrived(struct note *note, struct relay *relay)
{
	struct query *query = (struct query *)note;

	if (query->opcode == RELAY_PRESENCE) {
		query->refused = list_members(relay, query->room, &query->list);
	} else {
		query->past = recall(relay, query->room, query->count);
		query->refused = query->past ? 0 : PH_C_LIMIT;
	}
	note->run = query_answered;
	lane_send(relay, query->reactor, note);
}

void room_ask(struct relay *relay, struct query *query)
{
	query->note.run = query_arrived;
	query->note.drop = drop_query;
	lane_send(relay, query->home, &query->note);
}
