/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The driver of PostgreSQL through its table of functions, on a real server: ORM_TEST_PG is the URL
 * of one that may be written.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <orm/driver.h>

#define PG (&orm_driver_pg)
#define PARAMS_MAX 65535U

#define THING(X)                                                                                   \
	X(i64, id, BIGINT, PK)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(f32, half, REAL, 0)                                                                      \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, name, TEXT, NN)                                                                     \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(uuid, tag, UUID, 0)                                                                      \
	X(str, ip, INET, 0)                                                                        \
	X(str, doc, JSONB, 0)                                                                      \
	X(i64s, list, BIGINTS, 0)                                                                  \
	X(strs, words, TEXTS, 0)                                                                   \
	X(b, yes, BOOLEAN, 0)
ORM_TABLE(thing, THING)

static const char *url;
static struct orm_conn *conn, *other;
static struct orm_error err;
static uint64_t ids;

static struct orm_conn *connect_with(const struct orm_options *options)
{
	struct orm_conn *c = NULL;

	if (PG->open(url, options, ORM_WRITER, &c, &err))
		fail_msg("cannot connect: %s", err.text);
	return c;
}

static struct orm_conn *connect_plain(void)
{
	return connect_with(&(struct orm_options){0});
}

static void script(struct orm_conn *c, const char *sql)
{
	if (PG->script(c, sql, &err))
		fail_msg("%s: %s", sql, err.text);
}

static int set_up(void **state)
{
	(void)state;
	conn = connect_plain();
	other = connect_plain();
	script(other, "DROP TABLE IF EXISTS thing, child, parent");
	script(other, "CREATE TABLE thing (id bigint PRIMARY KEY, small smallint, half real,"
		      " price numeric, name text NOT NULL CHECK (name <> 'bad'), raw bytea,"
		      " at_ms timestamptz, tag uuid, ip inet, doc jsonb, list bigint[],"
		      " words text[], yes boolean)");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	PG->close(conn);
	PG->close(other);
	return 0;
}

/* A statement with an id of its own. */
static struct orm_stmt statement(const char *sql, uint8_t flags, uint16_t params)
{
	return (struct orm_stmt){
		.sql = sql, .sql_len = strlen(sql), .id = ++ids, .flags = flags, .params = params};
}

static struct orm_stmt raw(const char *sql, uint16_t params)
{
	return statement(sql, ORM_STMT_RAW | ORM_STMT_ROWS | ORM_STMT_WRITES, params);
}

static int run(struct orm_conn *c, const struct orm_stmt *stmt, const struct orm_value *values)
{
	int r = PG->start(c, stmt, values, &err);

	while (!r)
		r = PG->step(c, &err);
	return r == ORM_E_END ? 0 : r;
}

static void assert_run(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = raw(sql, 0);

	if (run(c, &stmt, NULL))
		fail_msg("%s: %s", sql, err.text);
	PG->finish(c);
}

static int run_sql(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = raw(sql, 0);
	int r = run(c, &stmt, NULL);

	PG->finish(c);
	return r;
}

/* The one value of the one row; texts are copied to a place that the next call takes again. */
static struct orm_value value_of(struct orm_conn *c, const struct orm_stmt *stmt,
				 const struct orm_value *values)
{
	static char text[4096];
	struct orm_value v;

	if (PG->start(c, stmt, values, &err) || PG->step(c, &err) || PG->value(c, 0, &v, &err))
		fail_msg("%s: %s", stmt->sql, err.text);
	if (v.kind == ORM_K_TEXT) {
		snprintf(text, sizeof(text), "%.*s", (int)v.len, (const char *)v.p);
		v.p = text;
	}
	assert_int_equal(PG->step(c, &err), ORM_E_END);
	PG->finish(c);
	return v;
}

static int64_t number_of(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = raw(sql, 0);
	struct orm_value v = value_of(c, &stmt, NULL);

	assert_int_equal(v.kind, ORM_K_I64);
	return v.i;
}

