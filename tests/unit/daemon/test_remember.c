/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What the guard says and what of it the store gets, when it has room and when it has none: another
 * connection locks the database as long as the test wants it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include <user/base/clock.h>
#include <user/daemon/guarding.h>
#include <user/daemon/memory_parts.h>
#include <user/daemon/remember.h>
#include <user/store/audit.h>

#define BACKLOG 8U

struct room {
	char dir[40];
	struct keeper keeper;
	struct memory memory;
	struct guarding guarding;
	uint32_t rows, records;
	char last[300]; /* record */
	sqlite3 *other;
};

static uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static int setup(void **state)
{
	const struct store_options options = {
		.backlog_max = BACKLOG, .close_ms = 1, .retry_max_ms = 100};
	struct room *room = calloc(1, sizeof(*room));
	char url[80];

	assert_non_null(room);
	snprintf(room->dir, sizeof(room->dir), "/tmp/strazh-remember.XXXXXX");
	assert_non_null(mkdtemp(room->dir));
	snprintf(url, sizeof(url), "sqlite://%s/s.db", room->dir);
	assert_int_equal(store_open(url, &options, &room->memory.store, NULL), 0);
	snprintf(url, sizeof(url), "%s/s.db", room->dir);
	assert_int_equal(sqlite3_open(url, &room->other), SQLITE_OK);
	room->memory.keeper = &room->keeper;
	room->memory.remembering.summed_ms = now_ms();
	room->keeper.memory = &room->memory;
	room->keeper.guarding = &room->guarding;
	*state = room;
	return 0;
}

static int teardown(void **state)
{
	struct room *room = *state;
	char path[80];

	(void)sqlite3_close(room->other);
	store_close(room->memory.store, NULL);
	late_deinit(&room->memory.remembering.late);
	guard_free(room->guarding.guard);
	for (const char *const *end = (const char *const[]){"", "-wal", "-shm", NULL}; *end;
	     end++) {
		snprintf(path, sizeof(path), "%s/s.db%s", room->dir, *end);
		(void)unlink(path);
	}
	assert_int_equal(rmdir(room->dir), 0);
	free(room);
	return 0;
}

static void lock(struct room *room)
{
	assert_int_equal(sqlite3_exec(room->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void write_all(struct room *room)
{
	struct store_health health;

	if (!sqlite3_get_autocommit(room->other))
		assert_int_equal(sqlite3_exec(room->other, "ROLLBACK", NULL, NULL, NULL),
				 SQLITE_OK);
	do {
		assert_int_equal(store_flush(room->memory.store, 60000), 0);
		(void)store_collect(room->memory.store);
		remember_make_good(&room->memory);
		store_health(room->memory.store, &health);
	} while (health.backlog || health.sources || room->memory.remembering.late.len);
}

static int count_ban(void *data, const struct store_ban *ban)
{
	struct room *room = data;

	assert_string_equal(ban->origin, "guard");
	room->rows++;
	return 0;
}

static int count_source(void *data, const struct store_source *source)
{
	struct room *room = data;

	(void)source;
	room->rows++;
	return 0;
}

static int count_record(void *data, const struct store_record *record)
{
	struct room *room = data;

	if (!room->records++)
		snprintf(room->last, sizeof(room->last), "%s %s %s: %.200s", record->actor,
			 record->action, record->subject, record->cause);
	return 0;
}

static uint32_t bans(struct room *room)
{
	room->rows = 0;
	assert_int_equal(store_each_ban(room->memory.store, 0, count_ban, room, NULL), 0);
	return room->rows;
}

static uint32_t sources(struct room *room)
{
	room->rows = 0;
	assert_int_equal(store_each_source(room->memory.store, 0, count_source, room, NULL), 0);
	return room->rows;
}

static uint32_t records(struct room *room)
{
	room->records = 0;
	assert_int_equal(store_each_record(room->memory.store, NULL, 0, count_record, room, NULL),
			 0);
	return room->records;
}

static struct guard_record record(enum guard_act act, uint32_t n)
{
	return (struct guard_record){
		.at_ms = 1000,
		.until_ms = act == GUARD_ACT_BAN ? 601000 : 0,
		.act = (uint8_t)act,
		.offences = 1,
		.enforced = true,
		.prefix = {{10, (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}, 4, 32},
	};
}

static void say(struct room *room, enum guard_act act, uint32_t n)
{
	struct guard_record what = record(act, n);

	remember_record(&room->keeper, &what);
}

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

static void see(struct guard *guard, uint8_t host, enum guard_input input)
{
	const struct observation seen = {
		.addr = {192, 0, 2, host}, .family = 4, .input = (uint8_t)input};

	assert_true(guard_observe(guard, &seen, now_ms()) >= 0);
}

static void begin(struct room *room)
{
	struct guard_config config = guard_config_usual();
	const struct guard_ops none = {0};

	assert_int_equal(guard_new(&config, &none, room, now_ms(), &room->guarding.guard), 0);
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
	remember_tick(&room->keeper);
	write_all(room);
	assert_int_equal(bans(room), 3);
	assert_false(room->memory.remembering.restate);
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
	remember_tick(&room->keeper);
	write_all(room);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(bans_and_lifts),
		TEST(late_acts_are_made_good),
		TEST(lost_acts_are_said_again),
		TEST(limits_are_summed_up),
		TEST(lost_prefix_bans_are_said_again),
		TEST(what_was_done_is_taken_back),
		TEST(what_was_late_does_not_outlive_a_flush),
		TEST(leavings_of_another_mode_go),
		TEST(notes_are_bounded),
		TEST(states_of_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
