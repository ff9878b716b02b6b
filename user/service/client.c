/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A peer that is in rooms.
 *
 * What finds no room in its queue waits as an item here, and after the items come the rings of its
 * places: while an item waits the queue is full (`full`), and nothing overtakes it. Its own
 * requests are not read as long as items wait, so their answers are few; direct messages of others
 * are bounded by settings.queue and dropped above it.
 */
#include <user/service/client.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/service/cast.h>
#include <user/service/lane.h>
#include <user/service/place.h>
#include <user/wire/bytes.h>
#include <user/wire/message.h>

/* ---- to the peer ---- */

static void fail_client(struct relay *relay, struct client *client)
{
	relay->count.no_memory++;
	client->gone = true;
	peer_close(client->peer, "relay_failed");
}

int client_send(struct relay *relay, struct client *client, const struct ph_message *message,
		struct shared_bytes *payload)
{
	int r;

	if (client->gone)
		return 0;
	if (client->full)
		return PEER_FULL;
	r = payload ? peer_send_shared(client->peer, message, payload)
		    : peer_send(client->peer, message);
	if (r == PEER_FULL) {
		client->full = true;
		return PEER_FULL;
	}
	if (r == PEER_CLOSED)
		client->gone = true;
	else if (r)
		fail_client(relay, client);
	return 0;
}

bool client_send_missed(struct relay *relay, struct client *client, uint32_t room, uint32_t count)
{
	struct relay_count what = {.room = room, .count = count};
	uint8_t payload[RELAY_COUNT_MAX];
	struct ph_message message = {
		.service = PH_S_RELAY,
		.opcode = RELAY_MISSED,
		.priority = PH_NORMAL,
		.payload = payload,
		.len = relay_count_emit(RELAY_MISSED, &what, payload),
	};

	return client_send(relay, client, &message, NULL) != PEER_FULL;
}

void client_too_slow(struct relay *relay, struct client *client)
{
	if (client->gone)
		return;
	client->gone = true;
	relay->count.slow_closed++;
	peer_close(client->peer, "relay_slow");
}

/* ---- items ---- */

static void item_free(struct relay *relay, struct item *item)
{
	discharge(&relay->shared->queue_bytes, item->charged);
	past_free(item->past, relay->shared);
	shared_bytes_put(item->payload);
	free(item);
}

static bool send_list(struct relay *relay, struct client *client, struct item *item)
{
	while (item->at < item->payload->len) {
		const uint8_t *at = item->payload->bytes + item->at;

		item->head.payload = at + 1;
		item->head.len = at[0];
		if (client_send(relay, client, &item->head, NULL))
			return false;
		item->at += 1 + item->head.len;
	}
	return true;
}

static bool send_past(struct relay *relay, struct client *client, struct item *item)
{
	for (; item->at < item->past->count; item->at++) {
		const struct cast *cast = item->past->casts[item->at];
		struct ph_message message = cast_head(cast);

		put_bytes(put_be64(relay->scratch, cast->time_s), cast->payload->bytes,
			  cast->payload->len);
		message.opcode = RELAY_HISTORY;
		message.request = item->head.request;
		message.payload = relay->scratch;
		message.len += sizeof(uint64_t);
		if (client_send(relay, client, &message, NULL))
			return false;
	}
	return true;
}

static bool send_item(struct relay *relay, struct client *client, struct item *item)
{
	if (item->past)
		return send_past(relay, client, item);
	if (item->is_list)
		return send_list(relay, client, item);
	return !client_send(relay, client, &item->head, item->payload);
}

static void drop_first(struct relay *relay, struct client *client)
{
	struct item *item = STAILQ_FIRST(&client->items);

	STAILQ_REMOVE_HEAD(&client->items, next);
	client->waiting--;
	item_free(relay, item);
}

static bool send_items(struct relay *relay, struct client *client)
{
	while (!STAILQ_EMPTY(&client->items)) {
		if (!send_item(relay, client, STAILQ_FIRST(&client->items)))
			return false;
		drop_first(relay, client);
	}
	return true;
}

/* Takes it, and sends what can be sent. */
static void add_item(struct relay *relay, struct client *client, struct item *item)
{
	STAILQ_INSERT_TAIL(&client->items, item, next);
	client->waiting++;
	if (client->waiting == 1 && send_items(relay, client))
		return;
	if (!client->paused)
		peer_pause(client->peer);
	client->paused = true;
}

void client_say(struct relay *relay, struct client *client, const struct ph_message *message)
{
	struct item *item;

	if (!client_send(relay, client, message, NULL))
		return;
	item = calloc(1, sizeof(*item));
	if (!item) {
		fail_client(relay, client);
		return;
	}
	item->payload = shared_bytes_new(message->len);
	if (!item->payload) {
		free(item);
		fail_client(relay, client);
		return;
	}
	put_bytes(item->payload->bytes, message->payload, message->len);
	item->head = *message;
	item->charged = sizeof(*item) + message->len;
	(void)charge(&relay->shared->queue_bytes, UINT64_MAX, item->charged);
	add_item(relay, client, item);
}

