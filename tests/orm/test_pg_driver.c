/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Connecting, transactions and statements, and what is said when they fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tests/orm/kit/pg_rig.h>

static void says_who_it_is(void **state)
{
	(void)state;
	assert_memory_equal(PG->server(rig.conn), "PostgreSQL 1", 12);
	assert_null(strchr(PG->server(rig.conn) + 11, ' '));
	assert_int_equal(PG->check(rig.conn, &rig.err), 0);
	assert_string_equal(rig_text(rig.conn, "SELECT application_name FROM pg_stat_activity"
					       " WHERE pid = pg_backend_pid()"),
			    "strazh-orm");
	assert_string_equal(rig_text(rig.conn, "SHOW client_encoding"), "UTF8");
}

static void refuses_addresses(void **state)
{
	struct orm_options options = {.connect_timeout_ms = 1000}, bad = {.prepare = "maybe"};
	struct orm_conn *none = NULL;
	char wrong[512];

	(void)state;
	assert_int_equal(
		PG->open("postgresql://x/y?nonsense=1", &options, ORM_WRITER, &none, &rig.err),
		ORM_E_VALUE);
	assert_int_equal(PG->open(rig.url, &bad, ORM_WRITER, &none, &rig.err), ORM_E_VALUE);
	assert_int_equal(PG->open("host=/nonexistent", &options, ORM_WRITER, &none, &rig.err),
			 ORM_E_CONNECTION);
	assert_true(rig.err.retryable);
	snprintf(wrong, sizeof(wrong), "%s&dbname=nosuchdb", rig.url);
	assert_int_equal(PG->open(wrong, &options, ORM_WRITER, &none, &rig.err), ORM_E_AUTH);
	assert_string_equal(rig.err.sqlstate, "3D000");
	assert_non_null(strstr(rig.err.text, "nosuchdb"));
	assert_null(none);
}

static void tells_which_constraint(void **state)
{
	(void)state;
	rig_script(rig.other, "CREATE TABLE parent (id int PRIMARY KEY);"
			      "CREATE TABLE child (id int NOT NULL, parent int CONSTRAINT kin"
			      " REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_UNIQUE);
	assert_string_equal(rig.err.sqlstate, "23505");
	assert_string_equal(rig.err.table, "thing");
	assert_string_equal(rig.err.constraint, "thing_pkey");
	assert_int_equal(rig.err.row, ORM_NO_ROW);
	assert_false(rig.err.retryable);
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id) VALUES (2)"),
			 ORM_E_NOT_NULL);
	assert_string_equal(rig.err.column, "name");
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id, name) VALUES (2, 'bad')"),
			 ORM_E_CHECK);
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id, name) VALUES (1e30, 'a')"),
			 ORM_E_VALUE);
	assert_int_equal(rig_run_sql(rig.conn, "SELEC 1"), ORM_E_SQL);
	assert_int_equal(rig_run_sql(rig.conn, "SELECT * FROM nosuch"), ORM_E_SCHEMA);
	/* Deferred: said when the statement is over, alone and at a COMMIT. */
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO child VALUES (1, 1)"),
			 ORM_E_FOREIGN_KEY);
	assert_string_equal(rig.err.constraint, "kin");
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO child VALUES (1, 1)"),
			 ORM_E_FOREIGN_KEY);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	rig_run_ok(rig.conn, "INSERT INTO child VALUES (1, 1)");
	assert_int_equal(PG->commit(rig.conn, &rig.err), ORM_E_FOREIGN_KEY);
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM child"), 0);
	/* The same, prepared already: no pipeline. */
	struct orm_stmt stmt = rig_statement("INSERT INTO child VALUES (1, $1)", ORM_STMT_WRITES,
					     1);
	struct orm_value null = orm_value_null(), one = orm_value_i64(1);

	assert_int_equal(rig_run(rig.conn, &stmt, &null), 0);
	assert_int_equal(rig_run(rig.conn, &stmt, &one), ORM_E_FOREIGN_KEY);
	assert_int_equal(rig_run(rig.conn, &stmt, &null), 0);
	PG->finish(rig.conn);
}

