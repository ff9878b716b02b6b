/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Records and whole sessions that come again, elsewhere, in another order, or not at all. */
#include <tests/server/house.h>
#include <tests/server/middle.h>
#include <tests/server/raw.h>

#include <sys/socket.h>
#include <unistd.h>

#define SHORT_MS 400

static void brief(struct server_limits *limits)
{
	limits->hello_ms = limits->finish_ms = 300;
}

static uint64_t broken_by(const struct house *h, int condition)
{
	return house_count(h, offsetof(struct server_counters, channel) +
				      (size_t)condition * sizeof(_Atomic(uint64_t)));
}

static uint64_t failed_by(const struct house *h, int condition)
{
	return house_count(h, offsetof(struct server_counters, handshake) +
				      (size_t)condition * sizeof(_Atomic(uint64_t)));
}

/* ---- from the middle: what is done with unit `unit` of one way ---- */

struct trick {
	enum middle_way way;
	unsigned unit;
	void (*play)(struct middle *m, struct trick *t, uint8_t *bytes, size_t len);
	int condition;	/* of the server's channel; 0: the client's matter */
	int class;	/* of the client's next echo, 0: any but 0 */
	unsigned later; /* for the trick's own use */
	uint8_t kept[4096];
	size_t kept_len;
};

static void drop(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	(void)m, (void)t, (void)bytes, (void)len;
}

static void twice(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	middle_send(m, t->way, bytes, len);
	middle_send(m, t->way, bytes, len);
}

/* It and the next one change places. */
static void swap(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	(void)m;
	memcpy(t->kept, bytes, len);
	t->kept_len = len;
	t->later = t->unit + 1;
}

static void cut(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	middle_send(m, t->way, bytes, len - 1);
	middle_cut(m, t->way);
}

static void cut_between(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	(void)bytes, (void)len;
	middle_cut(m, t->way);
}

static void reflect(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	middle_send(m, t->way == TO_SERVER ? TO_CLIENT : TO_SERVER, bytes, len);
}

static void length_max(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[2] = bytes[3] = 0xff;
	middle_send(m, t->way, bytes, len);
}

static void length_zero(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[2] = bytes[3] = 0;
	middle_send(m, t->way, bytes, len);
}

static void unknown_type(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[0] = 0xb7;
	middle_send(m, t->way, bytes, len);
}

static void other_type(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[0] = PH_CLOSE;
	middle_send(m, t->way, bytes, len);
}

static void finish_type(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[0] = PH_CLIENT_FINISH;
	middle_send(m, t->way, bytes, len);
}

static void next_epoch(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[1] ^= PH_FLAG_EPOCH;
	middle_send(m, t->way, bytes, len);
}

static void other_priority(struct middle *m, struct trick *t, uint8_t *bytes, size_t len)
{
	bytes[1] ^= PH_URGENT ^ PH_NORMAL;
	middle_send(m, t->way, bytes, len);
}

static void touch(struct middle *m, enum middle_way way, unsigned unit, uint8_t *bytes, size_t len)
{
	struct trick *t = m->context;

	if (way == t->way && unit == t->unit) {
		t->play(m, t, bytes, len);
		return;
	}
	middle_send(m, way, bytes, len);
	if (t->kept_len && way == t->way && unit == t->later)
		middle_send(m, way, t->kept, t->kept_len);
}

/* Two echoes at once, whose second may be needed to see that the first has gone; then whatever
 * comes back. Units to the server: hello, finish, echo, echo; back: hello, ticket, reply, reply. */
static unsigned two_echoes(const struct house *h, const char *address, int *ret_class)
{
	struct strazh_options options = house_options(h);
	struct strazh_message message = {.service = PH_S_ECHO, .priority = PH_NORMAL}, got;
	struct strazh *client;
	unsigned answers = 0;
	int r = 0;

	options.address = address;
	client = house_client(h, &options);
	for (message.request = 1; !r && message.request < 3; message.request++)
		r = strazh_send(client, &message, 5000);
	while (!r && answers < 2) {
		r = strazh_receive(client, SHORT_MS, &got);
		if (!r)
			assert_int_equal(got.request, ++answers);
	}
	strazh_close(client);
	*ret_class = r;
	return answers;
}

