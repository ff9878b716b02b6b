/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One thread, poll(), links of two sockets. Sockets block for writing: pieces are small, and both
 * sides read. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/base/compiler.h>

#include <tests/orm/kit/deed.h>
#include <tests/orm/kit/proxy.h>

#define LINKS_MAX 64
#define PIECE 4096

struct link {
	int end[2]; /* the client's, the server's; -1: none */
	bool silent;
};

struct proxy {
	pthread_t thread;
	pthread_mutex_t lock; /* of the ways */
	struct proxy_ways ways;
	char url[1024];
	int listener;
	uint16_t port, server_port;
	struct link links[LINKS_MAX];
	uint64_t random;
	uint64_t cuts, silences;
	bool stop;
};

static void must(bool done)
{
	if (!done)
		abort();
}

static struct sockaddr_in local(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void drop(struct link *l, bool reset)
{
	const struct linger hard = {.l_onoff = 1};

	for (int side = 0; side < 2; side++) {
		if (l->end[side] < 0)
			continue;
		if (reset)
			setsockopt(l->end[side], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(l->end[side]);
		l->end[side] = -1;
	}
	l->silent = false;
}

static void take_client(struct proxy *p)
{
	struct sockaddr_in at = local(p->server_port);
	int fd = accept(p->listener, NULL, NULL), one = 1;
	struct link *l = NULL;

	if (fd < 0)
		return;
	for (int i = 0; i < LINKS_MAX && !l; i++)
		l = p->links[i].end[0] < 0 ? &p->links[i] : NULL;
	must(l != NULL);
	l->end[0] = fd;
	l->end[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(l->end[1] >= 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(l->end[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(l->end[1], (const struct sockaddr *)&at, sizeof(at)))
		drop(l, true);
}

static bool happens(struct proxy *p, uint32_t of_million)
{
	return deed_random(&p->random) % 1000000 < of_million;
}

static void pass(struct proxy *p, struct link *l, int from)
{
	char piece[PIECE];
	ssize_t n = recv(l->end[from], piece, sizeof(piece), 0);
	struct proxy_ways ways;
	bool cut;

	if (n <= 0) {
		drop(l, n < 0);
		return;
	}
	pthread_mutex_lock(&p->lock);
	ways = p->ways;
	pthread_mutex_unlock(&p->lock);
	if (l->silent)
		return;
	if (happens(p, ways.silence_of_million)) {
		l->silent = true;
		__atomic_fetch_add(&p->silences, 1, __ATOMIC_RELAXED);
		return;
	}
	if (ways.delay_us)
		usleep((useconds_t)(deed_random(&p->random) % ways.delay_us));
	cut = happens(p, ways.cut_of_million);
	if (cut)
		n = (ssize_t)(deed_random(&p->random) % (uint64_t)n);
	if (send(l->end[!from], piece, (size_t)n, MSG_NOSIGNAL) != n)
		cut = true;
	if (cut) {
		/* In time what was sent before a reset may be thrown away by who receives it. */
		drop(l, deed_random(&p->random) % 2);
		__atomic_fetch_add(&p->cuts, 1, __ATOMIC_RELAXED);
	}
}

static void *serve(void *data)
{
	struct proxy *p = data;

	while (!__atomic_load_n(&p->stop, __ATOMIC_RELAXED)) {
		struct pollfd fds[1 + 2 * LINKS_MAX];
		unsigned n = 0;

		fds[n++] = (struct pollfd){.fd = p->listener, .events = POLLIN};
		for (unsigned i = 0; i < LINKS_MAX; i++) {
			for (unsigned side = 0; side < 2; side++)
				fds[n++] = (struct pollfd){.fd = p->links[i].end[side],
							   .events = POLLIN};
		}
		if (poll(fds, n, 20) <= 0)
			continue;
		for (unsigned i = 0; i < 2 * LINKS_MAX; i++) {
			struct link *l = &p->links[i / 2];

			if (fds[1 + i].revents && l->end[i % 2] == fds[1 + i].fd &&
			    l->end[i % 2] >= 0)
				pass(p, l, (int)(i % 2));
		}
		if (fds[0].revents)
			take_client(p);
	}
	return NULL;
}

struct proxy *proxy_open(const char *url)
{
	struct sockaddr_in at = local(0);
	struct proxy *p = calloc(1, sizeof(*p));
	socklen_t len = sizeof(at);
	const char *port;

	must(p != NULL);
	snprintf(p->url, sizeof(p->url), "%s", url);
	port = strstr(p->url, "@127.0.0.1:");
	must(port != NULL);
	p->server_port = (uint16_t)strtoul(port + strlen("@127.0.0.1:"), NULL, 10);
	for (int i = 0; i < LINKS_MAX; i++)
		p->links[i].end[0] = p->links[i].end[1] = -1;
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(p->listener >= 0 && !bind(p->listener, (const struct sockaddr *)&at, len) &&
	     !listen(p->listener, 64) && !getsockname(p->listener, (struct sockaddr *)&at, &len));
	p->port = ntohs(at.sin_port);
	pthread_mutex_init(&p->lock, NULL);
	must(!pthread_create(&p->thread, NULL, serve, p));
	return p;
}

void proxy_close(struct proxy *p)
{
	__atomic_store_n(&p->stop, true, __ATOMIC_RELAXED);
	pthread_join(p->thread, NULL);
	for (int i = 0; i < LINKS_MAX; i++)
		drop(&p->links[i], false);
	close(p->listener);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void proxy_url(const struct proxy *p, char *to, unsigned long size)
{
	const char *port = strstr(p->url, "@127.0.0.1:") + strlen("@127.0.0.1:");

	snprintf(to, size, "%.*s%u%s", (int)(port - p->url), p->url, p->port,
		 port + strspn(port, "0123456789"));
}

void proxy_behave(struct proxy *p, const struct proxy_ways *ways)
{
	pthread_mutex_lock(&p->lock);
	p->ways = *ways;
	pthread_mutex_unlock(&p->lock);
}

uint64_t proxy_cuts(struct proxy *p)
{
	return __atomic_load_n(&p->cuts, __ATOMIC_RELAXED);
}

uint64_t proxy_silences(struct proxy *p)
{
	return __atomic_load_n(&p->silences, __ATOMIC_RELAXED);
}
