/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Bytes of one stream. Both directions are bounded by credit and by the slower side.
 *
 * Client -> upstream: the client may send `window` bytes. Data that came together go to the socket
 * in one call. What it does not take waits in `out` (never more than the window); what it took is
 * owed, and told to the client as new credit in pieces of a quarter of the window.
 *
 * Upstream -> client: the socket is read only while there is credit and room in the peer's queue;
 * else it is not, and TCP slows the upstream down. Where much comes at a time (`flows`) it is read
 * into the record in which it is sealed, and sent while it is in the cache: with chunks, and all
 * sockets of a round read before the first was sent, the kernel copied out of cold memory, on a
 * busy machine for half of the server's time. CPU a KiB there and back, medians of one run: 1,113
 * ns, now 905; haproxy 1,472, a relay without cryptography 578 (bench: wire, part tunnel).
 * One piece that was read and found no room is held.
 *
 * What is owed to the client (that it is open, data, an end, credit, a close) are flags, said in
 * that order when the queue has room: nothing is allocated to say it. Each event ends in
 * stream_step(), which does all that can be done now, and then tells the loop what to wait for. A
 * stream that waits for nothing is taken out of the loop: else a socket that hung up would be
 * reported for ever.
 *
 * The id is free again, and the stream with it, when both sides said TUNNEL_CLOSE. A stream is in
 * tunnel->connecting, tunnel->idle or (STREAM_OVER) in neither.
 *
 * A client that goes, or breaks off, is a reset to the upstream and not an end: what was cut must
 * not look whole.
 */
#include <user/service/stream_parts.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>

#include <strazh/base/own.h>

#define CHUNK_LEN (32U * 1024)
#define FLOW_LESS 4096U /* a stream that flows and brings less does not any more */
#define READ_BURST 4	/* chunks of one stream before others get their turn */

/* ---- the socket ---- */

static void touch(struct stream *s, struct stream_list *list)
{
	struct tunnel *tunnel = tunnel_of(s);

	s->touched_ms = tunnel->host->now_ms(tunnel->host);
	TAILQ_INSERT_TAIL(list, s, by_time);
}

static void moved(struct stream *s)
{
	struct stream_list *list = &tunnel_of(s)->idle;

	TAILQ_REMOVE(list, s, by_time);
	touch(s, list);
}

static int wait_for(struct stream *s, uint32_t events)
{
	struct loop *loop = tunnel_of(s)->host->loop;
	int r = 0;

	if (events == s->interest)
		return 0;
	if (!events)
		loop_remove(loop, &s->watch);
	else if (!s->interest)
		r = loop_add(loop, &s->watch, events);
	else
		r = loop_change(loop, &s->watch, events);
	if (!r)
		s->interest = events;
	return r;
}

static void drop_socket(struct stream *s, bool reset)
{
	struct linger hard = {.l_onoff = 1};

	if (s->watch.fd < 0)
		return;
	(void)wait_for(s, 0);
	if (reset)
		(void)setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(s->watch.fd);
	s->watch.fd = -1;
}

/* No byte goes to or comes from the upstream any more. What was read from it is still told. */
static void leave_upstream(struct stream *s, bool reset)
{
	struct tunnel *tunnel = tunnel_of(s);

	if (s->state == STREAM_OVER)
		return;
	if (tunnel->gather.stream == s)
		tunnel->gather.stream = NULL;
	drop_socket(s, reset);
	ring_deinit(&s->out);
	TAILQ_REMOVE(s->state == STREAM_CONNECTING ? &tunnel->connecting : &tunnel->idle, s,
		     by_time);
	s->state = STREAM_OVER;
	tunnel->count.streams--;
	atomic_fetch_sub_explicit(&tunnel->shared->streams, 1, memory_order_relaxed);
}

static void over(struct stream *s, enum tunnel_reason reason)
{
	leave_upstream(s, reason != TUNNEL_DONE);
	if (s->owe_close)
		return;
	s->owe_close = true;
	s->reason = reason;
}

static void failed_open(struct stream *s, enum ph_code code, const char *why)
{
	leave_upstream(s, true);
	s->owe_error = true;
	s->code = code;
	s->why = why;
}

