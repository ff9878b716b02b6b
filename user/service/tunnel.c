/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Tunnel: TCP streams of a client's to upstreams that the configuration names; the client never
 * says an address. Messages are in user/wire/tunnel.h, a stream is in stream.c.
 *
 * All streams of a peer live in its reactor. What reactors share is read-only but for one counter.
 * Memory is bounded by streams_total times (window + a chunk held), and by the peers' queues.
 */
#include <user/service/service.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <strazh/base/own.h>
#include <user/service/settings.h>
#include <user/service/stream.h>

#define TICK_MS 1000

static const struct service_counter told[] = {TUNNEL_COUNTERS(COUNTER_TOLD)};
static const char *const client_words[] = {"any", "identified", NULL};

#define FIELD(name) offsetof(struct tunnel_settings, name)
static const struct setting settings[] = {
	{"streams_max", SETTING_NUMBER, 1, 1024, FIELD(streams_max), NULL},
	{"streams_total", SETTING_NUMBER, 1, 1000000, FIELD(streams_total), NULL},
	{"window", SETTING_BYTES, 4096, TUNNEL_WINDOW_MAX, FIELD(window), NULL},
	{"connect_timeout", SETTING_SECONDS, 1, 300, FIELD(connect_timeout), NULL},
	{"idle_timeout", SETTING_SECONDS, 0, 30 * 86400, FIELD(idle_timeout), NULL},
	{"clients", SETTING_CHOICE, 0, 0, FIELD(clients), client_words},
};

/* ---- configuration ---- */

static int add_upstream(void *target, const struct service_setting *line, char why[SERVICE_WHY_LEN])
{
	struct tunnel_shared *shared = target;

	return upstreams_add(&shared->upstreams, line, why);
}

static void tunnel_close(void *shared)
{
	struct tunnel_shared *tunnel = shared;

	upstreams_deinit(&tunnel->upstreams);
	free(tunnel);
}

static int tunnel_open(const struct service_config *config, void **ret_shared,
		       char why[SERVICE_WHY_LEN])
{
	struct tunnel_shared *shared = calloc(1, sizeof(*shared));
	int r;

	if (!shared)
		return -ENOMEM;
	shared->settings = (struct tunnel_settings){
		.streams_max = 32,
		.streams_total = 4096,
		.window = 256 * 1024,
		.connect_timeout = 10,
		.idle_timeout = 3600,
		.clients = TUNNEL_ANY,
	};
	atomic_init(&shared->streams, 0);
	/* The settings are the first thing in it. */
	r = settings_parse(settings, ARRAY_LEN(settings), config, add_upstream, shared, why);
	if (r) {
		tunnel_close(shared);
		return r;
	}
	*ret_shared = shared;
	return 0;
}
static_assert(offsetof(struct tunnel_shared, settings) == 0, "settings_parse() fills the whole");

/* ---- an instance ---- */

static void tick(struct timer *timer)
{
	struct tunnel *tunnel = timer->context;

	streams_expire(tunnel, tunnel->host->now_ms(tunnel->host));
	if (!tunnel->count.streams && timer_stop(timer))
		return; /* it goes on, and finds nothing */
}

static int tunnel_start(struct service_host *host, void *shared, void **ret_instance)
{
	own_free struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	int r;

	if (!tunnel)
		return -ENOMEM;
	tunnel->host = host;
	tunnel->shared = shared;
	TAILQ_INIT(&tunnel->connecting);
	TAILQ_INIT(&tunnel->idle);
	r = timer_open(host->loop, &tunnel->timer, tick, tunnel);
	if (r)
		return r;
	*ret_instance = take_ptr(tunnel);
	return 0;
}

static void tunnel_stop(void *instance)
{
	struct tunnel *tunnel = instance;

	timer_close(&tunnel->timer);
	shared_bytes_put(tunnel->chunk);
	free(tunnel);
}

/* ---- messages ---- */

static struct tunnel_peer *peer_of(struct tunnel *tunnel, struct peer *peer)
{
	struct tunnel_peer *owner = peer_slot(peer, PH_S_TUNNEL);

	if (owner)
		return owner;
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->tunnel = tunnel;
	owner->peer = peer;
	TAILQ_INIT(&owner->streams);
	peer_set_slot(peer, PH_S_TUNNEL, owner);
	return owner;
}

static void limit(struct tunnel *tunnel, struct peer *peer, const struct ph_message *message,
		  const char *why)
{
	tunnel->count.refused_limit++;
	peer_refuse(peer, message, PH_C_LIMIT, why);
}

