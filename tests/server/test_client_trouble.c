/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * libstrazh when things go wrong around it. What had gone wrong in it, test by test: a message that
 * was posted without a session kept the descriptor readable, so that a loop span until the server
 * was back; room was never told of after a queue that was full without a session or was lost with
 * one; many tiny messages were "no memory" and not "full"; a call that waits, from a callback, ran
 * the machine inside itself; what had come before the server's end was lost when the inbox was
 * full; a ticket that is not taken any more cost an attempt, and with none left the client; a name
 * that cannot be found was told to nobody.
 */
#include <tests/server/house.h>

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct watched {
	struct strazh *client;
	uint32_t states[STRAZH_ENDED + 1];
	uint32_t rooms, received, turns;
	int last; /* class of the last state's reason */
	/* What on_message() calls. */
	int (*also)(struct watched *w);
	int answer;
};

static void on_state(void *data, enum strazh_state state, const struct strazh_error *why)
{
	struct watched *w = data;

	w->states[state]++;
	w->last = why->class;
}

static void on_message(void *data, const struct strazh_message *message)
{
	struct watched *w = data;

	(void)message;
	w->received++;
	if (w->also)
		w->answer = w->also(w);
}

static void on_room(void *data)
{
	((struct watched *)data)->rooms++;
}

static void begin(struct watched *w, const struct house *house, struct strazh_options options)
{
	options.on_state = on_state;
	options.on_message = on_message;
	options.on_room = on_room;
	options.data = w;
	w->client = house_client(house, &options);
	assert_int_equal(strazh_on_ready(w->client), 0);
}

static void until(struct watched *w, const uint32_t *value, uint32_t wanted)
{
	while (*value < wanted) {
		struct pollfd fd = {.fd = strazh_fd(w->client), .events = POLLIN};

		if (poll(&fd, 1, 10000) != 1)
			fail_msg("%u of %u, and nothing more comes", *value, wanted);
		w->turns++;
		assert_int_equal(strazh_on_ready(w->client), 0);
	}
}

static struct strazh_message echo_of(const void *payload, size_t len)
{
	return (struct strazh_message){.service = PH_S_ECHO,
				       .priority = PH_NORMAL,
				       .request = 1,
				       .payload = payload,
				       .len = len};
}

/* Until it is not taken: the answer. */
static int fill(struct strazh *client, const struct strazh_message *message)
{
	int r = 0;

	for (unsigned i = 0; !r && i < 1000000; i++)
		r = strazh_queue(client, message);
	return r;
}

static void posted_without_a_session(void **state)
{
	const struct strazh_message message = echo_of("x", 1);
	struct watched w = {0};
	struct strazh_options options;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	house_down(&house);
	options = house_options(&house);
	options.reconnects = 0;
	begin(&w, &house, options);
	until(&w, &w.states[STRAZH_DOWN], 1);
	assert_int_equal(strazh_post(w.client, &message), 0);
	w.turns = 0;
	until(&w, &w.states[STRAZH_DOWN], 4); /* after pauses */
	assert_in_range(w.turns, 3, 30);
	house_up(&house, NULL);
	until(&w, &w.received, 1);
	strazh_close(w.client);
	house_close(&house);
}

static void room_without_a_session(void **state)
{
	static uint8_t payload[1000];
	const struct strazh_message message = echo_of(payload, sizeof(payload));
	struct watched w = {0};
	struct strazh_options options;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.reconnects = 0;
	options.queue_bytes = 65536;
	begin(&w, &house, options);
	assert_int_equal(fill(w.client, &message), STRAZH_E_FULL);
	until(&w, &w.rooms, 1);
	until(&w, &w.states[STRAZH_UP], 1);
	assert_int_equal(fill(w.client, &message), STRAZH_E_FULL);
	house_down(&house); /* what had filled the queue is lost */
	until(&w, &w.rooms, 2);
	until(&w, &w.states[STRAZH_DOWN], 1);
	assert_int_equal(strazh_queue(w.client, &message), 0);
	strazh_close(w.client);
	house_close(&house);
}

