/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The life of a connection and its input.
 *
 *	connecting -> open -> [closing: output is sent and ended, input dropped] -> dead -> gone
 *
 * `in_ready` is the edge that epoll reported and that was not read to its end yet; a paused
 * connection keeps it. Reads go to the reactor's scratch buffer, with what was kept copied in front
 * of it, unless more than COPY_MAX bytes were kept: those stay where they are and the read goes
 * behind them. So a connection holds a block only while bytes wait, and a stream of records pays
 * one copy of the last, incomplete one a read.
 *
 * While on_bytes() looks at a block it belongs to take_in() alone (conn->in is NULL): closing the
 * connection inside does not pull the bytes away from under the owner.
 */
#include <user/net/conn_core.h>

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <strazh/base/own.h>

#define COPY_MAX POOL_MEDIUM
#define READ_ROUNDS 4		 /* reads of one connection until others have their turn */
#define DISCARD_MAX (256U << 10) /* bytes a closing connection may still bring */
#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET)

static_assert(sizeof(struct conn) < 300, "what an idle connection costs");

static const struct {
	const char *name, *text;
} ends[] = {
#define CONN_END_WORDS(code, name, text) {name, text},
	CONN_ENDS(CONN_END_WORDS)
#undef CONN_END_WORDS
};

const char *conn_end_name(enum conn_end why)
{
	return ends[why].name;
}

const char *conn_end_text(enum conn_end why)
{
	return ends[why].text;
}

/* ---- the end ---- */