static const char *text_of(struct orm_conn *c, const char *sql)
{
	struct orm_stmt stmt = raw(sql, 0);
	struct orm_value v = value_of(c, &stmt, NULL);

	assert_int_equal(v.kind, ORM_K_TEXT);
	return v.p;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- one test an idea ---- */

static void says_who_it_is(void **state)
{
	(void)state;
	assert_memory_equal(PG->server(conn), "PostgreSQL 1", 12);
	assert_null(strchr(PG->server(conn) + 11, ' '));
	assert_int_equal(PG->check(conn, &err), 0);
	assert_string_equal(text_of(conn, "SELECT application_name FROM pg_stat_activity"
					  " WHERE pid = pg_backend_pid()"),
			    "strazh-orm");
	assert_string_equal(text_of(conn, "SHOW client_encoding"), "UTF8");
}

static void refuses_addresses(void **state)
{
	struct orm_options options = {.connect_timeout_ms = 1000}, bad = {.prepare = "maybe"};
	struct orm_conn *none = NULL;
	char wrong[512];

	(void)state;
	assert_true(PG->open("postgresql://x/y?nonsense=1", &options, ORM_WRITER, &none, &err) < 0);
	assert_true(PG->open(url, &bad, ORM_WRITER, &none, &err) < 0);
	assert_int_equal(PG->open("host=/nonexistent", &options, ORM_WRITER, &none, &err),
			 ORM_E_CONNECTION);
	assert_true(err.retryable);
	snprintf(wrong, sizeof(wrong), "%s&dbname=nosuchdb", url);
	assert_int_equal(PG->open(wrong, &options, ORM_WRITER, &none, &err), ORM_E_AUTH);
	assert_string_equal(err.sqlstate, "3D000");
	assert_non_null(strstr(err.text, "nosuchdb"));
	assert_null(none);
}

/* A row with everything goes in by COPY and by INSERT, and comes out the same both ways. */
static const int64_t list[] = {1, -2, INT64_MAX};
static const char *const words[] = {"a", "", "q\"u\\o,te"};
static const struct thing full = {
	.id = 7,
	.small = -3,
	.half = 1.5F,
	.price = "-12345678901234567890.0001200",
	.name = "\xd1\x81\xd1\x82\xd1\x80\xd0\xb0\xd0\xb6",
	.raw = {"\0\x01\xff", 3},
	.at_ms = -1,
	.tag = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
	.ip = "2001:db8::/32",
	.doc = "{\"a\": [1, 2]}",
	.list = {list, 3},
	.words = {words, 3},
	.yes = true,
};

static void assert_full(struct orm_conn *c, unsigned at, const struct orm_value *v)
{
	struct orm_value want = orm_row_get(thing_table(), at, &full);

	(void)c;
	assert_int_equal(v->kind, want.kind);
	switch ((enum orm_kind)v->kind) {
	case ORM_K_BOOL:
		assert_int_equal(v->b, want.b);
		break;
	case ORM_K_I64:
		assert_int_equal(v->i, want.i);
		break;
	case ORM_K_F64:
		assert_true(v->f == want.f);
		break;
	case ORM_K_TEXT:
	case ORM_K_BYTES:
	case ORM_K_UUID:
		assert_int_equal(v->len, want.len);
		assert_memory_equal(v->p, want.p, v->len);
		break;
	case ORM_K_I64S:
		assert_int_equal(v->len, want.len);
		assert_memory_equal(v->p, want.p, v->len * 8);
		break;
	case ORM_K_TEXTS:
		assert_int_equal(v->len, want.len);
		for (size_t i = 0; i < v->len; i++)
			assert_string_equal(((const char *const *)v->p)[i],
					    ((const char *const *)want.p)[i]);
		break;
	case ORM_K_NULL:
	case ORM_K_F64S:
		fail();
	}
}

static void assert_row(const char *sql, uint8_t flags, const uint8_t *types)
{
	struct orm_stmt stmt = statement(sql, flags, 0);
	const struct orm_table *t = thing_table();

	stmt.columns = t->count;
	stmt.column_type = types;
	if (PG->start(conn, &stmt, NULL, &err))
		fail_msg("%s", err.text);
	assert_int_equal(PG->columns(conn), t->count);
	assert_int_equal(PG->step(conn, &err), 0);
	for (unsigned i = 0; i < t->count; i++) {
		struct orm_value v;

		assert_string_equal(PG->name(conn, i), t->columns[i].name);
		if (PG->value(conn, i, &v, &err))
			fail_msg("%s", err.text);
		assert_full(conn, i, &v);
	}
	assert_int_equal(PG->step(conn, &err), ORM_E_END);
	PG->finish(conn);
}

static void assert_stored_as_given(void)
{
	uint8_t types[ORM_COLUMNS_MAX];
	const struct orm_table *t = thing_table();

	for (unsigned i = 0; i < t->count; i++)
		types[i] = t->columns[i].type;
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS, types);
	assert_row("SELECT id, small, half, price::text, name, raw, at_ms, tag, ip, doc, list,"
		   " words, yes FROM thing",
		   ORM_STMT_ROWS, types);
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS, NULL);
	assert_row("SELECT * FROM thing", ORM_STMT_ROWS | ORM_STMT_RAW, NULL);
}

static void inserts_every_type(void **state)
{
	const struct orm_table *t = thing_table();
	struct orm_value values[ORM_COLUMNS_MAX];
	uint8_t types[ORM_COLUMNS_MAX];
	struct orm_stmt stmt = statement("INSERT INTO thing VALUES"
					 " ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",
					 ORM_STMT_WRITES, 13);

	(void)state;
	for (unsigned i = 0; i < t->count; i++) {
		values[i] = orm_row_get(t, i, &full);
		types[i] = t->columns[i].type;
	}
	stmt.param_type = types;
	if (run(conn, &stmt, values))
		fail_msg("%s", err.text);
	assert_int_equal(PG->changed(conn), 1);
	PG->finish(conn);
	assert_stored_as_given();
	/* The same statement with every NULL that may be. */
	for (unsigned i = 1; i < t->count; i++)
		values[i] = orm_value_null();
	values[0].i = 8;
	values[4] = orm_value_text("x");
	assert_int_equal(run(conn, &stmt, values), 0);
	PG->finish(conn);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing WHERE num_nulls(small, half,"
					 " price, raw, at_ms, tag, ip, doc, list, words, yes)=11"),
			 1);
}

