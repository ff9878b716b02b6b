/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The writer of SQLite: groups, whose failure is whose, leases, closing. Threads all around. */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "sqlite.h"

static struct orm_writer *writer;
static char path[160];

static void open_writer(const char *name, const struct orm_options *options)
{
	struct orm_error err = {0};

	snprintf(path, sizeof(path), "%s", in_folder(name));
	if (lite->writer_open(path, options, NULL, &writer, &err))
		fail_msg("%s", err.text);
}

static struct orm_conn *lease(void)
{
	struct orm_conn *conn = NULL;
	struct orm_error err = {0};

	if (lite->lease(writer, 5000, &conn, &err))
		fail_msg("%s", err.text);
	return conn;
}

static void set_up(const char *sql)
{
	struct orm_conn *conn = lease();

	script(conn, sql);
	lite->give_back(writer, conn);
}

static const char *look(const char *sql)
{
	struct orm_conn *conn = open_as(path, ORM_READER, NULL);
	const char *text = ask(conn, sql);

	lite->close(conn);
	return text;
}

static int write_as(const char *sql, bool durable, uint64_t *ret_changed, struct orm_error *err)
{
	const struct orm_stmt stmt = raw_stmt(sql, 0);
	struct orm_write write = {.stmt = &stmt, .durable = durable};
	int r = lite->write(writer, &write, err);

	if (!r && ret_changed)
		*ret_changed = write.changed;
	return r;
}

static void pause_ms(long ms)
{
	const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&pause, NULL);
}

/* A caller with one statement, in a thread of its own. */
struct caller {
	pthread_t thread;
	const char *sql;
	bool durable;
	struct orm_rowset *rows;
	bool runs; /* the thread has begun; atomic */
	int result;
	struct orm_error err;
};

static void *call(void *data)
{
	struct caller *c = data;
	const struct orm_stmt stmt = raw_stmt(c->sql, 0);
	struct orm_write write = {.stmt = &stmt, .durable = c->durable, .rows = c->rows};

	__atomic_store_n(&c->runs, true, __ATOMIC_RELEASE);
	c->result = lite->write(writer, &write, &c->err);
	return NULL;
}

/* All of them are in the line, in this order, when the lease is given back: one group. */
static void run_as_group(struct caller *callers, size_t n)
{
	struct orm_conn *conn = lease();

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
		pause_ms(20);
	}
	lite->give_back(writer, conn);
	for (size_t i = 0; i < n; i++)
		pthread_join(callers[i].thread, NULL);
}

/* ---- one caller ---- */

static void one_write(void **state)
{
	static const uint8_t types[] = {ORM_T_BIGINT, ORM_T_TEXT};
	struct orm_stmt stmt = raw_stmt("INSERT INTO t(s) VALUES(?1), (?1) RETURNING id, s", 1);
	const struct orm_value value = orm_value_text("text");
	struct orm_rowset rows;
	struct orm_write write = {.stmt = &stmt, .values = &value, .durable = true, .rows = &rows};
	struct orm_error err;
	uint64_t changed = 0;

	(void)state;
	open_writer("one.db", NULL);
	set_up("CREATE TABLE t(id INTEGER PRIMARY KEY, s TEXT UNIQUE ON CONFLICT ABORT) STRICT");
	stmt.flags = ORM_STMT_WRITES | ORM_STMT_ROWS;
	stmt.columns = 2;
	stmt.column_type = types;
	orm_rowset_init(&rows, 1 << 20);
	assert_int_equal(lite->write(writer, &write, &err), ORM_E_UNIQUE);
	assert_string_equal(look("SELECT count(*) FROM t"), "0");
	stmt = raw_stmt("INSERT INTO t(s) VALUES(?1), ('b') RETURNING id, s", 1);
	stmt.columns = 2;
	stmt.column_type = types;
	assert_int_equal(lite->write(writer, &write, &err), 0);
	assert_int_equal(write.changed, 2);
	assert_int_equal(rows.rows, 2);
	assert_int_equal(rows.columns, 2);
	assert_string_equal(rows.names[1], "s");
	assert_int_equal(rows.values[0].i, 1);
	assert_string_equal((const char *)rows.values[1].p, "text");
	assert_string_equal((const char *)rows.values[3].p, "b");
	assert_int_equal(write_as("UPDATE t SET s = s || 'x'", false, &changed, &err), 0);
	assert_int_equal(changed, 2);
	assert_int_equal(write_as("COMMIT", true, NULL, &err), ORM_E_QUERY);
	assert_int_equal(write_as("INSERT INTO absent VALUES(1)", true, NULL, NULL), ORM_E_SCHEMA);
	assert_string_equal(look("SELECT group_concat(s) FROM t"), "textx,bx");
	orm_rowset_deinit(&rows);
	lite->writer_close(writer);
}