static void transactions(void **state)
{
	struct orm_tx_options options = {.isolation = ORM_SERIALIZABLE, .read_only = true};

	(void)state;
	/* None at all on the server when nothing is run in it. */
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), ORM_E_STATE);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_int_equal(PG->commit(rig.conn, &rig.err), ORM_E_STATE);
	assert_int_equal(PG->begin(rig.conn, &options, true, &rig.err), 0);
	assert_string_equal(rig_text(rig.conn, "SHOW transaction_isolation"), "serializable");
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_READ_ONLY);
	assert_int_equal(rig_run_sql(rig.conn, "SELECT 1"), ORM_E_STATE);
	assert_int_equal(PG->commit(rig.conn, &rig.err), ORM_E_STATE); /* it had failed */
	assert_int_equal(PG->begin(rig.conn, NULL, false, &rig.err), 0);
	assert_string_equal(rig_text(rig.conn, "SHOW synchronous_commit"), "off");
	PG->rollback(rig.conn);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_string_equal(rig_text(rig.conn, "SHOW synchronous_commit"), "on");
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	PG->rollback(rig.conn);
	assert_int_equal(rig_number(rig.other, "SELECT count(*) FROM thing"), 0);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	rig_script(rig.conn, "SAVEPOINT one");
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(rig_run_sql(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_UNIQUE);
	rig_script(rig.conn, "ROLLBACK TO one");
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (2, 'b')");
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_int_equal(rig_number(rig.other, "SELECT count(*) FROM thing"), 1);
	assert_int_equal(PG->script(rig.conn, "SELECT 1; SELEC 2", &rig.err), ORM_E_SQL);
	assert_int_equal(PG->script(rig.conn,
				    "INSERT INTO thing (id, name) VALUES (5, 'x');"
				    "INSERT INTO thing (id, name) VALUES (5, 'y')",
				    &rig.err),
			 ORM_E_UNIQUE);
	assert_int_equal(rig_number(rig.other, "SELECT count(*) FROM thing"), 1);
}

static void serialization_is_retryable(void **state)
{
	struct orm_tx_options options = {.isolation = ORM_REPEATABLE_READ};

	(void)state;
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(PG->begin(rig.conn, &options, true, &rig.err), 0);
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM thing"), 1);
	rig_run_ok(rig.other, "UPDATE thing SET name = 'b'");
	assert_int_equal(rig_run_sql(rig.conn, "UPDATE thing SET name = 'c'"), ORM_E_SERIALIZATION);
	assert_true(rig.err.retryable);
	PG->rollback(rig.conn);
}

static int64_t prepared_count(void)
{
	return rig_number(rig.conn, "SELECT count(*) FROM pg_prepared_statements WHERE NOT"
				    " statement LIKE '%pg_prepared_statements%'");
}

static void statements_are_kept(void **state)
{
	struct orm_stmt stmt = rig_statement("SELECT $1", ORM_STMT_ROWS, 1);
	static const uint8_t bigint[] = {ORM_T_BIGINT};
	struct orm_value v = orm_value_i64(5);

	(void)state;
	stmt.param_type = bigint;
	for (int i = 0; i < 3; i++)
		assert_int_equal(rig_value(rig.conn, &stmt, &v).i, 5);
	assert_int_equal(prepared_count(), 1);
	/* ONCE is not kept. */
	stmt = rig_statement("SELECT 1", ORM_STMT_ROWS | ORM_STMT_ONCE, 0);
	assert_int_equal(rig_value(rig.conn, &stmt, NULL).i, 1);
	assert_int_equal(prepared_count(), 1);
	/* A parameter of another type: prepared again, the first one given up. */
	stmt = rig_statement("SELECT $1::text", ORM_STMT_ROWS | ORM_STMT_RAW, 1);
	assert_string_equal(rig_value(rig.conn, &stmt, &v).p, "5");
	v = orm_value_text("x");
	assert_string_equal(rig_value(rig.conn, &stmt, &v).p, "x");
	v = orm_value_null();
	assert_int_equal(rig_value(rig.conn, &stmt, &v).kind, ORM_K_NULL);
	assert_int_equal(prepared_count(), 2);
}

static void statements_are_given_up(void **state)
{
	struct orm_conn *small = rig_connect_with(&(struct orm_options){.statements = 2});
	struct orm_stmt stmts[4] = {rig_statement("SELECT 10", ORM_STMT_ROWS, 0),
				    rig_statement("SELECT 11", ORM_STMT_ROWS, 0),
				    rig_statement("SELECT 12", ORM_STMT_ROWS, 0),
				    rig_statement("SELECT count(*) FROM pg_prepared_statements",
						  ORM_STMT_ROWS | ORM_STMT_ONCE, 0)};

	(void)state;
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 3; i++)
			assert_int_equal(rig_value(small, &stmts[i], NULL).i, 10 + i);
	assert_int_equal(rig_value(small, &stmts[3], NULL).i, 2);
	/* The newest stay. */
	assert_int_equal(rig_value(small, &stmts[2], NULL).i, 12);
	assert_int_equal(rig_value(small, &stmts[3], NULL).i, 2);
	PG->close(small);
}

static void without_names(void **state)
{
	struct orm_conn *off = rig_connect_with(&(struct orm_options){.prepare = "off"});
	struct orm_stmt stmt = rig_statement("SELECT 10", ORM_STMT_ROWS, 0);

	(void)state;
	assert_int_equal(rig_value(off, &stmt, NULL).i, 10);
	assert_int_equal(rig_value(off, &stmt, NULL).i, 10);
	assert_int_equal(PG->begin(off, NULL, true, &rig.err), 0);
	assert_int_equal(rig_value(off, &stmt, NULL).i, 10);
	assert_int_equal(PG->commit(off, &rig.err), 0);
	assert_int_equal(rig_number(off, "SELECT count(*) FROM pg_prepared_statements"), 0);
	PG->close(off);
}

