/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Sessions. What comes is opened where it lies in the connection's buffer; what services send waits
 * in the channel until it is sealed straight into the connection's output, as late as possible, so
 * that urgent messages overtake: never more than `high` bytes are sealed and not sent.
 *
 * Whoever gives a link something to do marks it, and all that are marked are looked at in one call
 * at the end of the round. The end comes from the connection, always: on_end() tells the services
 * and frees the link. Before that `ended` says that nothing is to be done any more.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <user/server/parts.h>

#define CLOSE_MS 3000U /* for a peer to answer a Close */
#define AGAIN_MS 20U   /* when there was no buffer */
#define ROOM_SMALL 2048U
#define ROOM_MEDIUM 16384U

_Static_assert(sizeof(struct link) + sizeof(struct conn) <= 1024, "what an idle session costs");

static struct link *of_tick(struct wheel_timer *timer)
{
	return (struct link *)(void *)((char *)timer - offsetof(struct link, tick));
}

/* Of its session; 0 only as it opens. */
static uint32_t age(const struct link *link)
{
	return link->open ? (uint32_t)link->server->reactor->now_ms - link->opened : 0;
}

static bool is_bad_record(int condition)
{
	return condition >= CHANNEL_BAD_HEAD && condition <= CHANNEL_LATE_REKEY;
}

/* The channel is of no use any more. */
void link_end(struct link *link, int r)
{
	struct server *server = link->server;
	int condition = r > 0 && r < CHANNEL_CONDITION_COUNT ? r : CHANNEL_DROPPED;

	if (link->ended)
		return;
	link->ended = true;
	server_count(&server->counters.channel[condition]);
	if (is_bad_record(condition))
		server_sign(server, SERVER_BAD_RECORD, &link->conn->peer, link->port, condition,
			    age(link));
	conn_drop(link->conn);
}

/* ---- output ---- */

static size_t room_for(size_t queued)
{
	if (queued < ROOM_SMALL / 4)
		return ROOM_SMALL;
	return queued < ROOM_MEDIUM / 4 ? ROOM_MEDIUM : CONN_RESERVE_MAX;
}

/* False: nothing more for the moment. */
static bool seal_some(struct link *link, size_t room)
{
	struct server *server = link->server;
	uint8_t *to;
	size_t len = 0;
	int r = conn_reserve(link->conn, room, &to);

	if (r == CONN_EMPTY)
		wheel_start(&server->reactor->wheel, &link->tick, AGAIN_MS);
	if (r)
		return false;
	/* It may tell services of room, and that room here is not theirs. */
	link->sealing = true;
	r = channel_write(&link->channel, to, room, server->reactor->now_ms, &len);
	link->sealing = false;
	if (r) {
		link_end(link, r);
		return false;
	}
	if (len)
		conn_commit(link->conn, len);
	else if (room < CONN_RESERVE_MAX)
		return seal_some(link, CONN_RESERVE_MAX); /* a record too long for that room */
	return len > 0;
}

static void pump(struct link *link)
{
	struct channel *ch = &link->channel;

	/* Exactly `high` is not above it: there is no on_pressure() yet that would go on. */
	while (!link->ended && channel_has_output(ch) &&
	       conn_unsent(link->conn) <= link->server->limits.conn.high &&
	       seal_some(link, room_for(channel_queued(ch))))
		;
	if (!link->ended && channel_is_done(ch)) {
		link->ended = true;
		server_count(&link->server->counters.closed);
		conn_close(link->conn);
	}
}

static void put_link(struct link *link)
{
	link->next = link->server->free_link;
	link->server->free_link = link;
}

static void flush(struct deferred *deferred)
{
	struct server *server = (struct server *)(void *)((char *)deferred -
							  offsetof(struct server, flushes));
	struct link *link = server->dirty;

	server->dirty = NULL;
	server->dirty_end = &server->dirty;
	while (link) {
		struct link *next = link->dirty_next;

		link->dirty = false;
		if (link->conn)
			pump(link);
		else
			put_link(link);
		link = next;
	}
}

void link_mark(struct link *link)
{
	struct server *server = link->server;

	if (link->dirty || link->ended)
		return;
	link->dirty = true;
	link->dirty_next = NULL;
	*server->dirty_end = link;
	server->dirty_end = &link->dirty_next;
	reactor_defer(server->reactor, &server->flushes);
}

/* Once and again: who was told may have had no room for it, or forgets in time. */
static void prove(struct link *link)
{
	link->proven = (uint32_t)link->server->reactor->now_ms;
	server_sign(link->server, SERVER_PROVEN, &link->conn->peer, link->port, 0, age(link));
}