struct feed {
	const struct thing *rows;
	size_t count, at;
	int fails; /* with this, instead of an end */
};

static int next_thing(void *data, const void **ret_row)
{
	struct feed *feed = data;

	if (feed->at == feed->count)
		return feed->fails ? feed->fails : ORM_E_END;
	*ret_row = &feed->rows[feed->at++];
	return 0;
}

static int load(struct feed *feed, uint64_t mask, uint64_t *ret_rows)
{
	struct orm_source source = {
		.table = thing_table(), .mask = mask, .next = next_thing, .data = feed};

	return PG->load(conn, &source, ret_rows, &err);
}

static void loads_every_type(void **state)
{
	struct feed feed = {&full, 1, 0, 0};
	uint64_t rows = 0;

	(void)state;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	if (load(&feed, ORM_MASK_ALL, &rows))
		fail_msg("%s", err.text);
	assert_int_equal(rows, 1);
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_stored_as_given();
}

static void names_the_row_that_failed(void **state)
{
	struct thing rows[5];
	struct feed feed = {rows, 5, 0, 0};
	uint64_t n = 99;

	(void)state;
	for (int i = 0; i < 5; i++)
		rows[i] = (struct thing){.id = i, .name = i == 3 ? "bad" : "good"};
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_CHECK);
	assert_int_equal(err.row, 3);
	assert_string_equal(err.constraint, "thing_name_check");
	PG->rollback(conn);
	/* A duplicate is found when a whole batch is written: the row is named all the same. */
	rows[3].name = "good";
	rows[4].id = 2;
	feed.at = 0;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_UNIQUE);
	assert_int_equal(err.row, 4);
	assert_string_equal(err.constraint, "thing_pkey");
	PG->rollback(conn);
	assert_int_equal(n, 99);
	/* What no column can hold is refused here, before the server sees it. */
	rows[4] = (struct thing){.id = 4, .name = "good", .ip = "1.2.3"};
	feed.at = 0;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name) | ORM_BIT(thing, ip), &n),
			 ORM_E_VALUE);
	assert_int_equal(err.row, 4);
	assert_string_equal(err.column, "ip");
	PG->rollback(conn);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing"), 0);
}

static void stops_a_load(void **state)
{
	struct thing rows[2] = {{.id = 1, .name = "a"}, {.id = 2, .name = "b"}};
	struct feed feed = {rows, 2, 0, ORM_E_LAZY};
	uint64_t n = 0;

	(void)state;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), ORM_E_LAZY);
	assert_int_equal(err.row, 2);
	PG->rollback(conn);
	feed = (struct feed){rows, 2, 0, 0};
	assert_int_equal(PG->begin(conn, NULL, false, &err), 0);
	assert_int_equal(load(&feed, 0, &n), ORM_E_QUERY);
	assert_int_equal(load(&feed, 1 | ORM_BIT(thing, name), &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing"), 2);
}

struct endless {
	struct thing row;
	uint64_t given;
};

static int next_same(void *data, const void **ret_row)
{
	struct endless *e = data;

	*ret_row = &e->row;
	return e->given++ < 50000000 ? 0 : ORM_E_END;
}

/* The second row is a duplicate: 50 million more are not read to learn it. */
static void stops_early(void **state)
{
	struct endless endless = {.row = {.id = 1, .name = "a name of some length"}};
	struct orm_source source = {.table = thing_table(),
				    .mask = 1 | ORM_BIT(thing, name),
				    .next = next_same,
				    .data = &endless};
	uint64_t n = 0;

	(void)state;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(PG->load(conn, &source, &n, &err), ORM_E_UNIQUE);
	assert_int_equal(err.row, 1);
	assert_true(endless.given < 1000000);
	PG->rollback(conn);
	assert_int_equal(number_of(conn, "SELECT 1"), 1);
}

static void tells_which_constraint(void **state)
{
	(void)state;
	script(other, "CREATE TABLE parent (id int PRIMARY KEY);"
		      "CREATE TABLE child (id int NOT NULL, parent int CONSTRAINT kin"
		      " REFERENCES parent DEFERRABLE INITIALLY DEFERRED)");
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_UNIQUE);
	assert_string_equal(err.sqlstate, "23505");
	assert_string_equal(err.table, "thing");
	assert_string_equal(err.constraint, "thing_pkey");
	assert_int_equal(err.row, ORM_NO_ROW);
	assert_false(err.retryable);
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id) VALUES (2)"), ORM_E_NOT_NULL);
	assert_string_equal(err.column, "name");
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id, name) VALUES (2, 'bad')"),
			 ORM_E_CHECK);
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id, name) VALUES (1e30, 'a')"),
			 ORM_E_VALUE);
	assert_int_equal(run_sql(conn, "SELEC 1"), ORM_E_SQL);
	assert_int_equal(run_sql(conn, "SELECT * FROM nosuch"), ORM_E_SCHEMA);
	/* Deferred: said when the statement is over, alone and at a COMMIT. */
	assert_int_equal(run_sql(conn, "INSERT INTO child VALUES (1, 1)"), ORM_E_FOREIGN_KEY);
	assert_string_equal(err.constraint, "kin");
	assert_int_equal(run_sql(conn, "INSERT INTO child VALUES (1, 1)"), ORM_E_FOREIGN_KEY);
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_run(conn, "INSERT INTO child VALUES (1, 1)");
	assert_int_equal(PG->commit(conn, &err), ORM_E_FOREIGN_KEY);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM child"), 0);
	/* The same, prepared already: no pipeline. */
	struct orm_stmt stmt = statement("INSERT INTO child VALUES (1, $1)", ORM_STMT_WRITES, 1);
	struct orm_value null = orm_value_null(), one = orm_value_i64(1);

	assert_int_equal(run(conn, &stmt, &null), 0);
	assert_int_equal(run(conn, &stmt, &one), ORM_E_FOREIGN_KEY);
	assert_int_equal(run(conn, &stmt, &null), 0);
	PG->finish(conn);
}

