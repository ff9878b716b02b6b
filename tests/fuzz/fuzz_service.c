/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What four clients of the relay (two reactors) or of the tunnel (a listener that answers nothing)
 * may say, in any order, with queues that are full now and then. When they are gone nothing is
 * left.
 *
 * First byte: the service. Then steps: who and what | for a message: opcode, request id, length,
 * payload.
 */
#include "must.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tests/unit/service/fakehost.h>
#include <user/service/lane.h>
#include <user/service/stream.h>

#define PEERS 4
#define REACTORS 2

static int listener = -1;
static char address[32];
static struct peer *people[PEERS];

static void listen_once(void)
{
	struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(in);

	if (listener >= 0)
		return;
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	MUST(listener >= 0);
	MUST(!bind(listener, (struct sockaddr *)&in, len));
	MUST(!listen(listener, 64));
	MUST(!getsockname(listener, (struct sockaddr *)&in, &len));
	snprintf(address, sizeof(address), "127.0.0.1:%u", ntohs(in.sin_port));
}

static void stop_loop(struct watch *watch, uint32_t events)
{
	(void)events;
	loop_stop(watch->context);
}

/* What is ready now, and no waiting. */
static void turn_loops(void)
{
	for (unsigned i = 0; i < REACTORS; i++) {
		struct loop *loop = world.reactors[i].host.loop;
		struct watch always = {.fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
				       .on_ready = stop_loop,
				       .context = loop};

		MUST(always.fd >= 0);
		MUST(!loop_add(loop, &always, EPOLLIN));
		MUST(!loop_run(loop));
		loop_remove(loop, &always);
		close(always.fd);
	}
}

static void tick(unsigned how)
{
	world.now_ms += 1000UL << how % 12;
	for (unsigned i = 0; i < REACTORS; i++)
		if (world.ops == &service_relay)
			relay_tick(world.reactors[i].instance);
		else
			streams_expire(world.reactors[i].instance, world.now_ms);
}

static size_t message(struct peer *peer, const uint8_t *data, size_t size)
{
	size_t len;

	if (size < 3)
		return size;
	len = MIN(data[2], size - 3);
	if (!peer->paused && !peer->closed)
		peer_says(peer, data[0] % 32, data[1] % 8, data + 3, len);
	return 3 + len;
}

static void replace(unsigned n)
{
	unsigned reactor = people[n]->reactor;

	peer_gone(people[n]);
	people[n] = peer_new(reactor);
	people[n]->about.identified = n & 1;
}

static void steps(const uint8_t *data, size_t size)
{
	for (size_t at = 0; at < size;) {
		unsigned n = data[at] % PEERS, what = data[at] / PEERS % 16, more = data[at] / 64;

		at++;
		if (what < 10)
			at += message(people[n], data + at, size - at);
		else if (what < 12)
			world_turn();
		else if (what == 12)
			peer_give_room(people[n], more);
		else if (what == 13)
			turn_loops();
		else if (what == 14)
			tick(more * 4);
		else
			replace(n);
	}
}

static void check_empty(const char *gauge)
{
	MUST(!world_count(gauge));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct service_setting relay_lines[] = {
		{"queue", "3"}, {"history", "3"}, {"max_rooms", "4"}, {"client_timeout", "60"}};
	struct service_setting tunnel_lines[] = {{"web", NULL}, {"window", "4K"}};
	bool relay = size && data[0] % 2;
	int fd;

	if (!size)
		return 0;
	listen_once();
	tunnel_lines[0].value = address;
	if (relay)
		world_open(&service_relay, REACTORS, relay_lines, ARRAY_LEN(relay_lines));
	else
		world_open(&service_tunnel, REACTORS, tunnel_lines, ARRAY_LEN(tunnel_lines));
	/* The same input does the same each time. */
	if (relay)
		memset(((struct relay_shared *)world.shared)->key, 0, 2 * sizeof(uint64_t));
	for (unsigned i = 0; i < PEERS; i++)
		people[i] = peer_new(i % REACTORS);
	steps(data + 1, size - 1);
	for (unsigned i = 0; i < PEERS; i++)
		peer_gone(people[i]);
	world_turn();
	check_empty(relay ? "members" : "streams");
	if (relay)
		check_empty("clients");
	world_close();
	while ((fd = accept(listener, NULL, NULL)) >= 0)
		close(fd);
	return 0;
}
