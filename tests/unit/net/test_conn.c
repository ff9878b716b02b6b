/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The life of a connection and its input, over socket pairs and loopback. */
#include <tests/unit/net/conn_kit.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>

/* ---- input ---- */

/* A stream in chunks of every kind of size, cut where the sender likes: all of it, in order, and
 * no buffer while nothing waits. */
static void test_stream(void **state)
{
	static const size_t chunks[] = {1, 7, 2000, 2305, 17000, 17409, 65584, 73727};
	static uint8_t out[50000];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chunks); i++) {
		struct side side = side_of(SIZE_MAX);
		size_t total = 0, whole = chunks[i] * (1 + 300000 / chunks[i]);
		int peer = join(&side);

		side.chunk = chunks[i];
		for (size_t step = 1; total < whole; step = step * 7 % 49999 + 1) {
			size_t len = MIN(step, whole - total);
			ssize_t n;

			fill(out, total, len);
			n = send(peer, out, len, MSG_NOSIGNAL);
			if (n > 0)
				total += (size_t)n;
			turn(2);
			assert_int_equal(side.ended, 0);
			assert_int_equal(side.conn->in != NULL, side.got_len != total);
		}
		turn(8);
		assert_int_equal(side.got_len, whole);
		assert_int_equal(side.conn->in_total, whole);
		check(side.got, 0, whole);
		assert_null(side.conn->in);
		assert_int_equal(reactor->pool.lent, 0);
		part(&side, peer);
	}
}

static void test_too_long(void **state)
{
	struct side side = side_of(0);
	static uint8_t bytes[3000];
	int peer = join(&side);

	(void)state;
	limits.in_max = 2052;
	assert_int_equal(send(peer, bytes, 2051, 0), 2051);
	turn(3);
	assert_int_equal(side.ended, 0);
	assert_int_equal(side.conn->in->size, POOL_SMALL);
	assert_int_equal(send(peer, bytes, 500, 0), 500);
	turn(3);
	assert_int_equal(side.ended, 1);
	assert_int_equal(side.why, CONN_TOO_LONG);
	assert_int_equal(side.last_len, 2052); /* not a byte more was taken from the socket */
	part(&side, peer);
}

static void test_pause(void **state)
{
	struct side side = side_of(SIZE_MAX);
	static uint8_t bytes[40000];
	int peer = join(&side);

	(void)state;
	side.chunk = 100;
	side.pause_each = true;
	fill(bytes, 0, sizeof(bytes));
	assert_int_equal(send(peer, bytes, 250, 0), 250);
	turn(3);
	assert_int_equal(side.got_len, 200);
	assert_int_equal(send(peer, bytes + 250, sizeof(bytes) - 250, 0), sizeof(bytes) - 250);
	turn(5);
	assert_int_equal(side.got_len, 200);
	assert_int_equal(side.calls, 1);
	side.pause_each = false;
	conn_resume(side.conn);
	turn(5);
	assert_int_equal(side.got_len, sizeof(bytes));
	check(side.got, 0, sizeof(bytes));
	part(&side, peer);
}

/* Paused with bytes that it could have consumed: they come again without a new one. */
static void test_resume_offers_again(void **state)
{
	struct side side = side_of(10);
	int peer = join(&side);

	(void)state;
	side.pause_each = true;
	assert_int_equal(send(peer, "0123456789abcdef", 16, 0), 16);
	turn(3);
	assert_int_equal(side.got_len, 10);
	side.consume_max = SIZE_MAX;
	side.pause_each = false;
	conn_resume(side.conn);
	turn(2);
	assert_int_equal(side.got_len, 16);
	assert_null(side.conn->in);
	part(&side, peer);
}

static void test_no_buffer(void **state)
{
	struct side side = side_of(0);
	int peer = join(&side);

	(void)state;
	reactor->pool.max = POOL_SMALL - 1;
	assert_int_equal(send(peer, "x", 1, 0), 1);
	turn(3);
	assert_int_equal(side.why, CONN_NO_BUFFER);
	assert_int_equal(net_counted(&reactor->stats, NET_NO_BUFFER), 1);
	part(&side, peer);
}

/* ---- half-close and the end ---- */

static void test_half_close_by_peer(void **state)
{
	struct side side = side_of(SIZE_MAX);
	char back[8];
	int peer = join(&side);

	(void)state;
	side.keep_open = true;
	side.chunk = 4;
	assert_int_equal(send(peer, "abcdef", 6, 0), 6);
	assert_int_equal(shutdown(peer, SHUT_WR), 0);
	turn(4);
	assert_int_equal(side.peer_ends, 1);
	assert_int_equal(side.rest, 2);
	assert_int_equal(side.ended, 0);
	assert_int_equal(conn_send(side.conn, "late", 4), 0);
	conn_shutdown(side.conn);
	turn(2);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 4);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 0);
	assert_int_equal(side.why, CONN_DONE);
	part(&side, peer);
}