static void transactions(void **state)
{
	struct orm_tx_options options = {.isolation = ORM_SERIALIZABLE, .read_only = true};

	(void)state;
	/* None at all on the server when nothing is run in it. */
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(PG->begin(conn, NULL, true, &err), ORM_E_STATE);
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_int_equal(PG->commit(conn, &err), ORM_E_STATE);
	assert_int_equal(PG->begin(conn, &options, true, &err), 0);
	assert_string_equal(text_of(conn, "SHOW transaction_isolation"), "serializable");
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_READ_ONLY);
	assert_int_equal(run_sql(conn, "SELECT 1"), ORM_E_STATE);
	assert_int_equal(PG->commit(conn, &err), ORM_E_STATE); /* it had failed */
	assert_int_equal(PG->begin(conn, NULL, false, &err), 0);
	assert_string_equal(text_of(conn, "SHOW synchronous_commit"), "off");
	PG->rollback(conn);
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_string_equal(text_of(conn, "SHOW synchronous_commit"), "on");
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	PG->rollback(conn);
	assert_int_equal(number_of(other, "SELECT count(*) FROM thing"), 0);
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	script(conn, "SAVEPOINT one");
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(run_sql(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')"),
			 ORM_E_UNIQUE);
	script(conn, "ROLLBACK TO one");
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (2, 'b')");
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_int_equal(number_of(other, "SELECT count(*) FROM thing"), 1);
	assert_int_equal(PG->script(conn, "SELECT 1; SELEC 2", &err), ORM_E_SQL);
	assert_int_equal(PG->script(conn,
				    "INSERT INTO thing (id, name) VALUES (5, 'x');"
				    "INSERT INTO thing (id, name) VALUES (5, 'y')",
				    &err),
			 ORM_E_UNIQUE);
	assert_int_equal(number_of(other, "SELECT count(*) FROM thing"), 1);
}

static void serialization_is_retryable(void **state)
{
	struct orm_tx_options options = {.isolation = ORM_REPEATABLE_READ};

	(void)state;
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(PG->begin(conn, &options, true, &err), 0);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing"), 1);
	assert_run(other, "UPDATE thing SET name = 'b'");
	assert_int_equal(run_sql(conn, "UPDATE thing SET name = 'c'"), ORM_E_SERIALIZATION);
	assert_true(err.retryable);
	PG->rollback(conn);
}

static int64_t prepared_count(void)
{
	return number_of(conn, "SELECT count(*) FROM pg_prepared_statements WHERE NOT"
			       " statement LIKE '%pg_prepared_statements%'");
}

static void statements_are_kept(void **state)
{
	struct orm_stmt stmt = statement("SELECT $1", ORM_STMT_ROWS, 1);
	static const uint8_t bigint[] = {ORM_T_BIGINT};
	struct orm_value v = orm_value_i64(5);

	(void)state;
	stmt.param_type = bigint;
	for (int i = 0; i < 3; i++)
		assert_int_equal(value_of(conn, &stmt, &v).i, 5);
	assert_int_equal(prepared_count(), 1);
	/* ONCE is not kept. */
	stmt = statement("SELECT 1", ORM_STMT_ROWS | ORM_STMT_ONCE, 0);
	assert_int_equal(value_of(conn, &stmt, NULL).i, 1);
	assert_int_equal(prepared_count(), 1);
	/* A parameter of another type: prepared again, the first one given up. */
	stmt = statement("SELECT $1::text", ORM_STMT_ROWS | ORM_STMT_RAW, 1);
	assert_string_equal(value_of(conn, &stmt, &v).p, "5");
	v = orm_value_text("x");
	assert_string_equal(value_of(conn, &stmt, &v).p, "x");
	v = orm_value_null();
	assert_int_equal(value_of(conn, &stmt, &v).kind, ORM_K_NULL);
	assert_int_equal(prepared_count(), 2);
}

