/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The SQLite driver through its table of functions: settings, statements, transactions, faults. */
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#include "sqlite.h"

static struct orm_conn *memory_writer(void)
{
	char address[32];

	snprintf(address, sizeof(address), ":memory:%llu", (unsigned long long)next_id());
	return open_as(address, ORM_WRITER, NULL);
}

/* ---- settings ---- */

static void addresses(void **state)
{
	char url[200], relative[200];
	struct orm_conn *conn;
	struct orm_error err;

	(void)state;
	snprintf(url, sizeof(url), "//%s", in_folder("url.db"));
	lite->close(open_as(url, ORM_WRITER, NULL));
	assert_int_equal(access(in_folder("url.db"), F_OK), 0);
	/* No URI of SQLite's: the file is named so. */
	assert_int_equal(chdir(folder), 0);
	lite->close(open_as("file:odd.db?mode=memory", ORM_WRITER, NULL));
	assert_int_equal(access(in_folder("file:odd.db?mode=memory"), F_OK), 0);
	snprintf(relative, sizeof(relative), "absent.db");
	assert_int_equal(lite->open(relative, NULL, ORM_READER, &conn, &err), ORM_E_IO);
	assert_non_null(strstr(err.text, "'absent.db'"));
	assert_non_null(strstr(err.text, "No such file"));
	assert_int_equal(chdir("/"), 0);
}

static void server_and_check(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	assert_int_equal(strncmp(lite->server(conn), "SQLite 3.", 9), 0);
	assert_int_equal(lite->check(conn, &err), 0);
	lite->close(conn);
}

/* One name is one database; it goes with its last connection. */
static void memory_is_shared(void **state)
{
	struct orm_conn *writer = open_as(":memory:share", ORM_WRITER, NULL);
	struct orm_conn *reader = open_as(":memory:share", ORM_READER, NULL);
	struct orm_conn *other = open_as(":memory:other", ORM_WRITER, NULL);
	struct orm_error err;

	(void)state;
	must_run(writer, "CREATE TABLE t(a INTEGER) STRICT");
	must_run(writer, "INSERT INTO t VALUES(42)");
	assert_string_equal(ask(reader, "SELECT a FROM t"), "42");
	assert_int_equal(run(other, "SELECT a FROM t", NULL, 0, &err), ORM_E_SCHEMA);
	assert_int_equal(run(reader, "INSERT INTO t VALUES(1)", NULL, 0, &err), ORM_E_READ_ONLY);
	assert_string_equal(err.sqlstate, "25006");
	lite->close(other);
	lite->close(writer);
	lite->close(reader);
	writer = open_as(":memory:share", ORM_WRITER, NULL);
	assert_string_equal(ask(writer, "SELECT count(*) FROM sqlite_schema"), "0");
	lite->close(writer);
}

static void likes_and_quotes(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	assert_string_equal(ask(conn, "SELECT 'abc' LIKE 'ABC'"), "0");
	assert_string_equal(ask(conn, "SELECT 'abc' LIKE 'a%'"), "1");
	assert_int_equal(run(conn, "SELECT \"no_such_name\"", NULL, 0, &err), ORM_E_SCHEMA);
	lite->close(conn);
}

/* ---- statements ---- */

static int64_t one_number(struct orm_conn *conn, const struct orm_stmt *stmt, int64_t param)
{
	struct orm_value in = orm_value_i64(param), out;
	struct orm_error err = {0};

	assert_int_equal(lite->start(conn, stmt, &in, &err), 0);
	assert_int_equal(lite->step(conn, &err), 0);
	assert_int_equal(lite->value(conn, 0, &out, &err), 0);
	assert_int_equal(lite->step(conn, &err), ORM_E_END);
	assert_int_equal(lite->step(conn, &err), ORM_E_END); /* and does not run again */
	lite->finish(conn);
	assert_int_equal(out.kind, ORM_K_I64);
	return out.i;
}

/* More statements than places, in an order that draws from all of the list. */
static void statements_are_kept(void **state)
{
	const struct orm_options options = {.statements = 20};
	struct orm_conn *conn = open_as(":memory:kept", ORM_WRITER, &options);
	struct orm_stmt stmts[50];
	char sql[50][40];
	uint32_t draw = 1;

	(void)state;
	for (int i = 0; i < 50; i++) {
		snprintf(sql[i], sizeof(sql[i]), "SELECT ?1 + %d", i * 1000);
		stmts[i] = raw_stmt(sql[i], 1);
	}
	for (int i = 0; i < 5000; i++) {
		int k;

		draw = draw * 1664525 + 1013904223;
		k = (int)(draw >> 16) % (i % 100 < 50 ? 50 : 10);
		assert_int_equal(one_number(conn, &stmts[k], i), i + k * 1000);
	}
	/* SQLite knows how many it holds: the cache, and the one that asks. */
	assert_string_equal(
		ask(conn, "SELECT count(*) FROM sqlite_stmt WHERE sql LIKE 'SELECT ?1%'"), "20");
	lite->close(conn);
}

