/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <tests/bench/wire/talk.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <tests/bench/wire/bench.h>
#include <user/crypto/crypto.h>
#include <user/crypto/engine.h>
#include <user/crypto/wipe.h>
#include <user/wire/frame.h>

#define SCRATCH (1U << 20)
#define OUT_MAX (256U << 10)
#define EVENTS_MAX 128
#define SHAKING_MAX 32

static uint8_t out[OUT_MAX];

static uint64_t now_ms(void)
{
	return (uint64_t)(now_s() * 1000);
}

/* ---- the channel's calls ---- */

static void on_message(struct channel *ch, void *context, const struct ph_message *message)
{
	struct line *line = context;
	struct talk *talk = line->talk;

	(void)ch;
	if (message->service == PH_S_CONTROL) {
		if (message->opcode == PH_CTL_TICKET && message->len == TICKET_LEN) {
			memcpy(talk->ticket, message->payload, TICKET_LEN);
			line->ticket_came = true;
		}
		return;
	}
	if (message->opcode == PH_OP_ERROR)
		die("the server refused a message of service %u", message->service);
	if (talk->on_message)
		talk->on_message(line, message);
}

static const struct channel_ops ops = {.on_message = on_message};

struct talk *talk_new(const struct rig *rig)
{
	struct talk *talk = calloc(1, sizeof(*talk));

	if (!talk)
		die("no memory");
	talk->rig = rig;
	talk->scratch = malloc(SCRATCH);
	talk->epoll = epoll_create1(EPOLL_CLOEXEC);
	talk->host.ops = &ops;
	talk->host.limits = channel_limits_usual;
	talk->host.limits.queue_bytes = 4 << 20;
	if (!talk->scratch || talk->epoll < 0 || crypto_new(&talk->host.crypto) ||
	    engine_new(NULL, &talk->host.engine))
		die("no client");
	talk->crypto = talk->host.crypto;
	talk->engine = talk->host.engine;
	chunk_pool_init(&talk->host.pool, 1U << 16, 1U << 12);
	talk->client = (struct hs_client){
		.suite = PH_NK1, .name = PH_NAME_DEFAULT, .server_key = rig->key};
	return talk;
}

void talk_free(struct talk *talk)
{
	close(talk->epoll);
	chunk_pool_deinit(&talk->host.pool);
	engine_free(talk->engine);
	crypto_free(talk->crypto);
	free(talk->scratch);
	free(talk);
}

void talk_resume(struct talk *talk, const struct line *line)
{
	if (!line->ticket_came)
		die("no ticket came");
	talk->resume = (struct hs_resume){.ticket = talk->ticket,
					  .len = TICKET_LEN,
					  .origin = PH_NK1,
					  .origin_s = (uint64_t)time(NULL)};
	memcpy(talk->resume.psk, line->psk, PH_KEY_LEN);
	memcpy(talk->resume.server_key, talk->rig->key, PH_KEY_LEN);
	talk->client.suite = PH_RESUME;
	talk->client.resume = &talk->resume;
}

/* ---- output ---- */

static void send_all(struct line *line, const uint8_t *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(line->fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			die("send: %s", strerror(errno));
		bytes += n;
		len -= (size_t)n;
	}
}

static void flush(struct line *line)
{
	size_t len;

	while (channel_has_output(&line->channel)) {
		if (channel_write(&line->channel, out, sizeof(out), now_ms(), &len) || !len)
			die("a channel that does not write");
		send_all(line, out, len);
	}
}

static void mark(struct line *line)
{
	if (line->dirty)
		return;
	line->dirty = true;
	line->dirty_next = line->talk->dirty;
	line->talk->dirty = line;
}

static void flush_all(struct talk *talk)
{
	while (talk->dirty) {
		struct line *line = talk->dirty;

		talk->dirty = line->dirty_next;
		line->dirty = false;
		if (line->fd >= 0)
			flush(line);
	}
}

void line_send(struct line *line, const struct ph_message *message)
{
	if (channel_send(&line->channel, message))
		die("a message was refused");
	mark(line);
}

void line_shut(struct line *line)
{
	flush(line);
	if (shutdown(line->fd, SHUT_WR))
		die("shutdown: %s", strerror(errno));
}

/* ---- handshakes ---- */