static void on_tick(struct wheel_timer *timer)
{
	struct link *link = of_tick(timer);
	uint64_t now = link->server->reactor->now_ms, next;
	int r;

	if (link->ended || !link->conn)
		return;
	r = channel_tick(&link->channel, now, &next);
	if (r) {
		link_end(link, r);
		return;
	}
	wheel_start(&link->server->reactor->wheel, timer, next > now ? next - now : 1);
	if (link->open && (uint32_t)now - link->proven >= link->server->limits.prove_ms)
		prove(link);
	pump(link);
}

/* ---- tickets ---- */

/* NULL: as many sessions as there are half-open slots have not finished; this one gets no ticket.
 */
static struct owed *take_owed(struct server *server)
{
	struct owed *owed = server->free_owed;

	if (owed)
		server->free_owed = owed->next;
	else if (server->owed_touched < server->common->limits.half_open)
		owed = &server->owed[server->owed_touched++];
	return owed;
}

static void forget_owed(struct link *link)
{
	struct server *server = link->server;

	if (!link->owed)
		return;
	link->owed->next = server->free_owed;
	server->free_owed = link->owed;
	link->owed = NULL;
}

/* ---- the connection's calls ---- */

/* The services that were told something: what they have gathered, they use now. */
static void end_batch(struct link *link)
{
	struct server *server = link->server;

	for (unsigned i = 0; server->told; i++, server->told >>= 1) {
		const struct service_ops *ops = server->common->services[i].ops;

		if (server->told & 1 && ops->on_batch_end)
			ops->on_batch_end(server->instances[i], link_peer(link));
	}
}

static size_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	struct link *link = conn->owner;
	size_t used = 0;
	int r;

	if (link->ended)
		return len;
	r = channel_read(&link->channel, bytes, len, link->server->reactor->now_ms, &used);
	end_batch(link);
	if (r) {
		link_end(link, r);
		return len;
	}
	pump(link);
	return used;
}

static void on_pressure(struct conn *conn, bool high)
{
	struct link *link = conn->owner;

	if (!high)
		link_mark(link);
}

static void on_peer_end(struct conn *conn, size_t rest)
{
	struct link *link = conn->owner;
	int r = link->ended ? 0 : channel_input_ended(&link->channel);

	(void)rest;
	/* It has said Close, and may read yet: what waits goes before ours does, while CLOSE_MS. */
	if (r)
		link_end(link, r);
	else
		pump(link);
}

void link_goodbye(struct link *link, uint16_t code)
{
	channel_close(&link->channel, code);
	channel_resume(&link->channel, link->server->reactor->now_ms);
	conn_resume(link->conn);
	link_mark(link);
}

static void on_stop(struct conn *conn)
{
	struct link *link = conn->owner;

	if (!link->ended)
		link_goodbye(link, PH_C_CLOSING);
}

static void on_end(struct conn *conn, enum conn_end why)
{
	struct link *link = conn->owner;
	struct server *server = link->server;

	server_count(&server->counters.ends[why]);
	link->ended = true;
	if (link->open) {
		/* Who has said goodbye and closes before ours is there is reset by it: no fault. */
		server_sign(server, SERVER_GONE, &conn->peer, link->port,
			    (int)(link->left && why == CONN_RESET ? CONN_DONE : why), age(link));
		for (unsigned i = 0; i < PH_SERVICES; i++) {
			const struct service_ops *ops = server->common->services[i].ops;

			if (ops && ops->on_close)
				ops->on_close(server->instances[i], link_peer(link));
		}
	} else if (why == CONN_LATE_FINISH) {
		server_sign(server, SERVER_BAD_HANDSHAKE, &conn->peer, link->port, HS_NONE, 0);
	}
	wheel_stop(&server->reactor->wheel, &link->tick);
	channel_deinit(&link->channel);
	forget_owed(link);
	link->conn = NULL;
	server->links_len--;
	if (!link->dirty) /* else flush() frees it: thousands may end in one round */
		put_link(link);
}

static const struct conn_ops ops = {
	.on_bytes = on_bytes,
	.on_pressure = on_pressure,
	.on_peer_end = on_peer_end,
	.on_stop = on_stop,
	.on_end = on_end,
};

/* ---- the channel's calls ---- */

static void send_ticket(struct link *link)
{
	const struct ph_message message = {.service = PH_S_CONTROL,
					   .opcode = PH_CTL_TICKET,
					   .priority = PH_NORMAL,
					   .payload = link->owed ? link->owed->ticket : NULL,
					   .len = TICKET_LEN};

	if (!link->owed)
		return;
	if (!channel_send(&link->channel, &message))
		link_mark(link);
	forget_owed(link);
}

