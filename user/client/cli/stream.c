/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * One stream: a local socket on one side, messages with one request id on the other.
 *
 *	to the server	the socket is read while there is credit and the session's queue is not
 *			high; then TCP slows the local program down
 *	from there	what the socket does not take waits in `out`, never more than the window;
 *			what it took is given back as credit, a quarter of the window at a time
 *
 * Sockets are edge-triggered: `readable` and `writable` say what epoll said last, stream_step()
 * does all that they allow. OPENING --reply--> OPEN --either side's close--> OVER, and the place is
 * free when the server has closed as well and `out` is empty.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <strazh/base/own.h>

#include <user/client/cli/tunnel.h>
#include <user/wire/message.h>

#define TELL_MS 200  /* the same refusal is told so often at most */
#define READ_BURST 4 /* chunks of one stream before others get their turn */

struct stream {
	uint32_t id;
	int fd; /* -1: closed */
	const struct door *door;
	enum stream_state state;
	bool readable, writable;
	bool hung_up;		    /* an end waits behind what is to be read */
	bool local_ended, end_sent; /* no more comes from the socket; said so */
	bool server_ended, shut;    /* no more comes from the server; the socket was told */
	bool close_sent, server_closed;
	uint64_t credit; /* what we may send */
	uint32_t window; /* what the server may */
	uint32_t owed;	 /* taken by the socket and not yet given back */
	struct ring out;
};

/* ---- saying ---- */

/* The queue has room for all that is not data: QUEUE_HIGH leaves it. */
static void say(struct tunnel *t, const struct stream *s, uint8_t opcode, const void *payload,
		size_t len)
{
	const struct strazh_message message = {.service = PH_S_TUNNEL,
					       .opcode = opcode,
					       .priority = PH_NORMAL,
					       .request = s->id,
					       .payload = payload,
					       .len = len};

	if (link_queue(&t->link, &message) == STRAZH_E_FULL)
		t->link.code = cli_fail(CLI_FAILED, "the queue of the session is full");
}

static void say_close(struct tunnel *t, struct stream *s, enum tunnel_reason reason)
{
	uint8_t payload[TUNNEL_CLOSE_LEN];

	if (s->close_sent)
		return;
	s->close_sent = true;
	say(t, s, TUNNEL_CLOSE, payload, tunnel_close_emit(reason, payload));
}

static void say_credit(struct tunnel *t, struct stream *s)
{
	uint8_t payload[TUNNEL_CREDIT_LEN];

	if (s->owed < STREAM_WINDOW / 4 || s->state != STREAM_OPEN || s->server_ended)
		return;
	s->window += s->owed;
	say(t, s, TUNNEL_WINDOW, payload, tunnel_credit_emit(s->owed, payload));
	s->owed = 0;
}

/* ---- the end ---- */

