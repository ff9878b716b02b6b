/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An owner of connections that notes what it sees. */
#ifndef TESTS_UNIT_NET_OWNER_H
#define TESTS_UNIT_NET_OWNER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <user/net/conn.h>

/* What the owner of a connection saw, and how it behaves. */
struct side {
	struct conn *conn;
	uint8_t *got; /* what was consumed */
	size_t got_len, got_size, last_len;
	size_t chunk;	    /* consume whole chunks of this many bytes only */
	size_t consume_max; /* in all; then nothing more */
	bool echo, pause_each, close_each, drop_each, keep_open, handles;
	uint32_t wait_each; /* ms that a CONN_FINISH may take from then on */
	int calls, highs, lows, slows, lates, peer_ends, connects, stops, ended;
	enum conn_wait late;
	size_t rest;
	enum conn_end why;
};

static inline struct side side_of(size_t consume_max)
{
	return (struct side){.consume_max = consume_max};
}

static inline size_t on_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	struct side *side = conn->owner;
	size_t used = side->chunk ? len / side->chunk * side->chunk : len;

	side->calls++;
	side->last_len = len;
	used = MIN(used, side->consume_max - side->got_len);
	if (side->got_len + used > side->got_size) {
		side->got_size = (side->got_len + used) * 2;
		side->got = realloc(side->got, side->got_size);
		assert_non_null(side->got);
	}
	if (used)
		memcpy(side->got + side->got_len, bytes, used);
	side->got_len += used;
	if (side->echo && used)
		assert_int_equal(conn_send(conn, bytes, used), 0);
	if (side->wait_each)
		conn_wait(conn, CONN_FINISH, side->wait_each);
	if (side->pause_each)
		conn_pause(conn);
	if (side->close_each)
		conn_close(conn);
	if (side->drop_each)
		conn_drop(conn);
	/* It is the owner's until it returns, whatever was called. */
	memset(bytes, 0x5a, used);
	return used;
}

static inline void on_pressure(struct conn *conn, bool high)
{
	struct side *side = conn->owner;

	side->highs += high;
	side->lows += !high;
}

static inline void on_peer_end(struct conn *conn, size_t rest)
{
	struct side *side = conn->owner;

	side->peer_ends++;
	side->rest = rest;
	if (!side->keep_open)
		conn_close(conn);
}

static inline bool on_slow(struct conn *conn)
{
	struct side *side = conn->owner;

	side->slows++;
	return side->handles;
}

static inline bool on_late(struct conn *conn, enum conn_wait what)
{
	struct side *side = conn->owner;

	side->lates++;
	side->late = what;
	return side->handles;
}

static inline void on_connect(struct conn *conn)
{
	struct side *side = conn->owner;

	side->connects++;
	if (side->echo)
		assert_int_equal(conn_send(conn, "hello", 5), 0);
}

static inline void on_end(struct conn *conn, enum conn_end why)
{
	struct side *side = conn->owner;

	side->ended++;
	side->why = why;
}

static const struct conn_ops ops = {
	.on_bytes = on_bytes,
	.on_connect = on_connect,
	.on_pressure = on_pressure,
	.on_peer_end = on_peer_end,
	.on_slow = on_slow,
	.on_late = on_late,
	.on_end = on_end,
};

#endif
