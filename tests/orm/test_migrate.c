// SPDX-License-Identifier: AGPL-3.0-or-later
/*
 * Migrations on both databases: up, down, what is refused, what a failure leaves, and five
 * processes at once.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm.h>
#include <strazh/orm/migrate.h>

#include <tests/orm/kit/database.h>

struct open {
	struct orm *orm;
	struct orm_session *s;
};

static struct open open_db(const struct database *db)
{
	struct open o = {0};
	struct orm_error err = {0};

	if (orm_open(db->url, NULL, &o.orm, &err))
		fail_msg("%s", err.text);
	assert_int_equal(orm_session_open(o.orm, &o.s), 0);
	return o;
}

static void close_db(struct open *o)
{
	orm_session_close(o->s);
	orm_close(o->orm);
}

static const struct orm_migration_step three[] = {
	{.version = 1,
	 .name = "people",
	 .up = "CREATE TABLE people (id bigint PRIMARY KEY, name text);"
	       "INSERT INTO people VALUES (1, 'a;b')",
	 .down = "DROP TABLE people"},
	{.version = 2,
	 .name = "age",
	 .up_sqlite = "ALTER TABLE people ADD COLUMN age INTEGER",
	 .up_postgresql = "ALTER TABLE people ADD COLUMN age bigint",
	 .down = "ALTER TABLE people DROP COLUMN age"},
	{.version = 3,
	 .name = "by-name",
	 .up = "CREATE INDEX people_by_name ON people (name)",
	 .down = "DROP INDEX people_by_name"},
};

static struct orm_migrations *steps_of(const struct orm_migration_step *steps, size_t n,
				       enum orm_dialect dialect)
{
	struct orm_migrations *m = NULL;
	struct orm_error err = {0};

	if (orm_migrations_of(steps, n, dialect, &m, &err))
		fail_msg("%s", err.text);
	return m;
}

static size_t up(struct open *o, const struct orm_migrations *m, uint32_t version)
{
	size_t done = 99;

	if (orm_migrate_up(o->s, m, version, &done))
		fail_msg("%s", orm_error(o->s)->text);
	return done;
}

static size_t down(struct open *o, const struct orm_migrations *m, uint32_t version)
{
	size_t done = 99;

	if (orm_migrate_down(o->s, m, version, &done))
		fail_msg("%s", orm_error(o->s)->text);
	return done;
}

static void refused(struct open *o, const struct orm_migrations *m, int class, const char *want)
{
	assert_int_equal(orm_migrate_up(o->s, m, 0, NULL), class);
	if (!strstr(orm_error(o->s)->text, want))
		fail_msg("'%s' lacks '%s'", orm_error(o->s)->text, want);
}

static void up_and_down(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = steps_of(three, 3, db->dialect);

	assert_int_equal(orm_migrations_last(m), 3);
	assert_int_equal(up(&o, m, 1), 1);
	database_expect(db, "SELECT version, name, length(checksum) FROM orm_migration",
			"1|people|64\n");
	assert_int_equal(up(&o, m, 0), 2);
	assert_int_equal(up(&o, m, 0), 0);
	database_expect(db, "SELECT count(*) FROM orm_migration WHERE took_ms >= 0", "3\n");
	database_expect(db, "SELECT name, age FROM people", "a;b|NULL\n");
	assert_int_equal(down(&o, m, ORM_MIGRATE_ONE), 1);
	database_expect(db, "SELECT max(version) FROM orm_migration", "2\n");
	assert_int_equal(up(&o, m, 3), 1);
	assert_int_equal(down(&o, m, 1), 2);
	database_expect(db, "SELECT version FROM orm_migration", "1\n");
	assert_int_equal(down(&o, m, 0), 1);
	assert_int_equal(down(&o, m, ORM_MIGRATE_ONE), 0);
	assert_int_equal(up(&o, m, 0), 3);
	/* The session works as before. */
	assert_false(orm_in_transaction(o.s));
	assert_int_equal(orm_begin(o.s, NULL), 0);
	assert_int_equal(orm_migrate_up(o.s, m, 0, NULL), ORM_E_STATE);
	orm_rollback(o.s);
	orm_migrations_free(m);
	close_db(&o);
}

