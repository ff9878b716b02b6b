/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The listening socket is level-triggered: what a batch leaves comes in the next round, after the
 * connections that are there had theirs.
 *
 * Out of descriptors, accept() fails and the connection stays in the backlog, where it would wake
 * us for ever. So one descriptor is held in reserve: it is given up to take such connections and
 * close them, a few, and then the listener rests.
 */
#include <user/net/listener.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <strazh/base/own.h>
#include <user/net/conn_core.h>
#include <user/net/proxy.h>

#define ACCEPT_BATCH 32
#define TURN_AWAY_BATCH 16
#define REST_MS 100
/* What the kernel may hold of a connection beyond what its peer has room for. Else it grows to
 * megabytes for each that does not read, and what is urgent waits behind them. */
#define UNSENT_MAX (128 << 10)

struct listener {
	struct watch watch;
	struct reactor *reactor;
	struct listener *next;
	const struct listener_ops *ops;
	void *context;
	struct listener_config config;
	struct wheel_timer rest;
	int reserve;
};

void *listener_context(const struct listener *listener)
{
	return listener->context;
}

struct reactor *listener_reactor(const struct listener *listener)
{
	return listener->reactor;
}

int listener_address(const struct listener *listener, struct sockaddr_storage *ret_address)
{
	socklen_t len = sizeof(*ret_address);

	return getsockname(listener->watch.fd, (struct sockaddr *)ret_address, &len) ? -errno : 0;
}

/* ---- before the first byte ---- */

static size_t hand_over(struct listener *listener, struct conn *conn, size_t used)
{
	listener->ops->on_conn(listener, conn);
	return used;
}

static enum net_counter counter_of(int condition)
{
	switch (condition) {
	case SOURCES_TOTAL:
		return NET_REFUSED_TOTAL;
	case SOURCES_HALF_OPEN:
		return NET_REFUSED_HALF_OPEN;
	case SOURCES_SOURCE:
		return NET_REFUSED_SOURCE;
	case SOURCES_SOURCE_MUTE:
		return NET_REFUSED_SOURCE_MUTE;
	default:
		return NET_REFUSED_SOURCE_HALF_OPEN;
	}
}

/* The connection counts for the one that the proxy names. */
static int charge_named(struct listener *listener, struct conn *conn, const struct endpoint *from)
{
	struct reactor *reactor = listener->reactor;
	int r;

	if (listener->ops->admit && !listener->ops->admit(listener, from)) {
		net_count(&reactor->stats, NET_REFUSED_OWNER, 1);
		return -EACCES;
	}
	conn->peer = *from;
	r = conn->counted ? sources_assign(reactor->sources, from, &conn->source) : 0;
	if (r)
		net_count(&reactor->stats, counter_of(r), 1);
	return r;
}

static size_t front_trusted(struct listener *listener, struct conn *conn, const uint8_t *bytes,
			    size_t len)
{
	struct proxy_header header;

	switch (proxy_parse(bytes, len, &header)) {
	case 0:
		break;
	case PROXY_SHORT:
		return 0;
	case PROXY_ABSENT:
		conn_finish(conn, CONN_PROXY_MISSING, 0);
		return 0;
	default:
		conn_finish(conn, CONN_PROXY_BAD, 0);
		return 0;
	}
	if (header.named && charge_named(listener, conn, &header.from)) {
		conn_finish(conn, CONN_REFUSED, 0);
		return 0;
	}
	return hand_over(listener, conn, header.len);
}

static void spoke(struct conn *conn)
{
	if (conn->mute)
		sources_spoke(conn->reactor->sources, conn->source);
	conn->mute = false;
}

static size_t front_bytes(struct conn *conn, uint8_t *bytes, size_t len)
{
	struct listener *listener = conn->owner;
	struct proxy_header header;
	int r;

	spoke(conn);
	if (!listener)
		return len;
	if (conn->trusted)
		return front_trusted(listener, conn, bytes, len);
	r = proxy_parse(bytes, len, &header);
	if (r == PROXY_ABSENT)
		return hand_over(listener, conn, 0);
	if (r != PROXY_SHORT || len >= 12)
		conn_finish(conn, CONN_PROXY_STRANGER, 0);
	return 0;
}

