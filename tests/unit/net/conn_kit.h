/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A connection over a socket pair, an owner that notes what it sees, a clock that the test moves.
 */
#ifndef TESTS_UNIT_NET_CONN_KIT_H
#define TESTS_UNIT_NET_CONN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <tests/unit/net/owner.h>
#include <user/net/conn.h>
#include <user/net/reactor.h>

#define CONNS 8

static uint64_t now_ms;

static inline uint64_t clock_ms(void)
{
	return now_ms;
}

static struct conn_limits limits;
static struct reactor *reactor;

static inline void turn(int times)
{
	while (times--)
		assert_int_equal(reactor_turn(reactor, 0), 0);
}

static inline void pass_ms(uint64_t ms)
{
	now_ms += ms;
	turn(3);
}

static inline int setup(void **state)
{
	struct reactor_config config = {
		.conns_max = CONNS,
		.buffers_max = 4 << 20,
		.mailbox_len = 8,
		.clock_ms = clock_ms,
	};

	(void)state;
	now_ms = 1000;
	limits = (struct conn_limits){
		.in_max = CONN_IN_MAX,
		.out_max = 1 << 20,
		.high = 256 << 10,
		.low = 64 << 10,
		.slow_ms = 1000,
		.linger_ms = 500,
	};
	return reactor_new(&config, &reactor);
}

static inline int teardown(void **state)
{
	(void)state;
	reactor_free(reactor);
	return 0;
}

/* A connection of `side`; returns the peer's descriptor. */
static inline int join(struct side *side)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(conn_adopt(reactor, fds[0], &ops, &limits, side, &side->conn), 0);
	return fds[1];
}

static inline void part(struct side *side, int peer)
{
	close(peer);
	turn(8);
	assert_int_equal(side->ended, 1);
	assert_int_equal(reactor->live, 0);
	assert_int_equal(reactor->pool.lent, 0);
	free(side->got);
}

static inline uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

static inline void fill(uint8_t *bytes, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = pattern(at + i);
}

static inline void check(const uint8_t *bytes, size_t at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], pattern(at + i));
}

#define with_reactor(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

#endif
