/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The server ends, or becomes another one, while clients are at it. */
#include <tests/server/house.h>
#include <tests/server/raw.h>

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>

#include <user/crypto/keyfile.h>
#include <user/session/cert.h>

enum { CLIENTS = 50 };

struct sender {
	pthread_t thread;
	const struct house *house;
	atomic_bool *ending;
	uint32_t sent, answered;
	int class; /* why it ended */
	struct strazh_error error;
	bool identified;
	_Atomic(uint64_t) sessions;
};

/* Eight requests under way at a time, until the server ends it. */
static void *send_all(void *arg)
{
	struct sender *s = arg;
	struct strazh *client = house_client(s->house, NULL);
	static const uint8_t payload[3000];
	struct strazh_message message = {.service = PH_S_ECHO,
					 .priority = PH_NORMAL,
					 .payload = payload,
					 .len = sizeof(payload)},
			      got;
	int r = strazh_connect(client, 10000);

	while (!r) {
		while (!r && s->sent < s->answered + 8) {
			message.request = s->sent + 1;
			r = strazh_queue(client, &message);
			s->sent += !r;
		}
		if (!r)
			r = strazh_receive(client, 10000, &got);
		if (!r && (got.request != s->answered + 1 || got.len != sizeof(payload)))
			r = STRAZH_E_PROTOCOL;
		s->answered += !r;
	}
	/* What came before the end is there after it. */
	while (!strazh_receive(client, 0, &got))
		s->answered++;
	s->class = r;
	s->error = *strazh_error(client);
	strazh_close(client);
	return NULL;
}

static void end_under_load(void **state)
{
	static struct sender senders[CLIENTS];
	uint64_t in = 0, out = 0, answered = 0;
	struct house house;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 3});
	for (unsigned i = 0; i < CLIENTS; i++) {
		senders[i] = (struct sender){.house = &house};
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_all, &senders[i]),
				 0);
	}
	HOUSE_AT_LEAST(&house, opened, CLIENTS);
	HOUSE_AT_LEAST(&house, messages_in, CLIENTS * 20);
	reactors_stop(house.reactors, 20000); /* the time is not what is looked at */
	assert_int_equal(reactors_join(house.reactors), 0);
	in = HOUSE_COUNT(&house, messages_in);
	out = HOUSE_COUNT(&house, messages_out);
	for (unsigned i = 0; i < CLIENTS; i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		answered += senders[i].answered;
		/* Told, and not just cut off. */
		if (senders[i].class != STRAZH_E_CLOSED)
			fail_msg("client %u: %s: %s", i, strazh_class_text(senders[i].class),
				 senders[i].error.text);
		assert_true(senders[i].answered > 0);
		assert_true(senders[i].sent >= senders[i].answered);
	}
	/* What was read was answered, and every answer came to where it belongs. */
	assert_int_equal(in, out);
	assert_int_equal(answered, in);
	assert_int_equal(HOUSE_COUNT(&house, closed), CLIENTS);
	assert_int_equal(house_broken(&house), 0);
	house_free(&house);
}

/* ---- whoever is there ---- */

enum { STRANGERS = 120, KINDS = 6 };

/* What it is at when the server ends. */
static void be_somewhere(struct raw *raw, const struct house *h, unsigned kind)
{
	static const uint8_t payload[4000];

	raw_open(raw, h, kind % 2 ? PH_XK1 : PH_NK1);
	switch (kind) {
	case 0: /* has said nothing */
		return;
	case 1: /* half a hello */
		raw_send(raw, raw->hello, raw->hello_len / 2);
		return;
	case 2:
	case 3: /* no finish; half of one */
		assert_true(raw_shake(raw));
		raw_send(raw, raw->out, raw->out_len / 2);
		return;
	case 4: /* half a record behind a whole one */
		assert_true(raw_shake(raw));
		raw_seal_echo(raw, 1, payload, sizeof(payload));
		raw_send(raw, raw->out, raw->out_len);
		raw_send(raw, raw->out + 80, 100);
		return;
	default: /* reads nothing and has much to come */
		assert_true(raw_shake(raw));
		for (unsigned i = 0; i < 1500; i++) {
			raw_seal_echo(raw, i, payload, sizeof(payload));
			if (send(raw->fd, raw->out, raw->out_len, MSG_NOSIGNAL | MSG_DONTWAIT) !=
			    (ssize_t)raw->out_len)
				return;
			raw->out_len = 0;
		}
	}
}