#define TRICK(w, u, p, c, k)                                                                       \
	{                                                                                          \
		.way = w, .unit = u, .play = p, .condition = c, .class = k                         \
	}
static struct trick tricks[] = {
	TRICK(TO_SERVER, 2, drop, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_SERVER, 2, twice, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_SERVER, 2, swap, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_SERVER, 2, cut, CHANNEL_CUT, 0),
	TRICK(TO_SERVER, 2, cut_between, CHANNEL_CUT, 0),
	TRICK(TO_SERVER, 2, reflect, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_SERVER, 2, length_max, CHANNEL_BAD_HEAD, 0),
	TRICK(TO_SERVER, 2, length_zero, CHANNEL_BAD_HEAD, 0),
	TRICK(TO_SERVER, 2, unknown_type, CHANNEL_BAD_HEAD, 0),
	TRICK(TO_SERVER, 2, other_type, CHANNEL_BAD_SEAL, 0),
	TRICK(TO_SERVER, 2, finish_type, CHANNEL_BAD_TYPE, 0),
	TRICK(TO_SERVER, 2, next_epoch, CHANNEL_BAD_EPOCH, 0),
	TRICK(TO_SERVER, 2, other_priority, CHANNEL_BAD_SEAL, 0),
	TRICK(TO_SERVER, 1, drop, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_SERVER, 1, twice, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_SERVER, 1, swap, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_CLIENT, 2, drop, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, twice, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, swap, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, cut, 0, STRAZH_E_LOST),
	TRICK(TO_CLIENT, 2, cut_between, 0, STRAZH_E_LOST),
	TRICK(TO_CLIENT, 2, reflect, CHANNEL_BAD_ORDER, 0),
	TRICK(TO_CLIENT, 2, length_max, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, length_zero, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, unknown_type, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, other_type, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, finish_type, 0, STRAZH_E_PROTOCOL),
	TRICK(TO_CLIENT, 2, next_epoch, 0, STRAZH_E_PROTOCOL),
};

static void records(void **state)
{
	struct middle middle;
	struct house house;
	int class;

	(void)state;
	house_open(&house, &(struct house_plan){.limits = brief});
	middle_open(&middle, house.port);
	assert_int_equal(two_echoes(&house, middle.address, &class), 2);
	middle_wait(&middle, 1);
	for (unsigned i = 0; i < sizeof(tricks) / sizeof(tricks[0]); i++) {
		struct trick *t = &tricks[i];
		uint64_t did = HOUSE_COUNT(&house, messages_in);
		uint64_t before = broken_by(&house, t->condition);
		unsigned answers;

		middle_set(&middle, touch, t);
		answers = two_echoes(&house, middle.address, &class);
		middle_wait(&middle, i + 2);
		house_quiet(&house);
		if (!class || (t->class && class != t->class))
			fail_msg("trick %u: the client says %s", i, strazh_class_text(class));
		if (t->condition && broken_by(&house, t->condition) != before + 1)
			fail_msg("trick %u: not counted", i);
		/* `twice` has one good record before the bad one. */
		if (HOUSE_COUNT(&house, messages_in) - did > 2 || answers > 1)
			fail_msg("trick %u: too much was done", i);
		if (t->way == TO_SERVER && t->play != twice &&
		    HOUSE_COUNT(&house, messages_in) != did)
			fail_msg("trick %u: something was done", i);
	}
	middle_close(&middle);
	house_close(&house);
}

/* ---- a session again ---- */

struct tape {
	uint8_t bytes[65536];
	size_t len;
};

static void record(struct middle *m, enum middle_way way, unsigned unit, uint8_t *bytes, size_t len)
{
	struct tape *tape = m->context;

	(void)unit;
	if (way == TO_SERVER && tape->len + len <= sizeof(tape->bytes)) {
		memcpy(tape->bytes + tape->len, bytes, len);
		tape->len += len;
	}
	middle_send(m, way, bytes, len);
}