static void front_end(struct conn *conn, enum conn_end why)
{
	struct listener *listener = conn->owner;

	if (listener && listener->ops->on_lost)
		listener->ops->on_lost(listener, &conn->peer, why);
}

static const struct conn_ops front_ops = {.on_bytes = front_bytes, .on_end = front_end};

/* ---- accepting ---- */

static void reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static void refuse(struct listener *listener, int fd, const struct endpoint *from,
		   enum net_counter why)
{
	net_count(&listener->reactor->stats, why, 1);
	reset(fd);
	if (listener->ops->on_refuse)
		listener->ops->on_refuse(listener, from, why);
}

static bool is_trusted(const struct listener *listener, const struct endpoint *from)
{
	struct prefix host;

	if (!from->family || listener->config.early)
		return false;
	host = endpoint_host(from);
	for (size_t i = 0; i < listener->config.trusted_len; i++)
		if (prefix_covers(&listener->config.trusted[i], &host))
			return true;
	return false;
}

static void take_connection(struct listener *listener, int fd, const struct endpoint *from)
{
	static const struct endpoint nobody;
	struct reactor *reactor = listener->reactor;
	const struct listener_config *config = &listener->config;
	bool trusted = is_trusted(listener, from);
	/* A proxy is nobody until it names somebody: what comes through it is not its deed. */
	const struct endpoint *who = trusted ? &nobody : from;
	uint32_t source = 0;
	struct conn *conn;
	int r = 0;

	if (!trusted && listener->ops->admit && !listener->ops->admit(listener, from)) {
		refuse(listener, fd, from, NET_REFUSED_OWNER);
		return;
	}
	if (reactor->sources)
		r = sources_enter(reactor->sources, who, &source);
	if (r) {
		refuse(listener, fd, who, counter_of(r));
		return;
	}
	r = conn_adopt(reactor, fd, &front_ops, config->limits, listener, &conn);
	if (r) {
		if (reactor->sources)
			sources_leave(reactor->sources, source, true, true);
		net_count(&reactor->stats, NET_REFUSED_MEMORY, 1);
		if (listener->ops->on_refuse)
			listener->ops->on_refuse(listener, who, NET_REFUSED_MEMORY);
		return;
	}
	net_count(&reactor->stats, NET_ACCEPTED, 1);
	conn->peer = *who;
	conn->trusted = trusted;
	conn->source = source;
	conn->counted = reactor->sources;
	conn->mute = reactor->sources;
	conn->half_open = true;
	conn_wait(conn, CONN_HELLO, config->hello_ms);
	if (!config->early)
		return;
	/* Its owner hears what it says, and we do not. */
	spoke(conn);
	listener->ops->on_conn(listener, conn);
}

static void rest(struct listener *listener)
{
	net_count(&listener->reactor->stats, NET_ACCEPT_RESTED, 1);
	/* It fails for lack of kernel memory only; then the next round tries again. */
	if (!loop_change(listener->reactor->loop, &listener->watch, 0))
		wheel_start(&listener->reactor->wheel, &listener->rest, REST_MS);
}

/* The reserve: it opens nothing, so a process that may open no file has it as well. */
static int another(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

static void rested(struct wheel_timer *timer)
{
	struct listener *listener = (void *)((char *)timer - offsetof(struct listener, rest));

	if (listener->reserve < 0)
		listener->reserve = another(listener->watch.fd);
	if (loop_change(listener->reactor->loop, &listener->watch, EPOLLIN))
		wheel_start(&listener->reactor->wheel, timer, REST_MS);
}

static void turn_away(struct listener *listener)
{
	for (int i = 0; i < TURN_AWAY_BATCH && listener->reserve >= 0; i++) {
		int fd;

		close(listener->reserve);
		fd = accept4(listener->watch.fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0) {
			reset(fd);
			net_count(&listener->reactor->stats, NET_NO_DESCRIPTOR, 1);
		}
		listener->reserve = another(listener->watch.fd);
		if (fd < 0)
			break;
	}
	rest(listener);
}

/* accept(2): errors that are the new connection's own, and the next one may be well. */
static bool is_passing(int error)
{
	switch (error) {
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
		return true;
	default:
		return false;
	}
}

static void accept_failed(struct listener *listener, int error)
{
	if (error == EMFILE || error == ENFILE) {
		turn_away(listener);
	} else {
		net_count(&listener->reactor->stats, NET_ACCEPT_FAILED, 1);
		if (!is_passing(error))
			rest(listener);
	}
}

static void on_ready(struct watch *watch, uint32_t events)
{
	struct listener *listener = watch->context;

	(void)events;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = {0};
		socklen_t len = sizeof(address);
		struct endpoint from;
		int fd = accept4(watch->fd, (struct sockaddr *)&address, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && errno != EAGAIN)
			accept_failed(listener, errno);
		if (fd < 0)
			return;
		from = endpoint_from(&address);
		take_connection(listener, fd, &from);
	}
}