static void one_place(void **state)
{
	const struct orm_options options = {.statements = 1};
	struct orm_conn *conn = open_as(":memory:one", ORM_WRITER, &options);
	struct orm_stmt a = raw_stmt("SELECT ?1 + 1", 1), b = raw_stmt("SELECT ?1 + 2", 1);

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(one_number(conn, &a, i), i + 1);
		assert_int_equal(one_number(conn, &b, i), i + 2);
		assert_int_equal(one_number(conn, &b, i), i + 2);
	}
	lite->close(conn);
}

static void refused_statements(void **state)
{
	static const struct {
		const char *sql;
		int class;
		const char *sqlstate;
	} bad[] = {
		{"SELECT 1; SELECT 2", ORM_E_QUERY, "42601"},
		{"", ORM_E_QUERY, "42601"},
		{" -- nothing", ORM_E_QUERY, "42601"},
		{"SELECT ?", ORM_E_QUERY, "07001"},
		{"SELEC 1", ORM_E_SQL, "42601"},
		{"SELECT 'open", ORM_E_SQL, "42601"},
		{"SELECT no_function()", ORM_E_SQL, "42883"},
		{"SELECT a FROM absent", ORM_E_SCHEMA, "42P01"},
		{"SELECT absent FROM t", ORM_E_SCHEMA, "42703"},
		{"INSERT INTO t(absent) VALUES(1)", ORM_E_SCHEMA, "42703"},
		{"CREATE TABLE t(a)", ORM_E_SQL, "42P07"},
		{"BEGIN", ORM_E_QUERY, "42501"},
		{"COMMIT", ORM_E_QUERY, "42501"},
		{"ROLLBACK", ORM_E_QUERY, "42501"},
		{"SAVEPOINT x", ORM_E_QUERY, "42501"},
		{"ATTACH 'x.db' AS x", ORM_E_QUERY, "42501"},
		{"PRAGMA synchronous=OFF", ORM_E_QUERY, "42501"},
		{"PRAGMA main.Query_Only=1", ORM_E_QUERY, "42501"},
		{"PRAGMA journal_mode=DELETE", ORM_E_QUERY, "42501"},
		{"SELECT sum(a) FROM (SELECT 9223372036854775807 a UNION ALL SELECT 1)",
		 ORM_E_VALUE, "22003"},
		{"SELECT json_extract('{', '$.a')", ORM_E_VALUE, "22032"},
	};
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	must_run(conn, "CREATE TABLE t(a)");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&err, 0, sizeof(err));
		if (run(conn, bad[i].sql, NULL, 0, &err) != bad[i].class ||
		    strcmp(err.sqlstate, bad[i].sqlstate) || err.class != bad[i].class ||
		    !*err.text)
			fail_msg("%s: %s %s %s", bad[i].sql, orm_class_name(err.class),
				 err.sqlstate, err.text);
	}
	must_run(conn, "SELECT 1; -- a comment after it");
	must_run(conn, "SELECT 1 ;; ");
	assert_string_equal(ask(conn, "PRAGMA synchronous"), "1"); /* asking is allowed */
	lite->close(conn);
}

static void changed_rows(void **state)
{
	static const struct {
		const char *sql;
		uint64_t changed;
	} steps[] = {
		{"INSERT INTO t VALUES(1),(2),(3)", 3},
		{"SELECT * FROM t", 0},
		{"CREATE TABLE u(a)", 0},
		{"UPDATE t SET a = a + 10 WHERE a > 1", 2},
		{"UPDATE t SET a = 0 WHERE a = 99", 0},
		{"DELETE FROM t", 3},
		{"DELETE FROM t", 0},
	};
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	must_run(conn, "CREATE TABLE t(a)");
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct orm_stmt stmt = raw_stmt(steps[i].sql, 0);
		int r = lite->start(conn, &stmt, NULL, &err);

		while (!r)
			r = lite->step(conn, &err);
		assert_int_equal(r, ORM_E_END);
		assert_int_equal(lite->changed(conn), steps[i].changed);
		lite->finish(conn);
		assert_int_equal(lite->changed(conn), steps[i].changed);
	}
	lite->close(conn);
}