static void drop_socket(struct stream *s, bool reset)
{
	const struct linger hard = {.l_onoff = 1};

	if (s->fd < 0)
		return;
	if (reset)
		(void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(s->fd);
	s->fd = -1;
	ring_drop(&s->out, s->out.len);
}

static void stream_free(struct tunnel *t, struct stream *s)
{
	drop_socket(s, true);
	t->streams[s->id % STREAMS_MAX] = NULL;
	t->count--;
	free(s);
}

/* Broken here: a reset both ways, so that what was cut does not look whole. */
static void broken(struct tunnel *t, struct stream *s, enum tunnel_reason reason)
{
	drop_socket(s, true);
	say_close(t, s, reason);
	s->state = STREAM_OVER;
}

/* ---- bytes ---- */

static bool may_read(const struct stream *s)
{
	return s->state == STREAM_OPEN && s->fd >= 0 && s->readable && s->credit && !s->local_ended;
}

static void read_socket(struct tunnel *t, struct stream *s)
{
	for (int burst = READ_BURST; may_read(s); burst--) {
		size_t room = MIN(s->credit, sizeof(t->chunk));
		ssize_t n;

		if (strazh_queued(t->link.strazh) >= QUEUE_HIGH) {
			t->waits = true;
			return;
		}
		if (!burst) {
			t->busy = true;
			return;
		}
		n = recv(s->fd, t->chunk, room, MSG_DONTWAIT);
		if (n > 0) {
			/* What comes after a short piece is a new edge, but for the end. */
			s->readable = (size_t)n == room || s->hung_up;
			s->credit -= (uint64_t)n;
			say(t, s, TUNNEL_DATA, t->chunk, (size_t)n);
		} else if (!n) {
			s->local_ended = true;
		} else if (errno == EAGAIN) {
			s->readable = false;
		} else if (errno != EINTR) {
			broken(t, s, TUNNEL_RESET);
		}
	}
}

static void write_socket(struct tunnel *t, struct stream *s)
{
	while (s->out.len && s->writable) {
		struct iovec parts[2];
		struct msghdr message = {.msg_iov = parts,
					 .msg_iovlen = (size_t)ring_parts(&s->out, parts)};
		ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			ring_drop(&s->out, (size_t)n);
			s->owed += (uint32_t)n;
		} else if (errno == EAGAIN) {
			s->writable = false;
		} else if (errno != EINTR) {
			broken(t, s, TUNNEL_RESET);
			return;
		}
	}
	if (s->fd >= 0 && !s->out.len && s->server_ended && !s->shut) {
		s->shut = true;
		(void)shutdown(s->fd, SHUT_WR);
	}
}

static void stream_step(struct tunnel *t, struct stream *s)
{
	read_socket(t, s);
	if (s->fd >= 0)
		write_socket(t, s);
	say_credit(t, s);
	if (s->state == STREAM_OPEN && s->local_ended && !s->end_sent) {
		s->end_sent = true;
		say(t, s, TUNNEL_END, NULL, 0);
	}
	if (s->server_closed && s->close_sent && !s->out.len) {
		drop_socket(s, false);
		stream_free(t, s);
	}
}

void streams_step(struct tunnel *t)
{
	t->busy = t->waits = false;
	for (unsigned i = 0; i < STREAMS_MAX && t->count; i++)
		if (t->streams[i])
			stream_step(t, t->streams[i]);
}

void streams_reset(struct tunnel *t)
{
	for (unsigned i = 0; i < STREAMS_MAX; i++)
		if (t->streams[i])
			stream_free(t, t->streams[i]);
}

/* ---- what comes ---- */

static struct stream *find(const struct tunnel *t, uint32_t id)
{
	struct stream *s = t->streams[id % STREAMS_MAX];

	return s && s->id == id ? s : NULL;
}

void stream_event(struct tunnel *t, uint32_t id, uint32_t events)
{
	struct stream *s = find(t, id);

	if (!s || s->fd < 0)
		return;
	if (events & EPOLLERR && s->state != STREAM_OVER) {
		broken(t, s, TUNNEL_RESET);
		return;
	}
	s->readable = s->readable || events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP);
	s->hung_up = s->hung_up || events & (EPOLLRDHUP | EPOLLHUP);
	s->writable = s->writable || events & EPOLLOUT;
	stream_step(t, s);
}

/* How much of it the socket takes at once. */
static size_t write_first(struct stream *s, const void *bytes, size_t len)
{
	ssize_t n;

	if (s->out.len || !s->writable)
		return 0;
	n = send(s->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) /* and write_socket() finds out why */
		return 0;
	s->owed += (uint32_t)n;
	return (size_t)n;
}

static void on_data(struct tunnel *t, struct stream *s, const struct strazh_message *message)
{
	size_t sent;

	if (s->state != STREAM_OPEN)
		return;
	if (!message->len || message->len > s->window || s->server_ended) {
		broken(t, s, TUNNEL_OVERRUN);
		return;
	}
	s->window -= (uint32_t)message->len;
	sent = write_first(s, message->payload, message->len);
	if (sent < message->len &&
	    ring_add(&s->out, (const uint8_t *)message->payload + sent, message->len - sent))
		broken(t, s, TUNNEL_LIMIT);
}

