/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The tunnel in a whole server: many streams of one client to an upstream that sends back, more
 * than sockets and queues hold, so that each way of a byte through the server is taken: straight
 * into a record, by a chunk, by the queue, and on from where there was no room.
 *
 * Once a place for a payload was given while the channel sealed into the same place (it told the
 * service of room from there): the client saw records out of order.
 */
#include <tests/server/house.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <user/client/parts.h>
#include <user/wire/tunnel.h>

enum { STREAMS = 8, PIECE_MAX = 40000, WAIT_MS = 30000, SMALL_BUFFER = 16384 };
#define TOTAL (3UL << 20)
#define WINDOW (1U << 20)

/* ---- the upstream: sends back, and ends when the other side has ---- */

struct upstream {
	int listener;
	uint16_t port;
	pthread_t thread, each[STREAMS];
};

static void *send_back(void *context)
{
	int fd = *(int *)context;
	static __thread char bytes[1 << 16];
	ssize_t n;

	free(context);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		for (ssize_t at = 0, m; at < n; at += m) {
			m = send(fd, bytes + at, (size_t)(n - at), MSG_NOSIGNAL);
			if (m <= 0)
				break;
		}
	close(fd);
	return NULL;
}

static void *take_all(void *context)
{
	struct upstream *up = context;

	for (unsigned i = 0; i < STREAMS; i++) {
		int *fd = malloc(sizeof(*fd));

		if (!fd)
			abort();
		*fd = accept(up->listener, NULL, NULL);
		if (*fd < 0 || pthread_create(&up->each[i], NULL, send_back, fd))
			abort();
	}
	return NULL;
}

static void upstream_open(struct upstream *up)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	up->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(up->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(up->listener, STREAMS), 0);
	assert_int_equal(getsockname(up->listener, (struct sockaddr *)&at, &len), 0);
	up->port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&up->thread, NULL, take_all, up), 0);
}

static void upstream_close(struct upstream *up)
{
	assert_int_equal(pthread_join(up->thread, NULL), 0);
	for (unsigned i = 0; i < STREAMS; i++)
		assert_int_equal(pthread_join(up->each[i], NULL), 0);
	close(up->listener);
}

/* ---- the client ---- */

struct stream {
	size_t sent, got, credit;
	uint32_t owed;
	bool end_said, end_came, closed;
};

struct user {
	struct strazh *client;
	struct stream streams[STREAMS];
	unsigned open, closed;
	bool up, wrong;
};

static uint8_t pattern(unsigned stream, size_t at)
{
	return (uint8_t)(at * 31 + at / 251 + stream);
}

/* False: the queue is full. */
static bool say(struct user *u, unsigned stream, uint8_t opcode, const void *payload, size_t len)
{
	const struct strazh_message message = {.service = PH_S_TUNNEL,
					       .opcode = opcode,
					       .priority = PH_NORMAL,
					       .request = stream + 1,
					       .payload = payload,
					       .len = len};
	int r = strazh_queue(u->client, &message);

	u->wrong = u->wrong || (r && r != STRAZH_E_FULL);
	return !r;
}

static bool data(struct stream *s, unsigned n, const struct strazh_message *message)
{
	const uint8_t *bytes = message->payload;

	for (size_t i = 0; i < message->len; i++)
		if (bytes[i] != pattern(n, s->got + i))
			return false;
	s->got += message->len;
	s->owed += (uint32_t)message->len;
	return s->got <= s->sent && !s->end_came;
}

static void on_message(void *context, const struct strazh_message *message)
{
	struct user *u = context;
	unsigned n = message->request - 1;
	struct stream *s = &u->streams[n];
	uint32_t credit;

	switch (message->opcode) {
	case PH_OP_REPLY:
	case TUNNEL_WINDOW:
		if (tunnel_credit_parse(message->payload, message->len, &credit))
			u->wrong = true;
		else
			s->credit += credit;
		break;
	case TUNNEL_DATA:
		u->wrong = u->wrong || !data(s, n, message);
		break;
	case TUNNEL_END:
		s->end_came = true;
		u->wrong = u->wrong || s->got != TOTAL;
		break;
	case TUNNEL_CLOSE:
		s->closed = true;
		u->closed++;
		u->wrong = u->wrong || !s->end_came || *(const uint8_t *)message->payload;
		break;
	default:
		u->wrong = true;
	}
}