/* A cached statement whose table changed under it. */
static void schema_changes(void **state)
{
	static const uint8_t types[] = {ORM_T_BIGINT};
	struct orm_conn *conn = memory_writer();
	struct orm_stmt stmt = raw_stmt("SELECT * FROM t", 0);
	struct orm_error err;

	(void)state;
	stmt.flags = ORM_STMT_ROWS;
	stmt.columns = 1;
	stmt.column_type = types;
	script(conn, "CREATE TABLE t(a INTEGER); INSERT INTO t VALUES(1)");
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(lite->step(conn, &err), 0);
	assert_int_equal(lite->columns(conn), 1);
	assert_string_equal(lite->name(conn, 0), "a");
	lite->finish(conn);
	script(conn, "ALTER TABLE t ADD COLUMN b INTEGER");
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(lite->step(conn, &err), ORM_E_SCHEMA);
	lite->finish(conn);
	script(conn, "ALTER TABLE t DROP COLUMN b");
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(lite->step(conn, &err), 0);
	lite->finish(conn);
	lite->close(conn);
}

static void misuse_is_told(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_stmt stmt = raw_stmt("SELECT 1", 0);
	struct orm_value v;
	struct orm_error err;

	(void)state;
	assert_int_equal(lite->step(conn, &err), -EINVAL);
	assert_int_equal(lite->value(conn, 0, &v, &err), -EINVAL);
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(lite->value(conn, 0, &v, &err), -EINVAL); /* before the first row */
	assert_int_equal(lite->start(conn, &stmt, NULL, &err), -EINVAL);
	lite->finish(conn);
	lite->finish(conn);
	lite->close(conn);
	lite->close(NULL);
}

/* ---- constraints ---- */

static void constraints(void **state)
{
	static const struct {
		const char *sql;
		int class;
		const char *sqlstate, *table, *column, *constraint;
	} bad[] = {
		{"INSERT INTO t(id, u) VALUES(1, 9)", ORM_E_UNIQUE, "23505", "t", "id", ""},
		{"INSERT INTO t(u) VALUES(1)", ORM_E_UNIQUE, "23505", "t", "u", ""},
		{"INSERT INTO t(a, b) VALUES(1, 1)", ORM_E_UNIQUE, "23505", "t", "a, b", ""},
		{"INSERT INTO t(n) VALUES(NULL)", ORM_E_NOT_NULL, "23502", "t", "n", ""},
		{"INSERT INTO t(c) VALUES(-1)", ORM_E_CHECK, "23514", "", "", "c_positive"},
		{"INSERT INTO t(f) VALUES(7)", ORM_E_FOREIGN_KEY, "23503", "", "", ""},
		{"INSERT INTO t(u) VALUES('x')", ORM_E_VALUE, "42804", "t", "u", ""},
		{"INSERT INTO t(e) VALUES('ABC')", ORM_E_UNIQUE, "23505", "", "", "t_e_lower"},
		{"INSERT INTO t(id) VALUES(-5)", ORM_E_CONSTRAINT, "23000", "", "", ""},
	};
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	script(conn,
	       "CREATE TABLE p(id INTEGER PRIMARY KEY) STRICT;"
	       "CREATE TABLE t(id INTEGER PRIMARY KEY, u INTEGER UNIQUE, a INTEGER, b INTEGER,"
	       " n INTEGER NOT NULL DEFAULT 0, c INTEGER, f INTEGER REFERENCES p(id), e TEXT,"
	       " CONSTRAINT c_positive CHECK(c > 0), UNIQUE(a, b)) STRICT;"
	       "CREATE UNIQUE INDEX t_e_lower ON t(lower(e));"
	       "CREATE TRIGGER no_minus BEFORE INSERT ON t WHEN NEW.id < -1"
	       " BEGIN SELECT RAISE(ABORT, 'no minus'); END;"
	       "INSERT INTO t(id, u, a, b, e) VALUES(1, 1, 1, 1, 'abc')");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&err, 0xff, sizeof(err));
		if (run(conn, bad[i].sql, NULL, 0, &err) != bad[i].class ||
		    strcmp(err.sqlstate, bad[i].sqlstate) || strcmp(err.table, bad[i].table) ||
		    strcmp(err.column, bad[i].column) ||
		    strcmp(err.constraint, bad[i].constraint) || err.retryable ||
		    err.row != ORM_NO_ROW)
			fail_msg("%s: %s %s '%s' '%s' '%s' %s", bad[i].sql,
				 orm_class_name(err.class), err.sqlstate, err.table, err.column,
				 err.constraint, err.text);
	}
	assert_string_equal(ask(conn, "SELECT count(*) FROM t"), "1");
	lite->close(conn);
}

