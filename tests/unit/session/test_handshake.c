/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Handshakes that succeed: all suites, retries, tickets, several keys; and calls out of turn. */
#include <errno.h>

#include <tests/unit/session/rig.h>

static bool is_identifying(uint8_t suite)
{
	return suite == PH_XK1 || suite == PH_XX;
}

static void assert_same_session(const struct session_keys *a, const struct session_keys *b)
{
	assert_int_equal(a->suite, b->suite);
	assert_int_equal(a->origin, b->origin);
	assert_int_equal(a->origin_s, b->origin_s);
	assert_int_equal(a->identified, b->identified);
	assert_int_equal(a->strict, b->strict);
	assert_int_equal(a->classes, b->classes);
	assert_memory_equal(a->capabilities, b->capabilities, sizeof(a->capabilities));
	assert_memory_equal(a->h, b->h, sizeof(a->h));
	assert_memory_equal(a->t, b->t, sizeof(a->t));
	assert_memory_not_equal(a->t[0], a->t[1], PH_KEY_LEN);
	assert_memory_not_equal(a->t[1], a->t[2], PH_KEY_LEN);
}

static void test_all_suites(void **state)
{
	static const uint8_t none[8];
	struct session_keys client, server;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		bool identified = is_identifying(SUITES[i]);

		rig_begin(&rig, SUITES[i]);
		rig_finish(&rig, &client, &server);
		assert_same_session(&client, &server);
		assert_int_equal(server.suite, SUITES[i]);
		assert_int_equal(server.origin, SUITES[i] == PH_RESUME ? PH_NK1 : SUITES[i]);
		assert_int_equal(server.origin_s, NOW);
		assert_int_equal(server.identified, identified);
		assert_int_equal(session_finish_due(&server), !identified);
		assert_int_equal(server.first[0] | server.first[1], 0);
		assert_memory_equal(client.peer_key, rig.keys[0].public, PH_KEY_LEN);
		if (identified)
			assert_memory_equal(server.peer_key, rig.client_public, PH_KEY_LEN);
		assert_memory_equal(server.capabilities, identified ? CAPABILITIES : none, 8);
		assert_int_equal(handshake_keys(&rig.s, &server), -EINVAL); /* they are gone */
	}
	rig_close(&rig);
}

static void test_sizes_on_the_wire(void **state)
{
	static const struct {
		uint8_t suite;
		size_t hello, answer, finish;
	} rows[] = {
		{PH_NK1, 48, 64, 0},
		{PH_XK1, 48, 64, 80},
		{PH_RESUME, 64 + 3 + TICKET_LEN, 64, 0},
	};
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NK1);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		rig_begin(&rig, rows[i].suite);
		assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
		assert_int_equal(frame.len, 4 + rows[i].hello);
		assert_int_equal(rig_read(&rig, &rig.s, &frame), 0);
		assert_int_equal(rig_write(&rig, &rig.s, &frame), 0);
		assert_int_equal(frame.len, 4 + rows[i].answer);
		assert_int_equal(rig_read(&rig, &rig.cl, &frame), 0);
		if (!rows[i].finish)
			continue;
		assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
		assert_int_equal(frame.len, 4 + rows[i].finish);
	}
	rig_close(&rig);
}

/* A hello that comes again gets another ephemeral key: no key and nonce are used twice. */
static void test_replayed_hello(void **state)
{
	struct frame_bytes hello, answers[2];
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_XX);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		rig_begin(&rig, SUITES[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hello), 0);
		for (size_t k = 0; k < 2; k++) {
			handshake_deinit(&rig.s);
			handshake_accept(&rig.s, &rig.server);
			assert_int_equal(rig_read(&rig, &rig.s, &hello), 0);
			assert_int_equal(rig_write(&rig, &rig.s, &answers[k]), 0);
		}
		assert_int_equal(answers[0].len, answers[1].len);
		assert_memory_not_equal(answers[0].bytes + 4, answers[1].bytes + 4, PH_KEY_LEN);
		/* And only the answer that the client took leads anywhere. */
		assert_int_equal(rig_read(&rig, &rig.cl, &answers[0]), 0);
	}
	rig_close(&rig);
}