static void what_was_applied_stays_as_it_was(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migration_step steps[3];
	struct orm_migrations *m = steps_of(three, 3, db->dialect);

	up(&o, m, 0);
	orm_migrations_free(m);
	memcpy(steps, three, sizeof(steps));
	steps[0].up = "CREATE TABLE people (id bigint PRIMARY KEY)";
	m = steps_of(steps, 3, db->dialect);
	refused(&o, m, ORM_E_SCHEMA, "version 1 'people' was changed after it was applied");
	orm_migrations_free(m);
	m = steps_of(three, 2, db->dialect);
	refused(&o, m, ORM_E_SCHEMA, "version 3 'by-name' was applied and is gone");
	orm_migrations_free(m);
	m = steps_of(three, 3, db->dialect);
	assert_int_equal(orm_migrate_up(o.s, m, 9, NULL), ORM_E_SCHEMA);
	database_do(db, "DELETE FROM orm_migration WHERE version = 2");
	refused(&o, m, ORM_E_SCHEMA, "version 2 was not applied, though 3 'by-name' was");
	orm_migrations_free(m);
	close_db(&o);
}

static void a_failed_step_leaves_nothing(void **state)
{
	static const struct orm_migration_step bad[] = {
		{.version = 1, .name = "one", .up = "CREATE TABLE one (id bigint)"},
		{.version = 2,
		 .name = "two",
		 .up = "CREATE TABLE two (id bigint);\nINSERT INTO nowhere VALUES (1);"},
	};
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = steps_of(bad, 2, db->dialect);

	assert_int_not_equal(orm_migrate_up(o.s, m, 0, NULL), 0);
	assert_non_null(strstr(orm_error(o.s)->text, "0002_two, up: "));
	assert_non_null(strstr(orm_error(o.s)->text, "nowhere"));
	database_expect(db, "SELECT version FROM orm_migration", "1\n");
	database_expect(db,
			database_is_sqlite(db)
				? "SELECT count(*) FROM sqlite_master WHERE name = 'two'"
				: "SELECT count(*) FROM pg_class WHERE relname = 'two'",
			"0\n");
	/* Again, on the same session; then the way back, of which there is none. */
	assert_int_not_equal(orm_migrate_up(o.s, m, 0, NULL), 0);
	assert_int_equal(orm_migrate_down(o.s, m, 0, NULL), ORM_E_SCHEMA);
	assert_non_null(strstr(orm_error(o.s)->text, "version 1 'one' has no way back"));
	database_do(db, "CREATE TABLE nowhere (id bigint)");
	assert_int_equal(up(&o, m, 0), 1);
	orm_migrations_free(m);
	close_db(&o);
}

/* ---- without a transaction ---- */

static void no_transaction(void **state)
{
	static const struct orm_migration_step steps[] = {
		{.version = 1, .name = "t", .up = "CREATE TABLE t (a bigint)"},
		{.version = 2,
		 .name = "by",
		 .up_postgresql = "-- orm: no transaction\n"
				  "CREATE INDEX CONCURRENTLY t_by ON t (a)",
		 .up_sqlite = "-- orm: no transaction\nPRAGMA user_version = 7",
		 .down_postgresql = "-- orm: no transaction\nDROP INDEX CONCURRENTLY t_by",
		 .down_sqlite = "-- orm: no transaction\nPRAGMA user_version = 7"},
		{.version = 3,
		 .name = "bad",
		 .up = "-- orm: no transaction\nINSERT INTO nowhere VALUES (1)"},
	};
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = steps_of(steps, 3, db->dialect);

	assert_int_equal(up(&o, m, 2), 2);
	database_expect(db, "SELECT count(*) FROM orm_migration WHERE took_ms >= 0", "2\n");
	assert_int_equal(down(&o, m, 1), 1);
	assert_int_equal(up(&o, m, 2), 1);
	/* It failed, and said so: no row is left. */
	assert_int_not_equal(orm_migrate_up(o.s, m, 0, NULL), 0);
	database_expect(db, "SELECT count(*) FROM orm_migration", "2\n");
	orm_migrations_free(m);
	close_db(&o);
}

/* A process that died between: its row says so. PostgreSQL: at once, for nobody holds the lock. */
static void an_unfinished_step_is_told(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = steps_of(three, 3, db->dialect);
	struct orm_migrate_status *list = NULL;
	size_t n = 0;

	up(&o, m, 1);
	database_do(db, "UPDATE orm_migration SET took_ms = -1");
	refused(&o, m, ORM_E_STATE, "version 1 'people' was begun and did not end");
	assert_int_equal(orm_migrate_status(o.s, m, &list, &n), 0);
	assert_int_equal(list[0].state, ORM_MIGRATE_UNFINISHED);
	free(list);
	database_do(db, "UPDATE orm_migration SET took_ms = 0");
	assert_int_equal(up(&o, m, 0), 2);
	orm_migrations_free(m);
	close_db(&o);
}