static void test_half_close_by_us(void **state)
{
	struct side side = side_of(SIZE_MAX);
	char back[8];
	int peer = join(&side);

	(void)state;
	side.keep_open = true;
	assert_int_equal(conn_send(side.conn, "bye", 3), 0);
	conn_shutdown(side.conn);
	turn(2);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 3);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 0);
	assert_int_equal(send(peer, "more", 4, 0), 4);
	turn(2);
	assert_int_equal(side.got_len, 4);
	assert_int_equal(side.ended, 0);
	close(peer);
	turn(4);
	assert_int_equal(side.why, CONN_DONE);
	part(&side, -1);
}

/* Closed in on_bytes(): the answer arrives, what the peer still sends is dropped, then it goes. */
static void test_close_lingers(void **state)
{
	struct side side = side_of(SIZE_MAX);
	char back[8];
	int peer = join(&side);

	(void)state;
	side.echo = true;
	side.close_each = true;
	assert_int_equal(send(peer, "one", 3, 0), 3);
	turn(3);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 3);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 0);
	assert_int_equal(send(peer, "two", 3, 0), 3);
	turn(3);
	assert_int_equal(side.calls, 1);
	assert_int_equal(side.ended, 0);
	pass_ms(520);
	assert_int_equal(side.why, CONN_LINGERED);
	part(&side, peer);
}

/* Once a connection that was closed after its half-close had no deadline at all, and one that was
 * given a deadline of its owner's after the close lost its own: a peer that neither sent nor closed
 * held it for ever. */
static void test_close_after_half_close(void **state)
{
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);
	char byte;

	(void)state;
	conn_shutdown(side.conn);
	turn(2);
	assert_int_equal(recv(peer, &byte, 1, 0), 0);
	conn_close(side.conn);
	turn(2);
	assert_int_equal(side.ended, 0);
	conn_wait(side.conn, CONN_NOTHING, 0);
	pass_ms(limits.linger_ms - WHEEL_TICK_MS);
	assert_int_equal(side.ended, 0);
	pass_ms(2 * WHEEL_TICK_MS);
	assert_int_equal(side.ended, 1);
	assert_int_equal(side.why, CONN_LINGERED);
	part(&side, peer);
}

static void test_wait_after_close(void **state)
{
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	conn_close(side.conn);
	turn(2);
	conn_wait(side.conn, CONN_NOTHING, 0);
	pass_ms(limits.linger_ms + WHEEL_TICK_MS);
	assert_int_equal(side.ended, 1);
	assert_int_equal(side.why, CONN_LINGERED);
	part(&side, peer);
}

static void test_close_bounds_what_it_drops(void **state)
{
	static uint8_t bytes[65536];
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	conn_close(side.conn);
	for (int i = 0; i < 100 && !side.ended; i++) {
		(void)!send(peer, bytes, sizeof(bytes), MSG_NOSIGNAL);
		turn(2);
	}
	assert_int_equal(side.why, CONN_LINGERED);
	part(&side, peer);
}

static void test_drop_inside(void **state)
{
	struct side side = side_of(1);
	int peer = join(&side);

	(void)state;
	side.drop_each = true;
	assert_int_equal(send(peer, "abc", 3, 0), 3);
	turn(3);
	assert_int_equal(side.calls, 1);
	assert_int_equal(side.why, CONN_DROPPED);
	part(&side, peer);
}

/* ---- deadlines ---- */

static void test_deadlines(void **state)
{
	static const enum conn_wait waits[] = {CONN_HELLO, CONN_FINISH, CONN_IDLE};
	static const enum conn_end whys[] = {CONN_LATE_HELLO, CONN_LATE_FINISH, CONN_LATE_IDLE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
		struct side side = side_of(SIZE_MAX);
		int peer = join(&side);

		conn_wait(side.conn, waits[i], 5000);
		pass_ms(4990);
		assert_int_equal(side.lates, 0);
		pass_ms(20);
		assert_int_equal(side.lates, 1);
		assert_int_equal(side.late, waits[i]);
		assert_int_equal(side.why, whys[i]);
		part(&side, peer);
	}
}

static void test_idle(void **state)
{
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	side.handles = true;
	conn_wait(side.conn, CONN_IDLE, 1000);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(send(peer, "x", 1, 0), 1);
		pass_ms(900);
	}
	assert_int_equal(side.lates, 0);
	for (int i = 1; i <= 3; i++) {
		pass_ms(1010);
		assert_int_equal(side.lates, i);
	}
	conn_wait(side.conn, CONN_NOTHING, 0);
	pass_ms(10000);
	assert_int_equal(side.lates, 3);
	part(&side, peer);
}

/* ---- connecting ---- */

static int listen_on(struct sockaddr_in *ret_address)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(*ret_address);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)ret_address, &len), 0);
	return fd;
}

static int wait_for(const int *what)
{
	for (int i = 0; i < 1000 && !*what; i++)
		assert_int_equal(reactor_turn(reactor, 10), 0);
	return *what;
}