/* ---- transactions ---- */

static void commit_and_rollback(void **state)
{
	struct orm_conn *writer = open_as(in_folder("tx.db"), ORM_WRITER, NULL);
	struct orm_conn *reader = open_as(in_folder("tx.db"), ORM_READER, NULL);
	struct orm_error err;

	(void)state;
	script(writer, "CREATE TABLE t(a)");
	assert_int_equal(lite->commit(writer, &err), ORM_E_STATE);
	assert_string_equal(err.sqlstate, "25P01");
	assert_int_equal(lite->begin(writer, NULL, true, &err), 0);
	assert_string_equal(ask(writer, "PRAGMA synchronous"), "2");
	assert_int_equal(lite->begin(writer, NULL, true, &err), ORM_E_STATE);
	must_run(writer, "INSERT INTO t VALUES(1)");
	assert_string_equal(ask(reader, "SELECT count(*) FROM t"), "0");
	/* A reader keeps what it saw first. */
	assert_int_equal(lite->begin(reader, NULL, false, &err), 0);
	assert_string_equal(ask(reader, "SELECT count(*) FROM t"), "0");
	assert_int_equal(lite->commit(writer, &err), 0);
	assert_string_equal(ask(reader, "SELECT count(*) FROM t"), "0");
	assert_int_equal(lite->commit(reader, &err), 0);
	assert_string_equal(ask(reader, "SELECT count(*) FROM t"), "1");

	assert_int_equal(lite->begin(writer, NULL, false, &err), 0);
	assert_string_equal(ask(writer, "PRAGMA synchronous"), "1");
	must_run(writer, "INSERT INTO t VALUES(2)");
	script(writer, "SAVEPOINT s; INSERT INTO t VALUES(3); ROLLBACK TO s; RELEASE s");
	assert_string_equal(ask(writer, "SELECT count(*) FROM t"), "2");
	lite->rollback(writer);
	assert_string_equal(ask(writer, "SELECT count(*) FROM t"), "1");
	assert_int_equal(lite->script(writer, "BEGIN; COMMIT", &err), ORM_E_QUERY);
	lite->close(reader);
	lite->close(writer);
}

/* After SQLite rolled back by itself nothing must run outside, as if it were inside. */
static void rolled_back_by_sqlite(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	script(conn, "CREATE TABLE t(a INTEGER PRIMARY KEY); INSERT INTO t VALUES(1)");
	assert_int_equal(lite->begin(conn, NULL, true, &err), 0);
	must_run(conn, "INSERT INTO t VALUES(2)");
	assert_int_equal(run(conn, "INSERT OR ROLLBACK INTO t VALUES(1)", NULL, 0, &err),
			 ORM_E_UNIQUE);
	assert_int_equal(run(conn, "INSERT INTO t VALUES(3)", NULL, 0, &err), ORM_E_STATE);
	assert_string_equal(err.sqlstate, "25P02");
	assert_int_equal(lite->script(conn, "INSERT INTO t VALUES(4)", &err), ORM_E_STATE);
	assert_int_equal(lite->commit(conn, &err), ORM_E_STATE);
	assert_string_equal(err.sqlstate, "25P02");
	assert_string_equal(ask(conn, "SELECT group_concat(a) FROM t"), "1");
	assert_int_equal(lite->begin(conn, NULL, true, &err), 0); /* and it goes on */
	assert_int_equal(lite->commit(conn, &err), 0);
	lite->close(conn);
}

static void deferred_key_at_commit(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err;

	(void)state;
	script(conn, "CREATE TABLE p(id INTEGER PRIMARY KEY); CREATE TABLE c(p INTEGER REFERENCES "
		     "p(id) DEFERRABLE INITIALLY DEFERRED)");
	assert_int_equal(lite->begin(conn, NULL, true, &err), 0);
	must_run(conn, "INSERT INTO c VALUES(5)");
	assert_int_equal(lite->commit(conn, &err), ORM_E_FOREIGN_KEY);
	assert_int_equal(lite->begin(conn, NULL, true, &err), 0);
	assert_int_equal(lite->commit(conn, &err), 0);
	assert_string_equal(ask(conn, "SELECT count(*) FROM c"), "0");
	lite->close(conn);
}