/* ---- beginning and end ---- */

int listener_bind(const struct sockaddr_storage *address, socklen_t len, bool v6_only, int *ret_fd)
{
	const int on = 1, only = v6_only, unsent = UNSENT_MAX;
	own_fd int fd = socket(address->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) ||
	    /* What is accepted inherits it. */
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent)))
		return -errno;
	if (address->ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof(only)))
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, len))
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

int listener_new(struct reactor *reactor, const struct listener_config *config,
		 const struct listener_ops *ops, void *context, struct listener **ret_listener)
{
	own_free struct listener *listener = calloc(1, sizeof(*listener));
	own_fd int own = -1, reserve = -1;
	int fd = config->fd, r = 0;

	if (!listener)
		return -ENOMEM;
	if (!config->early && config->limits->in_max < PROXY_MAX)
		return -EINVAL;
	if (!fd) {
		r = listener_bind(&config->address, config->address_len, config->v6_only, &own);
		fd = own;
	}
	if (r)
		return r;
	if (listen(fd, config->backlog))
		return -errno;
	reserve = another(fd);
	if (reserve < 0)
		return -errno;
	listener->watch = (struct watch){.fd = fd, .on_ready = on_ready, .context = listener};
	listener->reactor = reactor;
	listener->ops = ops;
	listener->context = context;
	listener->config = *config;
	listener->rest.on_time = rested;
	r = loop_add(reactor->loop, &listener->watch, EPOLLIN);
	if (r)
		return r;
	take_fd(&own);
	listener->reserve = take_fd(&reserve);
	listener->next = reactor->listeners;
	reactor->listeners = listener;
	*ret_listener = take_ptr(listener);
	return 0;
}

void listener_free(struct listener *listener)
{
	struct reactor *reactor;
	struct listener **at;

	if (!listener)
		return;
	reactor = listener->reactor;
	for (at = &reactor->listeners; *at != listener; at = &(*at)->next)
		;
	*at = listener->next;
	for (uint32_t i = 0; i < reactor->slots_touched; i++) {
		struct conn *conn = &reactor->slots[i];

		if (!conn->live || conn->ops != &front_ops || conn->owner != listener)
			continue;
		conn->owner = NULL;
		conn_close(conn);
	}
	wheel_stop(&reactor->wheel, &listener->rest);
	loop_remove(reactor->loop, &listener->watch);
	close(listener->watch.fd);
	if (listener->reserve >= 0)
		close(listener->reserve);
	free(listener);
}

void listeners_set_hello(struct reactor *reactor, uint32_t hello_ms)
{
	for (struct listener *l = reactor->listeners; l; l = l->next)
		l->config.hello_ms = hello_ms;
}

void listeners_waiting(const struct reactor *reactor, uint32_t *ret_waiting, uint32_t *ret_most)
{
	*ret_waiting = *ret_most = 0;
	for (const struct listener *l = reactor->listeners; l; l = l->next) {
		struct tcp_info info = {0};
		socklen_t len = sizeof(info);

		/* Of a listening socket these two are its queue and the length of that. */
		if (getsockopt(l->watch.fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
		    info.tcpi_unacked < *ret_waiting)
			continue;
		*ret_waiting = info.tcpi_unacked;
		*ret_most = info.tcpi_sacked;
	}
}