/* Whatever there is, the end comes: at once, or when the time for it is over. */
static void end_with(uint64_t drain_ms)
{
	struct raw *raws = calloc(STRANGERS, sizeof(*raws));
	struct house house;

	assert_non_null(raws);
	house_open(&house, &(struct house_plan){.reactors = 2});
	for (unsigned i = 0; i < STRANGERS; i++)
		be_somewhere(&raws[i], &house, i % KINDS);
	HOUSE_AT_LEAST(&house, opened, STRANGERS / 3);
	reactors_stop(house.reactors, drain_ms);
	assert_int_equal(reactors_join(house.reactors), 0);
	assert_int_equal(sources_count(house.sources).total, 0);
	for (unsigned i = 0; i < STRANGERS; i++) {
		(void)raw_rest(&raws[i]);
		raw_close(&raws[i]);
	}
	house_free(&house);
	free(raws);
}

static void end_at_once(void **state)
{
	(void)state;
	end_with(0);
}

static void end_with_all_sorts(void **state)
{
	(void)state;
	end_with(500);
}

/* ---- another identity ---- */

struct becoming {
	struct mail letter;
	struct server_change *change;
	struct house *house;
	unsigned reactor;
	atomic_bool done;
};

static void become(void *receiver, void *item)
{
	struct becoming *b = item;

	if (receiver)
		server_change_take(b->house->servers[b->reactor], b->change);
	else
		server_change_free(b->change);
	atomic_store(&b->done, true);
}

static bool is_done(const void *context)
{
	return atomic_load(&((struct becoming *)(uintptr_t)context)->done);
}

/* The same key, loaded anew, with other ticket keys: clients of before and after get in. */
static void replace_identity(struct house *h)
{
	struct becoming b = {.letter = {.run = become, .item = &b}, .house = h};
	struct identity *identity = house_identity(h);
	struct ticket_keys tickets;

	assert_int_equal(ticket_keys_init(&tickets, 3600, 86400, (uint64_t)time(NULL)), 0);
	for (b.reactor = 0; b.reactor < h->common.reactors; b.reactor++) {
		atomic_store(&b.done, false);
		assert_int_equal(
			server_change_new(identity, &tickets, &h->common.limits, &b.change), 0);
		reactor_push(reactors_get(h->reactors, b.reactor), &b.letter);
		assert_true(house_until(is_done, &b));
	}
	identity_put(identity);
	ticket_keys_deinit(&tickets);
}

static void *connect_on_and_on(void *arg)
{
	struct sender *s = arg;
	uint8_t secret[32], public[32];
	struct strazh_options options = house_options(s->house);
	struct crypto *c;

	s->class = crypto_new(&c);
	if (!s->class)
		s->class = dh_generate(c, secret, public);
	if (s->identified)
		options.client_key = secret;
	while (!s->class && !atomic_load(s->ending)) {
		struct strazh *client = house_client(s->house, &options);

		for (uint32_t n = 1; !s->class && n < 4; n++)
			s->class = house_echo(client, n, 200, 10000);
		s->error = *strazh_error(client);
		strazh_close(client);
		atomic_fetch_add(&s->sessions, 1);
	}
	crypto_free(c);
	return NULL;
}

static void identity_under_load(void **state)
{
	enum { THREADS = 6, TIMES = 40 };
	struct sender senders[THREADS];
	atomic_bool ending = false;
	struct house house;
	uint64_t sessions = 0;

	(void)state;
	house_open(&house, &(struct house_plan){.reactors = 3});
	for (unsigned i = 0; i < THREADS; i++) {
		senders[i] = (struct sender){
			.house = &house, .ending = &ending, .identified = i % 2};
		assert_int_equal(
			pthread_create(&senders[i].thread, NULL, connect_on_and_on, &senders[i]),
			0);
	}
	for (unsigned i = 0; i < TIMES; i++) {
		HOUSE_AT_LEAST(&house, opened, i * THREADS);
		replace_identity(&house);
	}
	atomic_store(&ending, true);
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(senders[i].thread, NULL), 0);
		if (senders[i].class)
			fail_msg("client %u: %s", i, senders[i].error.text);
		sessions += atomic_load(&senders[i].sessions);
	}
	assert_true(sessions >= (TIMES - 1) * THREADS);
	assert_int_equal(HOUSE_COUNT(&house, opened), sessions);
	assert_int_equal(house_failed(&house), 0);
	house_close(&house);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(end_under_load),
		cmocka_unit_test(end_at_once),
		cmocka_unit_test(end_with_all_sorts),
		cmocka_unit_test(identity_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
