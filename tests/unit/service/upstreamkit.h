/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An upstream on the loopback, and the reactor's loop run until something is so. After fakehost.h.
 * A step that never comes true ends the program after STEPS_MAX milliseconds.
 */
#ifndef TESTS_UNIT_SERVICE_UPSTREAMKIT_H
#define TESTS_UNIT_SERVICE_UPSTREAMKIT_H

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tests/unit/service/fakehost.h>
#include <user/wire/tunnel.h>

#define STEPS_MAX 20000

struct upstream_end {
	int listener, fd;
	uint16_t port;
	char address[32];
};

static inline struct upstream_end upstream_listen(int backlog)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(in);
	struct upstream_end end = {.fd = -1};

	end.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (end.listener < 0 || bind(end.listener, (struct sockaddr *)&in, len) ||
	    listen(end.listener, backlog) ||
	    getsockname(end.listener, (struct sockaddr *)&in, &len))
		abort();
	end.port = ntohs(in.sin_port);
	snprintf(end.address, sizeof(end.address), "127.0.0.1:%u", end.port);
	return end;
}

static inline void upstream_close(struct upstream_end *end)
{
	if (end->fd >= 0)
		close(end->fd);
	if (end->listener >= 0)
		close(end->listener);
}

/* Its connection, when there is one. */
static inline bool upstream_accept(struct upstream_end *end)
{
	if (end->fd < 0)
		end->fd = accept4(end->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return end->fd >= 0;
}

/* It breaks its connection off. */
static inline void upstream_reset(struct upstream_end *end)
{
	struct linger hard = {.l_onoff = 1};

	setsockopt(end->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(end->fd);
	end->fd = -1;
}

/* What bytes are like on their way. */
static inline uint8_t pattern(size_t at)
{
	return (uint8_t)(at * 31 + at / 251);
}

struct until {
	bool (*is_so)(void *context);
	void *context;
	unsigned steps;
	struct loop *loop;
};

static inline void look(struct timer *timer)
{
	struct until *until = timer->context;

	if (until->is_so(until->context)) {
		loop_stop(until->loop);
		return;
	}
	if (++until->steps > STEPS_MAX) {
		fprintf(stderr, "# it never came true\n");
		abort();
	}
}

static inline void run_until(bool (*is_so)(void *context), void *context)
{
	struct until until = {is_so, context, 0, world.reactors[0].host.loop};
	struct timer timer;

	kit_busy++;
	if (timer_open(until.loop, &timer, look, &until) || timer_start(&timer, 1, 1) ||
	    loop_run(until.loop))
		abort();
	timer_close(&timer);
	kit_busy--;
}

static inline bool some_steps(void *context)
{
	return ++*(unsigned *)context == 20;
}

/* What may happen has happened. */
static inline void run_a_while(void)
{
	unsigned n = 0;

	run_until(some_steps, &n);
}

/* ---- what the client says and hears ---- */

static inline void say_open(struct peer *peer, uint32_t id, const char *name, uint32_t window)
{
	struct tunnel_open open = {window, (uint8_t)strlen(name), name};
	uint8_t payload[TUNNEL_OPEN_MAX];

	peer_says(peer, TUNNEL_OPEN, id, payload, tunnel_open_emit(&open, payload));
}

static inline void say_window(struct peer *peer, uint32_t id, uint32_t credit)
{
	uint8_t payload[TUNNEL_CREDIT_LEN];

	peer_says(peer, TUNNEL_WINDOW, id, payload, tunnel_credit_emit(credit, payload));
}

static inline void say_closed(struct peer *peer, uint32_t id)
{
	uint8_t payload[TUNNEL_CLOSE_LEN];

	peer_says(peer, TUNNEL_CLOSE, id, payload, tunnel_close_emit(TUNNEL_DONE, payload));
}

/* How many messages of that opcode for that stream. */
static inline unsigned heard(const struct peer *peer, uint32_t id, uint8_t opcode)
{
	unsigned n = 0;

	for (size_t i = 0; i < peer->count; i++)
		n += peer->got[i].head.opcode == opcode && peer->got[i].head.request == id;
	return n;
}

/* Bytes of data for that stream. */
static inline size_t heard_bytes(const struct peer *peer, uint32_t id)
{
	size_t n = 0;

	for (size_t i = 0; i < peer->count; i++)
		if (peer->got[i].head.opcode == TUNNEL_DATA && peer->got[i].head.request == id)
			n += peer->got[i].head.len;
	return n;
}

/* What it may send: all that was granted. */
static inline uint64_t granted(const struct peer *peer, uint32_t id)
{
	uint64_t sum = 0;
	uint32_t credit;

	for (size_t i = 0; i < peer->count; i++)
		if ((peer->got[i].head.opcode == PH_OP_REPLY ||
		     peer->got[i].head.opcode == TUNNEL_WINDOW) &&
		    peer->got[i].head.request == id) {
			if (tunnel_credit_parse(peer->got[i].head.payload, peer->got[i].head.len,
						&credit))
				abort();
			sum += credit;
		}
	return sum;
}

/* Why it was closed; -1: it was not. */
static inline int closed_why(const struct peer *peer, uint32_t id)
{
	for (size_t i = 0; i < peer->count; i++)
		if (peer->got[i].head.opcode == TUNNEL_CLOSE && peer->got[i].head.request == id)
			return peer->got[i].head.payload[0];
	return -1;
}

#endif
