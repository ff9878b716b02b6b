/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Relay: rooms whose members talk to one another. Messages are in user/wire/relay.h; who does what
 * is told in relay.h. This file reads the configuration and what a client asks for.
 *
 * Who sent a message is said by its session: the number and key of the sender are put in here, and
 * nothing that a client says can change them. A signature is passed through. The sender of a
 * broadcast does not get it back. A member that is taken out for its silence is told so by the
 * word that it went.
 */
#include <user/service/relay.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <strazh/base/own.h>
#include <user/base/clock.h>
#include <user/service/cast.h>
#include <user/service/client.h>
#include <user/service/lane.h>
#include <user/service/room.h>
#include <user/service/settings.h>

#define TICK_MS 1000
/* So that it fits into one message also when it comes from a history. */
#define BODY_MAX (PH_MESSAGE_MAX - RELAY_EVENT_HEAD_MAX)

static const struct service_counter told[] = {RELAY_COUNTERS(COUNTER_TOLD)};
static const char *const policies[] = {"drop", "close", NULL};

#define FIELD(name) offsetof(struct relay_settings, name)
#define DAY (24 * 3600)
static const struct setting settings[] = {
	{"max_clients", SETTING_NUMBER, 1, 10000000, FIELD(max_clients), NULL},
	{"max_rooms", SETTING_NUMBER, 1, 1000000, FIELD(max_rooms), NULL},
	{"rooms_per_client", SETTING_NUMBER, 1, 1000, FIELD(rooms_per_client), NULL},
	{"room_members", SETTING_NUMBER, 1, 1000000, FIELD(room_members), NULL},
	{"max_message_size", SETTING_BYTES, 1, 64 * 1024, FIELD(max_message_size), NULL},
	{"queue", SETTING_NUMBER, 1, 10000, FIELD(queue), NULL},
	{"queue_memory", SETTING_BYTES, 64 * 1024, 1ULL << 40, FIELD(queue_memory), NULL},
	{"history", SETTING_NUMBER, 0, 10000, FIELD(history), NULL},
	{"history_memory", SETTING_BYTES, 0, 1ULL << 40, FIELD(history_memory), NULL},
	{"history_keep", SETTING_SECONDS, 0, 30 * DAY, FIELD(history_keep), NULL},
	{"presence_max", SETTING_NUMBER, 0, 1000000, FIELD(presence_max), NULL},
	{"client_timeout", SETTING_SECONDS, 0, 30 * DAY, FIELD(client_timeout), NULL},
	{"policy", SETTING_CHOICE, 0, 0, FIELD(policy), policies},
	{"welcome", SETTING_TEXT, 0, RELAY_WELCOME_MAX, FIELD(welcome), NULL},
};

/* ---- life ---- */

static int relay_open(const struct service_config *config, void **ret_shared,
		      char why[SERVICE_WHY_LEN])
{
	own_free struct relay_shared *shared = calloc(1, sizeof(*shared));
	int r;

	if (!shared)
		return -ENOMEM;
	shared->settings = (struct relay_settings){
		.max_clients = 10000,
		.max_rooms = 1000,
		.rooms_per_client = 16,
		.room_members = 10000,
		.max_message_size = 64 * 1024,
		.queue = 100,
		.queue_memory = 128ULL << 20,
		.history = 100,
		.history_memory = 64ULL << 20,
		.history_keep = 600,
		.presence_max = 256,
		.client_timeout = 600,
		.policy = RELAY_DROP,
	};
	r = settings_parse(settings, ARRAY_LEN(settings), config, NULL, &shared->settings, why);
	if (r)
		return r;
	shared->settings.max_message_size = MIN(shared->settings.max_message_size, BODY_MAX);
	if (getrandom(shared->key, sizeof(shared->key), 0) != (ssize_t)sizeof(shared->key))
		return -EIO;
	*ret_shared = take_ptr(shared);
	return 0;
}

static void relay_close(void *shared)
{
	free(shared);
}

void relay_tick(struct relay *relay)
{
	uint64_t now_ms = relay->host->now_ms(relay->host);

	clients_expire(relay, now_ms);
	rooms_expire(relay, now_ms);
}

static void tick(struct timer *timer)
{
	relay_tick(timer->context);
}

static void relay_stop(void *instance)
{
	struct relay *relay = instance;

	lanes_deinit(relay);
	timer_close(&relay->tick);
	if (relay->numbers.buckets)
		rooms_deinit(relay);
	htable_deinit(&relay->rooms);
	htable_deinit(&relay->numbers);
	htable_deinit(&relay->places);
	htable_deinit(&relay->clients);
	free(relay);
}

static int relay_init(struct relay *relay)
{
	int r = lanes_init(relay);

	if (!r)
		r = htable_init(&relay->clients);
	if (!r)
		r = htable_init(&relay->places);
	if (!r)
		r = htable_init(&relay->rooms);
	if (!r)
		r = htable_init(&relay->numbers);
	if (!r)
		r = timer_open(relay->host->loop, &relay->tick, tick, relay);
	if (!r)
		r = timer_start(&relay->tick, TICK_MS, TICK_MS);
	return r;
}