static void play_tape(const struct house *h, const struct tape *tape)
{
	int fd = house_socket(h);

	(void)!send(fd, tape->bytes, tape->len, MSG_NOSIGNAL);
	(void)socket_rest(fd);
	close(fd);
}

static void a_session_again(void **state)
{
	struct strazh_options options;
	struct strazh *client;
	struct middle middle;
	struct house house;
	struct tape *tape;
	unsigned over = 0;

	(void)state;
	house_open(&house, &(struct house_plan){.limits = brief});
	middle_open(&middle, house.port);
	/* NK1, XK1 and, with its ticket, a resumed one. */
	for (unsigned suite = 0; suite < 2; suite++) {
		uint8_t secret[32], public[32];

		tape = calloc(1, sizeof(*tape));
		assert_non_null(tape);
		assert_int_equal(dh_generate(house.crypto, secret, public), 0);
		options = house_options(&house);
		options.address = middle.address;
		if (suite)
			options.client_key = secret;
		middle_set(&middle, record, tape);
		client = house_client(&house, &options);
		for (uint32_t i = 1; i <= 20; i++)
			assert_int_equal(house_echo(client, i, 100, 5000), 0);
		strazh_close(client);
		middle_wait(&middle, ++over);
		HOUSE_WAIT(&house, opened, suite + 1);
		for (unsigned i = 0; i < 3; i++)
			play_tape(&house, tape);
		house_quiet(&house);
		assert_int_equal(HOUSE_COUNT(&house, opened), suite + 1);
		assert_int_equal(HOUSE_COUNT(&house, messages_in), 20 * (suite + 1));
		free(tape);
	}
	assert_int_equal(broken_by(&house, CHANNEL_BAD_SEAL), 3); /* NK1: its finish */
	assert_int_equal(failed_by(&house, HS_BAD), 3);		  /* XK1: its finish */
	middle_close(&middle);
	house_close(&house);
}

/* A resumed one: its hello is good each time, its finish is not. */
static void a_resumed_session_again(void **state)
{
	struct strazh_options options;
	struct strazh_about about;
	struct strazh *client;
	struct middle middle;
	struct house house;
	struct tape *tape = calloc(1, sizeof(*tape));
	struct trick end = {.way = TO_SERVER, .unit = 3, .play = cut_between};

	(void)state;
	assert_non_null(tape);
	house_open(&house, &(struct house_plan){.limits = brief});
	middle_open(&middle, house.port);
	options = house_options(&house);
	options.address = middle.address;
	options.reconnects = 5;
	client = house_client(&house, &options);
	middle_set(&middle, touch, &end);
	assert_int_equal(house_echo(client, 1, 10, 5000), 0);
	assert_int_not_equal(house_echo(client, 2, 10, 5000), 0); /* cut */
	middle_set(&middle, record, tape);
	assert_int_equal(house_echo(client, 3, 10, 5000), 0);
	strazh_about(client, &about);
	assert_true(about.resumed);
	strazh_close(client);
	middle_wait(&middle, 2);
	house_quiet(&house);
	assert_int_equal(HOUSE_COUNT(&house, opened), 2);
	for (unsigned i = 0; i < 3; i++)
		play_tape(&house, tape);
	house_quiet(&house);
	assert_int_equal(HOUSE_COUNT(&house, opened), 2);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 2);
	free(tape);
	middle_close(&middle);
	house_close(&house);
}

/* ---- out of turn ---- */

/* Sends what it has and is closed without a word. */
static void expect_silence(struct raw *raw, const struct house *h, uint64_t opened)
{
	assert_int_equal(raw_rest(raw), 0);
	raw_close(raw);
	house_quiet(h);
	assert_int_equal(HOUSE_COUNT(h, opened), opened);
}