/* 0: connected or under way; -errno: that address is of no use. */
static int try_address(struct stream *s)
{
	const struct upstream *u = s->upstream;
	const struct sockaddr *address = (const struct sockaddr *)&u->addresses[s->address];
	own_fd int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, r;

	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, address, u->lens[s->address]) && errno != EINPROGRESS)
		return -errno;
	s->watch.fd = fd;
	r = wait_for(s, EPOLLOUT);
	if (r) {
		s->watch.fd = -1;
		return r;
	}
	take_fd(&fd);
	return 0;
}

static void connect_from(struct stream *s, unsigned address)
{
	struct tunnel *tunnel = tunnel_of(s);
	int r = -ECONNREFUSED;

	for (s->address = address; s->address < s->upstream->count; s->address++) {
		r = try_address(s);
		if (!r)
			return;
	}
	if (r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS || r == -ENOSPC) {
		tunnel->count.no_memory++;
		failed_open(s, PH_C_LIMIT, "no room for a connection");
	} else {
		tunnel->count.connect_failed++;
		failed_open(s, PH_C_UPSTREAM, "the upstream cannot be reached");
	}
}

static void connected(struct stream *s)
{
	struct tunnel *tunnel = tunnel_of(s);
	socklen_t len = sizeof(int);
	int r = 0;

	if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &r, &len) || r) {
		drop_socket(s, false);
		connect_from(s, s->address + 1);
		return;
	}
	TAILQ_REMOVE(&tunnel->connecting, s, by_time);
	s->state = STREAM_OPEN;
	touch(s, &tunnel->idle);
	s->owe_opened = true;
	tunnel->count.opened++;
}

static void reset_by_upstream(struct stream *s)
{
	tunnel_of(s)->count.resets++;
	over(s, TUNNEL_RESET);
}

static void out_of_memory(struct stream *s)
{
	tunnel_of(s)->count.no_memory++;
	over(s, TUNNEL_LIMIT);
}

/* ---- to the upstream ---- */

static void went(struct stream *s, size_t len)
{
	s->owed += (uint32_t)len;
	tunnel_of(s)->count.bytes_up += len;
	moved(s);
}

/* How many bytes the socket took; over() when it is no more. */
static size_t push(struct stream *s, struct iovec parts[], unsigned count)
{
	size_t sum = 0;

	/* Not by sendmsg(2): the worker must not have it (user/daemon/worker/confine.c). */
	for (unsigned i = 0; i < count; i++) {
		const int more = i + 1 < count ? MSG_MORE : 0;
		ssize_t n = send(s->watch.fd, parts[i].iov_base, parts[i].iov_len,
				 MSG_NOSIGNAL | MSG_DONTWAIT | more);

		/* What fails after a part of it fails again with the rest. */
		if (n < 0 && !sum && errno != EAGAIN && errno != EINTR)
			reset_by_upstream(s);
		if (n < 0)
			break;
		sum += (size_t)n;
		if ((size_t)n < parts[i].iov_len)
			break;
	}
	if (sum)
		went(s, sum);
	return sum;
}

static void write_out(struct stream *s)
{
	struct iovec parts[2];
	int count = ring_parts(&s->out, parts);

	if (count) {
		size_t n = push(s, parts, (unsigned)count);

		if (n)
			ring_drop(&s->out, n);
	}
	if (s->state != STREAM_OPEN || s->out.len || !s->client_ended || s->shut)
		return;
	s->shut = true;
	if (shutdown(s->watch.fd, SHUT_WR))
		reset_by_upstream(s);
}

static void step(struct stream *s, bool read);

void streams_gathered(struct tunnel *tunnel)
{
	struct gather *g = &tunnel->gather;
	struct stream *s = g->stream;
	size_t sent;

	if (!s)
		return;
	g->stream = NULL;
	sent = s->out.len ? 0 : push(s, g->parts, g->count);
	for (unsigned i = 0; i < g->count && s->state == STREAM_OPEN; i++) {
		size_t skip = MIN(sent, g->parts[i].iov_len), rest = g->parts[i].iov_len - skip;

		sent -= skip;
		if (rest && ring_add(&s->out, (uint8_t *)g->parts[i].iov_base + skip, rest))
			out_of_memory(s);
	}
	/* All went: there is nothing to be read before a write, and a read that finds nothing is a
	 * tenth of what a short piece costs. */
	step(s, s->out.len > 0);
}