/* ---- foreign keys off ---- */

static void foreign_keys_are_checked(void **state)
{
	static const struct orm_migration_step steps[] = {
		{.version = 1,
		 .name = "two",
		 .up = "CREATE TABLE a (id INTEGER PRIMARY KEY);"
		       "CREATE TABLE b (id INTEGER PRIMARY KEY, a_id REFERENCES a(id) ON DELETE "
		       "CASCADE);INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1, 1);"},
		{.version = 2,
		 .name = "anew",
		 .up = "-- orm: foreign keys off\n"
		       "CREATE TABLE n (id INTEGER PRIMARY KEY, x);INSERT INTO n(id) SELECT id "
		       "FROM "
		       "a; DROP TABLE a; PRAGMA legacy_alter_table = ON; ALTER TABLE n RENAME TO a;"
		       "PRAGMA legacy_alter_table = OFF;"},
		{.version = 3,
		 .name = "loses",
		 .up = "-- orm: foreign keys off\nDELETE FROM a WHERE id = 1"},
	};
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = steps_of(steps, 3, db->dialect);

	assert_int_equal(up(&o, m, 2), 2);
	database_expect(db, "SELECT count(*) FROM b", "1\n");
	refused(&o, m, ORM_E_FOREIGN_KEY, "0003_loses, up: 1 rows would refer");
	database_expect(db, "SELECT count(*) FROM a", "2\n");
	/* And they are on again. */
	{
		struct orm_query *q = orm_raw(o.s, "INSERT INTO b VALUES (9, 9)");

		assert_int_equal(orm_exec(o.s, q, NULL), ORM_E_FOREIGN_KEY);
		orm_query_free(q);
	}
	orm_migrations_free(m);
	close_db(&o);
}

/* ---- folders ---- */

static void put(const struct database *db, const char *name, const char *text)
{
	char path[600];
	own_file FILE *file = NULL;

	snprintf(path, sizeof(path), "%s/%s", db->dir, name);
	if (!text) {
		unlink(path);
		return;
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
}

static int read_folder(const struct database *db, struct orm_migrations **m, struct orm_error *err)
{
	return orm_migrations_read(db->dir, db->dialect, m, err);
}

static void a_folder_is_read(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migrations *m = NULL;

	put(db, "0001_one.up.sql", "CREATE TABLE one (id bigint)");
	put(db, "0001_one.down.sql", "DROP TABLE one");
	put(db, "0002_two.up.sql", "SELECT broken");
	put(db, "0002_two.up.sqlite.sql", "CREATE TABLE two (a INTEGER) STRICT");
	put(db, "0002_two.up.postgresql.sql", "CREATE TABLE two (a inet)");
	put(db, "README.txt", "no step");
	assert_int_equal(read_folder(db, &m, NULL), 0);
	assert_int_equal(up(&o, m, 0), 2);
	database_expect(db, "SELECT count(*) FROM two", "0\n");
	orm_migrations_free(m);
	close_db(&o);
}

static void wrong_folders_are_refused(void **state)
{
	static const struct {
		const char *file, *text, *want;
	} cases[] = {
		{"1_x.up.sql", "", "'1_x.up.sql' should be called like"},
		{"0000_x.up.sql", "", "should be called"},
		{"0001-x.up.sql", "", "should be called"},
		{"0001_x y.up.sql", "", "should be called"},
		{"0001_x.sql", "", "should be called"},
		{"0001_x.up.mysql.sql", "", "should be called"},
		{"0003_x.up.sql", "", "version 2 is missing: before it is 'one', after it 0003_x"},
		{"0001_x.up.sql", "", "version 1 is both"},
		{"0002_x.down.sql", "", "0002_x has no up"},
		{"0002_x.up.sql", "-- orm: no transactions\n", "'-- orm: no transactions' is not"},
		{"0002_x.up.sql", "-- orm: no transaction\n-- orm: foreign keys off\n",
		 "foreign keys stay on"},
	};
	const struct database *db = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct orm_migrations *m = NULL;
		struct orm_error err = {0};

		put(db, "0001_one.up.sql", "SELECT 1");
		put(db, cases[i].file, cases[i].text);
		assert_int_equal(read_folder(db, &m, &err), ORM_E_SCHEMA);
		if (!strstr(err.text, cases[i].want))
			fail_msg("'%s' lacks '%s'", err.text, cases[i].want);
		assert_null(m);
		put(db, cases[i].file, NULL);
	}
	assert_int_equal(orm_migrations_read("/nonexistent", ORM_SQLITE,
					     &(struct orm_migrations *){0}, NULL),
			 -ENOENT);
}