static void data_before_the_finish(void **state)
{
	struct raw *raw = malloc(sizeof(*raw));
	struct house house;

	(void)state;
	assert_non_null(raw);
	house_open(&house, &(struct house_plan){.limits = brief});
	/* NK1: its operation 1 without operation 0. */
	raw_open(raw, &house, PH_NK1);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "abc", 3);
	assert_true(raw->out_len > 80);
	raw_send(raw, raw->out + 80, raw->out_len - 80);
	expect_silence(raw, &house, 0);
	assert_int_equal(broken_by(&house, CHANNEL_BAD_ORDER), 1);
	/* XK1: operation 0 is a data record, and comes where a frame has to. */
	raw_open(raw, &house, PH_XK1);
	assert_true(raw_shake(raw));
	raw->out_len = 0;
	raw_seal_echo(raw, 1, "abc", 3);
	raw_flush(raw);
	expect_silence(raw, &house, 0);
	assert_int_equal(failed_by(&house, HS_TYPE), 1);
	/* Behind the hello at once, before there is a key. */
	raw_open(raw, &house, PH_NK1);
	memset(raw->hello + raw->hello_len, 0xb0, 500);
	raw_send(raw, raw->hello, raw->hello_len + 500);
	assert_true(raw_rest(raw) <= 68); /* the answer may be out */
	raw_close(raw);
	house_quiet(&house);
	assert_int_equal(broken_by(&house, CHANNEL_BAD_HEAD), 1);
	assert_int_equal(HOUSE_COUNT(&house, opened), 0);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 0);
	house_close(&house);
	free(raw);
}

static void a_second_finish(void **state)
{
	struct raw *raw = malloc(sizeof(*raw));
	uint8_t finish[4 + 48 + 32];
	struct house house;

	(void)state;
	assert_non_null(raw);
	house_open(&house, &(struct house_plan){.limits = brief});
	raw_open(raw, &house, PH_NK1);
	assert_true(raw_shake(raw));
	raw_seal_echo(raw, 1, "abc", 3);
	memcpy(finish, raw->out, 80);
	raw_flush(raw);
	assert_true(raw_wait(raw, 1));
	raw_send(raw, finish, 80);
	expect_silence(raw, &house, 1);
	assert_int_equal(broken_by(&house, CHANNEL_BAD_ORDER), 1);
	/* XK1: the frame again. */
	raw_open(raw, &house, PH_XK1);
	assert_true(raw_shake(raw));
	assert_int_equal(raw->out_len, sizeof(finish));
	memcpy(finish, raw->out, sizeof(finish));
	raw_seal_echo(raw, 1, "abc", 3);
	raw_flush(raw); /* finish and data at once */
	assert_true(raw_wait(raw, 1));
	raw_send(raw, finish, sizeof(finish));
	expect_silence(raw, &house, 2);
	assert_int_equal(broken_by(&house, CHANNEL_BAD_HEAD), 1);
	/* A second hello. */
	raw_open(raw, &house, PH_NK1);
	assert_true(raw_shake(raw));
	raw_send(raw, raw->hello, raw->hello_len);
	expect_silence(raw, &house, 2);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 2);
	house_close(&house);
	free(raw);
}

/* One session's records in another one. */
static void records_of_another_session(void **state)
{
	struct raw *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	struct house house;

	(void)state;
	assert_non_null(a);
	assert_non_null(b);
	house_open(&house, &(struct house_plan){.limits = brief});
	raw_open(a, &house, PH_NK1);
	raw_open(b, &house, PH_NK1);
	assert_true(raw_shake(a));
	assert_true(raw_shake(b));
	raw_seal_echo(a, 1, "abc", 3);
	raw_seal_echo(b, 1, "abc", 3);
	raw_flush(a);
	raw_flush(b);
	assert_true(raw_wait(a, 1));
	assert_true(raw_wait(b, 1));
	raw_seal_echo(a, 2, "def", 3);
	raw_send(b, a->out, a->out_len);
	assert_int_equal(raw_rest(b), 0);
	raw_flush(a);
	assert_true(raw_wait(a, 2));
	raw_close(a);
	raw_close(b);
	house_quiet(&house);
	assert_int_equal(broken_by(&house, CHANNEL_BAD_SEAL), 1);
	assert_int_equal(HOUSE_COUNT(&house, messages_in), 3);
	house_close(&house);
	free(a);
	free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records),
		cmocka_unit_test(a_session_again),
		cmocka_unit_test(a_resumed_session_again),
		cmocka_unit_test(data_before_the_finish),
		cmocka_unit_test(a_second_finish),
		cmocka_unit_test(records_of_another_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