int client_add(struct relay *relay, struct client *client, const struct ph_message *head,
	       struct shared_bytes *payload)
{
	const struct relay_settings *may = &relay->shared->settings;
	size_t cost = sizeof(struct item) + payload->len;
	struct item *item;

	if (client->waiting >= may->queue ||
	    !charge(&relay->shared->queue_bytes, may->queue_memory, cost))
		return PH_C_LIMIT;
	item = calloc(1, sizeof(*item));
	if (!item) {
		discharge(&relay->shared->queue_bytes, cost);
		return -ENOMEM;
	}
	item->head = *head;
	item->payload = payload;
	item->charged = cost;
	add_item(relay, client, item);
	return 0;
}

void client_refuse(struct relay *relay, struct client *client, uint8_t opcode, uint32_t request,
		   enum ph_code code, const char *why)
{
	struct ph_message to = {
		.service = PH_S_RELAY,
		.opcode = opcode,
		.priority = PH_NORMAL,
		.request = request,
	};

	(void)relay;
	if (!client->gone)
		peer_refuse(client->peer, &to, code, why);
}

/* The rooms in turn, so that none takes the room of all. */
static bool pump_places(struct relay *relay, struct client *client)
{
	for (unsigned n = client->memberships; n; n--) {
		struct member *m = TAILQ_FIRST(&client->members);

		TAILQ_REMOVE(&client->members, m, of_client);
		TAILQ_INSERT_TAIL(&client->members, m, of_client);
		if (m->lagging && !place_pump(relay, m))
			return false;
	}
	return true;
}

void client_pump(struct relay *relay, struct client *client)
{
	client->full = false;
	if (!send_items(relay, client))
		return;
	if (client->paused)
		peer_resume(client->peer);
	client->paused = false;
	if (client->missed && !client_send_missed(relay, client, 0, client->missed))
		return;
	client->missed = 0;
	if (pump_places(relay, client))
		client_settle(relay, client);
}

/* ---- life ---- */

int client_of(struct relay *relay, struct peer *peer, struct client **ret_client)
{
	struct relay_shared *shared = relay->shared;
	struct client *client = peer_slot(peer, PH_S_RELAY);

	if (client) {
		*ret_client = client;
		return 0;
	}
	if (!charge(&shared->clients, shared->settings.max_clients, 1))
		return PH_C_LIMIT;
	client = calloc(1, sizeof(*client));
	if (!client) {
		discharge(&shared->clients, 1);
		return -ENOMEM;
	}
	client->peer = peer;
	client->id = (uint64_t)(relay->host->reactor + 1) << CLIENT_REACTOR_SHIFT |
		     ++relay->next_client;
	client->heard_ms = relay->host->now_ms(relay->host);
	TAILQ_INIT(&client->members);
	STAILQ_INIT(&client->items);
	TAILQ_INSERT_TAIL(&relay->silent, client, in_silent);
	htable_add(&relay->clients, &client->node, htable_number(client->id));
	peer_set_slot(peer, PH_S_RELAY, client);
	relay->count.clients++;
	*ret_client = client;
	return 0;
}

struct client *client_find(const struct relay *relay, uint64_t id)
{
	return (struct client *)htable_first(&relay->clients, htable_number(id));
}

void client_heard(struct relay *relay, struct client *client)
{
	client->heard_ms = relay->host->now_ms(relay->host);
	TAILQ_REMOVE(&relay->silent, client, in_silent);
	TAILQ_INSERT_TAIL(&relay->silent, client, in_silent);
}

static void client_free(struct relay *relay, struct client *client)
{
	while (!STAILQ_EMPTY(&client->items))
		drop_first(relay, client);
	TAILQ_REMOVE(&relay->silent, client, in_silent);
	htable_remove(&relay->clients, &client->node);
	peer_set_slot(client->peer, PH_S_RELAY, NULL);
	discharge(&relay->shared->clients, 1);
	relay->count.clients--;
	free(client);
}

void client_settle(struct relay *relay, struct client *client)
{
	if (!client->memberships && !client->waiting && !client->missed && !client->paused)
		client_free(relay, client);
}

void member_leave(struct relay *relay, struct client *client, struct member *member)
{
	TAILQ_REMOVE(&client->members, member, of_client);
	client->memberships--;
	if (!member->place) {
		member->client = NULL;
		return;
	}
	place_leave(relay, member);
	relay->count.members--;
	relay->count.leaves++;
	room_leave(relay, member);
}

void client_close(struct relay *relay, struct client *client)
{
	/* What others do because of it finds nobody here. */
	client->gone = true;
	while (!TAILQ_EMPTY(&client->members))
		member_leave(relay, client, TAILQ_FIRST(&client->members));
	client_free(relay, client);
}

