/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * strazh tunnel: local TCP listeners, the doors; each connection is a stream of the tunnel service
 * to the upstream of that name. One thread, one epoll. While there is no session, or no place for
 * another stream, nobody is let in: they wait in the kernel's queue.
 *
 * A short piece there and back is six system calls: a wait, a read and a write each way. So the
 * session is flushed, and gets a turn only when something came; sockets are written to before
 * they are waited for.
 */
#include <user/client/cli/tunnel.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/base/own.h>

#include <user/client/cli/keys.h>

#define EVENTS 64
#define BACKLOG 128
#define ACCEPTS 64  /* of one door in a turn */
#define SHUT_MS 100 /* where descriptors have run out, which nobody tells the end of */

/* ---- doors ---- */

static int wrong(const char *listen)
{
	return cli_fail(CLI_USAGE,
			"-L is [ADDR:]PORT:NAME, like 8080:web or [::1]:8080:web, "
			"NAME an upstream of the server's; not '%.80s'",
			listen);
}

static int find_address(const char *listen, const char *end, struct addrinfo **ret_all)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICSERV | AI_PASSIVE};
	char text[128], *host = text, *port;
	size_t len = (size_t)(end - listen);

	if (len >= sizeof(text))
		return wrong(listen);
	memcpy(text, listen, len);
	text[len] = 0;
	port = strrchr(text, ':');
	if (!port) {
		port = text;
		host = NULL;
	} else {
		*port++ = 0;
	}
	if (host && *host == '[' && host[strlen(host) - 1] == ']') {
		host[strlen(host) - 1] = 0;
		host++;
	}
	if (!*port || strspn(port, "0123456789") != strlen(port) || strlen(port) > 5 ||
	    strtoul(port, NULL, 10) > UINT16_MAX || (host && !*host))
		return wrong(listen);
	if (getaddrinfo(host ? host : "127.0.0.1", port, &hints, ret_all))
		return cli_fail(CLI_USAGE, "-L %.80s: '%s' is no address here", listen, host);
	return 0;
}