void stream_data(struct stream *s, const uint8_t *bytes, size_t len)
{
	struct gather *g = &tunnel_of(s)->gather;

	if (s->state == STREAM_OVER)
		return;
	if (!len || len > s->window || s->client_ended) {
		stream_violation(s);
		return;
	}
	s->window -= (uint32_t)len;
	if (g->stream != s)
		streams_gathered(tunnel_of(s));
	if (!g->stream)
		g->count = 0;
	g->stream = s;
	g->parts[g->count++] = (struct iovec){(void *)(uintptr_t)bytes, len};
	if (g->count == GATHER_MAX)
		streams_gathered(tunnel_of(s));
}

void stream_end(struct stream *s)
{
	if (s->state == STREAM_OVER)
		return;
	if (s->state == STREAM_CONNECTING || s->client_ended) {
		stream_violation(s);
		return;
	}
	s->client_ended = true;
	stream_step(s);
}

/* ---- from the upstream ---- */

static bool may_read(const struct stream *s)
{
	return s->state == STREAM_OPEN && !s->upstream_ended && s->credit && !s->held &&
	       !s->owe_opened && !s->owner->full && !s->owner->gone;
}

static void was_read(struct stream *s, size_t len)
{
	tunnel_of(s)->count.bytes_down += len;
	s->credit -= len;
	moved(s);
}

/* Straight into the record in which it goes. */
static ssize_t read_placed(struct stream *s, uint8_t *to, size_t room)
{
	ssize_t n = recv(s->watch.fd, to, room, MSG_DONTWAIT);

	if (n <= 0)
		return n;
	was_read(s, (size_t)n);
	stream_say_placed(s, to, (size_t)n);
	return n;
}

/* What was read goes to the client, or is held. A short piece is copied, and the chunk stays. */
static void pass_chunk(struct stream *s, size_t len)
{
	struct tunnel *tunnel = tunnel_of(s);
	struct shared_bytes *small;

	was_read(s, len);
	if (len < CHUNK_LEN / 2 && stream_say_data(s, tunnel->chunk->bytes, len))
		return;
	s->held = take_ptr(tunnel->chunk);
	s->held->len = len;
	if (len >= CHUNK_LEN / 2) {
		(void)stream_say_held(s);
		return;
	}
	/* It may be held for long: no more room than it needs. */
	small = realloc(s->held, sizeof(*small) + len);
	if (small)
		s->held = small;
}

static ssize_t read_chunk(struct stream *s, size_t room)
{
	struct tunnel *tunnel = tunnel_of(s);
	ssize_t n;

	if (!tunnel->chunk)
		tunnel->chunk = shared_bytes_new(CHUNK_LEN);
	if (!tunnel->chunk) {
		errno = ENOMEM;
		return -1;
	}
	n = recv(s->watch.fd, tunnel->chunk->bytes, room, MSG_DONTWAIT);
	if (n > 0)
		pass_chunk(s, (size_t)n);
	return n;
}

/* How many bytes came; 0: nothing more is to be read now. */
static size_t read_once(struct stream *s, size_t *ret_room)
{
	size_t room = 0;
	uint8_t *to = s->flows ? peer_place(s->owner->peer, &room) : NULL;
	ssize_t n;

	room = MIN(s->credit, to ? room : CHUNK_LEN);
	n = to ? read_placed(s, to, room) : read_chunk(s, room);
	if (!n)
		s->upstream_ended = true;
	else if (n < 0 && errno == ENOMEM)
		out_of_memory(s);
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		reset_by_upstream(s);
	*ret_room = room;
	return (size_t)MAX(n, 0);
}

static void read_in(struct stream *s)
{
	bool some = false;

	for (int burst = READ_BURST; burst && may_read(s); burst--) {
		size_t room, n = read_once(s, &room);

		some = some || n;
		/* A few bytes now and then shall not take a place for many. */
		if (n)
			s->flows = n >= (s->flows ? FLOW_LESS : CHUNK_LEN / 2);
		if (n < room)
			break;
	}
	if (some && s->flows)
		peer_push(s->owner->peer);
}

void stream_credit(struct stream *s, uint32_t bytes)
{
	if (s->state == STREAM_OVER)
		return;
	if (bytes > TUNNEL_WINDOW_MAX - s->credit) {
		stream_violation(s);
		return;
	}
	s->credit += bytes;
	/* If it is waited for bytes, those that came are told by the loop. */
	step(s, !(s->interest & EPOLLIN));
}

/* ---- life ---- */

