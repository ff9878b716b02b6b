/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A guard's memory with a store of its own, and another connection that locks the database as long
 * as the test wants it.
 */
#ifndef TESTS_UNIT_DAEMON_REMEMBER_ROOM_H
#define TESTS_UNIT_DAEMON_REMEMBER_ROOM_H

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
#include <user/daemon/acts/acts_parts.h>
#include <user/daemon/config/config.h>
#include <user/daemon/guarding/guarding.h>
#include <user/daemon/memory/memory_parts.h>
#include <user/daemon/memory/remember.h>
#include <user/store/audit.h>

#define BACKLOG 8U

struct room {
	char dir[40];
	struct keeper keeper;
	struct memory memory;
	struct guarding guarding;
	struct daemon_options options;
	struct acts acts;
	uint32_t rows, records;
	char last[300]; /* record */
	sqlite3 *other;
};

static inline uint64_t now_ms(void)
{
	return clock_boot_ns() / 1000000;
}

static inline int setup(void **state)
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

static inline int teardown(void **state)
{
	struct room *room = *state;
	char path[80];

	(void)sqlite3_close(room->other);
	recall_free(room->memory.recall);
	config_free(room->options.config);
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

static inline void lock(struct room *room)
{
	assert_int_equal(sqlite3_exec(room->other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static inline void write_all(struct room *room)
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

static inline int count_ban(void *data, const struct store_ban *ban)
{
	struct room *room = data;

	assert_string_equal(ban->origin, "guard");
	room->rows++;
	return 0;
}

static inline int count_source(void *data, const struct store_source *source)
{
	struct room *room = data;

	(void)source;
	room->rows++;
	return 0;
}

static inline int count_record(void *data, const struct store_record *record)
{
	struct room *room = data;

	if (!room->records++)
		snprintf(room->last, sizeof(room->last), "%s %s %s: %.200s", record->actor,
			 record->action, record->subject, record->cause);
	return 0;
}

static inline uint32_t bans(struct room *room)
{
	room->rows = 0;
	assert_int_equal(store_each_ban(room->memory.store, 0, count_ban, room, NULL), 0);
	return room->rows;
}

static inline uint32_t sources(struct room *room)
{
	room->rows = 0;
	assert_int_equal(store_each_source(room->memory.store, 0, count_source, room, NULL), 0);
	return room->rows;
}

static inline uint32_t records(struct room *room)
{
	room->records = 0;
	assert_int_equal(store_each_record(room->memory.store, NULL, 0, count_record, room, NULL),
			 0);
	return room->records;
}

static inline struct guard_record record(enum guard_act act, uint32_t n)
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

static inline void say(struct room *room, enum guard_act act, uint32_t n)
{
	struct guard_record what = record(act, n);

	remember_record(&room->keeper, &what);
}

static inline void see(struct guard *guard, uint8_t host, enum guard_input input)
{
	const struct observation seen = {
		.addr = {192, 0, 2, host}, .family = 4, .input = (uint8_t)input};

	assert_true(guard_observe(guard, &seen, now_ms()) >= 0);
}

static inline void begin(struct room *room)
{
	struct guard_config config = guard_config_usual();
	const struct guard_ops none = {0};

	assert_int_equal(guard_new(&config, &none, room, now_ms(), &room->guarding.guard), 0);
}

#endif