static void test_retry(void **state)
{
	struct session_keys client, server;
	struct frame_bytes hellos[2];
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_NX);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		bool done = false;

		rig_begin(&rig, SUITES[i]);
		assert_int_equal(rig_write(&rig, &rig.cl, &hellos[0]), 0);
		assert_int_equal(rig_read(&rig, &rig.s, &hellos[0]), 0);
		assert_int_equal(handshake_resumed(&rig.s), SUITES[i] == PH_RESUME);
		assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MIN - 1), -EINVAL);
		assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MAX + 1), -EINVAL);
		assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MIN), 0);
		assert_int_equal(handshake_key(&rig.s), -1);
		rig_pass(&rig, &rig.s, &rig.cl);
		while (!done)
			assert_int_equal(handshake_work(&rig.cl, rig.c, 1000, &done), 0);
		assert_int_equal(rig_write(&rig, &rig.cl, &hellos[1]), 0);
		assert_memory_not_equal(hellos[0].bytes + 4, hellos[1].bytes + 4, PH_KEY_LEN);
		assert_memory_not_equal(hellos[0].bytes + 36, hellos[1].bytes + 36, PH_NONCE_LEN);
		assert_int_equal(rig_read(&rig, &rig.s, &hellos[1]), 0);
		assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MIN), -EINVAL); /* once */
		rig_finish(&rig, &client, &server);
		assert_same_session(&client, &server);
	}
	rig_close(&rig);
}

static void test_resumed_sessions(void **state)
{
	struct session_keys client, server, again;
	struct ticket ticket;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_ticket(&rig, PH_XK1);
	rig.now_s += 100;
	rig_begin(&rig, PH_RESUME);
	rig_finish(&rig, &client, &server);
	assert_same_session(&client, &server);
	assert_true(server.identified);
	assert_memory_equal(server.peer_key, rig.client_public, PH_KEY_LEN);
	assert_memory_equal(client.peer_key, rig.keys[0].public, PH_KEY_LEN);
	assert_int_equal(server.origin, PH_XK1);
	assert_int_equal(server.origin_s, NOW);
	/* The same ticket again: other keys. */
	rig_begin(&rig, PH_RESUME);
	rig_finish(&rig, &client, &again);
	assert_memory_not_equal(server.t, again.t, sizeof(again.t));
	assert_memory_not_equal(server.h, again.h, sizeof(again.h));
	/* From ticket to ticket, until the chain is over. */
	assert_int_equal(ticket_make(&rig.tickets, &again, NOW + CHAIN, &ticket), 0);
	assert_int_equal(ticket.origin_s, NOW);
	assert_int_equal(ticket_make(&rig.tickets, &again, NOW + CHAIN + 1, &ticket), -EINVAL);
	rig_ticket(&rig, PH_RESUME);
	rig_begin(&rig, PH_RESUME);
	rig_finish(&rig, &client, &server);
	assert_same_session(&client, &server);
	assert_int_equal(server.origin, PH_XK1);
	rig_close(&rig);
}

static void test_server_keys(void **state)
{
	struct session_keys client, server;
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig.client.say_key = true;
	for (unsigned i = 0; i < 2; i++) {
		rig.client.server_key = rig.keys[i].public;
		rig_begin(&rig, PH_NK1);
		rig_pass(&rig, &rig.cl, &rig.s);
		assert_int_equal(handshake_key(&rig.s), i);
		rig_finish(&rig, &client, &server);
		assert_same_session(&client, &server);
		assert_memory_equal(client.peer_key, rig.keys[i].public, PH_KEY_LEN);
	}
	/* The server has given the second one up. */
	rig.server.key_count = 1;
	rig_begin(&rig, PH_XK1);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_SERVER_KEY);
	assert_wiped(&rig.s);
	rig_close(&rig);
}

