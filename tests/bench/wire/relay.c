/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One thread, one epoll, one recv() and one send() a piece. Sockets block where it writes: what is
 * under way is less than sockets hold. */
#include <tests/bench/wire/carrier.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/tcp.h>

#include <tests/bench/wire/bench.h>

#define EVENTS_MAX 64
#define PIECE (1 << 16)

static char piece[PIECE];

/* ---- the relay ---- */

/* One side of a pair. */
struct side {
	int fd;
	bool over;
	struct side *other;
};

static struct side *side_new(int epoll, int fd)
{
	struct side *side = calloc(1, sizeof(*side));
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = side};
	const int on = 1;

	if (fd < 0 || !side || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		die("relay: %s", strerror(errno));
	side->fd = fd;
	return side;
}

static void take(int epoll, int listener, uint16_t upstream)
{
	struct side *near = side_new(epoll, accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	struct side *far = side_new(epoll, dial(upstream));

	near->other = far;
	far->other = near;
}

static void carry(struct side *side)
{
	ssize_t n = recv(side->fd, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && errno == EAGAIN)
		return;
	if (n > 0 && send(side->other->fd, piece, (size_t)n, MSG_NOSIGNAL) == n)
		return;
	/* Its other side is told; the pair lives as long as the bench, so that no event of this
	 * batch points to what is freed. */
	close(side->fd);
	side->over = true;
	if (!side->other->over)
		(void)shutdown(side->other->fd, SHUT_RDWR);
}

static void serve(int listener, const void *arg)
{
	const uint16_t *upstream = arg;
	struct epoll_event events[EVENTS_MAX], event = {.events = EPOLLIN};
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event))
		die("relay: %s", strerror(errno));
	for (;;) {
		int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			struct side *side = events[i].data.ptr;

			if (!side)
				take(epoll, listener, *upstream);
			else if (!side->over)
				carry(side);
		}
	}
}

struct rig rig_relay(uint16_t upstream)
{
	return rig_serve(serve, &upstream);
}

struct rig rig_relay_near(const struct rig *far)
{
	struct rig rig = rig_relay(far->port);

	rig.behind = far;
	return rig;
}

/* ---- clients of whatever takes plain TCP ---- */

struct stream {
	int fd;
	size_t under_way;
};

static void fill(struct stream *s, const struct tls_stream *stream)
{
	for (; s->under_way + stream->len <= stream->window; s->under_way += stream->len)
		if (send(s->fd, piece, stream->len, MSG_NOSIGNAL) != (ssize_t)stream->len)
			die("send: %s", strerror(errno));
}

static size_t drain(struct stream *s)
{
	ssize_t n = recv(s->fd, piece, sizeof(piece), 0);

	if (n <= 0 || (size_t)n > s->under_way)
		die("what came back was not sent");
	s->under_way -= (size_t)n;
	return (size_t)n;
}

double plain_stream_echo(const struct rig *rig, const struct tls_stream *stream, double seconds,
			 double *ret_wall, double *ret_load)
{
	struct stream *streams = calloc((size_t)stream->lines, sizeof(*streams));
	size_t under_way = (size_t)stream->lines, done = 0;
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct lap lap;
	double rate;

	if (!streams || epoll < 0)
		die("no clients");
	for (int i = 0; i < stream->lines; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = &streams[i]};

		streams[i].fd = dial(rig->port);
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i].fd, &event))
			die("epoll_ctl: %s", strerror(errno));
	}
	lap = lap_begin(rig);
	for (int i = 0; i < stream->lines; i++)
		fill(&streams[i], stream);
	while (under_way) {
		struct epoll_event events[EVENTS_MAX];
		int n = epoll_wait(epoll, events, EVENTS_MAX, 10000);
		bool more = now_s() - lap.wall < seconds;

		if (n <= 0)
			die("the stream stopped");
		for (int i = 0; i < n; i++) {
			struct stream *s = events[i].data.ptr;

			done += drain(s);
			if (more)
				fill(s, stream);
			else if (!s->under_way)
				under_way--;
		}
	}
	rate = lap_end(&lap, (double)done, ret_wall, ret_load);
	for (int i = 0; i < stream->lines; i++)
		close(streams[i].fd);
	close(epoll);
	free(streams);
	return rate;
}
