/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What libstrazh promises: its loop, its queue, its threads, and what it says when things fail. */
#include <tests/server/house.h>

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MANY 20000

/* ---- a client in a loop ---- */

struct looped {
	struct strazh *client;
	unsigned states[STRAZH_ENDED + 1]; /* how often each was told */
	unsigned rooms;
	uint32_t received, wrong;
	uint8_t seen[MANY + 1]; /* replies by request */
	uint32_t chain;		/* each reply asks again, up to this many */
};

static void ask(struct looped *l, uint32_t request)
{
	const struct strazh_message message = {.service = PH_S_ECHO,
					       .priority = PH_NORMAL,
					       .request = request,
					       .payload = &request,
					       .len = sizeof(request)};

	assert_int_equal(strazh_queue(l->client, &message), 0);
}

static void on_state(void *data, enum strazh_state state, const struct strazh_error *why)
{
	struct looped *l = data;

	(void)why;
	l->states[state]++;
	if (state == STRAZH_UP && l->chain)
		ask(l, 1);
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct looped *l = data;

	l->received++;
	if (message->opcode != PH_OP_REPLY || !message->request || message->request > MANY ||
	    l->seen[message->request]++)
		l->wrong++;
	if (message->request < l->chain)
		ask(l, message->request + 1);
}

static void on_room(void *data)
{
	((struct looped *)data)->rooms++;
}

static void loop_open(struct looped *l, const struct house *house, struct strazh_options options)
{
	options.on_state = on_state;
	options.on_message = on_message;
	options.on_room = on_room;
	options.data = l;
	l->client = house_client(house, &options);
	assert_int_equal(strazh_on_ready(l->client), 0);
}

/* Turns until *value is there; fails when nothing comes for ten seconds. */
static void loop_until(struct looped *l, const uint32_t *value, uint32_t wanted)
{
	while (*value < wanted) {
		struct pollfd fd = {.fd = strazh_fd(l->client), .events = POLLIN};

		if (poll(&fd, 1, 10000) != 1)
			fail_msg("%u of %u, and nothing more comes", *value, wanted);
		assert_int_equal(strazh_on_ready(l->client), 0);
	}
	assert_int_equal(l->wrong, 0);
}

static void callbacks(void **state)
{
	struct looped l = {.chain = 1000};
	struct strazh_about about;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	loop_open(&l, &house, house_options(&house));
	loop_until(&l, &l.received, 1000);
	assert_int_equal(l.states[STRAZH_CONNECTING], 1);
	assert_int_equal(l.states[STRAZH_UP], 1);
	assert_int_equal(l.states[STRAZH_DOWN] + l.states[STRAZH_ENDED], 0);
	strazh_about(l.client, &about);
	assert_int_equal(about.sent, 1000);
	assert_int_equal(about.received, 1000);
	assert_true(about.state == STRAZH_UP && about.handshake_ns > 0);
	assert_memory_equal(about.server_key, house.key, 32);
	strazh_close(l.client);
	house_close(&house);
}

/* Queued between turns: the descriptor says that a turn is wanted, and all go in it. */
static void queued_together(void **state)
{
	struct looped l = {0};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	loop_open(&l, &house, house_options(&house));
	loop_until(&l, &l.states[STRAZH_UP], 1);
	for (uint32_t i = 1; i <= 500; i++)
		ask(&l, i);
	assert_true(strazh_queued(l.client) > 0);
	assert_int_equal(strazh_on_ready(l.client), 0);
	assert_int_equal(strazh_queued(l.client), 0);
	loop_until(&l, &l.received, 500);
	strazh_close(l.client);
	house_close(&house);
}

