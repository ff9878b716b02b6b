/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tests/server/seen.h>

#define CHUNK 16000U

/* Until the server ends this connection; what it sends is read. */
bool seen_end(int fd, int patience_ms)
{
	uint64_t until = house_now_ms() + (uint64_t)patience_ms;
	uint8_t bytes[4096];

	for (;;) {
		uint64_t now = house_now_ms();
		struct pollfd ready = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (now >= until || !poll(&ready, 1, (int)(until - now)))
			return false;
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (!n || (n < 0 && errno != EAGAIN))
			return true;
	}
}

bool seen_silence_end(struct estate *e, int patience_ms)
{
	int fd = house_socket(&e->house);
	bool ends = seen_end(fd, patience_ms);

	close(fd);
	return ends;
}

bool seen_unfinished_end(struct estate *e, int patience_ms)
{
	static struct raw raw;
	bool ends;

	raw_open(&raw, &e->house, PH_XK1);
	assert_true(raw_shake(&raw)); /* its finish is not sent */
	ends = seen_end(raw.fd, patience_ms);
	raw_close(&raw);
	return ends;
}

/* One of two connections from one address. */
bool seen_second_end(struct estate *e, int patience_ms)
{
	int fds[2] = {house_socket(&e->house), house_socket(&e->house)};
	bool ends = seen_end(fds[1], patience_ms / 2) || seen_end(fds[0], patience_ms / 2);

	close(fds[0]);
	close(fds[1]);
	return ends;
}

void seen_session(struct estate *e, struct raw *raw)
{
	raw_open(raw, &e->house, PH_NK1);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "1", 1);
	raw_flush(raw);
	assert_true(raw_wait(raw, 1));
}

bool seen_heartbeat(struct estate *e, int patience_ms)
{
	static struct raw raw;
	struct pollfd ready;
	uint8_t byte;
	bool comes;

	seen_session(e, &raw);
	ready = (struct pollfd){.fd = raw.fd, .events = POLLIN};
	comes = poll(&ready, 1, patience_ms) == 1 && recv(raw.fd, &byte, 1, MSG_PEEK) == 1 &&
		byte == PH_HEARTBEAT;
	raw_close(&raw);
	return comes;
}

bool seen_mute_end(struct estate *e, int patience_ms)
{
	static struct raw raw;
	bool ends;

	seen_session(e, &raw);
	ends = seen_end(raw.fd, patience_ms);
	raw_close(&raw);
	return ends;
}

/* Echoes whose answers are not read, up to so many bytes; how many were taken. */
static size_t push(struct raw *raw, size_t len, int patience_ms)
{
	static const uint8_t chunk[CHUNK];
	size_t sum = 0;

	while (sum < len) {
		size_t at = 0;

		raw_seal_echo(raw, 2, chunk, sizeof(chunk));
		while (at < raw->out_len) {
			struct pollfd ready = {.fd = raw->fd, .events = POLLOUT};
			ssize_t n;

			if (!poll(&ready, 1, patience_ms))
				return sum;
			n = send(raw->fd, raw->out + at, raw->out_len - at,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
			if (n < 0 && errno != EAGAIN)
				return sum;
			at += n > 0 ? (size_t)n : 0;
		}
		raw->out_len = 0;
		sum += sizeof(chunk);
	}
	return sum;
}

#define MUCH (32U << 20) /* more than all sockets on the way hold */

static void open_pusher(struct estate *e, struct raw *raw)
{
	const int size = 64 << 10;

	seen_session(e, raw);
	(void)setsockopt(raw->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	(void)setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

bool seen_much_queued(struct estate *e, int patience_ms)
{
	static struct raw raw;
	size_t taken;

	open_pusher(e, &raw);
	taken = push(&raw, MUCH, patience_ms);
	raw_close(&raw);
	return taken >= MUCH;
}

bool seen_slow_end(struct estate *e, int patience_ms)
{
	static struct raw raw;
	struct pollfd ready;
	bool ends;

	open_pusher(e, &raw);
	(void)push(&raw, MUCH, SEEN_SHORT_MS);
	ready = (struct pollfd){.fd = raw.fd};
	ends = poll(&ready, 1, patience_ms) == 1 && ready.revents & (POLLHUP | POLLERR);
	raw_close(&raw);
	return ends;
}

/* The first bytes of the answer to a hello: type, and the byte behind the head. */
static uint8_t answer_type(struct estate *e, uint8_t *ret_first)
{
	static struct raw raw;
	uint8_t frame[PH_FRAME_HEAD + 1] = {0};

	raw_open(&raw, &e->house, PH_NK1);
	raw_send(&raw, raw.hello, raw.hello_len);
	(void)!recv(raw.fd, frame, sizeof(frame), MSG_WAITALL);
	raw_close(&raw);
	*ret_first = frame[PH_FRAME_HEAD];
	return frame[0];
}

/* Among as many as come at once. */
bool seen_work(struct estate *e, int patience_ms)
{
	uint8_t bits;

	(void)patience_ms;
	for (unsigned i = 0; i < 8; i++)
		if (answer_type(e, &bits) == PH_RETRY)
			return true;
	return false;
}

bool seen_hard_work(struct estate *e, int patience_ms)
{
	uint64_t until = house_now_ms() + (uint64_t)patience_ms;
	struct strazh_options options = house_options(&e->house);
	struct strazh_about about;
	uint8_t bits = 0;

	options.connect_timeout_ms = 10000;
	while (house_now_ms() < until) {
		struct strazh *client = house_client(&e->house, &options);

		/* It works, and takes the little that there is; whether it gets in is all the same.
		 */
		(void)!strazh_connect(client, 10000);
		strazh_about(client, &about);
		strazh_close(client);
		for (unsigned i = 0; i < 8; i++)
			if (answer_type(e, &bits) == PH_RETRY && bits > PH_PUZZLE_BITS_MIN)
				return true;
	}
	return false;
}