/* Rows that do not fit take their write with them. */
static void too_many_rows(void **state)
{
	struct orm_stmt stmt = raw_stmt("INSERT INTO t SELECT value || '----------------' FROM "
					"json_each('[1,2,3,4,5,6,7,8,9]') RETURNING s",
					0);
	struct orm_rowset rows;
	struct orm_write write = {.stmt = &stmt, .rows = &rows};
	struct orm_error err;

	(void)state;
	open_writer("rows.db", NULL);
	set_up("CREATE TABLE t(s TEXT) STRICT");
	orm_rowset_init(&rows, 100);
	assert_int_equal(lite->write(writer, &write, &err), ORM_E_TOO_BIG);
	assert_string_equal(look("SELECT count(*) FROM t"), "0");
	orm_rowset_deinit(&rows);
	lite->writer_close(writer);
}

/* What the last transaction committed with, is what the connection still has. */
static const char *last_sync(void)
{
	struct orm_conn *conn = lease();
	const char *text = ask(conn, "PRAGMA synchronous");

	lite->give_back(writer, conn);
	return text;
}

/* One durable write makes its whole group durable; FULL is 2, NORMAL is 1. */
static void promises(void **state)
{
	struct caller callers[] = {{.sql = "INSERT INTO t VALUES(1)"},
				   {.sql = "INSERT INTO t VALUES(2)", .durable = true},
				   {.sql = "INSERT INTO t VALUES(3)"}};
	struct orm_error err;

	(void)state;
	open_writer("promises.db", NULL);
	set_up("CREATE TABLE t(a)");
	assert_int_equal(write_as("INSERT INTO t VALUES(0)", true, NULL, &err), 0);
	assert_string_equal(last_sync(), "2");
	assert_int_equal(write_as("INSERT INTO t VALUES(0)", false, NULL, &err), 0);
	assert_string_equal(last_sync(), "1");
	run_as_group(callers, 3);
	assert_string_equal(last_sync(), "2");
	callers[1].durable = false;
	run_as_group(callers, 3);
	assert_string_equal(last_sync(), "1");
	lite->writer_close(writer);
}

/* ---- failures in a group ---- */