static void posts_that_were_refused(void **state)
{
	static uint8_t payload[1000];
	const struct strazh_message message = echo_of(payload, sizeof(payload));
	struct strazh_options options;
	struct watched w = {0};
	struct house house;
	int r;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.queue_bytes = 4096;
	begin(&w, &house, options);
	do {
		r = strazh_post(w.client, &message);
	} while (!r);
	assert_int_equal(r, STRAZH_E_FULL);
	until(&w, &w.rooms, 1);
	assert_int_equal(strazh_post(w.client, &message), 0);
	until(&w, &w.received, 4);
	house_down(&house);
	until(&w, &w.states[STRAZH_ENDED], 1);
	assert_int_equal(strazh_post(w.client, &message), STRAZH_E_CLOSED);
	strazh_close(w.client);
	house_close(&house);
}

/* One message may always wait, however small the queue is. */
static void a_queue_of_a_byte(void **state)
{
	static uint8_t payload[1000];
	const struct strazh_message message = echo_of(payload, sizeof(payload));
	struct strazh_options options;
	struct watched w = {0};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.queue_bytes = 1;
	begin(&w, &house, options);
	assert_int_equal(strazh_queue(w.client, &message), 0);
	assert_int_equal(strazh_post(w.client, &message), 0);
	assert_int_equal(strazh_queue(w.client, &message), STRAZH_E_FULL);
	assert_int_equal(strazh_post(w.client, &message), STRAZH_E_FULL);
	until(&w, &w.received, 2);
	strazh_close(w.client);
	house_close(&house);
}

static void tiny_messages(void **state)
{
	struct watched w = {0};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	for (size_t len = 0; len < 3; len++) {
		const struct strazh_message message = echo_of("ab", len);

		w = (struct watched){0};
		begin(&w, &house, house_options(&house));
		until(&w, &w.states[STRAZH_UP], 1);
		assert_int_equal(fill(w.client, &message), STRAZH_E_FULL);
		until(&w, &w.rooms, 1);
		strazh_close(w.client);
	}
	house_close(&house);
}

/* ---- from a callback ---- */

static int send_and_wait(struct watched *w)
{
	const struct strazh_message message = echo_of("x", 1);

	return strazh_send(w->client, &message, 1000);
}

static int request_and_wait(struct watched *w)
{
	struct strazh_message message = echo_of("x", 1), reply;

	return strazh_request(w->client, &message, 1000, &reply);
}

static int receive_and_wait(struct watched *w)
{
	struct strazh_message message;

	return strazh_receive(w->client, 1000, &message);
}

static int take_a_turn(struct watched *w)
{
	return strazh_on_ready(w->client);
}

static int renew(struct watched *w)
{
	return strazh_renew(w->client);
}

static void waits_in_callbacks(void **state)
{
	static int (*const calls[])(struct watched *) = {send_and_wait, request_and_wait,
							 receive_and_wait, take_a_turn, renew};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		const struct strazh_message message = echo_of("x", 1);
		struct watched w = {.also = calls[i]};

		begin(&w, &house, house_options(&house));
		for (unsigned n = 0; n < 3; n++)
			assert_int_equal(strazh_queue(w.client, &message), 0);
		until(&w, &w.received, 3);
		assert_int_equal(w.answer, -EBUSY);
		assert_int_equal(w.received, 3);
		strazh_close(w.client);
	}
	house_close(&house);
}

/* The request that is under way is not disturbed by one that is refused. */
static void a_request_in_a_request(void **state)
{
	struct strazh_message event = echo_of("y", 1), message = echo_of("x", 1), reply;
	struct watched w = {.also = request_and_wait};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	begin(&w, &house, house_options(&house));
	event.request = 77;
	message.request = 78;
	assert_int_equal(strazh_send(w.client, &event, 5000), 0);
	assert_int_equal(strazh_request(w.client, &message, 5000, &reply), 0);
	assert_int_equal(reply.request, 78);
	assert_int_equal(w.answer, -EBUSY);
	strazh_close(w.client);
	house_close(&house);
}

/* ---- an inbox that is full ---- */

enum { BIG = 60000, BEFORE = 71, BEHIND = 3 };

