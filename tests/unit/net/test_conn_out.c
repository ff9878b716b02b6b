/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Output of a connection: bounds, back-pressure, and peers that do not read. */
#include <tests/unit/net/conn_kit.h>

#include <errno.h>

static void test_echo_and_pressure(void **state)
{
	static uint8_t bytes[20000], back[65536];
	struct side side = side_of(SIZE_MAX);
	size_t sent = 0, got = 0, whole = 600000;
	int peer = join(&side);

	(void)state;
	side.echo = true;
	/* Nobody reads: it piles up above the high water. */
	while (sent < whole) {
		size_t len = MIN(sizeof(bytes), whole - sent);
		ssize_t n;

		fill(bytes, sent, len);
		n = send(peer, bytes, len, MSG_NOSIGNAL);
		assert_true(n > 0);
		sent += (size_t)n;
		turn(2);
	}
	assert_int_equal(side.got_len, whole);
	assert_int_equal(side.highs, 1);
	assert_int_equal(side.lows, 0);
	assert_true(conn_unsent(side.conn) > limits.high);
	while (got < whole) {
		ssize_t n = recv(peer, back, sizeof(back), 0);

		if (n > 0) {
			check(back, got, (size_t)n);
			got += (size_t)n;
		}
		turn(1);
	}
	assert_int_equal(side.lows, 1);
	assert_int_equal(side.ended, 0);
	assert_int_equal(conn_unsent(side.conn), 0);
	assert_int_equal(reactor->pool.lent, 0);
	part(&side, peer);
}

static void test_reserve(void **state)
{
	struct side side = side_of(0);
	uint8_t *room = NULL, back[4];
	int peer = join(&side);

	(void)state;
	assert_int_equal(conn_reserve(side.conn, CONN_RESERVE_MAX + 1, &room), -EMSGSIZE);
	assert_int_equal(conn_reserve(side.conn, CONN_RESERVE_MAX, &room), 0);
	memset(room, 1, CONN_RESERVE_MAX);
	/* Nothing of it was filled: the block goes back by itself. */
	turn(2);
	assert_int_equal(reactor->pool.lent, 0);
	limits.out_max = 3;
	assert_int_equal(conn_reserve(side.conn, 4, &room), CONN_FULL);
	assert_int_equal(conn_send(side.conn, "abc", 3), 0);
	assert_int_equal(conn_send(side.conn, "d", 1), CONN_FULL);
	turn(1);
	assert_int_equal(recv(peer, back, 4, 0), 3);
	reactor->pool.max = 0;
	assert_int_equal(conn_send(side.conn, "d", 1), CONN_EMPTY);
	conn_shutdown(side.conn);
	assert_int_equal(conn_send(side.conn, "d", 1), CONN_GONE);
	conn_drop(side.conn);
	assert_int_equal(conn_send(side.conn, "d", 1), CONN_GONE);
	conn_commit(side.conn, 1);
	assert_int_equal(side.ended, 0); /* told at the end of the round */
	part(&side, peer);
	assert_int_equal(side.why, CONN_DROPPED);
}

/* A trickle does not help a slow reader: bytes of the last look are still there. */
static void test_slow(void **state)
{
	static uint8_t bytes[60000], back[100];
	struct side side = side_of(0);
	int peer = join(&side);

	(void)state;
	while (!side.conn->out_blocked) {
		assert_int_equal(conn_send(side.conn, bytes, sizeof(bytes)), 0);
		turn(1);
	}
	for (int i = 0; i < 9; i++) {
		pass_ms(100);
		(void)!recv(peer, back, sizeof(back), 0);
	}
	assert_int_equal(side.slows, 0);
	side.handles = true;
	pass_ms(150);
	assert_int_equal(side.slows, 1);
	assert_int_equal(side.ended, 0);
	side.handles = false;
	pass_ms(1050);
	assert_int_equal(side.slows, 2);
	assert_int_equal(side.why, CONN_SLOW);
	part(&side, peer);
}

static void test_slow_but_reads(void **state)
{
	static uint8_t bytes[60000], back[1 << 20];
	struct side side = side_of(0);
	int peer = join(&side);

	(void)state;
	while (!side.conn->out_blocked) {
		assert_int_equal(conn_send(side.conn, bytes, sizeof(bytes)), 0);
		turn(1);
	}
	for (int i = 0; i < 10; i++) {
		pass_ms(600);
		while (recv(peer, back, sizeof(back), 0) > 0)
			turn(1);
		while (!side.conn->out_blocked) {
			assert_int_equal(conn_send(side.conn, bytes, sizeof(bytes)), 0);
			turn(1);
		}
	}
	assert_int_equal(side.slows, 0);
	part(&side, peer);
}

static void test_close_never_read(void **state)
{
	static uint8_t bytes[60000];
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	limits.slow_ms = 0;
	while (!side.conn->out_blocked) {
		assert_int_equal(conn_send(side.conn, bytes, sizeof(bytes)), 0);
		turn(1);
	}
	conn_close(side.conn);
	pass_ms(100);
	assert_int_equal(side.ended, 0);
	pass_ms(520);
	assert_int_equal(side.why, CONN_LINGERED);
	part(&side, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_reactor(test_echo_and_pressure),
		with_reactor(test_reserve),
		with_reactor(test_slow),
		with_reactor(test_slow_but_reads),
		with_reactor(test_close_never_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