static void name_door(struct door *door)
{
	struct sockaddr_storage at;
	socklen_t len = sizeof(at);
	char host[INET6_ADDRSTRLEN], port[8];

	if (getsockname(door->fd, (struct sockaddr *)&at, &len) ||
	    getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return;
	snprintf(door->text, sizeof(door->text), at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
		 host, port);
}

static int open_door(struct tunnel *t, const char *listen_at)
{
	const char *name = strrchr(listen_at, ':');
	struct addrinfo *all = NULL;
	struct door *door = &t->doors[t->doors_len];
	int r, one = 1;

	*door = (struct door){.fd = -1, .name = name ? name + 1 : ""};
	door->name_len = strlen(door->name);
	if (!name || !door->name_len || door->name_len > TUNNEL_NAME_MAX)
		return wrong(listen_at);
	r = find_address(listen_at, name, &all);
	if (r || !all)
		return r;
	door->fd = socket(all->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (door->fd < 0 || setsockopt(door->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(door->fd, all->ai_addr, all->ai_addrlen) || listen(door->fd, BACKLOG))
		r = cli_fail(CLI_FAILED, "-L %s: %s", listen_at, strerror(errno));
	freeaddrinfo(all);
	if (door->fd >= 0)
		t->doors_len++;
	if (!r)
		name_door(door);
	return r;
}

/* In epoll while anyone may come in. */
static void watch_doors(struct tunnel *t, bool open)
{
	for (unsigned i = 0; i < t->doors_len; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = EVENT_DOOR | i};

		if (epoll_ctl(t->epoll, open ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, t->doors[i].fd,
			      &event) &&
		    open)
			t->link.code = cli_fail(CLI_FAILED, "epoll: %s", strerror(errno));
	}
}

static void shut(struct tunnel *t, uint64_t open_ms)
{
	t->filled = true;
	t->open_ms = open_ms;
	watch_doors(t, false);
}

static void let_in(struct tunnel *t, const struct door *door)
{
	for (unsigned n = 0; n < ACCEPTS && t->link.up; n++) {
		int fd;

		if (t->count == STREAMS_MAX) {
			shut(t, 0);
			return;
		}
		fd = accept4(door->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0) {
			/* It would be told of whoever waits again and again. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
			    errno == ENOBUFS)
				shut(t, cli_now_ms() + SHUT_MS);
			return;
		}
		stream_new(t, door, fd);
	}
}

/* ---- the session ---- */

static void on_up(void *data)
{
	struct tunnel *t = data;

	if (t->link.sessions > 1)
		fputs("strazh: connected again\n", stderr);
	for (unsigned i = 0; i < t->doors_len && t->link.sessions == 1; i++) {
		const struct door *door = &t->doors[i];

		if (t->cli->json)
			printf("{\"event\":\"listening\",\"at\":\"%s\",\"upstream\":\"%s\"}\n",
			       door->text, door->name);
		else
			printf("listening on %s for %s\n", door->text, door->name);
	}
	fflush(stdout);
	watch_doors(t, true);
}

static void on_down(void *data, const struct strazh_error *why)
{
	struct tunnel *t = data;

	fprintf(stderr, "strazh: %s; connecting again\n", why->text);
	if (!t->filled)
		watch_doors(t, false);
	t->filled = false;
	streams_reset(t);
}

static void on_message(void *data, const struct strazh_message *message)
{
	if (message->service == PH_S_TUNNEL)
		stream_message(data, message);
}

/* ---- the loop ---- */

static void take_event(struct tunnel *t, const struct epoll_event *event)
{
	if (event->data.u64 & EVENT_LINK)
		t->turns = true;
	else if (event->data.u64 & EVENT_DOOR)
		let_in(t, &t->doors[event->data.u64 & UINT32_MAX]);
	else
		stream_event(t, (uint32_t)event->data.u64, event->events);
}

static bool may_open(const struct tunnel *t)
{
	return t->open_ms ? cli_now_ms() >= t->open_ms : t->count < STREAMS_MAX / 2;
}

static int patience(const struct tunnel *t)
{
	return t->busy ? 0 : t->filled && t->open_ms ? SHUT_MS : -1;
}

/* Streams may be gone after it: the session may be. */
static int go_on(struct tunnel *t)
{
	bool turns = t->turns;

	t->turns = false;
	return turns ? link_turn(&t->link) : link_flush(&t->link);
}

/* What many sockets bring goes piece by piece, while it is in the cache. */
static int take_events(struct tunnel *t, const struct epoll_event *events, int n)
{
	int r = 0;

	for (int i = 0; i < n && !r; i++) {
		take_event(t, &events[i]);
		if (strazh_queued(t->link.strazh) >= QUEUE_FLUSH)
			r = link_flush(&t->link);
	}
	return r;
}

static int run(struct tunnel *t)
{
	struct epoll_event events[EVENTS];
	sigset_t none;
	int r;

	sigemptyset(&none);
	t->turns = true; /* it connects with its first one */
	while (!(r = go_on(t)) && !cli_stopped()) {
		int n;

		if (t->busy || (t->waits && strazh_queued(t->link.strazh) < QUEUE_HIGH / 2))
			streams_step(t);
		if (t->filled && may_open(t)) {
			t->filled = false;
			watch_doors(t, true);
		}
		r = link_flush(&t->link); /* what streams_step() has queued */
		if (r)
			return r;
		n = epoll_pwait(t->epoll, events, EVENTS, patience(t), &none);
		if (n < 0 && errno != EINTR)
			return cli_fail(CLI_FAILED, "epoll: %s", strerror(errno));
		r = take_events(t, events, n);
		if (r)
			return r;
	}
	return r;
}

static int open_all(struct tunnel *t)
{
	struct epoll_event event = {.events = EPOLLIN, .data.u64 = EVENT_LINK};
	int r = 0;

	if (!t->cli->listens_len)
		return cli_fail(CLI_USAGE, "strazh tunnel wants -L [ADDR:]PORT:NAME at least once");
	for (unsigned i = 0; i < t->cli->listens_len && !r; i++)
		r = open_door(t, t->cli->listens[i]);
	if (r)
		return r;
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (t->epoll < 0 || epoll_ctl(t->epoll, EPOLL_CTL_ADD, strazh_fd(t->link.strazh), &event))
		return cli_fail(CLI_FAILED, "epoll: %s", strerror(errno));
	return 0;
}

int cli_tunnel(struct cli *cli)
{
	static const struct link_ops ops = {
		.on_up = on_up, .on_down = on_down, .on_message = on_message};
	own_free struct tunnel *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return cli_fail(CLI_FAILED, "no memory");
	r = keys_take(cli);
	if (r)
		return r;
	t->cli = cli;
	t->epoll = -1;
	cli->options.flushes = true;
	r = link_open(&t->link, cli, &ops, t);
	if (r)
		return r;
	r = open_all(t);
	if (!r)
		r = run(t);
	streams_reset(t);
	link_close(&t->link);
	for (unsigned i = 0; i < t->doors_len; i++)
		close(t->doors[i].fd);
	if (t->epoll >= 0)
		close(t->epoll);
	return r;
}