static void statements_are_given_up(void **state)
{
	struct orm_conn *small = connect_with(&(struct orm_options){.statements = 2});
	struct orm_stmt stmts[4] = {statement("SELECT 10", ORM_STMT_ROWS, 0),
				    statement("SELECT 11", ORM_STMT_ROWS, 0),
				    statement("SELECT 12", ORM_STMT_ROWS, 0),
				    statement("SELECT count(*) FROM pg_prepared_statements",
					      ORM_STMT_ROWS | ORM_STMT_ONCE, 0)};

	(void)state;
	for (int round = 0; round < 5; round++)
		for (int i = 0; i < 3; i++)
			assert_int_equal(value_of(small, &stmts[i], NULL).i, 10 + i);
	assert_int_equal(value_of(small, &stmts[3], NULL).i, 2);
	/* The newest stay. */
	assert_int_equal(value_of(small, &stmts[2], NULL).i, 12);
	assert_int_equal(value_of(small, &stmts[3], NULL).i, 2);
	PG->close(small);
}

static void without_names(void **state)
{
	struct orm_conn *off = connect_with(&(struct orm_options){.prepare = "off"});
	struct orm_stmt stmt = statement("SELECT 10", ORM_STMT_ROWS, 0);

	(void)state;
	assert_int_equal(value_of(off, &stmt, NULL).i, 10);
	assert_int_equal(value_of(off, &stmt, NULL).i, 10);
	assert_int_equal(PG->begin(off, NULL, true, &err), 0);
	assert_int_equal(value_of(off, &stmt, NULL).i, 10);
	assert_int_equal(PG->commit(off, &err), 0);
	assert_int_equal(number_of(off, "SELECT count(*) FROM pg_prepared_statements"), 0);
	PG->close(off);
}

static void tables_change_under_statements(void **state)
{
	struct orm_stmt stmt = statement("SELECT * FROM thing", ORM_STMT_ROWS, 0);

	(void)state;
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(run(conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(conn), 13);
	PG->finish(conn);
	script(other, "ALTER TABLE thing ADD more int");
	assert_int_equal(run(conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(conn), 14);
	PG->finish(conn);
	/* Inside a transaction it is too late, but the next one succeeds. */
	script(other, "ALTER TABLE thing DROP more");
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(number_of(conn, "SELECT 1"), 1);
	assert_int_equal(run(conn, &stmt, NULL), ORM_E_SERIALIZATION);
	assert_true(err.retryable);
	PG->rollback(conn);
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(run(conn, &stmt, NULL), 0);
	assert_int_equal(PG->columns(conn), 13);
	assert_int_equal(PG->commit(conn, &err), 0);
	/* Forgotten by the server. */
	script(conn, "DEALLOCATE ALL");
	assert_int_equal(run(conn, &stmt, NULL), 0);
	script(conn, "DISCARD ALL");
	assert_int_equal(number_of(conn, "SELECT 1"), 1);
	assert_int_equal(run(conn, &stmt, NULL), 0);
	PG->finish(conn);
}

/* ---- time, and the end of connections ---- */

static void takes_too_long(void **state)
{
	struct orm_conn *hasty = connect_with(&(struct orm_options){.query_timeout_ms = 150});
	int64_t begin = now_ms();

	(void)state;
	assert_int_equal(run_sql(hasty, "SELECT pg_sleep(20)"), ORM_E_TIMEOUT);
	assert_in_range(now_ms() - begin, 140, 3000);
	assert_string_equal(err.sqlstate, "57014");
	assert_false(((struct orm_conn_head *)hasty)->broken);
	assert_int_equal(number_of(hasty, "SELECT 5"), 5);
	assert_int_equal(PG->script(hasty, "SELECT pg_sleep(20)", &err), ORM_E_TIMEOUT);
	assert_int_equal(number_of(hasty, "SELECT 5"), 5);
	PG->close(hasty);
	/* The server's own limit is told from a cancellation. */
	script(conn, "SET statement_timeout = 100");
	assert_int_equal(run_sql(conn, "SELECT pg_sleep(20)"), ORM_E_TIMEOUT);
}

/* A server that is stopped answers neither the statement nor the cancellation. */
static void server_hangs(void **state)
{
	struct orm_conn *hasty = connect_with(&(struct orm_options){.query_timeout_ms = 150});
	struct orm_stmt read = statement("SELECT 1", ORM_STMT_ROWS, 0),
			write = statement("INSERT INTO thing (id, name) VALUES (1, 'a')",
					  ORM_STMT_WRITES, 0);
	int64_t pid = number_of(hasty, "SELECT pg_backend_pid()"), begin;
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "kill -STOP %lld 2>/dev/null", (long long)pid);
	if (system(command)) {
		PG->close(hasty);
		print_message("# no right to stop the server's process\n");
		skip();
	}
	begin = now_ms();
	assert_int_equal(run(hasty, &read, NULL), ORM_E_TIMEOUT);
	assert_in_range(now_ms() - begin, 140, 5000);
	assert_true(((struct orm_conn_head *)hasty)->broken);
	PG->close(hasty);
	snprintf(command, sizeof(command), "kill -CONT %lld", (long long)pid);
	assert_int_equal(system(command), 0);
	hasty = connect_with(&(struct orm_options){.query_timeout_ms = 150});
	pid = number_of(hasty, "SELECT pg_backend_pid()");
	snprintf(command, sizeof(command), "kill -STOP %lld", (long long)pid);
	assert_int_equal(system(command), 0);
	assert_int_equal(run(hasty, &write, NULL), ORM_E_UNKNOWN_OUTCOME);
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
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, conn), 0);
	assert_int_equal(run_sql(conn, "SELECT pg_sleep(20)"), ORM_E_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(number_of(conn, "SELECT 5"), 5);
}