/*
 * FTS5 written to directly works. SQLite before it called FTS5 innocuous refuses to write to it
 * from triggers while the schema is not trusted; when that is told, it is told by name.
 */
static void full_text(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err = {0};
	int r;

	(void)state;
	script(conn, "CREATE VIRTUAL TABLE ft USING fts5(body); INSERT INTO ft(rowid, body) VALUES"
		     "(1, 'a syn flood'), (2, 'a calm day'); DELETE FROM ft WHERE rowid = 2;"
		     "CREATE TABLE d(id INTEGER PRIMARY KEY, body TEXT) STRICT;"
		     "CREATE TRIGGER d_i AFTER INSERT ON d BEGIN"
		     " INSERT INTO ft(rowid, body) VALUES(NEW.id, NEW.body); END");
	assert_string_equal(ask(conn, "SELECT count(*) FROM ft WHERE ft MATCH 'flood'"), "1");
	assert_string_equal(ask(conn, "SELECT count(*) FROM ft WHERE ft MATCH 'calm'"), "0");
	r = run(conn, "INSERT INTO d VALUES(7, 'x')", NULL, 0, &err);
	if (r) {
		assert_int_equal(r, ORM_E_SQL);
		assert_non_null(strstr(err.text, "unsafe use of virtual table \"ft\""));
	}
	assert_int_equal(ask_number(conn, "SELECT count(*) FROM d"), !r);
	lite->close(conn);
}

/* ---- limits ---- */

#define ENDLESS                                                                                    \
	"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "                         \
	"SELECT count(*) FROM n"

static void timeouts(void **state)
{
	const struct orm_options options = {.query_timeout_ms = 50};
	struct orm_conn *conn = open_as(":memory:slow", ORM_WRITER, &options);
	struct orm_error err;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run(conn, ENDLESS, NULL, 0, &err), ORM_E_TIMEOUT);
		assert_string_equal(err.sqlstate, "57014");
		assert_string_equal(ask(conn, "SELECT 7"), "7");
	}
	lite->close(conn);
}

static void *cancel_soon(void *conn)
{
	const struct timespec pause = {.tv_nsec = 50000000};

	nanosleep(&pause, NULL);
	lite->cancel(conn);
	return NULL;
}

static void cancelled(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_error err;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, conn), 0);
	assert_int_equal(run(conn, ENDLESS, NULL, 0, &err), ORM_E_CANCELLED);
	assert_string_equal(err.sqlstate, "57014");
	pthread_join(thread, NULL);
	assert_string_equal(ask(conn, "SELECT 7"), "7");
	lite->close(conn);
}

/* ---- plans ---- */

static void plans(void **state)
{
	struct orm_conn *conn = memory_writer();
	struct orm_stmt stmt = raw_stmt("SELECT * FROM t WHERE b IN (SELECT a FROM t WHERE a > ?1)",
					1);
	struct orm_value value = orm_value_i64(1);
	struct orm_error err;
	char *text = NULL;

	(void)state;
	script(conn, "CREATE TABLE t(a INTEGER PRIMARY KEY, b INTEGER)");
	assert_int_equal(lite->explain(conn, &stmt, &value, &text, &err), 0);
	assert_string_equal(text, "SCAN t\nLIST SUBQUERY 1\n  SEARCH t USING INTEGER PRIMARY KEY "
				  "(rowid>?)\n");
	free(text);
	assert_int_equal(lite->explain(conn, &stmt, NULL, &text, &err), 0);
	free(text);
	stmt = raw_stmt("SELECT * FROM absent", 0);
	assert_int_equal(lite->explain(conn, &stmt, NULL, &text, &err), ORM_E_SCHEMA);
	lite->close(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(server_and_check),
		cmocka_unit_test(memory_is_shared),
		cmocka_unit_test(likes_and_quotes),
		cmocka_unit_test(statements_are_kept),
		cmocka_unit_test(one_place),
		cmocka_unit_test(refused_statements),
		cmocka_unit_test(changed_rows),
		cmocka_unit_test(schema_changes),
		cmocka_unit_test(misuse_is_told),
		cmocka_unit_test(constraints),
		cmocka_unit_test(commit_and_rollback),
		cmocka_unit_test(rolled_back_by_sqlite),
		cmocka_unit_test(deferred_key_at_commit),
		cmocka_unit_test(timeouts),
		cmocka_unit_test(full_text),
		cmocka_unit_test(cancelled),
		cmocka_unit_test(plans),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
