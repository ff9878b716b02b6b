/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the store knows comes back to the guard, and nothing that was taken back. */
#include <tests/unit/daemon/remember_room.h>

#include <poll.h>

static const struct recall_ops recall_ops = {.source = remember_source,
					     .ban = remember_ban,
					     .all = remember_all,
					     .bans = remember_bans,
					     .one = remember_one};

/* A guard that enforces, and the thread that reads for it. */
static void begin_recall(struct room *room)
{
	begin(room);
	room->guarding.mode = GUARDING_ENFORCE;
	room->options.config = config_new();
	assert_non_null(room->options.config);
	room->keeper.options = &room->options;
	assert_int_equal(
		recall_new(room->memory.store, &recall_ops, &room->memory, &room->memory.recall),
		0);
}

/* Something was read, and waits to be collected. */
static void wait_read(struct room *room)
{
	struct pollfd wait = {.fd = recall_fd(room->memory.recall), .events = POLLIN};

	assert_int_equal(poll(&wait, 1, 60000), 1);
}

static void collect(struct room *room, const uint32_t *until_none)
{
	while (*until_none) {
		wait_read(room);
		recall_collect(room->memory.recall);
	}
}

static const struct guard_kept past = {
	.prefix = {{203, 0, 113, 1}, 4, 32}, .offences = 4, .days = 9, .proven = GUARD_PROVEN};

static struct guard_kept known(struct room *room, const struct prefix *prefix)
{
	struct guard_kept kept = {0};

	assert_true(guard_keep(room->guarding.guard, prefix, now_ms(), &kept));
	return kept;
}

/* An operator forgives who was read already, and is on his way here. */
static void what_is_forgiven_does_not_come_back(void **state)
{
	struct room *room = *state;
	const struct prefix other = {{203, 0, 113, 2}, 4, 32}, banned = {{10, 0, 0, 1}, 4, 32};
	struct guard_kept kept = past;

	begin_recall(room);
	remember_evict(&room->keeper, &kept);
	kept.prefix = other;
	remember_evict(&room->keeper, &kept);
	say(room, GUARD_ACT_BAN, 1);
	write_all(room);
	remember_begin(&room->keeper);
	assert_int_equal(room->memory.remembering.recalling, 1);
	wait_read(room);
	remember_forgiven(&room->keeper, &past.prefix, false);
	remember_forgiven(&room->keeper, &banned, false);
	collect(room, &room->memory.remembering.recalling);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 0);
	kept = known(room, &past.prefix);
	assert_int_equal(kept.offences, 0);
	assert_int_equal(kept.days, past.days);
	kept = known(room, &other);
	assert_int_equal(kept.offences, past.offences);
	write_all(room);
	assert_int_equal(bans(room), 0);
}

/* So does a flush forgive all of them. */
static void a_flush_forgives_what_is_on_its_way(void **state)
{
	struct room *room = *state;

	begin_recall(room);
	remember_evict(&room->keeper, &past);
	say(room, GUARD_ACT_BAN, 1);
	write_all(room);
	remember_begin(&room->keeper);
	wait_read(room);
	remember_forgiven_all(&room->keeper);
	collect(room, &room->memory.remembering.recalling);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 0);
	assert_int_equal(known(room, &past.prefix).offences, 0);
}

/* Acts that the journal has, or that are late, or in the backlog, come first. */
static void reading_waits_for_what_was_done(void **state)
{
	struct room *room = *state;
	struct remembering *mem = &room->memory.remembering;
	const struct late_act lift = {
		.lifts = true, .prefix = {{10, 0, 0, 1}, 4, 32}, .at_ms = memory_wall_ms()};

	begin_recall(room);
	say(room, GUARD_ACT_BAN, 1);
	say(room, GUARD_ACT_BAN, 2);
	write_all(room);
	lock(room);
	say(room, GUARD_ACT_LIFT, 2);
	room->keeper.acts = &room->acts;
	room->acts.journaling = true;
	remember_begin(&room->keeper);
	assert_int_equal(mem->reads, 0);
	assert_int_equal(mem->recalling, 1);
	assert_int_equal(late_put(&mem->late, &lift), 0);
	room->acts.journaling = false;
	remember_tick(&room->keeper);
	assert_int_equal(mem->reads, 0);
	remember_make_good(&room->memory);
	assert_int_equal(mem->late.len, 0);
	remember_tick(&room->keeper);
	assert_int_equal(mem->reads, 1); /* it is asked, and waits for the backlog */
	write_all(room);
	collect(room, &mem->recalling);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 0);
	assert_int_equal(mem->reads, 0);
}

/* Who asked is gone, and another guard has begun: what was read for the first one is stale. */
static void what_was_read_for_another_is_stale(void **state)
{
	struct room *room = *state;
	struct remembering *mem = &room->memory.remembering;

	begin_recall(room);
	remember_evict(&room->keeper, &past);
	say(room, GUARD_ACT_BAN, 1);
	write_all(room);
	remember_begin(&room->keeper);
	wait_read(room);
	remember_end(&room->keeper, false);
	remember_withdrawn(&room->keeper);
	guard_free(room->guarding.guard);
	room->guarding.guard = NULL;
	begin(room);
	remember_begin(&room->keeper);
	assert_int_equal(mem->recalling, 2);
	assert_int_equal(mem->reads, 1);
	while (mem->reads) {
		wait_read(room);
		recall_collect(room->memory.recall);
	}
	assert_int_equal(guard_figures(room->guarding.guard).proven, 0);
	remember_tick(&room->keeper);
	assert_int_equal(mem->reads, 1);
	collect(room, &mem->recalling);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 0);
	assert_int_equal(known(room, &past.prefix).offences, past.offences);
}

/* The mode is changed, and back again, while bans are on their way: they were taken back. */
static void another_mode_takes_back_what_is_on_its_way(void **state)
{
	struct room *room = *state;

	begin_recall(room);
	remember_evict(&room->keeper, &past);
	say(room, GUARD_ACT_BAN, 1);
	write_all(room);
	remember_begin(&room->keeper);
	wait_read(room);
	remember_withdrawn(&room->keeper);
	collect(room, &room->memory.remembering.recalling);
	assert_int_equal(guard_figures(room->guarding.guard).banned, 0);
	assert_int_equal(known(room, &past.prefix).offences, past.offences);
}

/* One whose past is on its way is not written without it; the others are. */
static void fetching_one_holds_up_nobody_else(void **state)
{
	struct room *room = *state;
	struct remembering *mem = &room->memory.remembering;
	const uint8_t fetched[16] = {192, 0, 2, 2};

	begin_recall(room);
	mem->partial = true;
	remember_seen(&room->keeper, 4, fetched);
	assert_int_equal(mem->fetching, 1);
	see(room->guarding.guard, 1, GUARD_IN_AUTH_BAD);
	see(room->guarding.guard, 2, GUARD_IN_AUTH_BAD);
	do
		remember_tick(&room->keeper);
	while (mem->walking);
	write_all(room);
	assert_int_equal(sources(room), 1);
	collect(room, &mem->fetching);
	mem->round_ms = 0; /* some seconds have passed */
	do
		remember_tick(&room->keeper);
	while (mem->walking);
	write_all(room);
	assert_int_equal(sources(room), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(what_is_forgiven_does_not_come_back),
		TEST(a_flush_forgives_what_is_on_its_way),
		TEST(reading_waits_for_what_was_done),
		TEST(what_was_read_for_another_is_stale),
		TEST(another_mode_takes_back_what_is_on_its_way),
		TEST(fetching_one_holds_up_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
