// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * The audit chain: each way of tampering is found, and at the right record; it survives retention;
 * appends of several stores have one order.
 */
#include <tests/store/depot.h>

#include <pthread.h>

#include <user/store/chain.h>

#define DAY_MS 86400000LL

static void notes(struct store *st, int from, int n, int64_t at_ms)
{
	for (int i = from; i < from + n; i++) {
		char detail[32];
		struct store_act act = depot_note("test", "subject", detail);

		snprintf(detail, sizeof(detail), "%d", i);
		act.at_ms = at_ms;
		assert_int_equal(store_submit(st, &act, NULL, NULL), 0);
	}
	assert_int_equal(store_flush(st, 0), 0);
}

static void broken_at(struct store *st, int64_t seq, const char *why)
{
	struct store_audit_state state = {0};

	assert_int_equal(store_audit_verify(st, &state, NULL), STORE_BROKEN);
	assert_int_equal(state.broken_seq, seq);
	if (!strstr(state.broken_why, why))
		fail_msg("'%s' does not say '%s'", state.broken_why, why);
}

static void an_empty_chain_is_whole(void **state)
{
	struct store *st = depot_open(*state, NULL);

	depot_chain(st, 0);
	depot_close(st);
}

static void tampering_is_found(void **state)
{
	static const struct {
		const char *change, *undo, *why;
		int64_t seq;
	} tries[] = {
		{"UPDATE audit SET cause = 'x' WHERE seq = 4",
		 "UPDATE audit SET cause = '' WHERE seq = 4", "its hash", 4},
		{"UPDATE audit SET actor = 'operator:ann', action = 'atest' WHERE seq = 1",
		 "UPDATE audit SET actor = 'operator:anna', action = 'test' WHERE seq = 1",
		 "its hash", 1},
		{"UPDATE audit SET hash = (SELECT hash FROM audit WHERE seq = 3) WHERE seq = 2",
		 NULL, "its hash", 2},
		{"DELETE FROM audit WHERE seq = 7", NULL, "missing", 7},
		{"DELETE FROM audit WHERE seq = 10", NULL, "missing", 10},
		{"DELETE FROM audit WHERE seq = 1", NULL, "missing", 1},
		{"UPDATE audit_head SET seq = 9", "UPDATE audit_head SET seq = 10",
		 "the head does not know it", 10},
		{"UPDATE audit_head SET cut_seq = 1", "UPDATE audit_head SET cut_seq = 0",
		 "should have been cut", 1},
		/* The beginning away as if it had been cut, with the hashes that belong to it. */
		{"UPDATE audit_head SET cut_seq = 3, cut_hash = (SELECT hash FROM audit WHERE seq "
		 "= 3);DELETE FROM audit WHERE seq <= 3",
		 NULL, "no record says", 4},
	};
	const struct database *db = *state;

	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		struct store *st = depot_open(db, NULL);

		database_do(db, "DELETE FROM audit; DELETE FROM audit_head");
		notes(st, 0, 10, DEPOT_T0);
		depot_chain(st, 10);
		database_do(db, tries[i].change);
		broken_at(st, tries[i].seq, tries[i].why);
		if (tries[i].undo) {
			database_do(db, tries[i].undo);
			depot_chain(st, 10);
		}
		depot_close(st);
	}
}

/* A record that was changed and hashed anew, as somebody would who knows how: the next one tells.
 */
static void a_new_hash_does_not_help(void **state)
{
	const struct database *db = *state;
	struct store *st = depot_open(db, NULL);
	struct store_record r = {4,   DEPOT_T0, "operator:anna", "test", "subject", "a lie",
				 "3", {0}};
	char hex[STORE_HEX_LEN], sql[256], *previous;
	uint8_t hash[STORE_HASH_LEN];

	notes(st, 0, 10, DEPOT_T0);
	previous = database_ask(
		db, database_is_sqlite(db) ? "SELECT lower(hex(hash)) FROM audit WHERE seq = 3"
					   : "SELECT encode(hash, 'hex') FROM audit WHERE seq = 3");
	for (size_t i = 0; i < STORE_HASH_LEN; i++) {
		char two[3] = {previous[2 * i], previous[2 * i + 1], 0};

		hash[i] = (uint8_t)strtoul(two, NULL, 16);
	}
	free(previous);
	assert_int_equal(store_chain_hash(hash, &r, hash), 0);
	snprintf(sql, sizeof(sql), "UPDATE audit SET cause = 'a lie', hash = %s%s' WHERE seq = 4",
		 database_is_sqlite(db) ? "x'" : "'\\x", store_chain_hex(hash, hex));
	database_do(db, sql);
	broken_at(st, 5, "its hash");
	depot_close(st);
}