static void a_full_queue(void **state)
{
	struct strazh_message message = {.service = PH_S_ECHO, .priority = PH_NORMAL};
	struct strazh_options options;
	static uint8_t payload[1000];
	struct looped l = {0};
	struct house house;
	uint32_t sent = 0;
	int r = 0;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.queue_bytes = 65536;
	loop_open(&l, &house, options);
	message.payload = payload;
	message.len = sizeof(payload);
	for (; !r && sent <= MANY; sent += !r) { /* before there is a session */
		message.request = sent + 1;
		r = strazh_queue(l.client, &message);
	}
	assert_int_equal(r, STRAZH_E_FULL);
	assert_int_equal(strazh_error(l.client)->class, STRAZH_E_FULL);
	assert_true(sent >= 30 && sent <= 65);
	loop_until(&l, &l.received, sent);
	for (r = 0; !r; sent += !r) { /* and in one */
		message.request = sent + 1;
		r = strazh_queue(l.client, &message);
	}
	assert_int_equal(r, STRAZH_E_FULL);
	loop_until(&l, &l.received, sent);
	loop_until(&l, &l.rooms, 2); /* after either */
	assert_int_equal(l.rooms, 2);
	message.len = PH_MESSAGE_MAX + 1;
	assert_int_equal(strazh_queue(l.client, &message), STRAZH_E_TOO_BIG);
	assert_int_equal(strazh_post(l.client, &message), STRAZH_E_TOO_BIG);
	strazh_close(l.client);
	house_close(&house);
}

/* ---- threads ---- */

enum { POSTERS = 4 };
struct poster {
	struct strazh *client;
	uint32_t first;
};

static void *post_many(void *data)
{
	const struct timespec pause = {.tv_nsec = 100000};
	struct poster *p = data;

	for (uint32_t i = 0; i < MANY / POSTERS; i++) {
		const struct strazh_message message = {.service = PH_S_ECHO,
						       .priority = PH_NORMAL,
						       .request = p->first + i,
						       .payload = &i,
						       .len = sizeof(i)};
		int r;

		while ((r = strazh_post(p->client, &message)) == STRAZH_E_FULL)
			nanosleep(&pause, NULL);
		if (r)
			return p;
	}
	return NULL;
}

static void posts_of_threads(void **state)
{
	struct strazh_options options;
	struct poster posters[POSTERS];
	pthread_t threads[POSTERS];
	static struct looped l;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.queue_bytes = 65536; /* so that posts wait */
	loop_open(&l, &house, options);
	for (unsigned i = 0; i < POSTERS; i++) {
		posters[i] = (struct poster){l.client, 1 + i * (MANY / POSTERS)};
		assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
	}
	loop_until(&l, &l.received, MANY);
	for (unsigned i = 0; i < POSTERS; i++) {
		void *failed;

		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	for (uint32_t i = 1; i <= MANY; i++)
		assert_int_equal(l.seen[i], 1);
	strazh_close(l.client);
	house_close(&house);
}

/* ---- a server that ends and comes back ---- */

static void a_restart(void **state)
{
	struct strazh_options options;
	static struct looped l;
	struct house house;
	struct strazh_about about;
	uint32_t sent = 0;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.reconnects = 0;
	loop_open(&l, &house, options);
	loop_until(&l, &l.states[STRAZH_UP], 1);
	for (uint32_t round = 1; round <= 3; round++) {
		for (uint32_t i = 0; i < 100; i++)
			ask(&l, ++sent);
		loop_until(&l, &l.received, sent);
		house_down(&house);
		loop_until(&l, &l.states[STRAZH_DOWN], round);
		for (uint32_t i = 0; i < 100; i++)
			ask(&l, ++sent); /* waits for the next session */
		house_up(&house, NULL);
		loop_until(&l, &l.received, sent);
		strazh_about(l.client, &about);
		assert_int_equal(about.sessions, round + 1);
		assert_true(about.resumed);
	}
	for (uint32_t i = 1; i <= sent; i++)
		assert_int_equal(l.seen[i], 1);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 200 - 100);
	strazh_close(l.client);
	house_close(&house);
}