static void a_full_inbox(void **state)
{
	static uint8_t payload[BIG];
	const struct strazh_message message = echo_of(payload, sizeof(payload));
	struct strazh_message got;
	struct strazh *client;
	struct house house;
	unsigned received = 0;
	int r;

	(void)state;
	house_open(&house, NULL);
	client = house_client(&house, NULL);
	for (unsigned i = 0; i < BEFORE + BEHIND; i++)
		assert_int_equal(strazh_send(client, &message, 5000), 0);
	while (HOUSE_COUNT(&house, messages_in) < BEFORE + BEHIND)
		assert_int_equal(strazh_connect(client, 0), 0); /* a turn */
	/* Its answer would come behind what nobody has received. */
	got = echo_of("x", 1);
	got.request = 99;
	assert_int_equal(strazh_request(client, &got, 60000, &got), STRAZH_E_FULL);
	house_down(&house);
	assert_int_equal(strazh_connect(client, 0), 0);
	while (!(r = strazh_receive(client, 5000, &got)))
		received += got.len == BIG;
	assert_int_equal(received, BEFORE + BEHIND);
	/* Nobody may have read to the end in time. */
	assert_true(r == STRAZH_E_CLOSED || r == STRAZH_E_LOST);
	strazh_close(client);
	house_close(&house);
}

/* ---- servers that changed ---- */

static void a_stale_ticket(void **state)
{
	struct strazh_options options;
	struct strazh_about about;
	struct watched w = {0};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.reconnects = 1;
	begin(&w, &house, options);
	do {
		struct pollfd fd = {.fd = strazh_fd(w.client), .events = POLLIN};

		assert_int_equal(poll(&fd, 1, 10000), 1);
		assert_int_equal(strazh_on_ready(w.client), 0);
		strazh_about(w.client, &about);
	} while (!about.resumable);
	house_down(&house);
	assert_int_equal(ticket_keys_init(&house.tickets, 3600, 86400, (uint64_t)time(NULL)), 0);
	house_up(&house, NULL);
	until(&w, &w.states[STRAZH_UP], 2);
	assert_int_equal(w.states[STRAZH_DOWN], 1);
	strazh_about(w.client, &about);
	assert_false(about.resumed);
	assert_int_equal(HOUSE_COUNT(&house, handshake[HS_TICKET_KEY]), 1);
	strazh_close(w.client);
	house_close(&house);
}

/* An interface that is not there: getaddrinfo(3) knows it without asking anybody. */
static void a_name_that_is_not_found(void **state)
{
	struct strazh_options options;
	struct watched w = {0};
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.address = "[fe80::1%nowhere0]:80";
	options.reconnects = 0;
	begin(&w, &house, options);
	until(&w, &w.states[STRAZH_DOWN], 3);
	assert_int_equal(w.last, STRAZH_E_ADDRESS);
	strazh_close(w.client);
	house_close(&house);
}

/* ---- what is not taken ---- */

static void wrong_options(void **state)
{
	static const uint8_t key[32] = {9};
	struct strazh_options options = {.address = "h", .server_key = key};
	struct strazh_message control = echo_of("x", 1);
	struct strazh_about about;
	struct strazh_error error;
	struct strazh *client = NULL;

	(void)state;
	options.server_name = "";
	assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_OPTION);
	options.server_name = NULL;
	options.connect_timeout_ms = -1;
	assert_int_equal(strazh_open(&options, &client, &error), STRAZH_E_OPTION);
	options.connect_timeout_ms = 0;
	assert_int_equal(strazh_open(&options, &client, &error), 0);
	strazh_about(client, &about);
	assert_string_equal(about.suite, "");
	control.service = PH_S_CONTROL;
	assert_int_equal(strazh_queue(client, &control), STRAZH_E_UNSUPPORTED);
	assert_int_equal(strazh_post(client, &control), STRAZH_E_UNSUPPORTED);
	strazh_close(client);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(posted_without_a_session),
		cmocka_unit_test(room_without_a_session),
		cmocka_unit_test(posts_that_were_refused),
		cmocka_unit_test(a_queue_of_a_byte),
		cmocka_unit_test(tiny_messages),
		cmocka_unit_test(waits_in_callbacks),
		cmocka_unit_test(a_request_in_a_request),
		cmocka_unit_test(a_full_inbox),
		cmocka_unit_test(a_stale_ticket),
		cmocka_unit_test(a_name_that_is_not_found),
		cmocka_unit_test(wrong_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