static void on_close(struct tunnel *t, struct stream *s, const struct strazh_message *message)
{
	uint8_t reason = TUNNEL_RESET;

	if (tunnel_close_parse(message->payload, message->len, &reason))
		reason = TUNNEL_RESET;
	s->server_closed = true;
	s->server_ended = true;
	say_close(t, s, TUNNEL_DONE);
	if (reason != TUNNEL_DONE)
		drop_socket(s, true);
	s->state = STREAM_OVER;
}

static void tell_refusal(struct tunnel *t, const struct door *door, const struct ph_error *error)
{
	char more[32] = "";

	if (t->told.door == door && t->told.code == error->code) {
		if (cli_now_ms() < t->told.ms + TELL_MS) {
			t->told.more++;
			return;
		}
		if (t->told.more)
			snprintf(more, sizeof(more), " (and %u before it)", t->told.more);
	}
	(void)cli_fail(CLI_ANSWER, "%s to '%s': %s: %.*s%s", door->text, door->name,
		       code_text(error->code), (int)error->len, error->text, more);
	t->told.ms = cli_now_ms();
	t->told.door = door;
	t->told.code = error->code;
	t->told.more = 0;
}

static void on_refused(struct tunnel *t, struct stream *s, const struct strazh_message *message)
{
	struct ph_error error;

	if (!error_parse(message->payload, message->len, &error))
		tell_refusal(t, s->door, &error);
	stream_free(t, s);
}

void stream_message(struct tunnel *t, const struct strazh_message *message)
{
	struct stream *s = find(t, message->request);
	uint32_t credit;

	if (!s)
		return;
	switch (message->opcode) {
	case PH_OP_ERROR:
		on_refused(t, s, message);
		return;
	case PH_OP_REPLY:
		if (tunnel_credit_parse(message->payload, message->len, &credit))
			broken(t, s, TUNNEL_RESET);
		else if (s->state == STREAM_OPENING)
			s->state = STREAM_OPEN, s->credit = credit;
		break;
	case TUNNEL_DATA:
		on_data(t, s, message);
		break;
	case TUNNEL_END:
		s->server_ended = true;
		break;
	case TUNNEL_WINDOW:
		if (tunnel_credit_parse(message->payload, message->len, &credit) ||
		    credit > TUNNEL_WINDOW_MAX - s->credit)
			broken(t, s, TUNNEL_OVERRUN);
		else
			s->credit += credit;
		break;
	case TUNNEL_CLOSE:
		on_close(t, s, message);
		break;
	default:
		broken(t, s, TUNNEL_RESET);
	}
	stream_step(t, s);
}

/* ---- the beginning ---- */

void stream_new(struct tunnel *t, const struct door *door, int fd)
{
	const struct tunnel_open open = {
		.window = STREAM_WINDOW, .name_len = (uint8_t)door->name_len, .name = door->name};
	struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET};
	uint8_t payload[TUNNEL_OPEN_MAX];
	own_free struct stream *s = calloc(1, sizeof(*s));
	own_fd int taken = fd;
	unsigned place = 0;
	int one = 1;

	while (place < STREAMS_MAX && t->streams[place])
		place++;
	if (!s || place == STREAMS_MAX)
		return;
	*s = (struct stream){.id = ++t->generation << STREAMS_BITS | place,
			     .door = door,
			     .window = STREAM_WINDOW};
	event.data.u64 = s->id;
	if (epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event))
		return;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	ring_init(&s->out, STREAM_WINDOW);
	s->fd = take_fd(&taken);
	t->streams[place] = s;
	t->count++;
	say(t, s, TUNNEL_OPEN, payload, tunnel_open_emit(&open, payload));
	s = NULL;
}
