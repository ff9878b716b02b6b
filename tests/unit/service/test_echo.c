/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Echo: what comes goes back, once and in order, also to a peer that reads slowly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>

#include <cmocka.h>

#include <tests/unit/service/fakehost.h>

static int open_world(void **state)
{
	(void)state;
	world_open(&service_echo, 1, NULL, 0);
	return 0;
}

static int close_world(void **state)
{
	(void)state;
	world_close();
	return 0;
}

static void test_back(void **state)
{
	struct peer *peer = peer_new(0);

	(void)state;
	peer_says(peer, PH_OP_REQUEST, 7, "hello", 5);
	peer_says(peer, PH_OP_REQUEST, 8, NULL, 0);
	assert_int_equal(peer->count, 2);
	assert_int_equal(peer->got[0].head.opcode, PH_OP_REPLY);
	assert_int_equal(peer->got[0].head.request, 7);
	assert_int_equal(peer->got[0].head.len, 5);
	assert_memory_equal(peer->got[0].head.payload, "hello", 5);
	assert_int_equal(peer->got[1].head.request, 8);
	assert_int_equal(peer->got[1].head.len, 0);
	assert_int_equal(world_count("requests"), 2);
	assert_int_equal(world_count("bytes"), 5);
	peer_gone(peer);
}

static void test_other_opcodes(void **state)
{
	struct peer *peer = peer_new(0);

	(void)state;
	peer_says(peer, PH_OP_REPLY, 7, "hello", 5);
	assert_int_equal(peer->count, 1);
	assert_int_equal(peer->got[0].code, PH_C_UNKNOWN);
	assert_int_equal(world_count("unknown"), 1);
	peer_gone(peer);
}

/* A peer that sends whenever it is read from, and has room for one reply now and then. */
static void test_slow(void **state)
{
	struct peer *peer = peer_new(0);
	uint32_t sent = 0;

	(void)state;
	peer->room = 3;
	while (sent < 1000) {
		while (!peer->paused && sent < 1000) {
			uint8_t payload[64];

			memset(payload, (int)sent & 0xff, sizeof(payload));
			peer_says(peer, PH_OP_REQUEST, sent++, payload, sizeof(payload));
		}
		assert_int_equal(world_count("held"), peer->paused);
		peer_give_room(peer, 1 + sent % 5);
	}
	peer_give_room(peer, 100);
	assert_false(peer->paused);
	assert_int_equal(peer->count, 1000);
	for (uint32_t i = 0; i < 1000; i++) {
		assert_int_equal(peer->got[i].head.request, i);
		assert_int_equal(peer->got[i].head.payload[63], i & 0xff);
	}
	assert_true(world_count("pauses") > 100);
	assert_int_equal(world_count("held"), 0);
	peer_gone(peer);
}

static void test_gone_while_held(void **state)
{
	struct peer *peer = peer_new(0);

	(void)state;
	peer->room = 0;
	peer_says(peer, PH_OP_REQUEST, 1, "held", 4);
	assert_true(peer->paused);
	assert_int_equal(world_count("held"), 1);
	peer_gone(peer);
	assert_int_equal(world_count("held"), 0);
}

/* A host that reads on from a paused peer would have replies overtake one another. */
static void test_not_paused(void **state)
{
	struct peer *peer = peer_new(0);

	(void)state;
	peer->room = 0;
	peer_says(peer, PH_OP_REQUEST, 1, "held", 4);
	peer_says(peer, PH_OP_REQUEST, 2, "more", 4);
	assert_true(peer->closed);
	assert_int_equal(world_count("failed"), 1);
	peer_gone(peer);
}

static void test_send_fails(void **state)
{
	struct peer *peer = peer_new(0);

	(void)state;
	peer->fails = true;
	peer_says(peer, PH_OP_REQUEST, 1, "lost", 4);
	assert_true(peer->closed);
	assert_string_equal(peer->why, "echo_failed");
	peer_gone(peer);
}

static void test_no_settings(void **state)
{
	struct service_setting line = {"colour", "red"};
	struct service_config config = {&line, 1};
	char why[SERVICE_WHY_LEN] = "";
	void *shared;

	(void)state;
	assert_int_equal(service_echo.open(&config, &shared, why), -EINVAL);
	assert_string_equal(why, "colour 'red': there is no such key");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_back, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_other_opcodes, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_slow, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_gone_while_held, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_not_paused, open_world, close_world),
		cmocka_unit_test_setup_teardown(test_send_fails, open_world, close_world),
		cmocka_unit_test(test_no_settings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