void line_open(struct talk *talk, struct line *line)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = line};
	uint8_t frame[HS_FRAME_LEN];
	size_t len;

	*line = (struct line){.talk = talk, .shaking = true, .fd = dial(talk->rig->port)};
	talk->shaking++;
	if (epoll_ctl(talk->epoll, EPOLL_CTL_ADD, line->fd, &event))
		die("epoll_ctl: %s", strerror(errno));
	if (handshake_connect(&line->hs, &talk->client) ||
	    handshake_write(&line->hs, talk->crypto, NULL, frame, &len))
		die("no hello");
	send_all(line, frame, len);
}

static size_t shake(struct line *line, const uint8_t *bytes, size_t len)
{
	struct talk *talk = line->talk;
	struct session_keys keys;
	struct frame frame;
	size_t n;

	if (frame_parse(bytes, len, &frame))
		return 0;
	n = PH_FRAME_HEAD + frame.len;
	if (n > len)
		return 0;
	if (handshake_read(&line->hs, talk->crypto, bytes, n, (uint64_t)time(NULL)) ||
	    handshake_keys(&line->hs, &keys))
		die("a handshake failed");
	ticket_psk(&keys, line->psk);
	channel_init(&line->channel, &talk->host, &keys, true, line, now_ms());
	wipe(&keys, sizeof(keys));
	line->shaking = false;
	talk->shaking--;
	mark(line);
	if (talk->on_open)
		talk->on_open(line);
	return n;
}

/* ---- input ---- */

static void keep(struct line *line, const uint8_t *bytes, size_t len)
{
	if (len) {
		uint8_t *room = realloc(line->rest, len);

		if (!room)
			die("no memory");
		memmove(room, bytes, len);
		line->rest = room;
	}
	line->rest_len = len;
}

static void take_in(struct line *line, uint8_t *bytes, size_t len)
{
	size_t used = line->shaking ? shake(line, bytes, len) : 0, more = 0;

	if (!line->shaking && len > used) {
		int r = channel_read(&line->channel, bytes + used, len - used, now_ms(), &more);

		if (r)
			die("a channel failed: %d", r);
	}
	if (line->fd < 0)
		return;
	keep(line, bytes + used + more, len - used - more);
	if (!line->shaking && channel_has_output(&line->channel))
		mark(line);
}

static void receive(struct line *line)
{
	struct talk *talk = line->talk;
	size_t had = line->rest_len;
	ssize_t n;

	if (had)
		memcpy(talk->scratch, line->rest, had);
	n = recv(line->fd, talk->scratch + had, SCRATCH - had, MSG_DONTWAIT);
	if (n > 0)
		take_in(line, talk->scratch, had + (size_t)n);
	else if (!n || errno == ECONNRESET) {
		if (!talk->on_end)
			die("the server closed a connection");
		talk->on_end(line);
	} else if (errno != EAGAIN) {
		die("recv: %s", strerror(errno));
	}
}

bool talk_turn(struct talk *talk, int ms)
{
	struct epoll_event events[EVENTS_MAX];
	int n;

	flush_all(talk);
	n = epoll_wait(talk->epoll, events, EVENTS_MAX, ms);
	for (int i = 0; i < n; i++)
		receive(events[i].data.ptr);
	flush_all(talk);
	return n > 0;
}

static void wait_for(struct talk *talk, int shaking)
{
	while (talk->shaking > shaking)
		if (!talk_turn(talk, 10000))
			die("a handshake is not answered");
}

void talk_wait(struct talk *talk)
{
	wait_for(talk, 0);
	flush_all(talk);
}

struct line *lines_open(struct talk *talk, int count)
{
	struct line *lines = calloc((size_t)count, sizeof(*lines));

	if (!lines)
		die("no memory");
	for (int i = 0; i < count; i++) {
		line_open(talk, &lines[i]);
		wait_for(talk, SHAKING_MAX - 1);
	}
	talk_wait(talk);
	return lines;
}

void lines_close(struct line *lines, int count)
{
	for (int i = 0; i < count; i++)
		line_close(&lines[i]);
	free(lines);
}

void line_close(struct line *line)
{
	struct talk *talk = line->talk;
	struct line **at = &talk->dirty;

	while (*at && *at != line)
		at = &(*at)->dirty_next;
	if (*at)
		*at = line->dirty_next;
	close(line->fd);
	line->fd = -1;
	handshake_deinit(&line->hs);
	if (line->shaking)
		talk->shaking--;
	else
		channel_deinit(&line->channel);
	free(line->rest);
	line->rest = NULL;
	wipe(line->psk, sizeof(line->psk));
}
