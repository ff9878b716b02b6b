/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Statements that last too long, servers that hang, connections that end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <unistd.h>

#include <tests/orm/kit/pg_rig.h>

static void takes_too_long(void **state)
{
	struct orm_conn *hasty = rig_connect_with(&(struct orm_options){.query_timeout_ms = 150});
	int64_t begin = rig_now_ms();

	(void)state;
	assert_int_equal(rig_run_sql(hasty, "SELECT pg_sleep(20)"), ORM_E_TIMEOUT);
	assert_in_range(rig_now_ms() - begin, 140, 3000);
	assert_string_equal(rig.err.sqlstate, "57014");
	assert_false(((struct orm_conn_head *)hasty)->broken);
	assert_int_equal(rig_number(hasty, "SELECT 5"), 5);
	assert_int_equal(PG->script(hasty, "SELECT pg_sleep(20)", &rig.err), ORM_E_TIMEOUT);
	assert_int_equal(rig_number(hasty, "SELECT 5"), 5);
	PG->close(hasty);
	/* The server's own limit is told from a cancellation. */
	rig_script(rig.conn, "SET statement_timeout = 100");
	assert_int_equal(rig_run_sql(rig.conn, "SELECT pg_sleep(20)"), ORM_E_TIMEOUT);
}

/* A server that is stopped answers neither the statement nor the cancellation. */
static void server_hangs(void **state)
{
	struct orm_conn *hasty = rig_connect_with(&(struct orm_options){.query_timeout_ms = 150});
	struct orm_stmt read = rig_statement("SELECT 1", ORM_STMT_ROWS, 0),
			write = rig_statement("INSERT INTO thing (id, name) VALUES (1, 'a')",
					      ORM_STMT_WRITES, 0);
	int64_t pid = rig_number(hasty, "SELECT pg_backend_pid()"), begin;
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "kill -STOP %lld 2>/dev/null", (long long)pid);
	if (system(command)) {
		PG->close(hasty);
		print_message("# no right to stop the server's process\n");
		skip();
	}
	begin = rig_now_ms();
	assert_int_equal(rig_run(hasty, &read, NULL), ORM_E_TIMEOUT);
	assert_in_range(rig_now_ms() - begin, 140, 5000);
	assert_true(((struct orm_conn_head *)hasty)->broken);
	PG->close(hasty);
	snprintf(command, sizeof(command), "kill -CONT %lld", (long long)pid);
	assert_int_equal(system(command), 0);
	hasty = rig_connect_with(&(struct orm_options){.query_timeout_ms = 150});
	pid = rig_number(hasty, "SELECT pg_backend_pid()");
	snprintf(command, sizeof(command), "kill -STOP %lld", (long long)pid);
	assert_int_equal(system(command), 0);
	assert_int_equal(rig_run(hasty, &write, NULL), ORM_E_UNKNOWN_OUTCOME);
	PG->close(hasty);
	snprintf(command, sizeof(command), "kill -CONT %lld", (long long)pid);
	assert_int_equal(system(command), 0);
}

static void *cancel_soon(void *data)
{
	usleep(100000);
	PG->cancel(data);
	return NULL;
}

static void is_cancelled(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, rig.conn), 0);
	assert_int_equal(rig_run_sql(rig.conn, "SELECT pg_sleep(20)"), ORM_E_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(rig_number(rig.conn, "SELECT 5"), 5);
}

static void terminate(struct orm_conn *victim)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld)::int::bigint",
		 (long long)rig_number(victim, "SELECT pg_backend_pid()"));
	assert_int_equal(rig_number(rig.other, sql), 1);
	usleep(100000);
}

static char victim_sql[128];

static void *terminate_soon(void *data)
{
	(void)data;
	usleep(150000);
	assert_int_equal(rig_run_sql(rig.other, victim_sql), 0);
	return NULL;
}

static int killed_while(struct orm_conn *victim, const struct orm_stmt *stmt)
{
	pthread_t thread;
	int r;

	snprintf(victim_sql, sizeof(victim_sql), "SELECT pg_terminate_backend(%lld)",
		 (long long)rig_number(victim, "SELECT pg_backend_pid()"));
	assert_int_equal(pthread_create(&thread, NULL, terminate_soon, NULL), 0);
	r = rig_run(victim, stmt, NULL);
	pthread_join(thread, NULL);
	return r;
}

static void backend_is_terminated(void **state)
{
	struct orm_stmt read = rig_statement("SELECT pg_sleep(20)", ORM_STMT_ROWS, 0),
			write = rig_statement("INSERT INTO thing (id, name)"
					      " SELECT 1, 'a' FROM pg_sleep(20)",
					      ORM_STMT_WRITES, 0),
			call,
			quick = rig_statement("INSERT INTO thing (id, name) VALUES (1, 'a')",
					      ORM_STMT_WRITES, 0);

	(void)state;
	assert_int_equal(killed_while(rig.conn, &read), ORM_E_CONNECTION);
	assert_string_equal(rig.err.sqlstate, "57P01");
	assert_true(rig.err.retryable);
	assert_true(((struct orm_conn_head *)rig.conn)->broken);
	assert_int_equal(rig_run(rig.conn, &quick, NULL), ORM_E_CONNECTION);
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), ORM_E_CONNECTION);
	assert_int_equal(PG->check(rig.conn, &rig.err), ORM_E_CONNECTION);
	PG->close(rig.conn);
	/* The server says that the write failed: it may be sent again. */
	rig.conn = rig_connect();
	assert_int_equal(killed_while(rig.conn, &write), ORM_E_CONNECTION);
	PG->close(rig.conn);
	/* A text of the programmer may have committed on its own. */
	rig.conn = rig_connect();
	call = rig_statement(write.sql, ORM_STMT_WRITES | ORM_STMT_RAW, 0);
	assert_int_equal(killed_while(rig.conn, &call), ORM_E_UNKNOWN_OUTCOME);
	assert_false(rig.err.retryable);
	PG->close(rig.conn);
	/* Idle when it happens: nothing was sent. */
	rig.conn = rig_connect();
	terminate(rig.conn);
	assert_int_equal(rig_run(rig.conn, &quick, NULL), ORM_E_CONNECTION);
	assert_true(rig.err.retryable);
	PG->close(rig.conn);
	/* In a transaction: it is gone with it. A COMMIT is another matter. */
	rig.conn = rig_connect();
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(killed_while(rig.conn, &write), ORM_E_CONNECTION);
	PG->rollback(rig.conn);
	PG->close(rig.conn);
	rig.conn = rig_connect();
	assert_int_equal(rig_number(rig.conn, "SELECT count(*) FROM thing"), 0);
}

/* No answer at all: kill -9 makes the postmaster end every session. */
static void commit_without_an_answer(void **state)
{
	(void)state;
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	rig_run_ok(rig.conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	terminate(rig.conn);
	assert_int_equal(PG->commit(rig.conn, &rig.err), ORM_E_UNKNOWN_OUTCOME);
	assert_false(rig.err.retryable);
	PG->close(rig.conn);
	rig.conn = rig_connect();
	assert_int_equal(PG->begin(rig.conn, NULL, true, &rig.err), 0);
	assert_int_equal(rig_number(rig.conn, "SELECT 1"), 1);
	PG->close(rig.conn);
	rig.conn = rig_connect();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(takes_too_long),
		TEST(server_hangs),
		TEST(is_cancelled),
		TEST(backend_is_terminated),
		TEST(commit_without_an_answer),
	};

	return rig_main("tests", tests, ARRAY_LEN(tests));
}
