/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the guard says and what of it the store gets, when it has room and when it has none. */
#include <tests/unit/daemon/remember_room.h>

#include <math.h>

static void bans_and_lifts(void **state)
{
	struct room *room = *state;

	say(room, GUARD_ACT_BAN, 1);
	say(room, GUARD_ACT_BAN, 2);
	say(room, GUARD_ACT_LIFT, 1);
	write_all(room);
	assert_int_equal(bans(room), 1);
	assert_int_equal(records(room), 3);
	assert_string_equal(room->last, "guard unban 10.0.0.1: ban lifted");
	assert_int_equal(room->memory.missed, 0);
}

/* More than there is room for is late, in its order, and nothing of it is lost. */
static void late_acts_are_made_good(void **state)
{
	struct room *room = *state;

	lock(room);
	for (uint32_t i = 0; i < 100; i++) {
		say(room, GUARD_ACT_BAN, i);
		if (i % 2)
			say(room, GUARD_ACT_LIFT, i);
	}
	assert_int_equal(room->memory.missed, 150 - BACKLOG);
	assert_int_equal(room->memory.remembering.late.len, 150 - BACKLOG);
	write_all(room);
	assert_int_equal(bans(room), 50);
	assert_int_equal(records(room), 150);
	assert_string_equal(room->last, "guard unban 10.0.0.99: ban lifted");
	assert_int_equal(room->memory.undone, 0);
}

/* Too many even for that: all bans are said once more. */
static void lost_acts_are_said_again(void **state)
{
	struct room *room = *state;

	begin(room);
	for (uint8_t host = 1; host <= 3; host++)
		for (unsigned i = 0; i < 100; i++)
			see(room->guarding.guard, host, GUARD_IN_AUTH_BAD);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 3);
	lock(room);
	for (uint32_t i = 0; i < LATE_MAX + BACKLOG; i++)
		say(room, GUARD_ACT_LIFT, i);
	assert_false(room->memory.remembering.restate);
	say(room, GUARD_ACT_BAN, 0);
	assert_true(room->memory.remembering.restate);
	write_all(room);
	assert_int_equal(bans(room), 0);
	while (room->memory.remembering.restate) {
		remember_tick(&room->keeper);
		write_all(room);
	}
	assert_int_equal(bans(room), 3);
}

static void ban_many(struct room *room, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		const struct guard_kept kept = {
			.prefix = {{11, 0, (uint8_t)(i >> 8), (uint8_t)i}, 4, 32},
			.banned_ms = 600000,
			.offences = 1,
			.proven = GUARD_PROVEN,
		};

		assert_int_equal(guard_restore(room->guarding.guard, &kept, now_ms()), 0);
	}
	assert_int_equal(guard_figures(room->guarding.guard).banned, count);
}

/* As many at a time as there is room for, each of them once, however many there are. */
static void many_bans_are_said_once(void **state)
{
	struct room *room = *state;
	struct remembering *mem = &room->memory.remembering;

	begin(room);
	ban_many(room, 100 * BACKLOG);
	lock(room);
	remember_say_again(&room->keeper);
	for (unsigned i = 0; i < 5; i++)
		remember_tick(&room->keeper);
	assert_int_equal(mem->late.len, 0);
	assert_int_equal(room->memory.missed, 0);
	assert_true(mem->restate);
	write_all(room);
	while (mem->restate) {
		remember_tick(&room->keeper);
		assert_int_equal(mem->late.len, 0);
		write_all(room);
	}
	assert_int_equal(bans(room), 100 * BACKLOG);
	assert_int_equal(records(room), 100 * BACKLOG);
}

/* What is lost while they are said is not known: all of them anew, when that is over. */
static void bans_are_said_anew(void **state)
{
	struct room *room = *state;
	struct remembering *mem = &room->memory.remembering;

	begin(room);
	ban_many(room, 10 * BACKLOG);
	remember_say_again(&room->keeper);
	remember_tick(&room->keeper);
	assert_true(mem->saying);
	remember_say_again(&room->keeper);
	while (mem->restate) {
		write_all(room);
		remember_tick(&room->keeper);
	}
	write_all(room);
	assert_int_equal(bans(room), 10 * BACKLOG);
	assert_int_equal(records(room), 20 * BACKLOG);
}

/* So are bans of prefixes, and neither a prefix that is free nor one that was lifted. */
static void lost_prefix_bans_are_said_again(void **state)
{
	struct room *room = *state;
	const struct prefix four = {{198, 51, 100}, 4, 24}, lifted = {{198, 51, 101}, 4, 24};
	const struct prefix six = {{0x20, 0x01, 0x0d, 0xb8}, 6, 48};

	begin(room);
	assert_int_equal(guard_restore_prefix(room->guarding.guard, &four, 600000, 2, now_ms()), 0);
	assert_int_equal(guard_restore_prefix(room->guarding.guard, &six, 600000, 1, now_ms()), 0);
	assert_int_equal(guard_restore_prefix(room->guarding.guard, &lifted, 60000, 1, now_ms()),
			 0);
	assert_true(guard_forgive(room->guarding.guard, &lifted, now_ms()));
	remember_say_again(&room->keeper);
	while (room->memory.remembering.restate) {
		remember_tick(&room->keeper);
		write_all(room);
	}
	assert_int_equal(bans(room), 2);
	assert_false(room->memory.remembering.restate);
}

/* Of a guard that does nothing any more no ban is left in the store; what is late keeps its order.
 */