static void opened(struct link *link)
{
	struct server *server = link->server;

	link->open = true;
	link->opened = (uint32_t)server->reactor->now_ms;
	conn_opened(link->conn);
	conn_wait(link->conn, CONN_NOTHING, 0);
	server_count(&server->counters.opened);
	prove(link);
	send_ticket(link);
	for (unsigned i = 0; i < PH_SERVICES; i++) {
		const struct service_ops *service = server->common->services[i].ops;

		if (service && service->on_open)
			service->on_open(server->instances[i], link_peer(link));
	}
}

static void on_channel_open(struct channel *ch, void *context)
{
	(void)ch;
	opened(context);
}

static void on_message(struct channel *ch, void *context, const struct ph_message *message)
{
	struct link *link = context;
	struct server *server = link->server;
	const struct service_ops *service = message->service < PH_SERVICES
						    ? server->common->services[message->service].ops
						    : NULL;

	(void)ch;
	server_count(&server->counters.messages_in);
	if (service) {
		server->told |= 1U << message->service;
		service->on_message(server->instances[message->service], link_peer(link), message);
		return;
	}
	server_count(&server->counters.unknown);
	if (message->opcode != PH_OP_ERROR)
		peer_refuse(link_peer(link), message, PH_C_UNKNOWN,
			    "there is no such service here");
}

static void on_room(struct channel *ch, void *context)
{
	struct link *link = context;
	struct server *server = link->server;

	(void)ch;
	for (unsigned i = 0; i < PH_SERVICES && !link->ended; i++) {
		const struct service_ops *service = server->common->services[i].ops;

		if (service && service->on_room)
			service->on_room(server->instances[i], link_peer(link));
	}
}

/* The peer says goodbye: so do we, once all that waits was sent. */
static void on_channel_close(struct channel *ch, void *context, uint16_t code)
{
	struct link *link = context;

	(void)code;
	link->left = true;
	channel_close(ch, 0);
	conn_wait(link->conn, CONN_CLOSING, CLOSE_MS);
	link_mark(link);
}

const struct channel_ops link_channel_ops = {
	.on_open = on_channel_open,
	.on_message = on_message,
	.on_room = on_room,
	.on_close = on_channel_close,
};

/* ---- links ---- */

static struct link *take_link(struct server *server)
{
	struct link *link = server->free_link;

	if (link)
		server->free_link = link->next;
	else if (server->links_touched < server->common->limits.links)
		link = &server->links[server->links_touched++];
	else
		return NULL;
	memset(link, 0, sizeof(*link));
	link->server = server;
	server->links_len++;
	return link;
}

static void make_ticket(struct link *link, const struct session_keys *keys)
{
	const struct ticket_keys *seal = &link->server->guise->tickets;
	struct ticket ticket;
	struct timespec now;

	if (!link->server->guise->hs.tickets)
		return;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	link->owed = take_owed(link->server);
	if (link->owed && (ticket_make(seal, keys, (uint64_t)now.tv_sec, &ticket) ||
			   ticket_seal(seal, link->server->crypto, &ticket, link->owed->ticket)))
		forget_owed(link);
	wipe(&ticket, sizeof(ticket));
}

static void introduce(struct link *link, const struct session_keys *keys)
{
	struct peer_about *about = &link->about;

	about->id = atomic_fetch_add_explicit(&link->server->common->next_id, 1,
					      memory_order_relaxed);
	about->identified = keys->identified;
	if (keys->identified)
		memcpy(about->key, keys->peer_key, PH_KEY_LEN);
	about->suite = keys->suite;
}

bool link_open(struct server *server, struct conn *conn, uint16_t port,
	       const struct session_keys *keys)
{
	struct link *link = take_link(server);

	if (!link)
		return false;
	link->conn = conn;
	link->port = port;
	link->tick.on_time = on_tick;
	introduce(link, keys);
	make_ticket(link, keys);
	conn_set_ops(conn, &ops, link);
	conn_set_limits(conn, &server->limits.conn);
	channel_init(&link->channel, &server->channels, keys, false, link, server->reactor->now_ms);
	wheel_start(&server->reactor->wheel, &link->tick, server->limits.channel.heartbeat_ms);
	if (channel_is_open(&link->channel))
		opened(link);
	else
		conn_wait(conn, CONN_FINISH, server->limits.finish_ms);
	return true;
}

int links_init(struct server *server)
{
	server->links = server_array(server->common->limits.links, sizeof(struct link));
	server->dirty_end = &server->dirty;
	server->flushes.run = flush;
	server->owed = server_array(server->common->limits.half_open, sizeof(struct owed));
	return server->links && server->owed ? 0 : -ENOMEM;
}

void links_deinit(struct server *server)
{
	server_array_free(server->links, server->common->limits.links, sizeof(struct link));
	server_array_free(server->owed, server->common->limits.half_open, sizeof(struct owed));
}