static void on_open(struct tunnel *tunnel, struct peer *peer, const struct ph_message *message,
		    const struct tunnel_open *open)
{
	const struct tunnel_settings *may = &tunnel->shared->settings;
	const struct upstream *upstream;
	struct tunnel_peer *owner;

	if (may->clients == TUNNEL_IDENTIFIED && !peer_about(peer)->identified) {
		tunnel->count.refused_denied++;
		peer_refuse(peer, message, PH_C_DENIED, "the tunnel wants an identified client");
		return;
	}
	upstream = upstreams_find(&tunnel->shared->upstreams, open->name, open->name_len);
	if (!upstream) {
		tunnel->count.refused_absent++;
		peer_refuse(peer, message, PH_C_ABSENT, "there is no such upstream");
		return;
	}
	owner = peer_of(tunnel, peer);
	if (!owner) {
		limit(tunnel, peer, message, "no memory");
		return;
	}
	if (owner->count >= may->streams_max) {
		limit(tunnel, peer, message, "too many streams of this client");
		return;
	}
	if (atomic_load_explicit(&tunnel->shared->streams, memory_order_relaxed) >=
	    may->streams_total) {
		limit(tunnel, peer, message, "too many streams");
		return;
	}
	if (!tunnel->count.streams && timer_start(&tunnel->timer, TICK_MS, TICK_MS)) {
		limit(tunnel, peer, message, "no timer");
		return;
	}
	if (stream_open(owner, message->request, message->priority, upstream, open->window))
		limit(tunnel, peer, message, "no memory");
}

static void malformed(struct tunnel *tunnel, struct peer *peer, const struct ph_message *message,
		      int condition)
{
	tunnel->count.malformed++;
	peer_refuse(peer, message, PH_C_MALFORMED, tunnel_condition_text(condition));
}

/* What names a stream that there is. */
static void on_stream(struct tunnel *tunnel, struct stream *s, const struct ph_message *message)
{
	uint32_t credit;
	uint8_t reason;

	switch (message->opcode) {
	case TUNNEL_DATA:
		stream_data(s, message->payload, message->len);
		return;
	case TUNNEL_END:
		if (!message->len) {
			stream_end(s);
			return;
		}
		break;
	case TUNNEL_WINDOW:
		if (!tunnel_credit_parse(message->payload, message->len, &credit)) {
			stream_credit(s, credit);
			return;
		}
		break;
	case TUNNEL_CLOSE:
		if (!tunnel_close_parse(message->payload, message->len, &reason)) {
			stream_close(s);
			return;
		}
		break;
	default:
		break;
	}
	/* Also an open: the id is taken, and an error under it would be one of the stream. */
	tunnel->count.malformed++;
	stream_violation(s);
}

static void tunnel_message(void *instance, struct peer *peer, const struct ph_message *message)
{
	struct tunnel_peer *owner = peer_slot(peer, PH_S_TUNNEL);
	struct tunnel *tunnel = instance;
	struct tunnel_open open;
	struct stream *s;
	int r;

	if (message->opcode != TUNNEL_DATA)
		streams_gathered(tunnel);
	s = owner ? stream_find(owner, message->request) : NULL;

	if (message->opcode < TUNNEL_OPEN || message->opcode > TUNNEL_CLOSE) {
		tunnel->count.unknown++;
		peer_refuse(peer, message, PH_C_UNKNOWN, "the tunnel has no such opcode");
		return;
	}
	if (s) {
		on_stream(tunnel, s, message);
		return;
	}
	if (message->opcode != TUNNEL_OPEN) {
		/* It was under way when the stream ended. */
		tunnel->count.stray++;
		return;
	}
	r = tunnel_open_parse(message->payload, message->len, &open);
	if (r)
		malformed(tunnel, peer, message, r);
	else
		on_open(tunnel, peer, message, &open);
}

static void tunnel_batch_end(void *instance, struct peer *peer)
{
	(void)peer;
	streams_gathered(instance);
}

/* In turn, so that no stream takes the room of all. */
static void tunnel_room(void *instance, struct peer *peer)
{
	struct tunnel_peer *owner = peer_slot(peer, PH_S_TUNNEL);

	(void)instance;
	if (!owner)
		return;
	owner->full = false;
	for (unsigned n = owner->count; n && !owner->full; n--) {
		struct stream *s = TAILQ_FIRST(&owner->streams);

		TAILQ_REMOVE(&owner->streams, s, of_peer);
		TAILQ_INSERT_TAIL(&owner->streams, s, of_peer);
		stream_step(s);
	}
}

static void tunnel_gone(void *instance, struct peer *peer)
{
	struct tunnel_peer *owner = peer_slot(peer, PH_S_TUNNEL);
	struct tunnel *tunnel = instance;
	struct stream *s;

	if (!owner)
		return;
	while ((s = TAILQ_FIRST(&owner->streams))) {
		tunnel->count.aborted += s->state != STREAM_OVER;
		stream_free(s);
	}
	free(owner);
	peer_set_slot(peer, PH_S_TUNNEL, NULL);
}

static size_t tunnel_counters(void *instance, size_t n, struct service_counter ret_counters[])
{
	struct tunnel *tunnel = instance;

	return counters_tell(told, &tunnel->count, ARRAY_LEN(told), n, ret_counters);
}

const struct service_ops service_tunnel = {
	.name = "tunnel",
	.id = PH_S_TUNNEL,
	.open = tunnel_open,
	.close = tunnel_close,
	.start = tunnel_start,
	.stop = tunnel_stop,
	.on_message = tunnel_message,
	.on_batch_end = tunnel_batch_end,
	.on_room = tunnel_room,
	.on_close = tunnel_gone,
	.counters = tunnel_counters,
};
