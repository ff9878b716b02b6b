/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Strangers. Each holds one of a fixed number of slots, from its first byte to the answer that ends
 * its handshake. Reading a hello is cheap and done at once; answers are made together: answers.c,
 * which also says who may touch a slot meanwhile.
 *
 * A slot is free (conn NULL, in the list `free_shaking`), or its connection's; `waiting`: answers.c
 * has it, and releases it, if its connection has ended by then.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <user/crypto/residue.h>
#include <user/server/parts.h>
#include <user/wire/frame.h>

static uint64_t wall_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return (uint64_t)now.tv_sec;
}

void shaking_release(struct shaking *s)
{
	handshake_deinit(&s->hs);
	guise_put(s->guise);
	s->guise = NULL;
	s->next = s->server->free_shaking;
	s->server->free_shaking = s;
}

static void fail(struct shaking *s, int r)
{
	struct server *server = s->server;
	int condition = r > 0 && r < HS_CONDITION_COUNT ? r : HS_NONE;

	server_count(&server->counters.handshake[condition]);
	if (r > 0)
		server_sign(server, SERVER_BAD_HANDSHAKE, &s->conn->peer, s->port, condition, 0);
	conn_drop(s->conn);
}

/* The connection becomes a link's, and the slot is free. */
static void done(struct shaking *s)
{
	struct session_keys keys;
	struct conn *conn = s->conn;
	int r = handshake_keys(&s->hs, &keys);

	if (r) {
		fail(s, r);
		return;
	}
	if (link_open(s->server, conn, s->port, &keys)) {
		s->conn = NULL;
		shaking_release(s);
	} else {
		server_count(&s->server->counters.no_link);
		conn_drop(conn);
	}
	wipe(&keys, sizeof(keys));
}

/* ---- answers ---- */

void shaking_answer(struct shaking *s, int r, const uint8_t *frame, size_t len)
{
	if (!r && conn_send(s->conn, frame, len))
		r = -ENOBUFS;
	if (r) {
		fail(s, r);
		return;
	}
	if (handshake_next(&s->hs) == HS_NEXT_DONE) {
		done(s);
		return;
	}
	conn_wait(s->conn, CONN_FINISH, s->server->limits.finish_ms);
}

static void ask_for_work(struct shaking *s)
{
	struct server *server = s->server;
	uint8_t frame[HS_FRAME_LEN];
	size_t len = 0;
	int r = handshake_ask(&s->hs, server->door.bits);

	server_count(&server->counters.asked);
	if (!r)
		r = handshake_write(&s->hs, server->crypto, NULL, frame, &len);
	shaking_answer(s, r, frame, len);
}

/* ---- hellos ---- */

static void hello(struct shaking *s)
{
	struct server *server = s->server;
	bool worked = s->hs.retried, known = handshake_resumed(&s->hs);

	server_count(&server->counters.hellos);
	server_keep_pace(server);
	switch (door_ask(&server->door, worked, known, server->reactor->now_ms)) {
	case DOOR_OPEN:
		answer_later(s);
		return;
	case DOOR_WORK:
		ask_for_work(s);
		return;
	case DOOR_BUSY:
		server_count(&server->counters.busy);
		conn_drop(s->conn);
		return;
	}
}

static int frame_condition(int r)
{
	switch (r) {
	case FRAME_TYPE:
		return HS_TYPE;
	case FRAME_SUITE:
		return HS_SUITE;
	default:
		return HS_FRAME;
	}
}

static size_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	struct shaking *s = conn->owner;
	struct frame frame;
	size_t n;
	int r = frame_parse(bytes, len, &frame);

	if (r == FRAME_MORE)
		return 0;
	if (r) {
		fail(s, frame_condition(r));
		return len;
	}
	n = PH_FRAME_HEAD + frame.len;
	if (len < n)
		return 0;
	r = handshake_read(&s->hs, s->server->crypto, bytes, n, wall_s());
	if (r)
		fail(s, r);
	else if (handshake_next(&s->hs) == HS_NEXT_DONE)
		done(s);
	else if (handshake_next(&s->hs) == HS_NEXT_WRITE)
		hello(s);
	if (frame.type == PH_CLIENT_FINISH)
		residue_wipe(); /* of X25519; what an answer leaves goes with the shield */
	return n;
}

static void on_end(struct conn *conn, enum conn_end why)
{
	struct shaking *s = conn->owner;

	server_count(&s->server->counters.ends[why]);
	/* Late, or it left before the end of its handshake; where we stop, all are closed. */
	if (why == CONN_LATE_HELLO || why == CONN_LATE_FINISH ||
	    ((why == CONN_RESET || why == CONN_DONE) && !conn->reactor->draining))
		server_sign(s->server, SERVER_BAD_HANDSHAKE, &conn->peer, s->port, HS_NONE, 0);
	s->conn = NULL;
	if (!s->waiting)
		shaking_release(s);
}

static const struct conn_ops ops = {.on_bytes = on_bytes, .on_end = on_end};

/* ---- slots ---- */

static struct shaking *take_slot(struct server *server)
{
	struct shaking *s = server->free_shaking;

	if (s) {
		server->free_shaking = s->next;
	} else if (server->shakings_touched < server->common->limits.half_open) {
		/* Memory that was never touched is not there. */
		s = &server->shakings[server->shakings_touched++];
		s->server = server;
	}
	return s;
}

bool shaking_take(struct server *server, struct conn *conn, uint16_t port)
{
	struct shaking *s = take_slot(server);

	if (!s) {
		server_count(&server->counters.no_slot);
		return false;
	}
	s->conn = conn;
	s->port = port;
	s->waiting = false;
	s->guise = guise_get(server->guise);
	handshake_accept(&s->hs, &s->guise->hs);
	conn_set_ops(conn, &ops, s);
	conn_set_limits(conn, &server->strangers);
	conn_wait(conn, CONN_HELLO, server->limits.hello_ms);
	return true;
}

int shakings_init(struct server *server)
{
	server->shakings = server_array(server->common->limits.half_open, sizeof(struct shaking));
	return server->shakings ? answers_init(server) : -ENOMEM;
}

void shakings_deinit(struct server *server)
{
	answers_deinit(server);
	server_array_free(server->shakings, server->common->limits.half_open,
			  sizeof(struct shaking));
}