static void on_state(void *context, enum strazh_state state, const struct strazh_error *why)
{
	struct user *u = context;

	if (why->class)
		print_message("# %s\n", why->text);
	u->up = state == STRAZH_UP;
	u->wrong = u->wrong || state == STRAZH_DOWN || state == STRAZH_ENDED;
}

/* All that it may say just now. Pieces of all lengths. */
static void step(struct user *u, unsigned n)
{
	static uint8_t bytes[PIECE_MAX];
	struct stream *s = &u->streams[n];
	uint8_t payload[TUNNEL_CREDIT_LEN];

	if (s->owed >= WINDOW / 4 &&
	    say(u, n, TUNNEL_WINDOW, payload, tunnel_credit_emit(s->owed, payload)))
		s->owed = 0;
	while (s->sent < TOTAL && s->credit) {
		size_t len = 1 + (s->sent * 7919 + n) % PIECE_MAX;

		len = MIN(MIN(len, s->credit), TOTAL - s->sent);
		for (size_t i = 0; i < len; i++)
			bytes[i] = pattern(n, s->sent + i);
		if (!say(u, n, TUNNEL_DATA, bytes, len))
			return;
		s->sent += len;
		s->credit -= len;
	}
	if (s->sent == TOTAL && !s->end_said)
		s->end_said = say(u, n, TUNNEL_END, NULL, 0);
}

static void run(struct user *u, bool flushes)
{
	uint64_t until = house_now_ms() + WAIT_MS;

	while (u->closed < STREAMS && !u->wrong && house_now_ms() < until) {
		struct pollfd fd = {.fd = strazh_fd(u->client), .events = POLLIN};

		for (unsigned i = 0; i < STREAMS; i++)
			step(u, i);
		assert_int_equal(flushes ? strazh_flush(u->client) : 0, 0);
		assert_true(poll(&fd, 1, 1000) >= 0);
		assert_int_equal(strazh_on_ready(u->client), 0);
	}
}

static void carry(bool flushes, int buffer)
{
	static const struct tunnel_open up = {.window = WINDOW, .name_len = 2, .name = "up"};
	uint8_t payload[TUNNEL_OPEN_MAX];
	size_t len = tunnel_open_emit(&up, payload);
	struct user user = {0};
	struct upstream upstream;
	struct strazh_options options;
	struct house house;

	upstream_open(&upstream);
	house_open(&house, &(struct house_plan){.tunnel = upstream.port});
	options = house_options(&house);
	options.on_message = on_message;
	options.on_state = on_state;
	options.data = &user;
	options.flushes = flushes;
	user.client = house_client(&house, &options);
	assert_int_equal(strazh_connect(user.client, WAIT_MS), 0);
	/* Soon full, so that the server has to wait in the middle of records. */
	if (buffer)
		assert_int_equal(setsockopt(user.client->socket, SOL_SOCKET, SO_RCVBUF, &buffer,
					    sizeof(buffer)),
				 0);
	for (unsigned i = 0; i < STREAMS; i++)
		assert_true(say(&user, i, TUNNEL_OPEN, payload, len));
	run(&user, flushes);
	assert_false(user.wrong);
	for (unsigned i = 0; i < STREAMS; i++)
		assert_int_equal(user.streams[i].got, TOTAL);
	strazh_close(user.client);
	house_quiet(&house);
	assert_int_equal(house_broken(&house), 0);
	house_close(&house);
	upstream_close(&upstream);
}

static void all_comes_back(void **state)
{
	(void)state;
	carry(false, 0);
}

static void flushed_by_the_caller(void **state)
{
	(void)state;
	carry(true, 0);
}

static void through_a_narrow_socket(void **state)
{
	(void)state;
	carry(true, SMALL_BUFFER);
	carry(false, SMALL_BUFFER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_comes_back),
		cmocka_unit_test(flushed_by_the_caller),
		cmocka_unit_test(through_a_narrow_socket),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
