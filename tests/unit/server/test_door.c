/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <strazh/wire/phantom.h>
#include <user/server/door.h>

/* A door of one a second once let nobody in: half of one, kept for others, left too little. */
static void each_rate_lets_strangers_in(void **state)
{
	struct door door;

	(void)state;
	for (uint32_t rate = 1; rate < 20; rate++) {
		door_init(&door, rate, 22, false, 1000);
		assert_int_equal(door_ask(&door, false, false, 1000), DOOR_OPEN);
		/* And those who work get in for ever. */
		for (unsigned i = 1; i < 50; i++) {
			uint64_t now = 1000 + i * 1000 / rate + 2 * i;

			assert_int_equal(door_ask(&door, true, false, now), DOOR_OPEN);
		}
	}
}

static void a_rate_is_kept(void **state)
{
	struct door door;

	(void)state;
	for (uint32_t rate = 1; rate < 100; rate += 7) {
		unsigned in = 0;

		door_init(&door, rate, 22, false, 1000);
		for (uint64_t now = 1000; now < 21000; now += 5)
			in += door_ask(&door, true, false, now) == DOOR_OPEN;
		assert_true(in <= rate * 20 + rate + 2);
		assert_true(in >= rate * 20 - 1);
	}
}

static void tickets_have_a_half_of_their_own(void **state)
{
	struct door door;
	unsigned in = 0;

	(void)state;
	door_init(&door, 100, 22, false, 1000);
	while (door_ask(&door, false, false, 1000) == DOOR_OPEN)
		in++;
	assert_int_equal(in, 50);
	while (door_ask(&door, true, false, 1000) == DOOR_OPEN)
		in++;
	assert_int_equal(in, 75);
	assert_int_equal(door_ask(&door, true, false, 1000), DOOR_BUSY);
	while (door_ask(&door, false, true, 1000) == DOOR_OPEN)
		in++;
	assert_int_equal(in, 100);
	assert_int_equal(door_ask(&door, false, true, 1000), DOOR_BUSY);
}

/* One ticket, had for one handshake, once let its owner in as often as he liked, and nobody else.
 */
static void tickets_leave_a_half_to_others(void **state)
{
	(void)state;
	for (uint32_t rate = 2; rate < 500; rate = rate * 3 / 2 + 1) {
		unsigned known = 0, worked = 0, n = 0;
		struct door door;

		door_init(&door, rate, 22, false, 1000);
		for (uint64_t now = 1000; now < 21000; now++) {
			for (n = 0; n < 5; n++)
				known += door_ask(&door, false, true, now) == DOOR_OPEN;
			worked += door_ask(&door, true, false, now) == DOOR_OPEN;
		}
		assert_true(worked >= rate * 20 / 2 - rate);
		assert_true(known >= rate * 20 / 2 - rate);
		assert_true(known + worked <= rate * 20 + rate + 2);
	}
}

/* Where nobody else comes, all of it is theirs. */
static void tickets_alone(void **state)
{
	struct door door;
	unsigned known = 0;

	(void)state;
	door_init(&door, 100, 22, false, 1000);
	for (uint64_t now = 1000; now < 21000; now++)
		known += door_ask(&door, false, true, now) == DOOR_OPEN;
	assert_in_range(known, 1990, 2101);
}

static void work_gets_harder_and_easier(void **state)
{
	uint64_t now = 1000;
	struct door door;

	(void)state;
	door_init(&door, 4, 17, false, now);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_OPEN);
	for (unsigned i = 0; i < 4000; i++, now += 2)
		(void)door_ask(&door, i % 2, false, now); /* half of them solve it */
	assert_int_equal(door.bits, 17);
	for (unsigned i = 0; i < 40 && door.bits; i++, now += DOOR_STEP_MS)
		(void)door_ask(&door, true, false, now + 1000);
	assert_int_equal(door.bits, 0);
	assert_int_equal(door_ask(&door, false, false, now + 2000), DOOR_OPEN);
}

static void always(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, 100, 22, true, 1000);
	for (uint64_t now = 1000; now < 60000; now += 1000) {
		assert_int_equal(door_ask(&door, false, false, now), DOOR_WORK);
		assert_int_equal(door.bits, PH_PUZZLE_BITS_MIN);
		assert_int_equal(door_ask(&door, true, false, now), DOOR_OPEN);
		assert_int_equal(door_ask(&door, false, true, now), DOOR_OPEN);
	}
}