static void test_offers(void **state)
{
	struct session_keys client, server;
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig.server.demand = PH_OFFER_STRICT;
	rig_begin(&rig, PH_NK1);
	assert_int_equal(rig_write(&rig, &rig.cl, &frame), 0);
	assert_int_equal(rig_read(&rig, &rig.s, &frame), HS_OFFER);
	rig.client.offer = PH_OFFER_STRICT;
	rig_begin(&rig, PH_NK1);
	rig_finish(&rig, &client, &server);
	assert_same_session(&client, &server);
	assert_true(server.strict && !server.classes);
	rig.client.offer = PH_OFFER_STRICT | PH_OFFER_CLASSES;
	rig_begin(&rig, PH_XX);
	rig_finish(&rig, &client, &server);
	assert_same_session(&client, &server);
	assert_true(server.strict && server.classes);
	rig_close(&rig);
}

static void test_out_of_turn(void **state)
{
	struct session_keys keys;
	struct frame_bytes frame;
	struct rig rig;

	(void)state;
	rig_open(&rig);
	rig_begin(&rig, PH_NK1);
	assert_int_equal(handshake_keys(&rig.cl, &keys), -EINVAL);
	assert_int_equal(handshake_ask(&rig.s, PH_PUZZLE_BITS_MIN), -EINVAL);
	assert_int_equal(rig_write(&rig, &rig.s, &frame), -EINVAL);
	assert_wiped(&rig.s);
	frame.len = 4;
	assert_int_equal(rig_read(&rig, &rig.cl, &frame), -EINVAL);
	assert_wiped(&rig.cl);
	/* Without the key that is wanted: no answer, and nothing left. */
	rig_begin(&rig, PH_NK1);
	rig_pass(&rig, &rig.cl, &rig.s);
	assert_int_equal(handshake_write(&rig.s, rig.c, NULL, frame.bytes, &frame.len), -EINVAL);
	assert_wiped(&rig.s);
	rig_begin(&rig, PH_XK1);
	rig_pass(&rig, &rig.cl, &rig.s);
	rig_pass(&rig, &rig.s, &rig.cl);
	assert_int_equal(handshake_key(&rig.cl), 0);
	assert_int_equal(handshake_write(&rig.cl, rig.c, NULL, frame.bytes, &frame.len), -EINVAL);
	assert_wiped(&rig.cl);
	rig_close(&rig);
}

static void test_incomplete_client(void **state)
{
	struct rig rig;

	(void)state;
	rig_open(&rig);
	for (size_t i = 0; i < sizeof(SUITES); i++) {
		struct hs_client bare = {.suite = SUITES[i], .name = "strazh"};

		assert_int_equal(handshake_connect(&rig.cl, &bare), -EINVAL);
		assert_int_equal(handshake_next(&rig.cl), HS_NEXT_NOTHING);
	}
	rig.client.suite = PH_NK1;
	rig.client.name = "";
	assert_int_equal(handshake_connect(&rig.cl, &rig.client), -EINVAL);
	rig.client.name = "strazh";
	rig.client.suite = PH_RESUME | PH_SUITE_HYBRID;
	assert_int_equal(handshake_connect(&rig.cl, &rig.client), -EINVAL);
	rig_close(&rig);
}

static void test_conditions(void **state)
{
	(void)state;
	assert_null(hs_text(0));
	assert_null(hs_label(-EINVAL));
	assert_null(hs_text(HS_CONDITION_COUNT));
	for (int i = 1; i < HS_CONDITION_COUNT; i++)
		assert_true(hs_text(i) && hs_label(i) && hs_text(i)[0] && hs_label(i)[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_suites),
		cmocka_unit_test(test_sizes_on_the_wire),
		cmocka_unit_test(test_replayed_hello),
		cmocka_unit_test(test_retry),
		cmocka_unit_test(test_resumed_sessions),
		cmocka_unit_test(test_server_keys),
		cmocka_unit_test(test_offers),
		cmocka_unit_test(test_out_of_turn),
		cmocka_unit_test(test_incomplete_client),
		cmocka_unit_test(test_conditions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