static int relay_start(struct service_host *host, void *shared, void **ret_instance)
{
	struct relay *relay;
	int r;

	if (host->reactors > SERVICE_REACTORS_MAX)
		return -E2BIG;
	relay = calloc(1, sizeof(*relay) + host->reactors * sizeof(relay->lanes[0]));
	if (!relay)
		return -ENOMEM;
	relay->host = host;
	relay->shared = shared;
	TAILQ_INIT(&relay->silent);
	TAILQ_INIT(&relay->empty);
	r = relay_init(relay);
	if (r) {
		relay_stop(relay);
		return r;
	}
	relay->shared->instances[host->reactor] = relay;
	*ret_instance = relay;
	return 0;
}

/* ---- requests ---- */

static void limit(struct relay *relay, struct peer *peer, const struct ph_message *message,
		  const char *why)
{
	relay->count.refused_limit++;
	peer_refuse(peer, message, PH_C_LIMIT, why);
}

static void no_memory(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	relay->count.no_memory++;
	peer_refuse(peer, message, PH_C_LIMIT, "no memory");
}

static void absent(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	relay->count.refused_absent++;
	peer_refuse(peer, message, PH_C_ABSENT, "you are not in such a room");
}

static bool was_parsed(struct relay *relay, struct peer *peer, const struct ph_message *message,
		       int r)
{
	if (!r)
		return true;
	relay->count.malformed++;
	peer_refuse(peer, message, PH_C_MALFORMED, relay_condition_text(r));
	return false;
}

/* NULL: it is not in that room. One that is joining does not know the number. */
static struct member *member_of(const struct client *client, uint64_t number)
{
	struct member *m;

	if (!client)
		return NULL;
	TAILQ_FOREACH(m, &client->members, of_client)
	if (m->place && m->answer.number == number)
		return m;
	return NULL;
}

static bool is_in(const struct client *client, const struct relay_join *join)
{
	const struct member *m;

	TAILQ_FOREACH(m, &client->members, of_client)
	if (m->name_len == join->name_len && !memcmp(m->name, join->name, m->name_len))
		return true;
	return false;
}

static struct member *member_new(struct relay *relay, struct client *client,
				 const struct relay_join *join, uint32_t request)
{
	const struct peer_about *about = peer_about(client->peer);
	struct member *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->id = client->id;
	m->reactor = relay->host->reactor;
	m->identified = about->identified;
	memcpy(m->key, about->key, sizeof(m->key));
	m->want = join->want;
	m->name_len = join->name_len;
	memcpy(m->name, join->name, join->name_len);
	m->hash = htable_hash(relay->shared->key, join->name, join->name_len);
	m->request = request;
	m->client = client;
	TAILQ_INSERT_TAIL(&client->members, m, of_client);
	client->memberships++;
	return m;
}

static void on_join(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	struct client *client;
	struct relay_join join;
	struct member *m;
	int r;

	if (!was_parsed(relay, peer, message,
			relay_join_parse(message->payload, message->len, &join)))
		return;
	r = client_of(relay, peer, &client);
	if (r > 0) {
		limit(relay, peer, message, "too many clients");
		return;
	}
	if (r) {
		no_memory(relay, peer, message);
		return;
	}
	if (is_in(client, &join)) {
		limit(relay, peer, message, "you are in this room already");
		return;
	}
	if (client->memberships >= relay->shared->settings.rooms_per_client) {
		limit(relay, peer, message, "you are in too many rooms");
		return;
	}
	m = member_new(relay, client, &join, message->request);
	if (m)
		room_join(relay, m);
	else
		no_memory(relay, peer, message);
}

static void on_leave(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);
	struct ph_message reply = {
		.service = PH_S_RELAY,
		.opcode = PH_OP_REPLY,
		.priority = message->priority,
		.request = message->request,
	};
	struct member *m;
	uint32_t number;

	if (!was_parsed(relay, peer, message,
			relay_room_parse(message->payload, message->len, &number)))
		return;
	m = member_of(client, number);
	if (!m) {
		absent(relay, peer, message);
		return;
	}
	member_leave(relay, client, m);
	client_say(relay, client, &reply);
}

/* What others get: who sent it is ours to say. */
static struct shared_bytes *event_of(const struct client *client, const struct relay_post *post,
				     enum relay_opcode opcode)
{
	const struct peer_about *about = peer_about(client->peer);
	struct relay_event event = {
		.room = opcode == RELAY_BROADCAST ? (uint32_t)post->to : 0,
		.member = client->id,
		.key = about->identified ? about->key : NULL,
		.signature = post->signature,
	};
	uint8_t head[RELAY_EVENT_HEAD_MAX];
	size_t len = relay_event_emit(opcode, &event, head);
	struct shared_bytes *payload = shared_bytes_new(len + post->len);

	if (!payload)
		return NULL;
	memcpy(payload->bytes, head, len);
	if (post->len)
		memcpy(payload->bytes + len, post->body, post->len);
	return payload;
}