static void tables_change_under_statements(void **state)
{
	struct orm_stmt stmt = rig_statement("SELECT * FROM thing", ORM_STMT_ROWS, 0);

	(void)state;
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(rig.conn), 13);
	PG->finish(rig.conn);
	rig_script(rig.other, "ALTER TABLE thing ADD more int");
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(rig.conn), 14);
	PG->finish(rig.conn);
	/* Inside a transaction it is too late, but the next one succeeds. */
	rig_script(rig.other, "ALTER TABLE thing DROP more");
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(rig_number(rig.conn, "SELECT 1"), 1);
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), ORM_E_SERIALIZATION);
	assert_true(rig.err.retryable);
	PG->rollback(rig.conn);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(rig.conn), 13);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	/* Forgotten by the server. */
	rig_script(rig.conn, "DEALLOCATE ALL");
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), 0);
	rig_script(rig.conn, "DISCARD ALL");
	assert_int_equal(rig_number(rig.conn, "SELECT 1"), 1);
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), 0);
	PG->finish(rig.conn);
}

static void rows_that_nobody_reads(void **state)
{
	struct orm_stmt stmt = rig_statement("SELECT generate_series(1, 50000000)", ORM_STMT_ROWS,
					     0),
			few = rig_statement("SELECT g FROM generate_series(1, 100000) g",
					    ORM_STMT_ROWS, 0);
	int64_t begin;
	unsigned rows = 0;

	(void)state;
	assert_int_equal(PG->start(rig.conn, &stmt, NULL, &rig.err), 0);
	assert_int_equal(PG->step(rig.conn, &rig.err), 0);
	begin = rig_now_ms();
	PG->finish(rig.conn);
	assert_in_range(rig_now_ms() - begin, 0, 10000);
	assert_int_equal(rig_number(rig.conn, "SELECT 5"), 5);
	/* In a transaction they are read, so that it goes on. */
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(PG->start(rig.conn, &few, NULL, &rig.err), 0);
	assert_int_equal(PG->step(rig.conn, &rig.err), 0);
	PG->finish(rig.conn);
	assert_int_equal(rig_number(rig.conn, "SELECT 5"), 5);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_int_equal(PG->start(rig.conn, &few, NULL, &rig.err), 0);
	while (!PG->step(rig.conn, &rig.err))
		rows++;
	assert_int_equal(rows, 100000);
	assert_int_equal(PG->step(rig.conn, &rig.err), ORM_E_END);
	assert_int_equal(PG->changed(rig.conn), 0);
	PG->finish(rig.conn);
	assert_int_equal(PG->step(rig.conn, &rig.err), ORM_E_STATE);
	/* An error after the first rows. */
	stmt = rig_statement("SELECT 100 / (50 - g) FROM generate_series(1, 100) g", ORM_STMT_ROWS,
			     0);
	assert_int_equal(rig_run(rig.conn, &stmt, NULL), ORM_E_VALUE);
	assert_string_equal(rig.err.sqlstate, "22012");
}

static void explains(void **state)
{
	struct orm_stmt stmt = rig_statement("SELECT * FROM thing WHERE id = $1", ORM_STMT_ROWS, 1),
			bad = rig_statement("DISCARD TEMP", 0, 0);
	static const uint8_t types[] = {ORM_T_BIGINT};
	struct orm_value v = orm_value_i64(1);
	char *text = NULL;

	(void)state;
	stmt.param_type = types;
	assert_int_equal(PG->explain(rig.conn, &stmt, &v, &text, &rig.err), 0);
	assert_non_null(strstr(text, "thing"));
	assert_non_null(strchr(text, '\n'));
	free(text);
	text = NULL;
	/* What cannot be explained does not cost the transaction. */
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(PG->explain(rig.conn, &bad, NULL, &text, &rig.err), ORM_E_SQL);
	assert_null(text);
	assert_int_equal(PG->explain(rig.conn, &stmt, &v, &text, &rig.err), 0);
	free(text);
	assert_int_equal(PG->commit(rig.conn, &rig.err), 0);
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM thing"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_who_it_is),
		TEST(refuses_addresses),
		TEST(tells_which_constraint),
		TEST(transactions),
		TEST(serialization_is_retryable),
		TEST(statements_are_kept),
		TEST(statements_are_given_up),
		TEST(without_names),
		TEST(tables_change_under_statements),
		TEST(rows_that_nobody_reads),
		TEST(explains),
	};

	return rig_main("tests", tests, ARRAY_LEN(tests));
}
