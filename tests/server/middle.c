/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <strazh/wire/phantom.h>

#include <tests/server/middle.h>

#define ROOM (2 * PH_RECORD_MAX)
#define TURN_MS 20
#define WAIT_S 20

static struct sockaddr_in local(uint16_t port)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
				    .sin_port = htons(port),
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

void middle_send(struct middle *m, enum middle_way way, const void *bytes, size_t len)
{
	const uint8_t *at = bytes;

	if (m->sockets[way] < 0)
		return;
	atomic_fetch_add(&m->sent[way], len);
	while (len) {
		ssize_t n = send(m->sockets[way], at, len, MSG_NOSIGNAL);

		if (n <= 0)
			return; /* the reading side will see that it has ended */
		at += n;
		len -= (size_t)n;
	}
}

void middle_cut(struct middle *m, enum middle_way way)
{
	if (m->sockets[way] >= 0)
		shutdown(m->sockets[way], SHUT_WR);
}

/* ---- pieces ---- */

/* Of the piece that begins there; 0: not known yet. */
static size_t piece(const struct middle *m, enum middle_way way)
{
	const uint8_t *bytes = m->ways[way].bytes;
	size_t len = m->ways[way].len;

	if (len < PH_FRAME_HEAD)
		return 0;
	if (m->ways[way].records)
		return PH_RECORD_HEAD + (size_t)(bytes[2] << 8 | bytes[3]) + PH_RECORD_TAIL;
	return PH_FRAME_HEAD + (size_t)(bytes[2] << 8 | bytes[3]);
}

/* Is what follows this frame a record? The finish is a frame in XK1 and XX alone. */
static void note(struct middle *m, enum middle_way way, const uint8_t *frame)
{
	uint8_t base = m->suite & (uint8_t)~PH_SUITE_HYBRID;

	if (m->ways[way].records)
		return;
	if (way == TO_SERVER && frame[0] == PH_CLIENT_HELLO)
		m->suite = frame[1];
	if (way == TO_CLIENT && frame[0] == PH_SERVER_HELLO) {
		m->ways[TO_CLIENT].records = true;
		m->ways[TO_SERVER].records = base != PH_XK1 && base != PH_XX;
	}
	if (way == TO_SERVER && frame[0] == PH_CLIENT_FINISH)
		m->ways[TO_SERVER].records = true;
}

static void hand(struct middle *m, enum middle_way way, uint8_t *bytes, size_t len)
{
	note(m, way, bytes);
	pthread_mutex_lock(&m->lock);
	if (m->touch)
		m->touch(m, way, m->ways[way].unit, bytes, len);
	else
		middle_send(m, way, bytes, len);
	pthread_mutex_unlock(&m->lock);
	m->ways[way].unit++;
}

static void take(struct middle *m, enum middle_way way)
{
	ssize_t n = recv(m->sockets[!way], m->ways[way].bytes + m->ways[way].len,
			 ROOM - m->ways[way].len, 0);
	size_t len;

	if (n <= 0) {
		m->ways[way].ended = true;
		middle_cut(m, way);
		return;
	}
	m->ways[way].len += (size_t)n;
	while ((len = piece(m, way)) != 0 && len <= m->ways[way].len) {
		hand(m, way, m->ways[way].bytes, len);
		m->ways[way].len -= len;
		memmove(m->ways[way].bytes, m->ways[way].bytes + len, m->ways[way].len);
	}
}

/* ---- connections ---- */

static void begin(struct middle *m)
{
	struct sockaddr_in to = local(m->target);

	for (unsigned way = 0; way < MIDDLE_WAYS; way++) {
		m->ways[way].len = 0;
		m->ways[way].unit = 0;
		m->ways[way].records = m->ways[way].ended = false;
	}
	m->sockets[TO_CLIENT] = accept4(m->listener, NULL, NULL, SOCK_CLOEXEC);
	m->sockets[TO_SERVER] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(m->sockets[TO_SERVER], (struct sockaddr *)&to, sizeof(to)))
		m->ways[TO_CLIENT].ended = true;
	atomic_fetch_add(&m->connections, 1);
}

static void end(struct middle *m)
{
	for (unsigned way = 0; way < MIDDLE_WAYS; way++) {
		if (m->sockets[way] >= 0)
			close(m->sockets[way]);
		m->sockets[way] = -1;
	}
}

static void turn(struct middle *m)
{
	bool busy = m->sockets[TO_CLIENT] >= 0;
	struct pollfd fds[] = {
		{.fd = busy ? -1 : m->listener, .events = POLLIN},
		{.fd = m->ways[TO_SERVER].ended ? -1 : m->sockets[TO_CLIENT], .events = POLLIN},
		{.fd = m->ways[TO_CLIENT].ended ? -1 : m->sockets[TO_SERVER], .events = POLLIN},
	};

	if (poll(fds, 3, TURN_MS) <= 0)
		return;
	if (fds[0].revents)
		begin(m);
	if (busy && fds[1].revents)
		take(m, TO_SERVER);
	if (busy && fds[2].revents)
		take(m, TO_CLIENT);
	/* A server that is gone is gone; one that has sent its last is not. */
	if (busy && (m->ways[TO_CLIENT].ended || m->ways[TO_SERVER].ended)) {
		end(m);
		atomic_fetch_add(&m->over, 1);
	}
}

static void *run(void *arg)
{
	struct middle *m = arg;

	while (!atomic_load(&m->ending))
		turn(m);
	end(m);
	return NULL;
}

void middle_open(struct middle *m, uint16_t target)
{
	struct sockaddr_in at = local(0);
	socklen_t len = sizeof(at);

	memset(m, 0, sizeof(*m));
	m->target = target;
	m->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(m->listener >= 0);
	assert_int_equal(bind(m->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(m->listener, 16), 0);
	assert_int_equal(getsockname(m->listener, (struct sockaddr *)&at, &len), 0);
	snprintf(m->address, sizeof(m->address), "127.0.0.1:%u", ntohs(at.sin_port));
	for (unsigned way = 0; way < MIDDLE_WAYS; way++) {
		m->sockets[way] = -1;
		m->ways[way].bytes = malloc(ROOM);
		assert_non_null(m->ways[way].bytes);
	}
	assert_int_equal(pthread_mutex_init(&m->lock, NULL), 0);
	assert_int_equal(pthread_create(&m->thread, NULL, run, m), 0);
}

void middle_close(struct middle *m)
{
	atomic_store(&m->ending, true);
	assert_int_equal(pthread_join(m->thread, NULL), 0);
	pthread_mutex_destroy(&m->lock);
	close(m->listener);
	for (unsigned way = 0; way < MIDDLE_WAYS; way++)
		free(m->ways[way].bytes);
}

void middle_set(struct middle *m, middle_touch *touch, void *context)
{
	pthread_mutex_lock(&m->lock);
	m->touch = touch;
	m->context = context;
	pthread_mutex_unlock(&m->lock);
}

void middle_wait(struct middle *m, unsigned over)
{
	const struct timespec pause = {.tv_nsec = 2000000};

	for (unsigned i = 0; i < WAIT_S * 500 && atomic_load(&m->over) < over; i++)
		nanosleep(&pause, NULL);
	assert_int_equal(atomic_load(&m->over), over);
}
