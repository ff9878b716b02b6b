/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The edges of a session's life: output exactly at its mark, an input that ends while output waits,
 * many ends in one round, and that who watches hears of a session more than once. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <user/server/parts.h>
#include <user/wire/relay.h>

#include <tests/server/house.h>
#include <tests/server/raw.h>

#define PATIENCE_S 20 /* less than a heartbeat, which would help what is stuck */

static void be_patient(int fd)
{
	const struct timeval most = {.tv_sec = PATIENCE_S};

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof(most)), 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)), 0);
}

static struct raw *raw_session(const struct house *house)
{
	struct raw *raw = malloc(sizeof(*raw));

	assert_non_null(raw);
	raw_open(raw, house, PH_NK1);
	be_patient(raw->fd);
	assert_true(raw_shake(raw));
	return raw;
}

static void raw_free(struct raw *raw)
{
	raw_close(raw);
	free(raw);
}

/* ---- output at its mark ---- */

#define MARK                                                                                       \
	2000 /* 25 records of 80 bytes, and as many fit in the least room that is sealed to        \
	      */
/* Less than that room is made for, and sealed in three parts: one when they came, one at the end of
 * the round, and the rest when the connection says that it has sent. */
#define SOME 63

static void low_mark(struct server_limits *limits)
{
	limits->conn.high = MARK;
	limits->conn.low = MARK / 2;
}

/* Once a link stopped at `high` and was called again below `low` only if it had been above: what
 * was left waited for the next heartbeat. */
static void exactly_the_mark(void **state)
{
	const struct house_plan plan = {.limits = low_mark, .no_tickets = true};
	struct house house;
	struct raw *raw;

	(void)state;
	house_open(&house, &plan);
	raw = raw_session(&house);
	for (uint32_t i = 0; i < SOME; i++)
		raw_seal_echo(raw, i, NULL, 0);
	raw_flush(raw);
	assert_true(raw_wait(raw, SOME));
	raw_free(raw);
	house_close(&house);
}

/* ---- a goodbye, and nothing more to say ---- */

#define BIG 16384
#define BIG_WIRE (PH_RECORD_HEAD + BIG + PH_PAD + PH_RECORD_TAIL)
#define BIGS 320 /* more than sockets take of themselves, so that some wait in the server */

static void wide_queue(struct server_limits *limits)
{
	limits->channel.queue_bytes = 2 * BIGS * BIG;
}

static void seal_close(struct raw *raw)
{
	channel_close(&raw->channel, 0);
	while (channel_has_output(&raw->channel)) {
		size_t len;

		assert_int_equal(channel_write(&raw->channel, raw->out + raw->out_len,
					       sizeof(raw->out) - raw->out_len, 0, &len),
				 0);
		raw->out_len += len;
	}
}

/* Once what waited was thrown away when the client's half of the connection ended. */
static void half_closed_after_close(void **state)
{
	static const uint8_t payload[BIG];
	const struct house_plan plan = {.limits = wide_queue};
	const struct timespec moment = {.tv_nsec = 20000000};
	const int room = 4 * BIG;
	struct house house;
	struct raw *raw;

	(void)state;
	house_open(&house, &plan);
	raw = raw_session(&house);
	assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (uint32_t i = 0; i < BIGS; i++) {
		raw_seal_echo(raw, i, payload, BIG);
		raw_flush(raw);
	}
	HOUSE_WAIT(&house, messages_in, BIGS);
	seal_close(raw);
	raw_flush(raw);
	assert_int_equal(shutdown(raw->fd, SHUT_WR), 0);
	nanosleep(&moment, NULL);
	/* All replies, and the Close. */
	assert_true(raw_rest(raw) > (size_t)BIGS * BIG_WIRE);
	house_quiet(&house);
	assert_int_equal(HOUSE_COUNT(&house, messages_out), BIGS);
	assert_int_equal(HOUSE_COUNT(&house, closed), 1);
	assert_int_equal(house_broken(&house), 0);
	assert_int_equal(house_ended(&house, CONN_DONE), 1);
	raw_free(raw);
	house_close(&house);
}

/* ---- a drain, and one that is not read from ---- */

static void ask_held(void *receiver, void *item)
{
	const struct server *server = ((struct reactor *)receiver)->context;
	struct service_counter counters[3];

	service_echo.counters(server->instances[PH_S_ECHO], ARRAY_LEN(counters), counters);
	atomic_store((atomic_int *)item, (int)counters[2].value);
}

static bool was_answered(const void *context)
{
	return atomic_load((const atomic_int *)context) >= 0;
}

/* Is a reply held, and its peer not read from? */
static bool is_held(const struct house *house)
{
	static atomic_int held; /* asked for again only when it was answered */

	atomic_store(&held, -1);
	assert_int_equal(reactor_post(reactors_get(house->reactors, 0), ask_held, &held), 0);
	assert_true(house_until(was_answered, &held));
	return atomic_load(&held);
}

/* Reads whatever comes until the server closes, and answers its Close. */
static void *read_on(void *arg)
{
	static uint8_t in[2 * PH_RECORD_MAX];
	struct raw *raw = arg;
	size_t len = 0, used;
	ssize_t n;

	while ((n = recv(raw->fd, in + len, sizeof(in) - len, 0)) > 0) {
		len += (size_t)n;
		assert_int_equal(channel_read(&raw->channel, in, len, 0, &used), 0);
		len -= used;
		memmove(in, in + used, len);
		if (!channel_has_output(&raw->channel))
			continue;
		assert_int_equal(
			channel_write(&raw->channel, raw->out, sizeof(raw->out), 0, &raw->out_len),
			0);
		raw_flush(raw);
	}
	(void)shutdown(raw->fd, SHUT_RDWR); /* gone already, where it was broken */
	return NULL;
}