static void a_request_that_is_lost(void **state)
{
	struct strazh_message message = {.service = PH_S_ECHO}, reply;
	struct strazh_options options;
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.reconnects = 0;
	client = house_client(&house, &options);
	assert_int_equal(strazh_request(client, &message, 5000, &reply), 0);
	house_down(&house);
	message.request = 0;
	assert_int_equal(strazh_request(client, &message, 300, &reply), STRAZH_E_TIMEOUT);
	house_up(&house, NULL);
	message.request = 0;
	assert_int_equal(strazh_request(client, &message, 10000, &reply), 0);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 1);
	strazh_close(client);
	house_close(&house);
}

static void renewed(void **state)
{
	struct strazh_options options;
	struct strazh_about about;
	struct strazh *client;
	struct house house;
	uint64_t ns;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	client = house_client(&house, &options);
	for (uint64_t i = 1; i <= 5; i++) {
		assert_int_equal(strazh_ping(client, 5000, &ns), 0);
		strazh_about(client, &about);
		assert_int_equal(about.sessions, i);
		assert_true(about.resumable);
		assert_int_equal(about.resumed, i > 1);
		assert_int_equal(strazh_renew(client), 0);
	}
	assert_int_equal(HOUSE_COUNT(&house, opened), 5);
	strazh_close(client);
	house_close(&house);
}

/* ---- what is no server ---- */

/* Listens on 127.0.0.1; never accepts by itself. */
static int listener(char address[32])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	snprintf(address, 32, "127.0.0.1:%u", ntohs(at.sin_port));
	return fd;
}

static const uint8_t a_key[32] = {9};

/* To what is no house. */
static struct strazh *client_of(const char *address, int64_t connect_timeout_ms)
{
	const struct strazh_options options = {.address = address,
					       .server_key = a_key,
					       .reconnects = -1,
					       .connect_timeout_ms = connect_timeout_ms};
	struct strazh_error error;
	struct strazh *client;

	if (strazh_open(&options, &client, &error))
		fail_msg("%s", error.text);
	return client;
}

static void times_that_are_up(void **state)
{
	struct strazh_message got;
	struct strazh *client;
	struct house house;
	char address[32];
	int fd = listener(address);

	(void)state;
	client = client_of(address, 0);
	assert_int_equal(strazh_connect(client, 50), STRAZH_E_TIMEOUT);
	strazh_close(client);
	client = client_of(address, 50);
	assert_int_equal(strazh_connect(client, -1), STRAZH_E_TIMEOUT);
	assert_string_equal(strazh_error(client)->text, "no session in time");
	strazh_close(client);
	close(fd);
	house_open(&house, NULL);
	client = house_client(&house, NULL);
	assert_int_equal(strazh_receive(client, 200, &got), STRAZH_E_TIMEOUT);
	assert_int_equal(strazh_receive(client, 0, &got), STRAZH_E_TIMEOUT);
	strazh_close(client);
	house_close(&house);
}

static void wrong_addresses(void **state)
{
	static const char *const wrong[] = {"",	     ":",	"host:",    ":8000",
					    "[::1",  "[]:1",	"[::1]x:1", "[::1]:",
					    "h:0",   "h:65536", "h:80x",    "192.0.2.1:80:",
					    "a:b:c", "::1::",	"h:-1",	    "h:999999999999999999"};
	struct strazh_options options = {.server_key = a_key, .reconnects = -1};
	struct strazh_error error;
	struct strazh *client = NULL;
	char address[32];
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		options.address = wrong[i];
		if (strazh_open(&options, &client, &error) != STRAZH_E_OPTION)
			fail_msg("'%s' is taken", wrong[i]);
		assert_non_null(strstr(error.text, "is no address"));
	}
	options.address = NULL;
	assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_OPTION);
	options.address = "h";
	options.root_key = a_key;
	assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_OPTION);
	options.root_key = options.server_key = NULL;
	assert_int_equal(strazh_open(&options, &client, NULL), STRAZH_E_OPTION);
	assert_null(client);
	close(listener(address)); /* a port where nobody is */
	client = client_of(address, 0);
	assert_int_equal(strazh_ping(client, 5000, &ns), STRAZH_E_CONNECT);
	assert_non_null(strstr(strazh_error(client)->text, "refused"));
	strazh_close(client);
}

