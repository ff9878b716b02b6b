/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What a reactor that slept does with what woke it. Once the time that a deadline was set in was
 * that of the last round, before the sleep: a server that had been idle for longer than its first
 * deadline dropped whoever came next as late, and a drain was over before it began.
 */
#include <tests/unit/net/conn_kit.h>

#define SLEEP_MS 60000
#define DEADLINE_MS 1000

static bool asleep;

/* Asked before the wait and after it: time passes between the two. */
static uint64_t sleepy_ms(void)
{
	if (asleep)
		now_ms += SLEEP_MS / 2;
	return now_ms;
}

static int setup_sleepy(void **state)
{
	struct reactor_config config = {
		.conns_max = CONNS,
		.buffers_max = 4 << 20,
		.mailbox_len = 8,
		.clock_ms = sleepy_ms,
	};
	int r = setup(state);

	reactor_free(reactor);
	asleep = false;
	return r ? r : reactor_new(&config, &reactor);
}

/* One round whose wait took long. */
static void sleep_then_turn(void)
{
	asleep = true;
	turn(1);
	asleep = false;
}

static unsigned fired;

static void fire(struct wheel_timer *timer)
{
	(void)timer;
	fired++;
}

static void start_timer(void *receiver, void *item)
{
	struct reactor *r = receiver;

	wheel_start(&r->wheel, item, DEADLINE_MS);
}

static void test_timer_from_a_callback(void **state)
{
	struct wheel_timer timer = {.on_time = fire};

	(void)state;
	fired = 0;
	turn(2);
	assert_int_equal(reactor_post(reactor, start_timer, &timer), 0);
	sleep_then_turn();
	turn(3);
	assert_int_equal(fired, 0);
	pass_ms(DEADLINE_MS - WHEEL_TICK_MS);
	assert_int_equal(fired, 0);
	pass_ms(2 * WHEEL_TICK_MS);
	assert_int_equal(fired, 1);
}

/* A deadline that ran is not moved by it: late by the sleep and no more. */
static void test_timer_that_ran(void **state)
{
	struct wheel_timer timer = {.on_time = fire};

	(void)state;
	fired = 0;
	wheel_start(&reactor->wheel, &timer, DEADLINE_MS);
	sleep_then_turn();
	turn(1);
	assert_int_equal(fired, 1);
}

static void test_hello_after_a_sleep(void **state)
{
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	turn(2);
	assert_int_equal(send(peer, "x", 1, 0), 1);
	/* What comes sets the deadline anew, as a handshake does. */
	side.wait_each = DEADLINE_MS;
	sleep_then_turn();
	turn(3);
	assert_int_equal(side.got_len, 1);
	assert_int_equal(side.ended, 0);
	pass_ms(DEADLINE_MS - WHEEL_TICK_MS);
	assert_int_equal(side.ended, 0);
	pass_ms(2 * WHEEL_TICK_MS);
	assert_int_equal(side.why, CONN_LATE_FINISH);
	part(&side, peer);
}

static void on_stop(struct conn *conn)
{
	struct side *side = conn->owner;

	side->stops++;
}

static void test_drain_after_a_sleep(void **state)
{
	struct conn_ops stoppable = ops;
	struct side side = side_of(SIZE_MAX);
	int peer = join(&side);

	(void)state;
	stoppable.on_stop = on_stop;
	conn_set_ops(side.conn, &stoppable, &side);
	turn(2);
	reactor_stop(reactor, DEADLINE_MS);
	sleep_then_turn();
	turn(3);
	assert_int_equal(side.stops, 1);
	assert_int_equal(side.ended, 0);
	pass_ms(DEADLINE_MS - WHEEL_TICK_MS);
	assert_int_equal(side.ended, 0);
	pass_ms(2 * WHEEL_TICK_MS);
	assert_int_equal(side.ended, 1);
	assert_int_equal(side.why, CONN_STOPPED);
	part(&side, peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timer_from_a_callback, setup_sleepy, teardown),
		cmocka_unit_test_setup_teardown(test_timer_that_ran, setup_sleepy, teardown),
		cmocka_unit_test_setup_teardown(test_hello_after_a_sleep, setup_sleepy, teardown),
		cmocka_unit_test_setup_teardown(test_drain_after_a_sleep, setup_sleepy, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