static void terminate(struct orm_conn *victim)
{
	char sql[128];

	snprintf(sql, sizeof(sql), "SELECT pg_terminate_backend(%lld)::int::bigint",
		 (long long)number_of(victim, "SELECT pg_backend_pid()"));
	assert_int_equal(number_of(other, sql), 1);
	usleep(100000);
}

static char victim_sql[128];

static void *terminate_soon(void *data)
{
	(void)data;
	usleep(150000);
	assert_int_equal(run_sql(other, victim_sql), 0);
	return NULL;
}

static int killed_while(struct orm_conn *victim, const struct orm_stmt *stmt)
{
	pthread_t thread;
	int r;

	snprintf(victim_sql, sizeof(victim_sql), "SELECT pg_terminate_backend(%lld)",
		 (long long)number_of(victim, "SELECT pg_backend_pid()"));
	assert_int_equal(pthread_create(&thread, NULL, terminate_soon, NULL), 0);
	r = run(victim, stmt, NULL);
	pthread_join(thread, NULL);
	return r;
}

static void backend_is_terminated(void **state)
{
	struct orm_stmt read = statement("SELECT pg_sleep(20)", ORM_STMT_ROWS, 0),
			write = statement("INSERT INTO thing (id, name)"
					  " SELECT 1, 'a' FROM pg_sleep(20)",
					  ORM_STMT_WRITES, 0),
			call = write,
			quick = statement("INSERT INTO thing (id, name) VALUES (1, 'a')",
					  ORM_STMT_WRITES, 0);

	(void)state;
	assert_int_equal(killed_while(conn, &read), ORM_E_CONNECTION);
	assert_string_equal(err.sqlstate, "57P01");
	assert_true(err.retryable);
	assert_true(((struct orm_conn_head *)conn)->broken);
	assert_int_equal(run(conn, &quick, NULL), ORM_E_CONNECTION);
	assert_int_equal(PG->begin(conn, NULL, true, &err), ORM_E_CONNECTION);
	assert_int_equal(PG->check(conn, &err), ORM_E_CONNECTION);
	PG->close(conn);
	/* The server says that the write failed: it may be sent again. */
	conn = connect_plain();
	assert_int_equal(killed_while(conn, &write), ORM_E_CONNECTION);
	PG->close(conn);
	/* A text of the programmer may have committed on its own. */
	conn = connect_plain();
	call.flags |= ORM_STMT_RAW;
	call.id = ++ids;
	assert_int_equal(killed_while(conn, &call), ORM_E_UNKNOWN_OUTCOME);
	assert_false(err.retryable);
	PG->close(conn);
	/* Idle when it happens: nothing was sent. */
	conn = connect_plain();
	terminate(conn);
	assert_int_equal(run(conn, &quick, NULL), ORM_E_CONNECTION);
	assert_true(err.retryable);
	PG->close(conn);
	/* In a transaction: it is gone with it. A COMMIT is another matter. */
	conn = connect_plain();
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(killed_while(conn, &write), ORM_E_CONNECTION);
	PG->rollback(conn);
	PG->close(conn);
	conn = connect_plain();
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing"), 0);
}

/* No answer at all: kill -9 makes the postmaster end every session. */
static void commit_without_an_answer(void **state)
{
	(void)state;
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	terminate(conn);
	assert_int_equal(PG->commit(conn, &err), ORM_E_UNKNOWN_OUTCOME);
	assert_false(err.retryable);
	PG->close(conn);
	conn = connect_plain();
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(number_of(conn, "SELECT 1"), 1);
	PG->close(conn);
	conn = connect_plain();
}

/* ---- sizes and values ---- */