/* A name with several addresses, of which one has a server: each is tried in one attempt. */
static void each_address_of_a_name(void **state)
{
	struct strazh_options options;
	struct house house;
	struct strazh *client;
	char address[32];
	uint64_t ns;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	snprintf(address, sizeof(address), "localhost:%u", house.port);
	options.address = address;
	client = house_client(&house, &options);
	if (strazh_ping(client, 5000, &ns))
		fail_msg("%s", strazh_error(client)->text);
	strazh_close(client);
	house_close(&house);
}

struct babbler {
	int fd;
	const uint8_t *bytes;
	size_t len;
};

static void *babble(void *data)
{
	struct babbler *b = data;
	int fd = accept4(b->fd, NULL, NULL, SOCK_CLOEXEC);
	uint8_t hello[512];

	if (fd < 0 || recv(fd, hello, sizeof(hello), 0) <= 0)
		return b;
	if (b->len && send(fd, b->bytes, b->len, MSG_NOSIGNAL) != (ssize_t)b->len)
		return b;
	shutdown(fd, SHUT_WR);
	while (recv(fd, hello, sizeof(hello), 0) > 0)
		;
	close(fd);
	return NULL;
}

static void garbage(void **state)
{
	static const uint8_t zeros[2048], hello[68] = {PH_SERVER_HELLO, PH_NK1, 0, 64, 9};
	static const uint8_t other[68] = {PH_SERVER_HELLO, PH_XK1, 0, 64, 9};
	static const uint8_t retry[5] = {PH_RETRY, PH_NK1, 0, 1, 14};
	static const uint8_t hard[21] = {PH_RETRY, PH_NK1, 0, 17, 255};
	static const uint8_t record[64] = {PH_DATA, 0, 0, 16};
	const struct {
		const void *bytes;
		size_t len;
		int class;
	} cases[] = {
		{"", 0, STRAZH_E_REFUSED},
		{"HTTP/1.1 400 Bad Request\r\n\r\n", 28, STRAZH_E_PROTOCOL},
		{zeros, sizeof(zeros), STRAZH_E_PROTOCOL},
		{hello, 40, STRAZH_E_REFUSED},
		{hello, sizeof(hello), STRAZH_E_SERVER},
		{other, sizeof(other), STRAZH_E_PROTOCOL},
		{retry, sizeof(retry), STRAZH_E_PROTOCOL},
		{hard, sizeof(hard), STRAZH_E_PROTOCOL},
		{record, sizeof(record), STRAZH_E_PROTOCOL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct babbler b = {.bytes = cases[i].bytes, .len = cases[i].len};
		struct strazh *client;
		pthread_t thread;
		char address[32];
		void *failed;
		int r;

		b.fd = listener(address);
		assert_int_equal(pthread_create(&thread, NULL, babble, &b), 0);
		client = client_of(address, 0);
		r = strazh_connect(client, 10000);
		if (r != cases[i].class)
			fail_msg("case %zu: '%s' instead of '%s': %s", i, strazh_class_text(r),
				 strazh_class_text(cases[i].class), strazh_error(client)->text);
		strazh_close(client);
		assert_int_equal(pthread_join(thread, &failed), 0);
		assert_null(failed);
		close(b.fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(callbacks),	   cmocka_unit_test(queued_together),
		cmocka_unit_test(a_full_queue),	   cmocka_unit_test(posts_of_threads),
		cmocka_unit_test(a_restart),	   cmocka_unit_test(a_request_that_is_lost),
		cmocka_unit_test(renewed),	   cmocka_unit_test(times_that_are_up),
		cmocka_unit_test(wrong_addresses), cmocka_unit_test(each_address_of_a_name),
		cmocka_unit_test(garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
