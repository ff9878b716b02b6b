// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The reactor without a protocol, the ceiling of everything on it: 64 bytes there and back in a
 * closed loop over many connections, and what an idle connection costs. The server is a process
 * of its own on the first processor, the clients are here on the last one; the peer is the plain
 * epoll loop of tests/tools/echo-server, driven in turns with ours.
 */
#include <tests/bench/wire/bench.h>
#include <tests/bench/wire/rig.h>

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE_LEN 64
#define BUSY 64 /* connections of the closed loop */
#define IDLE 10000
#define DESCRIPTORS_BESIDE 256
#define SECONDS 1.0
#define REPEATS 5
#define PEER_PORT 18611 /* not one that the kernel gives to clients */
#define EVENTS_MAX 64

struct crowd {
	int epoll, count;
	int fds[IDLE];
};

/* ---- servers ---- */

static struct rig start_ours(void)
{
	char path[RIG_PATH], line[RIG_LINE];
	char *argv[] = {path, NULL};
	struct rig server;

	snprintf(path, sizeof(path), "%s/tests/tools/plain-echo", bench_dir);
	server = rig_spawn(argv, line);
	server.port = (uint16_t)strtoul(line, NULL, 10);
	return server;
}

static struct rig start_peer(void)
{
	char path[RIG_PATH], port[16], line[RIG_LINE];
	char option[] = "--port";
	char *argv[] = {path, option, port, NULL};
	struct rig server;

	snprintf(path, sizeof(path), "%s/tests/tools/echo-server", bench_dir);
	snprintf(port, sizeof(port), "%d", PEER_PORT);
	server = rig_spawn(argv, line);
	server.port = PEER_PORT;
	return server;
}

/* ---- clients ---- */

static void exchange(int fd)
{
	char bytes[MESSAGE_LEN] = {0};

	if (send(fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN ||
	    recv(fd, bytes, sizeof(bytes), MSG_WAITALL) != MESSAGE_LEN)
		die("no echo: %s", strerror(errno));
}

static struct crowd *crowd_new(struct rig server, int count)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));

	if (!crowd)
		die("no memory");
	crowd->epoll = epoll_create1(0);
	for (; crowd->count < count; crowd->count++) {
		struct epoll_event event = {.events = EPOLLIN};
		int fd = dial(server.port);

		event.data.fd = fd;
		exchange(fd);
		if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, fd, &event))
			die("epoll_ctl: %s", strerror(errno));
		crowd->fds[crowd->count] = fd;
	}
	return crowd;
}

static void crowd_free(struct crowd *crowd)
{
	for (int i = 0; i < crowd->count; i++)
		close(crowd->fds[i]);
	close(crowd->epoll);
	free(crowd);
}

static void say_one(int fd)
{
	static const char bytes[MESSAGE_LEN];

	if (send(fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN)
		die("send: %s", strerror(errno));
}

/* Echoes a second: each connection has one message under way. */
static double closed_loop(struct crowd *crowd, double seconds)
{
	struct epoll_event events[EVENTS_MAX];
	double begin = now_s(), end = begin;
	unsigned long done = 0;
	int under_way = crowd->count;

	for (int i = 0; i < crowd->count; i++)
		say_one(crowd->fds[i]);
	while (under_way) {
		int n = epoll_wait(crowd->epoll, events, EVENTS_MAX, 5000);

		if (n <= 0)
			die("the echo stopped");
		for (int i = 0; i < n; i++) {
			char bytes[MESSAGE_LEN];

			if (recv(events[i].data.fd, bytes, sizeof(bytes), 0) != MESSAGE_LEN)
				die("recv: %s", strerror(errno));
			if (end - begin < seconds) {
				done++;
				say_one(events[i].data.fd);
			} else {
				under_way--;
			}
		}
		if (end - begin < seconds)
			end = now_s();
	}
	return (double)done / (end - begin);
}

/* ---- the figures ---- */

static void echo(void)
{
	struct rig ours = start_ours(), peer = start_peer();
	struct crowd *to_ours = crowd_new(ours, BUSY), *to_peer = crowd_new(peer, BUSY);
	struct samples mine = {0}, theirs = {0};

	say("plain echo: %d connections, %d bytes", BUSY, MESSAGE_LEN);
	for (int i = 0; i < REPEATS; i++) {
		samples_add(&mine, closed_loop(to_ours, SECONDS));
		samples_add(&theirs, closed_loop(to_peer, SECONDS));
	}
	report("wire.plain_echo_64_s", samples_at(&mine, 50), "1/s", "a plain epoll loop",
	       samples_at(&mine, 50) / samples_at(&theirs, 50), &mine);
	crowd_free(to_ours);
	crowd_free(to_peer);
	rig_stop(&ours, NULL);
	rig_stop(&peer, NULL);
}

static void idle(void)
{
	struct rig server = start_ours();
	struct crowd *busy = crowd_new(server, BUSY), *many;
	struct samples samples = {0};
	double before;

	closed_loop(busy, SECONDS / 5);
	before = rig_resident(&server);
	say("plain echo: %d idle connections", IDLE);
	many = crowd_new(server, IDLE);
	report_budget("wire.plain_idle_conn_bytes", (rig_resident(&server) - before) / IDLE, "B",
		      1024, NULL);
	for (int i = 0; i < REPEATS; i++)
		samples_add(&samples, closed_loop(busy, SECONDS));
	report("wire.plain_echo_64_beside_idle_s", samples_at(&samples, 50), "1/s", NULL, 0,
	       &samples);
	crowd_free(many);
	crowd_free(busy);
	rig_stop(&server, NULL);
}

void bench_plain(void)
{
	int cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);

	want_descriptors(IDLE + BUSY + DESCRIPTORS_BESIDE);
	pin(cpus - 1);
	echo();
	idle();
}