/* Once it was not read from to the end, its Close neither: the drain took all the time it had, and
 * then broke the connection. */
static void drained_while_paused(void **state)
{
	static const uint8_t payload[BIG];
	const int room = 4 * BIG;
	struct house house;
	pthread_t thread;
	struct raw *raw;

	(void)state;
	house_open(&house, NULL);
	raw = raw_session(&house);
	assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
	for (uint32_t i = 0; i < 4 * BIGS && !(i % 8 == 7 && is_held(&house)); i++) {
		raw_seal_echo(raw, i, payload, BIG);
		raw_flush(raw);
	}
	assert_true(is_held(&house));
	reactors_stop(house.reactors, PATIENCE_S * 1000);
	assert_int_equal(pthread_create(&thread, NULL, read_on, raw), 0);
	assert_int_equal(reactors_join(house.reactors), 0);
	pthread_join(thread, NULL);
	assert_int_equal(house_ended(&house, CONN_DONE), 1);
	assert_int_equal(HOUSE_COUNT(&house, closed), 1);
	raw_free(raw);
	house_free(&house);
}

/* ---- many ends ---- */

#define MANY 40
#define ROUNDS 5

static void exactly_many(struct server_limits *limits)
{
	limits->links = MANY;
}

static void join(struct raw *raw)
{
	static const uint8_t payload[] = {RELAY_WANT_PRESENCE, 4, 'h', 'a', 'l', 'l'};

	raw_seal(raw, &(struct ph_message){.service = PH_S_RELAY,
					   .opcode = RELAY_JOIN,
					   .priority = PH_NORMAL,
					   .request = 1,
					   .payload = payload,
					   .len = sizeof(payload)});
	raw_flush(raw);
	assert_true(raw_wait(raw, 1));
}

/* Each end gives all others something to say, also those that have ended in the same round: every
 * link is free again nevertheless, and once only. */
static void many_ends(void **state)
{
	const struct house_plan plan = {.limits = exactly_many, .relay = true, .no_tickets = true};
	struct raw *raws[MANY];
	struct house house;

	(void)state;
	house_open(&house, &plan);
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < MANY; i++) {
			raws[i] = raw_session(&house);
			join(raws[i]);
		}
		for (unsigned i = 0; i < MANY; i++)
			raw_free(raws[i]);
		house_quiet(&house);
	}
	assert_int_equal(HOUSE_COUNT(&house, opened), MANY * ROUNDS);
	assert_int_equal(HOUSE_COUNT(&house, no_link), 0);
	house_close(&house);
}

/* ---- who watches ---- */

static void often(struct server_limits *limits)
{
	limits->prove_ms = 1;
	limits->channel.heartbeat_ms = 20;
	limits->channel.heartbeats = 1000;
}

static bool heard_thrice(const void *context)
{
	const struct house *house = context;

	return atomic_load(&house->signs[SERVER_PROVEN]) >= 3;
}

static void proven_again(void **state)
{
	const struct house_plan plan = {.limits = often};
	struct house house;
	struct raw *raw;

	(void)state;
	house_open(&house, &plan);
	raw = raw_session(&house);
	raw_seal_echo(raw, 1, "x", 1);
	raw_flush(raw);
	assert_true(house_until(heard_thrice, &house));
	assert_int_equal(atomic_load(&house.signs[SERVER_GONE]), 0);
	raw_free(raw);
	house_quiet(&house);
	house_close(&house);
	assert_int_equal(atomic_load(&house.signs[SERVER_GONE]), 1);
}

static bool heard_gone(const void *context)
{
	const struct house *house = context;

	return atomic_load(&house->signs[SERVER_GONE]) == 1;
}

/*
 * Once a client that said Close and did not wait for ours was told of as one whose session was
 * lost, when ours met a closed socket: by chance, so that honest clients earned no trust.
 */
static void goodbye_and_reset(void **state)
{
	static const uint8_t payload[BIG];
	const struct house_plan plan = {.limits = wide_queue};
	const struct linger at_once = {.l_onoff = 1};
	struct house house;
	struct raw *raw, *other;

	(void)state;
	house_open(&house, &plan);
	raw = raw_session(&house);
	other = raw_session(&house);
	/* More than it takes: the server cannot have answered its Close. */
	for (uint32_t i = 0; i < BIGS; i++) {
		raw_seal_echo(raw, i, payload, BIG);
		raw_flush(raw);
	}
	HOUSE_WAIT(&house, messages_in, BIGS);
	seal_close(raw);
	raw_flush(raw);
	/* What the one reactor answers after it, it has read after it. */
	for (unsigned i = 1; i <= 3; i++) {
		raw_seal_echo(other, i, "x", 1);
		raw_flush(other);
		assert_true(raw_wait(other, i));
	}
	assert_int_equal(setsockopt(raw->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	raw_free(raw);
	assert_true(house_until(heard_gone, &house));
	assert_int_equal(house_ended(&house, CONN_RESET), 1);
	assert_int_equal(atomic_load(&house.gone), CONN_DONE);
	raw_free(other);
	house_quiet(&house);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_mark),	cmocka_unit_test(half_closed_after_close),
		cmocka_unit_test(drained_while_paused), cmocka_unit_test(many_ends),
		cmocka_unit_test(proven_again),		cmocka_unit_test(goodbye_and_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