static void big_values(void **state)
{
	enum { SIZE = 32 << 20 };
	struct orm_stmt stmt = statement("SELECT $1", ORM_STMT_ROWS, 1);
	static const uint8_t bytes[] = {ORM_T_BYTES};
	char *big = malloc(SIZE);
	struct orm_value v = {.kind = ORM_K_BYTES, .p = big, .len = SIZE}, back;
	struct orm_conn *small = connect_with(&(struct orm_options){.result_bytes_max = 1 << 20});

	(void)state;
	assert_non_null(big);
	memset(big, 0xa5, SIZE);
	stmt.param_type = bytes;
	assert_int_equal(PG->start(conn, &stmt, &v, &err), 0);
	assert_int_equal(PG->step(conn, &err), 0);
	assert_int_equal(PG->value(conn, 0, &back, &err), 0);
	assert_int_equal(back.len, SIZE);
	assert_memory_equal(back.p, big, SIZE);
	PG->finish(conn);
	assert_int_equal(PG->start(small, &stmt, &v, &err), 0);
	assert_int_equal(PG->step(small, &err), ORM_E_TOO_BIG);
	PG->finish(small);
	assert_int_equal(number_of(small, "SELECT 5"), 5);
	PG->close(small);
	free(big);
}

static void many_params(void **state)
{
	char *sql = malloc(PARAMS_MAX * 12), *at = sql;
	struct orm_value *values = calloc(PARAMS_MAX, sizeof(*values));
	uint8_t *types = malloc(PARAMS_MAX);
	struct orm_stmt stmt;

	(void)state;
	assert_true(sql && values && types);
	at += snprintf(at, 64, "SELECT count(*) FROM (VALUES ($1)");
	values[0] = orm_value_i64(0);
	for (unsigned i = 1; i < PARAMS_MAX; i++) {
		values[i] = orm_value_i64(i);
		at += snprintf(at, 16, ",($%u)", i + 1);
	}
	snprintf(at, 32, ") v(x) WHERE x >= 0");
	memset(types, ORM_T_BIGINT, PARAMS_MAX);
	stmt = statement(sql, ORM_STMT_ROWS, PARAMS_MAX);
	stmt.param_type = types;
	assert_int_equal(value_of(conn, &stmt, values).i, PARAMS_MAX);
	assert_int_equal(value_of(conn, &stmt, values).i, PARAMS_MAX);
	free(sql);
	free(values);
	free(types);
}

static void values_are_refused(void **state)
{
	struct orm_stmt stmt = raw("SELECT $1::text", 1),
			typed = statement("SELECT $1", ORM_STMT_ROWS, 1);
	struct orm_value nul = orm_value_text_len("a\0b", 3), v;
	static const uint8_t text[] = {ORM_T_TEXT};

	(void)state;
	typed.param_type = text;
	assert_int_equal(PG->start(conn, &stmt, &nul, &err), ORM_E_VALUE);
	assert_int_equal(PG->start(conn, &typed, &nul, &err), ORM_E_VALUE);
	assert_non_null(strstr(err.text, "parameter 1"));
	v = orm_value_text("\xff\xfe");
	assert_int_equal(run(conn, &typed, &v), ORM_E_VALUE);
	assert_string_equal(err.sqlstate, "22021");
	/* What is stored has no counterpart: the column and its type are named. */
	stmt = statement("SELECT 1 AS a, '1 day'::interval AS span", ORM_STMT_ROWS, 0);
	assert_int_equal(PG->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(PG->step(conn, &err), 0);
	assert_int_equal(PG->value(conn, 1, &v, &err), ORM_E_VALUE);
	assert_non_null(strstr(err.text, "'span' (type 1186)"));
	assert_string_equal(err.column, "span");
	assert_int_equal(PG->value(conn, 0, &v, &err), 0);
	assert_int_equal(PG->value(conn, 2, &v, &err), ORM_E_STATE);
	PG->finish(conn);
	/* As a raw statement it is text. */
	assert_string_equal(text_of(conn, "SELECT '1 day'::interval"), "1 day");
	assert_string_equal(text_of(conn, "SELECT DATE '0044-03-15 BC'"), "0044-03-15 BC");
	assert_int_equal(run_sql(conn, "COPY thing TO STDOUT"), ORM_E_QUERY);
}

/* Every way numbers are written agrees with the server. */
static void decimals_agree(void **state)
{
	static const char *const texts[] = {"0",
					    "-0.00",
					    "1e20",
					    "1.5e3",
					    "-12.5e-7",
					    "NaN",
					    "99999999999999999999.99999",
					    "0.0000000000000000001",
					    "10000.0001",
					    "-Infinity",
					    "123456789012345678e-3"};
	struct orm_stmt stmt = statement("SELECT $1::numeric = $2::text::numeric AND"
					 " $1::text = $2::text::numeric::text",
					 ORM_STMT_ROWS, 2);
	static const uint8_t types[] = {ORM_T_NUMERIC, ORM_T_TEXT};

	(void)state;
	stmt.param_type = types;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct orm_value v[2] = {orm_value_text(texts[i]), orm_value_text(texts[i])};

		if (!value_of(conn, &stmt, v).b)
			fail_msg("%s", texts[i]);
	}
}