void conn_finish(struct conn *conn, enum conn_end why, int error)
{
	struct reactor *reactor = conn->reactor;
	const struct linger at_once = {.l_onoff = 1};

	if (conn->dead)
		return;
	conn->dead = true;
	conn->why = (uint8_t)why;
	conn->error = (uint16_t)error;
	/* A reset: the kernel shall not keep the bytes of a peer that does not take them. */
	if (why != CONN_DONE)
		(void)setsockopt(conn->watch.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	loop_forget(reactor->loop, &conn->watch);
	close(conn->watch.fd);
	conn->watch.fd = -1;
	wheel_stop(&reactor->wheel, &conn->deadline);
	wheel_stop(&reactor->wheel, &conn->slow);
	pool_put(&reactor->pool, conn->in);
	conn->in = NULL;
	conn_out_release(conn);
	if (conn->counted)
		sources_leave(reactor->sources, conn->source, conn->half_open, conn->mute);
	reactor_pend(conn);
}

void conn_drop(struct conn *conn)
{
	conn_finish(conn, CONN_DROPPED, 0);
}

void conn_close(struct conn *conn)
{
	if (conn->dead || conn->closing)
		return;
	if (conn->connecting) {
		conn_finish(conn, CONN_DROPPED, 0);
		return;
	}
	conn_wait(conn, CONN_NOTHING, 0);
	conn->closing = true;
	conn->out_ending = true;
	conn->paused = false;
	if (conn->out_ended) /* a half-close before; else it starts when the output ends */
		wheel_start(&conn->reactor->wheel, &conn->deadline, conn->limits->linger_ms);
	pool_put(&conn->reactor->pool, conn->in);
	conn->in = NULL;
	reactor_pend(conn);
}

int conn_error(const struct conn *conn)
{
	return conn->error;
}

/* ---- deadlines ---- */

static enum conn_end late(enum conn_wait what)
{
	switch (what) {
	case CONN_HELLO:
		return CONN_LATE_HELLO;
	case CONN_FINISH:
		return CONN_LATE_FINISH;
	case CONN_CLOSING:
		return CONN_LINGERED;
	case CONN_IDLE:
	case CONN_NOTHING:
		break;
	}
	return CONN_LATE_IDLE;
}

static void on_deadline(struct wheel_timer *timer)
{
	struct conn *conn = (void *)((char *)timer - offsetof(struct conn, deadline));
	struct wheel *wheel = &conn->reactor->wheel;
	enum conn_wait what = conn->wait;

	if (conn->connecting || conn->closing) {
		conn_finish(conn, conn->connecting ? CONN_LATE_CONNECT : CONN_LINGERED, 0);
		return;
	}
	if (what == CONN_IDLE) {
		uint32_t silent = (uint32_t)conn->reactor->now_ms - conn->heard;

		if (silent < conn->wait_ms) {
			wheel_start(wheel, timer, conn->wait_ms - silent);
			return;
		}
		wheel_start(wheel, timer, conn->wait_ms);
	} else {
		conn->wait = CONN_NOTHING;
	}
	if (!conn->ops->on_late || !conn->ops->on_late(conn, what))
		conn_finish(conn, late(what), 0);
}

void conn_wait(struct conn *conn, enum conn_wait what, uint32_t ms)
{
	if (conn->dead || conn->connecting || conn->closing)
		return;
	conn->wait = (uint8_t)what;
	conn->wait_ms = ms;
	if (what == CONN_NOTHING)
		wheel_stop(&conn->reactor->wheel, &conn->deadline);
	else
		wheel_start(&conn->reactor->wheel, &conn->deadline, ms);
}

/* ---- input ---- */

static void fail(struct conn *conn, int error)
{
	conn_finish(conn, CONN_RESET, error);
}

static size_t offer(struct conn *conn, uint8_t *bytes, size_t len)
{
	const struct conn_ops *ops;
	size_t used = 0;

	do {
		ops = conn->ops;
		used += ops->on_bytes(conn, bytes + used, len - used);
		/* A new owner has not seen the rest. */
	} while (ops != conn->ops && used < len && !conn->dead && !conn->closing && !conn->paused);
	return used;
}

/* Put `len` bytes in a block of the connection's; `held` is one that it has, or NULL. */
static void keep(struct conn *conn, struct block *held, const uint8_t *bytes, size_t len)
{
	struct pool *pool = &conn->reactor->pool;

	if (held && bytes >= held->bytes && bytes < held->bytes + held->size) {
		held->at = (uint32_t)(bytes - held->bytes);
	} else {
		if (!held || held->size < len) {
			pool_put(pool, held);
			held = pool_take(pool, len);
		}
		if (!held) {
			net_count(&conn->reactor->stats, NET_NO_BUFFER, 1);
			conn_finish(conn, CONN_NO_BUFFER, 0);
			return;
		}
		memcpy(held->bytes, bytes, len);
		held->at = 0;
	}
	held->len = (uint32_t)len;
	conn->in = held;
}

/* Offer bytes that lie in `held` or in the scratch buffer, and keep what is left of them. */
static void take_in(struct conn *conn, struct block *held, uint8_t *bytes, size_t len)
{
	struct reactor *reactor = conn->reactor;
	size_t used, rest;

	conn->in = NULL;
	used = offer(conn, bytes, len);
	rest = len - used;
	if (conn->dead || conn->closing || !rest)
		pool_put(&reactor->pool, held);
	else
		keep(conn, held, bytes + used, rest);
	if (!conn->dead && !conn->closing && !conn->paused && rest >= conn->limits->in_max)
		conn_finish(conn, CONN_TOO_LONG, 0);
}

static void peer_ended(struct conn *conn)
{
	conn->in_ready = false;
	conn->in_ended = true;
	if (conn->out_ended) {
		conn_finish(conn, CONN_DONE, 0);
	} else if (!conn->closing) {
		if (conn->ops->on_peer_end)
			conn->ops->on_peer_end(conn, conn->in ? conn->in->len : 0);
		else
			conn_close(conn);
	}
}

/* Bytes read; 0: none, and what follows from that was done. */
static size_t receive(struct conn *conn, uint8_t *at, size_t room)
{
	ssize_t n;

	do
		n = recv(conn->watch.fd, at, room, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		struct reactor *reactor = conn->reactor;

		/* What comes after a short read is a new edge, but for the end of the stream. */
		if ((size_t)n < room && !conn->in_hup)
			conn->in_ready = false;
		conn->in_total += (size_t)n;
		conn->heard = (uint32_t)reactor->now_ms;
		net_count(&reactor->stats, NET_READS, 1);
		net_count(&reactor->stats, NET_BYTES_IN, (uint64_t)n);
		return (size_t)n;
	}
	if (!n)
		peer_ended(conn);
	else if (errno == EAGAIN)
		conn->in_ready = false;
	else
		fail(conn, errno);
	return 0;
}

static void discard(struct conn *conn)
{
	conn->discarded += (uint32_t)receive(conn, conn->reactor->scratch, REACTOR_SCRATCH);
	if (!conn->dead && conn->discarded > DISCARD_MAX)
		conn_finish(conn, CONN_LINGERED, 0);
}

static void read_once(struct conn *conn)
{
	struct block *held = conn->in;
	size_t had = held ? held->len : 0, most = conn->limits->in_max, n;
	uint8_t *bytes = conn->reactor->scratch;

	if (had >= most) {
		conn_finish(conn, CONN_TOO_LONG, 0);
		return;
	}
	if (had > COPY_MAX) {
		if (held->at)
			memmove(held->bytes, held->bytes + held->at, had);
		held->at = 0;
		bytes = held->bytes;
		most = MIN(most, held->size);
	} else if (had) {
		memcpy(bytes, held->bytes + held->at, had);
	}
	n = receive(conn, bytes + had, most - had);
	if (n)
		take_in(conn, held, bytes, had + n);
}

static void work(struct conn *conn)
{
	for (unsigned i = 0; conn->in_ready && !conn->paused && !conn->dead; i++) {
		if (i == READ_ROUNDS) {
			reactor_pend(conn);
			break;
		}
		if (conn->closing)
			discard(conn);
		else
			read_once(conn);
		conn_flush(conn);
	}
	conn_flush(conn);
}

void conn_turn(struct conn *conn)
{
	if (conn->dead) {
		conn->ops->on_end(conn, conn->why);
		reactor_put_slot(conn);
		return;
	}
	if (conn->retry && !conn->paused) {
		conn->retry = false;
		if (conn->in)
			take_in(conn, conn->in, conn->in->bytes + conn->in->at, conn->in->len);
	}
	work(conn);
}

void conn_pause(struct conn *conn)
{
	conn->paused = !conn->closing;
}

void conn_resume(struct conn *conn)
{
	if (!conn->paused || conn->dead)
		return;
	conn->paused = false;
	conn->retry = true;
	reactor_pend(conn);
}

/* ---- events ---- */

static int socket_error(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) ? errno : error;
}