/* Each way to fail, between two neighbours; then everybody's rows are counted. */
static void failure_is_alone(void **state)
{
	static const struct {
		const char *sql;
		int class;
	} bad[] = {
		{"INSERT INTO t VALUES(100),(101),(1)", ORM_E_UNIQUE},
		{"INSERT OR FAIL INTO t VALUES(100),(101),(1)", ORM_E_UNIQUE},
		{"INSERT OR ROLLBACK INTO t VALUES(100),(101),(1)", ORM_E_UNIQUE},
		{"INSERT INTO child VALUES(99)", ORM_E_FOREIGN_KEY}, /* seen by COMMIT */
		{"INSERT INTO noisy VALUES(100),(-1)", ORM_E_CONSTRAINT},
		{"INSERT INTO noisy VALUES(100),(-2)", ORM_E_CONSTRAINT},
		{"INSERT INTO noisy VALUES(100),(-3)", ORM_E_CONSTRAINT},
		{"SELEC 1", ORM_E_SQL},
		{"ROLLBACK", ORM_E_QUERY},
		{"INSERT INTO t VALUES(100),(101),(abs(-9223372036854775808))", ORM_E_VALUE},
		{"INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n) "
		 "SELECT i FROM n",
		 ORM_E_TIMEOUT},
	};
	const struct orm_options options = {.query_timeout_ms = 400};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct caller callers[] = {{.sql = "INSERT INTO t VALUES(2),(3)", .durable = true},
					   {.sql = bad[i].sql},
					   {.sql = "INSERT INTO t VALUES(4),(5)"},
					   {.sql = bad[i].sql, .durable = true},
					   {.sql = "UPDATE t SET a = a + 10 WHERE a IN (1, 4)"}};
		char name[32];

		snprintf(name, sizeof(name), "alone-%zu.db", i);
		open_writer(name, &options);
		set_up("CREATE TABLE t(a INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES(1);"
		       "CREATE TABLE child(p INTEGER REFERENCES t(a) DEFERRABLE INITIALLY "
		       "DEFERRED);"
		       "CREATE TABLE noisy(a); CREATE TABLE log(a);"
		       "CREATE TRIGGER l BEFORE INSERT ON noisy BEGIN INSERT INTO log "
		       "VALUES(NEW.a);"
		       " SELECT RAISE(ABORT, 'no') WHERE NEW.a = -1;"
		       " SELECT RAISE(FAIL, 'no') WHERE NEW.a = -2;"
		       " SELECT RAISE(ROLLBACK, 'no') WHERE NEW.a = -3; END");
		run_as_group(callers, ARRAY_LEN(callers));
		for (size_t k = 0; k < ARRAY_LEN(callers); k++) {
			int want = k % 2 ? bad[i].class : 0;

			if (callers[k].result != want)
				fail_msg("'%s', caller %zu: %s %s", bad[i].sql, k,
					 orm_class_name(callers[k].result), callers[k].err.text);
		}
		assert_string_equal(
			look("SELECT group_concat(a) FROM (SELECT a FROM t ORDER BY a)"),
			"2,3,5,11,14");
		assert_string_equal(look("SELECT count(*) FROM noisy"), "0");
		assert_string_equal(look("SELECT count(*) FROM log"), "0");
		lite->writer_close(writer);
	}
}

/* Rows that a run returned which was undone are not returned twice. */
static void rows_after_a_second_run(void **state)
{
	struct orm_rowset rows;
	struct caller callers[] = {
		{.sql = "INSERT INTO t VALUES(7), (8) RETURNING a", .rows = &rows},
		{.sql = "INSERT OR ROLLBACK INTO t VALUES(1)"}};

	(void)state;
	open_writer("second.db", NULL);
	set_up("CREATE TABLE t(a INTEGER PRIMARY KEY) STRICT; INSERT INTO t VALUES(1)");
	orm_rowset_init(&rows, 1 << 20);
	run_as_group(callers, 2);
	assert_int_equal(callers[0].result, 0);
	assert_int_equal(callers[1].result, ORM_E_UNIQUE);
	assert_int_equal(rows.rows, 2);
	assert_int_equal(rows.values[0].i, 7);
	assert_int_equal(rows.values[1].i, 8);
	assert_string_equal(look("SELECT group_concat(a) FROM t"), "1,7,8");
	orm_rowset_deinit(&rows);
	lite->writer_close(writer);
}

/* ---- many callers ---- */

#define CALLERS 16
#define ROUNDS 120

struct many {
	pthread_t thread;
	int number;
	int done;
	int refused;
};

static void *write_many(void *data)
{
	static const uint8_t types[] = {ORM_T_BIGINT};
	static struct orm_stmt stmt = {.sql = "INSERT INTO t VALUES(?1),(-?1)",
				       .sql_len = 30,
				       .id = 1u << 30,
				       .params = 1};
	struct many *m = data;

	for (int i = 1; i <= ROUNDS; i++) {
		/* Every seventh meets a row that is there: one that this caller wrote. */
		int64_t n = m->number * 1000 + (i % 7 ? i : 1);
		const struct orm_value value = orm_value_i64(n);
		struct orm_stmt mine = stmt;
		struct orm_write write = {.stmt = &mine, .values = &value, .durable = i % 3 == 0};
		struct orm_error err;
		int r;

		mine.param_type = types;
		r = lite->write(writer, &write, &err);
		if (!r && write.changed == 2)
			m->done++;
		else if (r == ORM_E_UNIQUE)
			m->refused++;
	}
	return NULL;
}

