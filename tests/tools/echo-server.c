/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The protected host of the demo and of the tests: an echo service on TCP, and on UDP when told,
 * for IPv4 and IPv6 on one port.
 *
 * One thread and one epoll. A TCP connection holds what it could not write yet in a buffer of its
 * own and reads nothing more until that is gone, so a peer that never reads holds one buffer and
 * no more. Connections beyond CONNS_MAX are accepted and closed.
 */
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tests/tools/kit/number.h>
#include <tests/tools/kit/stop.h>

#define CONNS_MAX 4096
#define BUFFER_LEN 4096
#define EVENTS_MAX 64
#define DATAGRAM_ROOM (8 << 20)

struct conn {
	int fd;
	size_t begin, end; /* what of the buffer is still to be written */
	unsigned char buffer[BUFFER_LEN];
};

static int epoll = -1;
static unsigned int conns;

static void die(const char *what)
{
	fprintf(stderr, "echo-server: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int listen_on(int type, uint16_t port)
{
	struct sockaddr_in6 any = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0, room = DATAGRAM_ROOM;

	if (fd < 0)
		die("socket");
	/* Else what comes while this program waits for a processor is lost, as if on the way. */
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		die("setsockopt");
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)))
		die("bind");
	if (type == SOCK_STREAM && listen(fd, 512))
		die("listen");
	return fd;
}

static void watch(int op, int fd, uint32_t events, void *data)
{
	struct epoll_event event = {.events = events, .data = {.ptr = data}};

	if (epoll_ctl(epoll, op, fd, &event))
		die("epoll_ctl");
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	free(conn);
	conns--;
}

static void accept_all(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct conn *conn;

		if (fd < 0)
			return;
		conn = conns < CONNS_MAX ? calloc(1, sizeof(*conn)) : NULL;
		if (!conn) {
			close(fd);
			continue;
		}
		conn->fd = fd;
		conns++;
		watch(EPOLL_CTL_ADD, fd, EPOLLIN, conn);
	}
}

/* false: the connection is over */
static bool conn_write(struct conn *conn)
{
	while (conn->begin < conn->end) {
		ssize_t put = send(conn->fd, conn->buffer + conn->begin, conn->end - conn->begin,
				   MSG_NOSIGNAL);

		if (put < 0)
			return errno == EAGAIN || errno == EINTR;
		conn->begin += (size_t)put;
	}
	return true;
}

static void conn_on_event(struct conn *conn)
{
	ssize_t got;

	if (conn->begin == conn->end) {
		got = recv(conn->fd, conn->buffer, sizeof(conn->buffer), 0);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (got <= 0) {
			conn_close(conn);
			return;
		}
		conn->begin = 0;
		conn->end = (size_t)got;
	}
	if (!conn_write(conn)) {
		conn_close(conn);
		return;
	}
	watch(EPOLL_CTL_MOD, conn->fd, conn->begin < conn->end ? EPOLLOUT : EPOLLIN, conn);
}

static void echo_datagrams(int fd)
{
	unsigned char buffer[BUFFER_LEN];

	for (int i = 0; i < EVENTS_MAX; i++) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		ssize_t got = recvfrom(fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from,
				       &from_len);

		if (got < 0)
			return;
		/* A lost answer is what UDP promises: nothing to do about it here. */
		(void)!sendto(fd, buffer, (size_t)got, 0, (struct sockaddr *)&from, from_len);
	}
}

static void serve(int tcp, int udp)
{
	struct epoll_event events[EVENTS_MAX];

	watch(EPOLL_CTL_ADD, tcp, EPOLLIN, &tcp);
	if (udp >= 0)
		watch(EPOLL_CTL_ADD, udp, EPOLLIN, &udp);
	while (!stop) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, 500);

		for (int i = 0; i < n; i++) {
			void *what = events[i].data.ptr;

			if (what == &tcp)
				accept_all(tcp);
			else if (what == &udp)
				echo_datagrams(udp);
			else
				conn_on_event(what);
		}
	}
}

static void usage(FILE *to)
{
	fputs("usage: echo-server [--port N] [--udp]\n"
	      "Echo what TCP clients send, over IPv4 and IPv6, until SIGTERM or Ctrl-C.\n"
	      "  -p, --port N   listen there (default 7777)\n"
	      "  -u, --udp      echo UDP on the same port too\n",
	      to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"port", required_argument, NULL, 'p'},
		{"udp", no_argument, NULL, 'u'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint16_t port = 7777;
	bool with_udp = false;
	int option, tcp, udp;

	while ((option = getopt_long(argc, argv, "p:uh", options, NULL)) != -1) {
		if (option == 'p') {
			port = (uint16_t)number_parse("--port", optarg, 65535);
		} else if (option == 'u') {
			with_udp = true;
		} else {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? 0 : 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "echo-server: unexpected argument '%s'\n", argv[optind]);
		return 2;
	}
	stop_by_signals();
	epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		die("epoll_create1");
	tcp = listen_on(SOCK_STREAM, port);
	udp = with_udp ? listen_on(SOCK_DGRAM, port) : -1;
	printf("listening on [::]:%u\n", port);
	fflush(stdout);
	serve(tcp, udp);
	return 0;
}