static void take_out(struct relay *relay, struct client *client, struct member *member)
{
	struct relay_presence presence = {
		.room = member->answer.number,
		.what = RELAY_WENT,
		.member = client->id,
		.key = member->identified ? member->key : NULL,
	};
	uint8_t payload[RELAY_PRESENCE_MAX];
	struct ph_message message = {
		.service = PH_S_RELAY,
		.opcode = RELAY_PRESENCE,
		.priority = PH_NORMAL,
		.payload = payload,
		.len = relay_presence_emit(&presence, payload),
	};

	relay->count.idle++;
	member_leave(relay, client, member);
	client_say(relay, client, &message);
}

void clients_expire(struct relay *relay, uint64_t now_ms)
{
	uint64_t timeout_ms = relay->shared->settings.client_timeout * 1000;
	struct client *client;

	while (timeout_ms && (client = TAILQ_FIRST(&relay->silent)) &&
	       now_ms - client->heard_ms >= timeout_ms) {
		struct member *m, *next;

		client_heard(relay, client);
		for (m = TAILQ_FIRST(&client->members); m; m = next) {
			next = TAILQ_NEXT(m, of_client);
			if (m->place)
				take_out(relay, client, m);
		}
		client_settle(relay, client);
	}
}

/* ---- answers ---- */

static void say_joined(struct relay *relay, struct client *client, const struct member *member)
{
	const char *welcome = relay->shared->settings.welcome;
	uint8_t payload[RELAY_JOINED_HEAD + RELAY_WELCOME_MAX];
	struct relay_joined joined = {
		.room = member->answer.number,
		.member = client->id,
		.members = member->answer.members,
	};
	struct ph_message message = {
		.service = PH_S_RELAY,
		.opcode = PH_OP_REPLY,
		.content = PH_TEXT,
		.priority = PH_NORMAL,
		.request = member->request,
		.payload = payload,
	};

	message.len = relay_joined_emit(&joined, payload) + strlen(welcome);
	put_bytes(payload + RELAY_JOINED_HEAD, welcome, strlen(welcome));
	client_say(relay, client, &message);
}

/* Takes `past`. */
static void say_past(struct relay *relay, struct client *client, struct past *past,
		     uint32_t request)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item) {
		past_free(past, relay->shared);
		fail_client(relay, client);
		return;
	}
	item->past = past;
	item->head.request = request;
	add_item(relay, client, item);
}

/* Takes `list`, and what was charged for it. */
static void say_list(struct relay *relay, struct client *client, struct shared_bytes *list,
		     uint32_t request)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item) {
		discharge(&relay->shared->queue_bytes, list->len);
		shared_bytes_put(list);
		fail_client(relay, client);
		return;
	}
	item->payload = list;
	item->is_list = true;
	item->charged = list->len;
	item->head = (struct ph_message){
		.service = PH_S_RELAY,
		.opcode = RELAY_PRESENCE,
		.priority = PH_NORMAL,
		.request = request,
	};
	add_item(relay, client, item);
}

/* Home did not let it in, or there is no memory for it here. */
static void not_joined(struct relay *relay, struct member *member, enum ph_code code,
		       const char *why)
{
	struct client *client = member->client;

	TAILQ_REMOVE(&client->members, member, of_client);
	client->memberships--;
	client_refuse(relay, client, RELAY_JOIN, member->request, code, why);
	client_settle(relay, client);
}

void member_joined(struct relay *relay, struct member *member)
{
	struct client *client = member->client;
	struct past *past = take_ptr(member->answer.past);

	if (member->answer.refused) {
		if (client)
			not_joined(relay, member, member->answer.refused, member->answer.why);
		free(member);
		return;
	}
	if (!client || place_enter(relay, member)) {
		past_free(past, relay->shared);
		if (client) {
			relay->count.no_memory++;
			not_joined(relay, member, PH_C_LIMIT, "no memory");
		}
		room_leave(relay, member);
		return;
	}
	relay->count.joins++;
	relay->count.members++;
	say_joined(relay, client, member);
	if (past)
		say_past(relay, client, past, member->request);
}

void client_answered(struct relay *relay, struct query *query)
{
	struct client *client = client_find(relay, query->client);
	struct ph_message done = {
		.service = PH_S_RELAY,
		.opcode = PH_OP_REPLY,
		.priority = PH_NORMAL,
		.request = query->request,
	};
	struct member *m = NULL;

	if (client)
		TAILQ_FOREACH(m, &client->members, of_client)
	if (m->place && m->answer.number == query->number)
		break;
	if (m && query->refused) {
		relay->count.refused_limit++;
		client_refuse(relay, client, query->opcode, query->request, query->refused,
			      "no memory for the answer");
	} else if (m) {
		if (query->past)
			say_past(relay, client, take_ptr(query->past), query->request);
		if (query->list)
			say_list(relay, client, take_ptr(query->list), query->request);
		client_say(relay, client, &done);
	}
	if (m)
		m->asking = false;
	query_free(query);
}