static void *lease_often(void *data)
{
	int *ret_done = data;

	for (int i = 0; i < 40; i++) {
		struct orm_conn *conn;
		struct orm_error err;

		if (lite->lease(writer, 10000, &conn, &err))
			continue;
		if (!lite->begin(conn, NULL, i % 2, &err) &&
		    !run(conn, "UPDATE n SET i = i + 1", NULL, 0, &err) &&
		    (i % 4 == 3 || !lite->commit(conn, &err)))
			*ret_done += i % 4 != 3; /* each fourth is given back uncommitted */
		lite->give_back(writer, conn);
	}
	return NULL;
}

static void many_callers(void **state)
{
	struct many many[CALLERS] = {0};
	pthread_t leasing[2];
	int leased[2] = {0}, done = 0, refused = 0;

	(void)state;
	open_writer("many.db", NULL);
	set_up("CREATE TABLE t(a INTEGER PRIMARY KEY) STRICT; CREATE TABLE n(i INTEGER) STRICT;"
	       "INSERT INTO n VALUES(0)");
	for (int i = 0; i < CALLERS; i++) {
		many[i].number = i + 1;
		assert_int_equal(pthread_create(&many[i].thread, NULL, write_many, &many[i]), 0);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&leasing[i], NULL, lease_often, &leased[i]), 0);
	for (int i = 0; i < CALLERS; i++) {
		pthread_join(many[i].thread, NULL);
		done += many[i].done;
		refused += many[i].refused;
	}
	for (int i = 0; i < 2; i++)
		pthread_join(leasing[i], NULL);
	assert_int_equal(done, CALLERS * (ROUNDS - ROUNDS / 7));
	assert_int_equal(refused, CALLERS * (ROUNDS / 7));
	assert_int_equal(leased[0] + leased[1], 60);
	assert_int_equal(strtoll(look("SELECT count(*) FROM t"), NULL, 10), done * 2);
	assert_string_equal(look("SELECT sum(a) FROM t"), "0");
	assert_string_equal(look("SELECT i FROM n"), "60");
	lite->writer_close(writer);
}

/* In memory: readers beside the writer, and neither ever fails. */
static atomic_bool reading;

static void *read_memory(void *ret_reads)
{
	struct orm_conn *conn = open_as(":memory:readers", ORM_READER, NULL);
	const struct orm_stmt stmt = raw_stmt("SELECT count(*), sum(a) FROM t", 0);
	long reads = 0;

	/* Once at least: on a busy machine the writers may be done before this thread begins. */
	do {
		struct orm_value count, sum;
		struct orm_error err;

		if (lite->start(conn, &stmt, NULL, &err) || lite->step(conn, &err) ||
		    lite->value(conn, 0, &count, &err) || lite->value(conn, 1, &sum, &err) ||
		    count.i % 2 || (count.i && sum.i)) {
			reads = -1;
			break;
		}
		lite->finish(conn);
		reads++;
	} while (atomic_load(&reading));
	lite->close(conn);
	*(long *)ret_reads = reads;
	return NULL;
}

static void memory_readers(void **state)
{
	struct many many[4] = {0};
	pthread_t readers[2];
	long reads[2] = {0};
	struct orm_error err;

	(void)state;
	assert_int_equal(lite->writer_open(":memory:readers", NULL, NULL, &writer, &err), 0);
	set_up("CREATE TABLE t(a INTEGER PRIMARY KEY) STRICT");
	atomic_store(&reading, true);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, read_memory, &reads[i]), 0);
	for (int i = 0; i < 4; i++) {
		many[i].number = i + 1;
		assert_int_equal(pthread_create(&many[i].thread, NULL, write_many, &many[i]), 0);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(many[i].thread, NULL);
		assert_int_equal(many[i].done + many[i].refused, ROUNDS);
	}
	atomic_store(&reading, false);
	for (int i = 0; i < 2; i++) {
		pthread_join(readers[i], NULL);
		assert_true(reads[i] > 0);
	}
	lite->writer_close(writer);
}

/* ---- waiting and closing ---- */