/* 3,000 addresses that the server made up are read and written as it does. */
static void addresses_agree(void **state)
{
	struct orm_stmt stmt = statement(
		"SELECT a, a::text, host(a), $1::inet FROM (SELECT set_masklen((CASE WHEN i % 3 = 0"
		" THEN i * 7919 || '.' || '' ELSE '' END || CASE WHEN i % 3 = 0 THEN '' ELSE"
		" replace(to_hex(i % 7) || ':' || to_hex(i % 5) || '::' || to_hex(i % 3) || ':' ||"
		" to_hex(i % 2) || ':' || to_hex(i), '', '') END)::inet, i % 33) a"
		" FROM generate_series(1, 3000) i WHERE i % 3 <> 0) x",
		ORM_STMT_ROWS, 1);
	static const uint8_t types[] = {ORM_T_INET};
	struct orm_value given = orm_value_text("::1"), a, b;
	unsigned rows = 0;

	(void)state;
	stmt.param_type = types;
	assert_int_equal(PG->start(conn, &stmt, &given, &err), 0);
	while (!PG->step(conn, &err)) {
		assert_int_equal(PG->value(conn, 0, &a, &err), 0);
		assert_int_equal(PG->value(conn, 1, &b, &err), 0);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.p, b.p, a.len);
		rows++;
	}
	PG->finish(conn);
	assert_int_equal(rows, 2000);
}

static void rows_that_nobody_reads(void **state)
{
	struct orm_stmt stmt = statement("SELECT generate_series(1, 50000000)", ORM_STMT_ROWS, 0),
			few = statement("SELECT g FROM generate_series(1, 100000) g", ORM_STMT_ROWS,
					0);
	int64_t begin;
	unsigned rows = 0;

	(void)state;
	assert_int_equal(PG->start(conn, &stmt, NULL, &err), 0);
	assert_int_equal(PG->step(conn, &err), 0);
	begin = now_ms();
	PG->finish(conn);
	assert_in_range(now_ms() - begin, 0, 1000);
	assert_int_equal(number_of(conn, "SELECT 5"), 5);
	/* In a transaction they are read, so that it goes on. */
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_int_equal(PG->start(conn, &few, NULL, &err), 0);
	assert_int_equal(PG->step(conn, &err), 0);
	PG->finish(conn);
	assert_int_equal(number_of(conn, "SELECT 5"), 5);
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_int_equal(PG->start(conn, &few, NULL, &err), 0);
	while (!PG->step(conn, &err))
		rows++;
	assert_int_equal(rows, 100000);
	assert_int_equal(PG->step(conn, &err), ORM_E_END);
	assert_int_equal(PG->changed(conn), 0);
	PG->finish(conn);
	assert_int_equal(PG->step(conn, &err), ORM_E_STATE);
	/* An error after the first rows. */
	stmt = statement("SELECT 100 / (50 - g) FROM generate_series(1, 100) g", ORM_STMT_ROWS, 0);
	assert_int_equal(run(conn, &stmt, NULL), ORM_E_VALUE);
	assert_string_equal(err.sqlstate, "22012");
}

static void explains(void **state)
{
	struct orm_stmt stmt = statement("SELECT * FROM thing WHERE id = $1", ORM_STMT_ROWS, 1),
			bad = statement("DISCARD TEMP", 0, 0);
	static const uint8_t types[] = {ORM_T_BIGINT};
	struct orm_value v = orm_value_i64(1);
	char *text = NULL;

	(void)state;
	stmt.param_type = types;
	assert_int_equal(PG->explain(conn, &stmt, &v, &text, &err), 0);
	assert_non_null(strstr(text, "thing"));
	assert_non_null(strchr(text, '\n'));
	free(text);
	text = NULL;
	/* What cannot be explained does not cost the transaction. */
	assert_int_equal(PG->begin(conn, NULL, true, &err), 0);
	assert_run(conn, "INSERT INTO thing (id, name) VALUES (1, 'a')");
	assert_int_equal(PG->explain(conn, &bad, NULL, &text, &err), ORM_E_SQL);
	assert_null(text);
	assert_int_equal(PG->explain(conn, &stmt, &v, &text, &err), 0);
	free(text);
	assert_int_equal(PG->commit(conn, &err), 0);
	assert_int_equal(number_of(conn, "SELECT count(*) FROM thing"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(says_who_it_is),
		TEST(refuses_addresses),
		TEST(inserts_every_type),
		TEST(loads_every_type),
		TEST(names_the_row_that_failed),
		TEST(stops_a_load),
		TEST(stops_early),
		TEST(tells_which_constraint),
		TEST(transactions),
		TEST(serialization_is_retryable),
		TEST(statements_are_kept),
		TEST(statements_are_given_up),
		TEST(without_names),
		TEST(tables_change_under_statements),
		TEST(takes_too_long),
		TEST(server_hangs),
		TEST(is_cancelled),
		TEST(backend_is_terminated),
		TEST(commit_without_an_answer),
		TEST(big_values),
		TEST(many_params),
		TEST(values_are_refused),
		TEST(decimals_agree),
		TEST(addresses_agree),
		TEST(rows_that_nobody_reads),
		TEST(explains),
	};

	url = getenv("ORM_TEST_PG");
	if (!url) {
		printf("1..0 # SKIP ORM_TEST_PG names no PostgreSQL server\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