static void retention_keeps_it_whole(void **state)
{
	const struct database *db = *state;
	struct store_options options = {.audit_keep_ms = 10 * DAY_MS, .retain_every_ms = -1};
	struct store *st = depot_open(db, &options);
	struct store_audit_state audit = {0};
	uint64_t deleted = 0;

	notes(st, 0, 6000, DEPOT_T0);
	notes(st, 6000, 10, DEPOT_T0 + 20 * DAY_MS);
	notes(st, 6010, 1, DEPOT_T0); /* old, but behind young ones: it stays */
	assert_int_equal(store_retain(st, DEPOT_T0 + 25 * DAY_MS, &deleted, NULL), 0);
	assert_int_equal(deleted, 6000);
	assert_int_equal(store_audit_verify(st, &audit, NULL), 0);
	assert_int_equal(audit.cut_seq, 6000);
	assert_int_equal(audit.first_seq, 6001);
	assert_int_equal(audit.records, 13); /* two steps, each with a record of its own */
	assert_int_equal(store_retain(st, DEPOT_T0 + 25 * DAY_MS, &deleted, NULL), 0);
	assert_int_equal(deleted, 0);
	/* A second cut goes on from the first. */
	notes(st, 7000, 3, DEPOT_T0 + 100 * DAY_MS);
	assert_int_equal(store_retain(st, DEPOT_T0 + 101 * DAY_MS, &deleted, NULL), 0);
	assert_int_equal(deleted, 13);
	depot_chain(st, 4);
	database_do(db, "DELETE FROM audit WHERE seq = (SELECT min(seq) FROM audit)");
	broken_at(st, audit.last_seq + 1, "missing");
	depot_close(st);
}

/* Where the record is gone up to which it would be cut, the rest of retention goes on. */
static void a_hole_stops_no_retention(void **state)
{
	const struct database *db = *state;
	struct store_options options = {
		.audit_keep_ms = 10 * DAY_MS, .bans_keep_ms = 10 * DAY_MS, .retain_every_ms = -1};
	const struct store_act ban = depot_ban("192.0.2.1", DEPOT_T0 + DAY_MS, "");
	struct store *st = depot_open(db, &options);
	uint64_t deleted = 0;

	notes(st, 0, 3, DEPOT_T0);
	depot_do(st, &ban);
	notes(st, 3, 1, DEPOT_T0 + 20 * DAY_MS);
	database_do(db, "DELETE FROM audit WHERE seq = 4");
	assert_int_equal(store_retain(st, DEPOT_T0 + 25 * DAY_MS, &deleted, NULL), 0);
	assert_int_equal(deleted, 1); /* the ban */
	broken_at(st, 4, "missing");
	depot_close(st);
}

/* All that is old may go, the last record never: the chain goes on from it. */
static void the_last_record_stays(void **state)
{
	struct store_options options = {.audit_keep_ms = 1, .retain_every_ms = -1};
	struct store *st = depot_open(*state, &options);
	uint64_t deleted = 0;

	notes(st, 0, 5, DEPOT_T0);
	assert_int_equal(store_retain(st, DEPOT_T0 + DAY_MS, &deleted, NULL), 0);
	/* Four, and the fifth when a record stood behind it: what is left are the two that say so.
	 */
	assert_int_equal(deleted, 5);
	depot_chain(st, 2);
	notes(st, 5, 1, DEPOT_T0 + 2 * DAY_MS);
	depot_chain(st, 3);
	depot_close(st);
}

struct appender {
	struct store *st;
	int from;
};

static void *append(void *data)
{
	struct appender *a = data;

	for (int i = 0; i < 200; i++) {
		char detail[32];
		struct store_act act = depot_note("test", "subject", detail);

		snprintf(detail, sizeof(detail), "%d", a->from + i);
		if (store_do(a->st, &act, 0))
			return data;
	}
	return NULL;
}

/* Two stores of one database, as of two processes; four threads on each; a cut now and then. */
static void appends_have_one_order(void **state)
{
	const struct database *db = *state;
	struct store_options options = {.audit_keep_ms = 1, .retain_every_ms = -1};
	struct store *st[2] = {depot_open(db, &options), depot_open(db, &options)};
	struct appender appenders[8];
	pthread_t threads[8];
	uint64_t deleted;

	for (int i = 0; i < 8; i++) {
		appenders[i] = (struct appender){st[i % 2], 1000 * i};
		assert_int_equal(pthread_create(&threads[i], NULL, append, &appenders[i]), 0);
	}
	for (int i = 0; i < 5; i++) {
		struct store_audit_state audit = {0};

		assert_int_equal(store_retain(st[i % 2], DEPOT_T0 - DAY_MS, &deleted, NULL), 0);
		assert_int_equal(store_audit_verify(st[i % 2], &audit, NULL), 0);
	}
	for (int i = 0; i < 8; i++) {
		void *failed;

		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
	depot_chain(st[0], 1600);
	database_expect(db, "SELECT count(DISTINCT detail), max(seq) FROM audit", "1600|1600\n");
	depot_close(st[0]);
	depot_close(st[1]);
}

static int newest(void *data, const struct store_record *r)
{
	size_t at = strlen(data);

	snprintf((char *)data + at, 256 - at, "%lld %s;", (long long)r->seq, r->detail);
	return 0;
}

static void records_are_read(void **state)
{
	struct store *st = depot_open(*state, NULL);
	struct store_act act = depot_note("test", "other", "o");
	char saw[256] = "";

	notes(st, 0, 5, DEPOT_T0);
	depot_do(st, &act);
	assert_int_equal(store_each_record(st, "subject", 2, newest, saw, NULL), 0);
	assert_string_equal(saw, "5 4;4 3;");
	saw[0] = 0;
	assert_int_equal(store_each_record(st, NULL, 1, newest, saw, NULL), 0);
	assert_string_equal(saw, "6 o;");
	depot_close(st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(an_empty_chain_is_whole),	 DATABASE_TEST(tampering_is_found),
		DATABASE_TEST(a_new_hash_does_not_help), DATABASE_TEST(retention_keeps_it_whole),
		DATABASE_TEST(the_last_record_stays),	 DATABASE_TEST(appends_have_one_order),
		DATABASE_TEST(records_are_read),	 DATABASE_TEST(a_hole_stops_no_retention),
	};

	return DATABASE_RUN(tests);
}