static void lease_waits_so_long(void **state)
{
	const struct orm_options options = {.acquire_timeout_ms = 100, .busy_timeout_ms = 100};
	struct orm_conn *conn, *other = NULL;
	struct orm_error err;

	(void)state;
	open_writer("waits.db", &options);
	set_up("CREATE TABLE t(a)");
	conn = lease();
	assert_int_equal(lite->lease(writer, 50, &other, &err), ORM_E_BUSY);
	assert_true(err.retryable);
	assert_null(other);
	assert_int_equal(write_as("INSERT INTO t VALUES(1)", false, NULL, &err), ORM_E_BUSY);
	lite->give_back(writer, conn);
	assert_int_equal(write_as("INSERT INTO t VALUES(2)", false, NULL, &err), 0);
	assert_string_equal(look("SELECT group_concat(a) FROM t"), "2"); /* the first never ran */
	lite->writer_close(writer);
}

static void close_under_load(void **state)
{
	struct caller callers[6];
	struct orm_conn *conn;

	(void)state;
	for (int round = 0; round < 10; round++) {
		char name[32];
		int done = 0;

		snprintf(name, sizeof(name), "close-%d.db", round);
		open_writer(name, NULL);
		set_up("CREATE TABLE t(a)");
		conn = lease();
		for (int i = 0; i < 6; i++) {
			callers[i] = (struct caller){.sql = "INSERT INTO t VALUES(1)",
						     .durable = i % 2};
			assert_int_equal(
				pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
		}
		/* Who comes after the close would find no writer at all. */
		for (int i = 0; i < 6; i++)
			while (!__atomic_load_n(&callers[i].runs, __ATOMIC_ACQUIRE))
				pause_ms(1);
		pause_ms(20);
		lite->give_back(writer, conn);
		if (round % 2)
			pause_ms(round / 2);
		lite->writer_close(writer);
		for (int i = 0; i < 6; i++) {
			pthread_join(callers[i].thread, NULL);
			if (!callers[i].result) {
				done++;
				continue;
			}
			assert_int_equal(callers[i].result, ORM_E_STATE);
			assert_string_equal(callers[i].err.sqlstate, "57P01");
		}
		assert_int_equal(strtoll(look("SELECT count(*) FROM t"), NULL, 10), done);
	}
}

static void *close_writer(void *data)
{
	(void)data;
	lite->writer_close(writer);
	return NULL;
}

/* Who waits behind a lease is told at once; the lease's holder may finish. */
static void close_behind_a_lease(void **state)
{
	struct caller callers[3] = {{.sql = "INSERT INTO t VALUES(1)"},
				    {.sql = "INSERT INTO t VALUES(2)"},
				    {.sql = "INSERT INTO t VALUES(3)"}};
	struct orm_conn *conn;
	struct orm_error err;
	pthread_t closing;

	(void)state;
	open_writer("behind.db", NULL);
	set_up("CREATE TABLE t(a)");
	conn = lease();
	assert_int_equal(lite->begin(conn, NULL, true, &err), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
	pause_ms(30);
	assert_int_equal(pthread_create(&closing, NULL, close_writer, NULL), 0);
	for (int i = 0; i < 3; i++) {
		pthread_join(callers[i].thread, NULL);
		assert_int_equal(callers[i].result, ORM_E_STATE);
	}
	must_run(conn, "INSERT INTO t VALUES(9)");
	assert_int_equal(lite->commit(conn, &err), 0);
	lite->give_back(writer, conn);
	pthread_join(closing, NULL);
	assert_string_equal(look("SELECT group_concat(a) FROM t"), "9");
}

static void refused_opens(void **state)
{
	const struct orm_options options = {.journal_mode = "OFF"};
	struct orm_error err;

	(void)state;
	assert_int_equal(
		lite->writer_open(in_folder("no/such/folder.db"), NULL, NULL, &writer, &err),
		ORM_E_IO);
	assert_non_null(strstr(err.text, "no/such/folder.db"));
	assert_int_equal(lite->writer_open(in_folder("x.db"), &options, NULL, &writer, &err),
			 ORM_E_VALUE);
	lite->writer_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_write),
		cmocka_unit_test(too_many_rows),
		cmocka_unit_test(promises),
		cmocka_unit_test(failure_is_alone),
		cmocka_unit_test(rows_after_a_second_run),
		cmocka_unit_test(many_callers),
		cmocka_unit_test(memory_readers),
		cmocka_unit_test(lease_waits_so_long),
		cmocka_unit_test(close_under_load),
		cmocka_unit_test(close_behind_a_lease),
		cmocka_unit_test(refused_opens),
	};

	return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