static void what_was_done_is_taken_back(void **state)
{
	struct room *room = *state;

	lock(room);
	for (uint32_t i = 0; i < 3 * BACKLOG; i++)
		say(room, GUARD_ACT_BAN, i);
	assert_true(room->memory.remembering.late.len > 0);
	remember_withdrawn(&room->keeper);
	say(room, GUARD_ACT_BAN, 1000);
	write_all(room);
	assert_int_equal(bans(room), 1);
	assert_int_equal(records(room), 3 * BACKLOG + 2);
}

/* A flush clears the store by the operator's act, which is no late one: those go behind it. */
static void what_was_late_does_not_outlive_a_flush(void **state)
{
	struct room *room = *state;

	lock(room);
	for (uint32_t i = 0; i < 3 * BACKLOG; i++)
		say(room, GUARD_ACT_BAN, i);
	remember_forgiven_all(&room->keeper);
	write_all(room);
	assert_int_equal(bans(room), 0);
	assert_int_equal(records(room), 3 * BACKLOG + 1);
	assert_string_equal(room->last, "guard flush deny guard: forgiven by an operator");
	remember_forgiven_all(&room->keeper); /* nothing is late: his act is enough */
	write_all(room);
	assert_int_equal(records(room), 3 * BACKLOG + 1);
}

/* Started in a mode that does nothing: what an enforcing guard left in the store goes. */
static void leavings_of_another_mode_go(void **state)
{
	struct room *room = *state;
	const struct store_ban left = {.prefix = {{10, 0, 0, 1}, 4, 32},
				       .since_ms = memory_wall_ms(),
				       .until_ms = memory_wall_ms() + 600000,
				       .origin = "guard"};

	say(room, GUARD_ACT_BAN, 1);
	say(room, GUARD_ACT_BAN, 2);
	write_all(room);
	remember_bans(&room->memory, 0); /* none was found */
	write_all(room);
	assert_int_equal(records(room), 2);
	remember_ban(&room->memory, &left);
	remember_bans(&room->memory, 1);
	write_all(room);
	assert_int_equal(bans(room), 0);
	assert_int_equal(records(room), 3);
	assert_false(room->memory.remembering.withdrawn);
}

static void limits_are_summed_up(void **state)
{
	struct room *room = *state;

	begin(room);
	for (uint32_t i = 0; i < 1000; i++) {
		say(room, GUARD_ACT_LIMIT, i);
		say(room, GUARD_ACT_UNLIMIT, i);
	}
	say(room, GUARD_ACT_BLOCK, 1);
	remember_tick(&room->keeper);
	write_all(room);
	assert_int_equal(records(room), 0);
	room->memory.remembering.summed_ms = 0; /* a minute has passed */
	remember_tick(&room->keeper);
	write_all(room);
	assert_int_equal(records(room), 1);
	assert_string_equal(room->last, "guard limits : in a minute 1000 limited, 1 shut out for "
					"seconds, 1000 free again, 0 decisions more");
}

/* Of what changes nothing in the gate so many a second, and the summary has the others. */
static void notes_are_bounded(void **state)
{
	struct room *room = *state;

	begin(room);
	lock(room);
	for (uint32_t i = 0; i < 1000; i++)
		say(room, GUARD_ACT_SPARED, i);
	write_all(room);
	assert_in_range(records(room), 1, 2 * BACKLOG);
	assert_int_equal(room->records + room->memory.remembering.unsaid, 1000);
}

static void states_of_sources(void **state)
{
	struct room *room = *state;
	struct guard_kept kept = {.prefix = {{203, 0, 113, 1}, 4, 32}};

	begin(room);
	remember_evict(&room->keeper, &kept); /* a stranger without a past */
	see(room->guarding.guard, 1, GUARD_IN_AUTH_BAD);
	remember_tick(&room->keeper);
	write_all(room);
	assert_int_equal(sources(room), room->memory.remembering.walking ? 0 : 1);
	kept.proven = 1;
	remember_evict(&room->keeper, &kept);
	remember_end(&room->keeper, false);
	write_all(room);
	assert_int_equal(sources(room), 2);
	assert_true(room->memory.remembering.partial);
}

/* It is no want of room: nothing is gained by trying again. */
static void a_state_that_is_none_is_refused(void **state)
{
	struct room *room = *state;
	struct guard_kept kept = {.prefix = {{203, 0, 113, 1}, 4, 32}, .proven = GUARD_PROVEN};

	kept.good = NAN;
	remember_evict(&room->keeper, &kept);
	assert_false(room->memory.remembering.full);
	assert_int_equal(room->memory.undone, 1);
}

/* Else it would be an error at the end of strazhd that bans of nobody are not written. */
static void without_a_guard_nothing_is_said_again(void **state)
{
	struct room *room = *state;

	remember_say_again(&room->keeper);
	assert_false(room->memory.remembering.restate);
	begin(room);
	remember_say_again(&room->keeper);
	assert_true(room->memory.remembering.restate);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(bans_and_lifts),
		TEST(late_acts_are_made_good),
		TEST(lost_acts_are_said_again),
		TEST(many_bans_are_said_once),
		TEST(bans_are_said_anew),
		TEST(a_state_that_is_none_is_refused),
		TEST(limits_are_summed_up),
		TEST(lost_prefix_bans_are_said_again),
		TEST(what_was_done_is_taken_back),
		TEST(what_was_late_does_not_outlive_a_flush),
		TEST(leavings_of_another_mode_go),
		TEST(notes_are_bounded),
		TEST(states_of_sources),
		TEST(without_a_guard_nothing_is_said_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