static uint32_t wanted(const struct stream *s)
{
	if (s->state == STREAM_CONNECTING)
		return EPOLLOUT;
	if (s->state == STREAM_OVER)
		return 0;
	return (may_read(s) ? (uint32_t)EPOLLIN : 0) | (s->out.len ? (uint32_t)EPOLLOUT : 0);
}

static void step(struct stream *s, bool read)
{
	/* Reading first: what came before a reset is still there, and writing would find the reset.
	 */
	stream_tell(s);
	if (read)
		read_in(s);
	if (s->state == STREAM_OPEN)
		write_out(s);
	stream_tell(s);
	if (s->state == STREAM_OPEN && s->end_sent && s->shut) {
		tunnel_of(s)->count.finished++;
		over(s, TUNNEL_DONE);
		stream_tell(s);
	}
	if (wait_for(s, wanted(s))) {
		out_of_memory(s);
		stream_tell(s);
	}
	if (s->state != STREAM_OVER || s->held || s->owe_error)
		return;
	if (!s->owe_close || (s->close_sent && s->client_closed))
		stream_free(s);
}

void stream_step(struct stream *s)
{
	step(s, true);
}

static void stream_ready(struct watch *watch, uint32_t events)
{
	struct stream *s = watch->context;

	(void)events;
	if (s->state == STREAM_CONNECTING)
		connected(s);
	stream_step(s);
}

int stream_open(struct tunnel_peer *owner, uint32_t id, uint8_t priority,
		const struct upstream *upstream, uint64_t credit)
{
	struct tunnel *tunnel = owner->tunnel;
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->owner = owner;
	s->id = id;
	s->priority = priority;
	s->upstream = upstream;
	s->credit = credit;
	s->watch = (struct watch){.fd = -1, .on_ready = stream_ready, .context = s};
	ring_init(&s->out, tunnel->shared->settings.window);
	TAILQ_INSERT_TAIL(&owner->streams, s, of_peer);
	owner->count++;
	tunnel->count.streams++;
	atomic_fetch_add_explicit(&tunnel->shared->streams, 1, memory_order_relaxed);
	touch(s, &tunnel->connecting);
	connect_from(s, 0);
	stream_step(s);
	return 0;
}

struct stream *stream_find(const struct tunnel_peer *owner, uint32_t id)
{
	struct stream *s;

	TAILQ_FOREACH(s, &owner->streams, of_peer)
	if (s->id == id)
		return s;
	return NULL;
}

void stream_close(struct stream *s)
{
	s->client_closed = true;
	if (s->state != STREAM_OVER) {
		tunnel_of(s)->count.aborted++;
		leave_upstream(s, true);
		over(s, TUNNEL_DONE);
	}
	/* It does not want what is held. */
	shared_bytes_put(s->held);
	s->held = NULL;
	stream_step(s);
}

void stream_violation(struct stream *s)
{
	tunnel_of(s)->count.violations++;
	if (s->state == STREAM_CONNECTING)
		failed_open(s, PH_C_MALFORMED, "the stream is not open");
	else
		over(s, TUNNEL_OVERRUN);
	/* Over, it counts among all streams no more, and must not hold what only they may. */
	shared_bytes_put(s->held);
	s->held = NULL;
	stream_step(s);
}

void stream_free(struct stream *s)
{
	leave_upstream(s, true);
	shared_bytes_put(s->held);
	TAILQ_REMOVE(&s->owner->streams, s, of_peer);
	s->owner->count--;
	free(s);
}

static struct stream *first_before(struct stream_list *list, uint64_t now_ms, uint64_t seconds)
{
	struct stream *s = TAILQ_FIRST(list);

	return s && seconds && now_ms - s->touched_ms >= seconds * 1000 ? s : NULL;
}

void streams_expire(struct tunnel *tunnel, uint64_t now_ms)
{
	const struct tunnel_settings *settings = &tunnel->shared->settings;
	struct stream *s;

	/* Each leaves its list, or the loop would not end. */
	while ((s = first_before(&tunnel->connecting, now_ms, settings->connect_timeout))) {
		tunnel->count.connect_timeouts++;
		failed_open(s, PH_C_UPSTREAM, "the upstream did not answer in time");
		stream_step(s);
	}
	while ((s = first_before(&tunnel->idle, now_ms, settings->idle_timeout))) {
		tunnel->count.idle_timeouts++;
		over(s, TUNNEL_TIMEOUT);
		stream_step(s);
	}
}