static void status_tells_all(void **state)
{
	const struct database *db = *state;
	struct open o = open_db(db);
	struct orm_migration_step steps[3];
	struct orm_migrations *m;
	struct orm_migrate_status *list = NULL;
	size_t n = 0;

	memcpy(steps, three, sizeof(steps));
	m = steps_of(steps, 3, db->dialect);
	assert_int_equal(orm_migrate_status(o.s, m, &list, &n), 0);
	assert_int_equal(n, 3);
	assert_int_equal(list[0].state, ORM_MIGRATE_PENDING);
	free(list);
	/* It made nothing. */
	database_expect(db,
			database_is_sqlite(db)
				? "SELECT count(*) FROM sqlite_master"
				: "SELECT count(*) FROM pg_class WHERE relname = 'orm_migration'",
			"0\n");
	up(&o, m, 2);
	orm_migrations_free(m);
	steps[1].up_sqlite = steps[1].up_postgresql = "SELECT 2";
	m = steps_of(steps, 3, db->dialect);
	database_do(db, "INSERT INTO orm_migration SELECT 7, name, checksum, applied_ms, took_ms "
			"FROM orm_migration WHERE version = 1");
	assert_int_equal(orm_migrate_status(o.s, m, &list, &n), 0);
	assert_int_equal(n, 4);
	assert_int_equal(list[0].state, ORM_MIGRATE_APPLIED);
	assert_true(list[0].applied_ms > 1600000000000);
	assert_int_equal(list[1].state, ORM_MIGRATE_CHANGED);
	assert_int_equal(list[2].state, ORM_MIGRATE_PENDING);
	assert_int_equal(list[3].state, ORM_MIGRATE_GONE);
	assert_string_equal(orm_migrate_state_name(ORM_MIGRATE_GONE), "gone");
	free(list);
	orm_migrations_free(m);
	close_db(&o);
}

/* ---- at once ---- */

#define STEPS 12

/* Each step says that it ran, in a table that would hold it twice. */
static int race(const struct database *db)
{
	static char sql[STEPS][200];
	struct orm_migration_step steps[STEPS];
	struct orm *orm = NULL;
	struct orm_session *s = NULL;
	int r;

	for (uint32_t i = 0; i < STEPS; i++) {
		snprintf(sql[i], sizeof(sql[i]), "%s%sINSERT INTO ran VALUES (%u)",
			 i == 5 ? "-- orm: no transaction\n" : "",
			 i ? "" : "CREATE TABLE one (a bigint);", i);
		steps[i] = (struct orm_migration_step){
			.version = i + 1, .name = "step", .up = sql[i]};
	}
	r = orm_open(db->url, NULL, &orm, NULL);
	if (!r)
		r = orm_session_open(orm, &s);
	if (!r)
		r = orm_migrate(s, steps, STEPS);
	if (r && s)
		fprintf(stderr, "# %s\n", orm_error(s)->text);
	orm_session_close(s);
	if (orm)
		orm_close(orm);
	return r;
}

static void five_processes_apply_each_once(void **state)
{
	const struct database *db = *state;
	pid_t pids[5];

	database_do(db, "CREATE TABLE ran (n bigint)");
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i])
			_exit(race(db) ? 1 : 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
		int status = -1;

		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	database_expect(db, "SELECT count(*), count(DISTINCT n) FROM ran", "12|12\n");
	database_expect(db, "SELECT count(*) FROM orm_migration WHERE took_ms >= 0", "12\n");
}

static const struct database_test tests[] = {
	DATABASE_TEST(up_and_down),
	DATABASE_TEST(what_was_applied_stays_as_it_was),
	DATABASE_TEST(a_failed_step_leaves_nothing),
	DATABASE_TEST(no_transaction),
	DATABASE_TEST_POSTGRESQL(an_unfinished_step_is_told),
	DATABASE_TEST_SQLITE(foreign_keys_are_checked),
	DATABASE_TEST(a_folder_is_read),
	DATABASE_TEST(wrong_folders_are_refused),
	DATABASE_TEST(status_tells_all),
	DATABASE_TEST(five_processes_apply_each_once),
};

int main(void)
{
	return DATABASE_RUN(tests);
}