static void connected(struct conn *conn)
{
	conn->connecting = false;
	conn_wait(conn, CONN_NOTHING, 0);
	net_count(&conn->reactor->stats, NET_CONNECTED, 1);
	conn->heard = (uint32_t)conn->reactor->now_ms;
	if (conn->ops->on_connect)
		conn->ops->on_connect(conn);
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct conn *conn = watch->context;
	int error = events & EPOLLERR ? socket_error(watch->fd) : 0;

	if (error) {
		conn_finish(conn, conn->connecting ? CONN_NOT_CONNECTED : CONN_RESET, error);
		return;
	}
	if (conn->connecting) {
		if (!(events & (EPOLLOUT | EPOLLHUP)))
			return;
		connected(conn);
	}
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
		conn->in_ready = !conn->in_ended;
	if (events & (EPOLLRDHUP | EPOLLHUP))
		conn->in_hup = true;
	if (events & (EPOLLOUT | EPOLLHUP))
		conn->out_blocked = false;
	work(conn);
}

/* ---- the beginning ---- */

static int begin(struct reactor *reactor, int fd, bool connecting, const struct conn_ops *ops,
		 const struct conn_limits *limits, void *owner, struct conn **ret_conn)
{
	struct conn *conn;
	int r;

	if (reactor->draining)
		return -ESHUTDOWN;
	conn = reactor_take_slot(reactor);
	if (!conn)
		return -ENOBUFS;
	conn->watch = (struct watch){.fd = fd, .on_ready = on_ready, .context = conn};
	conn->ops = ops;
	conn->limits = limits;
	conn->owner = owner;
	conn->connecting = connecting;
	conn->deadline.on_time = on_deadline;
	conn->heard = (uint32_t)reactor->now_ms;
	conn_out_init(conn);
	r = loop_add(reactor->loop, &conn->watch, EVENTS);
	if (r) {
		reactor_put_slot(conn);
		return r;
	}
	*ret_conn = conn;
	return 0;
}

int conn_adopt(struct reactor *reactor, int fd, const struct conn_ops *ops,
	       const struct conn_limits *limits, void *owner, struct conn **ret_conn)
{
	int r = begin(reactor, fd, false, ops, limits, owner, ret_conn);

	if (r)
		close(fd);
	return r;
}

int conn_connect(struct reactor *reactor, const struct sockaddr *address, socklen_t address_len,
		 uint32_t timeout_ms, const struct conn_ops *ops, const struct conn_limits *limits,
		 void *owner, struct conn **ret_conn)
{
	own_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct sockaddr_storage to = {0};
	struct conn *conn;
	const int on = 1;
	int r;

	if (fd < 0)
		return -errno;
	if (address_len > sizeof(to))
		return -EINVAL;
	if (address->sa_family != AF_UNIX &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)))
		return -errno;
	if (connect(fd, address, address_len) && errno != EINPROGRESS)
		return -errno;
	r = begin(reactor, fd, true, ops, limits, owner, &conn);
	if (r)
		return r;
	take_fd(&fd);
	memcpy(&to, address, address_len);
	conn->peer = endpoint_from(&to);
	wheel_start(&reactor->wheel, &conn->deadline, timeout_ms);
	*ret_conn = conn;
	return 0;
}

/* ---- what the owner sets ---- */

void conn_set_ops(struct conn *conn, const struct conn_ops *ops, void *owner)
{
	conn->ops = ops;
	conn->owner = owner;
}

void conn_set_limits(struct conn *conn, const struct conn_limits *limits)
{
	conn->limits = limits;
}

void conn_opened(struct conn *conn)
{
	if (!conn->half_open || conn->dead)
		return;
	conn->half_open = false;
	if (conn->counted)
		sources_opened(conn->reactor->sources, conn->source);
}