static void test_connect(void **state)
{
	struct side side = side_of(SIZE_MAX);
	struct sockaddr_in address;
	int listener = listen_on(&address), peer;
	char back[8];

	(void)state;
	side.echo = true;
	assert_int_equal(conn_connect(reactor, (struct sockaddr *)&address, sizeof(address), 1000,
				      &ops, &limits, &side, &side.conn),
			 0);
	assert_int_equal(wait_for(&side.connects), 1);
	turn(2);
	peer = accept(listener, NULL, NULL);
	assert_int_equal(recv(peer, back, sizeof(back), 0), 5);
	assert_int_equal(side.conn->peer.port, ntohs(address.sin_port));
	/* The deadline was that of connecting. */
	pass_ms(5000);
	assert_int_equal(side.ended, 0);
	close(listener);
	close(peer);
	assert_int_equal(wait_for(&side.ended), 1);
	part(&side, -1);
}

static void test_connect_refused(void **state)
{
	struct side side = side_of(SIZE_MAX);
	struct sockaddr_in address;
	int r;

	(void)state;
	close(listen_on(&address));
	r = conn_connect(reactor, (struct sockaddr *)&address, sizeof(address), 1000, &ops, &limits,
			 &side, &side.conn);
	if (r) {
		assert_int_equal(r, -ECONNREFUSED);
		return;
	}
	assert_int_equal(wait_for(&side.ended), 1);
	assert_int_equal(side.connects, 0);
	assert_int_equal(side.why, CONN_NOT_CONNECTED);
	assert_int_equal(conn_error(side.conn), ECONNREFUSED);
}

static void test_slots(void **state)
{
	struct side sides[CONNS + 1];
	int peers[CONNS], fds[2];

	(void)state;
	for (int i = 0; i < CONNS; i++) {
		sides[i] = side_of(SIZE_MAX);
		peers[i] = join(&sides[i]);
	}
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(
		conn_adopt(reactor, fds[0], &ops, &limits, &sides[CONNS], &sides[CONNS].conn),
		-ENOBUFS);
	assert_int_equal(fcntl(fds[0], F_GETFD), -1); /* it was taken all the same */
	close(fds[1]);
	conn_drop(sides[3].conn);
	turn(1);
	sides[CONNS] = side_of(SIZE_MAX);
	close(join(&sides[CONNS]));
	for (int i = 0; i < CONNS; i++)
		close(peers[i]);
	turn(8);
	for (int i = 0; i <= CONNS; i++)
		assert_int_equal(sides[i].ended, 1);
	assert_int_equal(reactor->live, 0);
}

/* A reset is an end with its own name, also while nothing is read. */
static void test_reset(void **state)
{
	const struct linger at_once = {.l_onoff = 1};
	struct side side = side_of(SIZE_MAX);
	struct sockaddr_in address;
	int listener = listen_on(&address), peer;

	(void)state;
	assert_int_equal(conn_connect(reactor, (struct sockaddr *)&address, sizeof(address), 1000,
				      &ops, &limits, &side, &side.conn),
			 0);
	assert_int_equal(wait_for(&side.connects), 1);
	peer = accept(listener, NULL, NULL);
	conn_pause(side.conn);
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(peer);
	close(listener);
	assert_int_equal(wait_for(&side.ended), 1);
	assert_int_equal(side.why, CONN_RESET);
	part(&side, -1);
}

/* ---- calls at the end of a round ---- */

struct later {
	struct deferred deferred;
	struct later *other;
	int times;
};

static void run_later(struct deferred *deferred)
{
	struct later *later = (struct later *)(void *)deferred;

	later->times++;
	if (later->other)
		reactor_defer(reactor, &later->other->deferred);
	later->other = NULL;
}

/* Once a round however often it was asked for; what is asked for inside comes in the next round,
 * which does not wait. */
static void test_defer(void **state)
{
	struct later second = {.deferred = {.run = run_later}};
	struct later first = {.deferred = {.run = run_later}, .other = &second};

	(void)state;
	reactor_defer(reactor, &first.deferred);
	reactor_defer(reactor, &first.deferred);
	assert_int_equal(first.times, 0);
	assert_int_equal(reactor_turn(reactor, -1), 0);
	assert_int_equal(first.times, 1);
	assert_int_equal(second.times, 0);
	assert_int_equal(reactor_turn(reactor, 0), 0);
	assert_int_equal(second.times, 1);
	first.other = &first;
	reactor_defer(reactor, &first.deferred);
	turn(3);
	assert_int_equal(first.times, 3);
	assert_int_equal(second.times, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_reactor(test_stream),
		with_reactor(test_too_long),
		with_reactor(test_pause),
		with_reactor(test_resume_offers_again),
		with_reactor(test_no_buffer),
		with_reactor(test_half_close_by_peer),
		with_reactor(test_half_close_by_us),
		with_reactor(test_close_lingers),
		with_reactor(test_close_after_half_close),
		with_reactor(test_wait_after_close),
		with_reactor(test_close_bounds_what_it_drops),
		with_reactor(test_drop_inside),
		with_reactor(test_deadlines),
		with_reactor(test_idle),
		with_reactor(test_connect),
		with_reactor(test_connect_refused),
		with_reactor(test_slots),
		with_reactor(test_reset),
		with_reactor(test_defer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