static void broadcast(struct relay *relay, struct client *client, const struct ph_message *message,
		      struct shared_bytes *payload, const struct member *member)
{
	struct cast *cast = cast_new(relay, payload);

	if (!cast) {
		shared_bytes_put(payload);
		no_memory(relay, client->peer, message);
		return;
	}
	cast->number = member->answer.number;
	cast->from = client->id;
	cast->time_s = clock_wall_s();
	cast->opcode = RELAY_BROADCAST;
	cast->content = message->content;
	cast->priority = message->priority;
	if (room_cast(relay, member, cast))
		limit(relay, client->peer, message, "the server is busy");
	else
		relay->count.broadcasts++;
}

static void direct(struct relay *relay, struct client *client, const struct ph_message *message,
		   struct shared_bytes *payload, uint64_t to)
{
	struct direct *note = calloc(1, sizeof(*note));

	if (!note) {
		shared_bytes_put(payload);
		no_memory(relay, client->peer, message);
		return;
	}
	note->from = client->id;
	note->to = to;
	note->request = message->request;
	note->content = message->content;
	note->priority = message->priority;
	note->payload = payload;
	relay->count.directs++;
	direct_send(relay, note);
}

static void on_post(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);
	enum relay_opcode opcode = message->opcode;
	struct member *m = NULL;
	struct shared_bytes *payload;
	struct relay_post post;

	if (!was_parsed(relay, peer, message,
			relay_post_parse(opcode, message->payload, message->len, &post)))
		return;
	if (opcode == RELAY_BROADCAST)
		m = member_of(client, post.to);
	/* Who is in no room talks to nobody. */
	if (!client || (opcode == RELAY_BROADCAST && !m)) {
		absent(relay, peer, message);
		return;
	}
	if (post.len > relay->shared->settings.max_message_size) {
		relay->count.too_big++;
		peer_refuse(peer, message, PH_C_TOO_BIG, "above the size of a message here");
		return;
	}
	payload = event_of(client, &post, opcode);
	if (!payload)
		no_memory(relay, peer, message);
	else if (m)
		broadcast(relay, client, message, payload, m);
	else
		direct(relay, client, message, payload, post.to);
}

static void on_question(struct relay *relay, struct peer *peer, const struct ph_message *message)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);
	struct relay_count what = {.count = 0};
	struct query *query;
	struct member *m;
	int r;

	if (message->opcode == RELAY_PRESENCE)
		r = relay_room_parse(message->payload, message->len, &what.room);
	else
		r = relay_count_parse(RELAY_HISTORY, message->payload, message->len, &what);
	if (!was_parsed(relay, peer, message, r))
		return;
	m = member_of(client, what.room);
	if (!m) {
		absent(relay, peer, message);
		return;
	}
	if (m->asking) {
		limit(relay, peer, message, "one question at a time");
		return;
	}
	query = calloc(1, sizeof(*query));
	if (!query) {
		no_memory(relay, peer, message);
		return;
	}
	query->client = client->id;
	query->number = what.room;
	query->room = m->answer.room;
	query->reactor = relay->host->reactor;
	query->home = (unsigned)(m->hash % relay->host->reactors);
	query->request = message->request;
	query->opcode = message->opcode;
	query->count = what.count;
	m->asking = true;
	room_ask(relay, query);
}

static void relay_message(void *instance, struct peer *peer, const struct ph_message *message)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);
	struct relay *relay = instance;

	if (client)
		client_heard(relay, client);
	switch (message->opcode) {
	case RELAY_JOIN:
		on_join(relay, peer, message);
		break;
	case RELAY_LEAVE:
		on_leave(relay, peer, message);
		break;
	case RELAY_BROADCAST:
	case RELAY_DIRECT:
		on_post(relay, peer, message);
		break;
	case RELAY_PRESENCE:
	case RELAY_HISTORY:
		on_question(relay, peer, message);
		break;
	default:
		relay->count.unknown++;
		peer_refuse(peer, message, PH_C_UNKNOWN, "the relay has no such opcode");
	}
	client = peer_slot(peer, PH_S_RELAY);
	if (client)
		client_settle(relay, client);
}

static void relay_room(void *instance, struct peer *peer)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);

	if (client)
		client_pump(instance, client);
}

static void relay_gone(void *instance, struct peer *peer)
{
	struct client *client = peer_slot(peer, PH_S_RELAY);

	if (client)
		client_close(instance, client);
}

static size_t relay_counters(void *instance, size_t n, struct service_counter ret_counters[])
{
	struct relay *relay = instance;

	return counters_tell(told, &relay->count, ARRAY_LEN(told), n, ret_counters);
}

const struct service_ops service_relay = {
	.name = "relay",
	.id = PH_S_RELAY,
	.open = relay_open,
	.close = relay_close,
	.start = relay_start,
	.stop = relay_stop,
	.on_message = relay_message,
	.on_room = relay_room,
	.on_close = relay_gone,
	.counters = relay_counters,
};
