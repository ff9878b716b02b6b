/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Clients and the server, over real sockets, from the first byte to the last. */
#include <tests/server/house.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail_client(const struct strazh *client, const char *what)
{
	fail_msg("%s: %s", what, strazh_error(client)->text);
}

static void echo_one(struct strazh *client, uint32_t request, size_t len)
{
	uint8_t *payload = malloc(len + 1);
	struct strazh_message message = {.service = PH_S_ECHO,
					 .opcode = PH_OP_REQUEST,
					 .priority = PH_NORMAL,
					 .request = request,
					 .payload = payload,
					 .len = len},
			      reply;

	assert_non_null(payload);
	for (size_t i = 0; i < len; i++)
		payload[i] = (uint8_t)(i * 7 + request);
	if (strazh_request(client, &message, 10000, &reply))
		fail_client(client, "request");
	assert_int_equal(reply.opcode, PH_OP_REPLY);
	assert_int_equal(reply.len, len);
	assert_memory_equal(reply.payload, payload, len);
	free(payload);
}

static void expect_suite(struct strazh *client, const char *suite)
{
	struct strazh_about about;

	strazh_about(client, &about);
	assert_string_equal(about.suite, suite);
}

static void messages_of_all_sizes(void **state)
{
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	client = house_client(&house, NULL);
	for (uint32_t i = 1; i <= 1000; i++)
		echo_one(client, i, i * 7 % 4000);
	echo_one(client, 1001, PH_MESSAGE_MAX);
	echo_one(client, 1002, 0);
	expect_suite(client, "NK1");
	HOUSE_WAIT(&house, messages_in, 1002);
	strazh_close(client);
	HOUSE_WAIT(&house, closed, 1);
	house_close(&house);
}

static void each_suite(void **state)
{
	static const char *const names[] = {"NK1", "XK1", "NX", "XX"};
	uint8_t secret[32], public[32];
	struct house house;

	(void)state;
	house_open(&house, NULL);
	assert_int_equal(dh_generate(house.crypto, secret, public), 0);
	for (unsigned i = 0; i < 4; i++) {
		struct strazh_options options = house_options(&house);
		struct strazh *client;

		if (i >= 2) {
			options.server_key = NULL;
			options.root_key = house.root;
		}
		if (i % 2)
			options.client_key = secret;
		options.strict = i == 3;
		client = house_client(&house, &options);
		for (uint32_t n = 1; n <= 600; n++)
			echo_one(client, n, 64);
		expect_suite(client, names[i]);
		strazh_close(client);
	}
	HOUSE_WAIT(&house, opened, 4);
	house_close(&house);
}

/* A session that breaks is resumed with a ticket, and goes on. */
static void a_ticket(void **state)
{
	struct strazh_options options;
	struct strazh_about about;
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	options.reconnects = 3;
	client = house_client(&house, &options);
	echo_one(client, 1, 64);
	for (uint32_t i = 1; i <= 3; i++) {
		int fd = -1;

		/* Cut: the next call finds it out, and the one after has a new session. */
		for (fd = 3; fd < 1024; fd++) {
			struct sockaddr_storage peer;
			socklen_t len = sizeof(peer);

			if (!getpeername(fd, (struct sockaddr *)&peer, &len) &&
			    ntohs(((struct sockaddr_in *)(void *)&peer)->sin_port) == house.port)
				break;
		}
		assert_true(fd < 1024);
		shutdown(fd, SHUT_RDWR);
		while (strazh_connect(client, 5000) == 0) {
			strazh_about(client, &about);
			if (about.sessions == i + 1)
				break;
			(void)!strazh_on_ready(client);
		}
		echo_one(client, 1 + i, 64);
		strazh_about(client, &about);
		assert_true(about.resumed);
		assert_string_equal(about.suite, "NK1");
	}
	assert_int_equal(HOUSE_COUNT(&house, resumed), 3);
	strazh_close(client);
	house_close(&house);
}

static void expect_refused(const struct house *house, const struct strazh_options *options,
			   int class)
{
	struct strazh *client = house_client(house, options);
	int r = strazh_connect(client, 5000);

	if (r != class)
		fail_msg("%s instead of %s: %s", strazh_class_text(r), strazh_class_text(class),
			 strazh_error(client)->text);
	strazh_close(client);
}

static void the_wrong_server(void **state)
{
	struct strazh_options options;
	struct house house;
	uint8_t other[32];

	(void)state;
	house_open(&house, NULL);
	options = house_options(&house);
	memcpy(other, house.key, 32);
	other[3] ^= 1;
	options.server_key = other; /* the hello says which key it is for, and it is not here */
	expect_refused(&house, &options, STRAZH_E_REFUSED);
	options = house_options(&house);
	options.server_name = "another";
	expect_refused(&house, &options, STRAZH_E_SERVER);
	options.server_key = NULL;
	options.root_key = house.root;
	expect_refused(&house, &options, STRAZH_E_SERVER);
	options.server_name = NULL;
	options.root_key = other;
	expect_refused(&house, &options, STRAZH_E_SERVER);
	house_close(&house);
}

static void many_at_once(void **state)
{
	enum { CLIENTS = 200 };
	struct strazh *clients[CLIENTS];
	struct house house;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 3});
	for (unsigned i = 0; i < CLIENTS; i++) {
		clients[i] = house_client(&house, NULL);
		echo_one(clients[i], 1, 64);
	}
	for (uint32_t n = 2; n < 6; n++)
		for (unsigned i = 0; i < CLIENTS; i++)
			echo_one(clients[i], n, 1000 * n);
	assert_int_equal(HOUSE_COUNT(&house, opened), CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++)
		strazh_close(clients[i]);
	HOUSE_WAIT(&house, closed, CLIENTS);
	house_close(&house);
}

/* More messages than anyone holds, both ways at once. */
static void a_flood_of_messages(void **state)
{
	struct strazh_message message = {.service = PH_S_ECHO, .priority = PH_NORMAL}, got;
	static uint8_t payload[4000];
	uint32_t sent = 0, received = 0;
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	client = house_client(&house, NULL);
	message.payload = payload;
	message.len = sizeof(payload);
	if (strazh_connect(client, 5000))
		fail_client(client, "connect");
	while (received < 20000) {
		int r = 0;

		while (sent < 20000) {
			message.request = sent + 1;
			r = strazh_queue(client, &message);
			if (r)
				break;
			sent++;
		}
		if (r && r != STRAZH_E_FULL)
			fail_client(client, "queue");
		if (strazh_receive(client, 5000, &got))
			fail_client(client, "receive");
		assert_int_equal(got.request, ++received);
		assert_int_equal(got.len, sizeof(payload));
	}
	strazh_close(client);
	house_close(&house);
}

static void a_service_that_is_not_there(void **state)
{
	struct strazh_message message = {.service = PH_S_QUERY}, reply;
	struct strazh *client;
	struct house house;

	(void)state;
	house_open(&house, NULL);
	client = house_client(&house, NULL);
	assert_int_equal(strazh_request(client, &message, 5000, &reply), STRAZH_E_ANSWER);
	assert_int_equal(strazh_error(client)->code, PH_C_UNKNOWN);
	assert_non_null(strstr(strazh_error(client)->text, "no such service"));
	echo_one(client, 7, 10);
	strazh_close(client);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_of_all_sizes),
		cmocka_unit_test(each_suite),
		cmocka_unit_test(a_ticket),
		cmocka_unit_test(the_wrong_server),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(a_flood_of_messages),
		cmocka_unit_test(a_service_that_is_not_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