/* Another measure while it is at work: no step of it is lost, none is harder than it may be. */
static void another_measure(void **state)
{
	struct door door;
	uint64_t now = 1000;

	(void)state;
	door_init(&door, 1, 22, true, now);
	while (door.bits < 18) {
		(void)!door_ask(&door, true, false, now);
		(void)!door_ask(&door, false, false, now);
		now += DOOR_STEP_MS;
	}
	door_set(&door, 1, 16, true);
	assert_int_equal(door.bits, 16);
	door_set(&door, 1, 22, false);
	assert_int_equal(door.bits, 16);
	door_set(&door, 0, 22, false);
	assert_int_equal(door.bits, 0);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_OPEN);
	door_set(&door, 0, 22, true);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_WORK);
	assert_int_equal(door.bits, PH_PUZZLE_BITS_MIN);
	/* From no rate to one: what it has is a second of it. */
	door_set(&door, 2, 22, false);
	door_set(&door, 0, 22, false);
	door_set(&door, 4, 22, false);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_OPEN);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_OPEN);
	assert_int_equal(door_ask(&door, false, false, now), DOOR_WORK);
}

static unsigned in_a_second(struct door *door, bool worked, bool known, uint64_t from)
{
	unsigned in = 0;

	for (uint64_t now = from; now < from + 1000; now++)
		for (unsigned i = 0; i < 5; i++)
			in += door_ask(door, worked, known, now) == DOOR_OPEN;
	return in;
}

/* A part of the rate is withheld, and comes back as it was. */
static void a_part_is_withheld(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, 400, 22, false, 1000);
	(void)in_a_second(&door, true, false, 1000); /* what it had saved */
	assert_in_range(in_a_second(&door, true, false, 2000), 390, 410);
	door_pace(&door, 750, 4000, 0);
	(void)in_a_second(&door, true, false, 3000);
	assert_in_range(in_a_second(&door, true, false, 4000), 95, 105);
	/* Strangers first: a good ticket still finds what is kept for it. */
	assert_int_equal(door_ask(&door, false, false, 5000), DOOR_WORK);
	assert_int_equal(door_ask(&door, false, true, 5000), DOOR_OPEN);
	/* All of it is one handshake a second. */
	door_pace(&door, 1000, 4000, 0);
	assert_in_range(in_a_second(&door, true, false, 6000), 0, 3);
	door_set(&door, 800, 22, false);
	door_pace(&door, 500, 4000, 0);
	(void)in_a_second(&door, true, false, 7000);
	assert_in_range(in_a_second(&door, true, false, 8000), 390, 410);
	door_pace(&door, 0, 4000, 0);
	(void)in_a_second(&door, true, false, 9000);
	assert_in_range(in_a_second(&door, true, false, 10000), 790, 810);
}

static void a_floor_of_work(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, 4000, 22, false, 1000);
	door_pace(&door, 0, 4000, 16);
	for (uint64_t now = 1000; now < 60000; now += 1000) {
		assert_int_equal(door_ask(&door, false, false, now), DOOR_WORK);
		assert_int_equal(door.bits, 16);
		assert_int_equal(door_ask(&door, true, false, now), DOOR_OPEN);
		assert_int_equal(door_ask(&door, false, true, now), DOOR_OPEN);
	}
	door_pace(&door, 0, 4000, 30); /* what was set is the most */
	assert_int_equal(door_ask(&door, false, false, 60000), DOOR_WORK);
	assert_int_equal(door.bits, 22);
	door_pace(&door, 0, 4000, 0);
	assert_int_equal(door_bits(&door, 70000), 0);
	assert_int_equal(door_ask(&door, false, false, 70000), DOOR_OPEN);
}

/* Without puzzles nobody is asked for work: who comes too much is turned away. */
static void withheld_without_puzzles(void **state)
{
	struct door door;

	(void)state;
	door_init(&door, 0, 0, false, 1000);
	door_pace(&door, 0, 100, 16);
	assert_int_equal(door_ask(&door, false, false, 1000), DOOR_OPEN);
	door_pace(&door, 900, 100, 16);
	for (unsigned i = 0; i < 100; i++)
		assert_int_not_equal(door_ask(&door, false, false, 1001), DOOR_WORK);
	assert_int_equal(door_ask(&door, false, false, 1002), DOOR_BUSY);
	door_pace(&door, 0, 100, 0);
	assert_int_equal(door_ask(&door, false, false, 1003), DOOR_OPEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_rate_lets_strangers_in),
		cmocka_unit_test(a_rate_is_kept),
		cmocka_unit_test(tickets_have_a_half_of_their_own),
		cmocka_unit_test(tickets_leave_a_half_to_others),
		cmocka_unit_test(tickets_alone),
		cmocka_unit_test(work_gets_harder_and_easier),
		cmocka_unit_test(always),
		cmocka_unit_test(another_measure),
		cmocka_unit_test(a_part_is_withheld),
		cmocka_unit_test(a_floor_of_work),
		cmocka_unit_test(withheld_without_puzzles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
