/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What was wrong once between a session and its database: writes whose failure came after the rows
 * that they return, cursors and the end of their transaction, results kept although a write was
 * done, and statements as text that write without beginning so.
 */
#include <errno.h>
#include <poll.h>

#include <strazh/orm/async.h>

#include <tests/orm/kit/stage.h>

#define COUNTER(X) X(i64, id, BIGINT, PK) X(i64, n, BIGINT, NN | INDEX) X(str, name, TEXT, 0)
#define COUNTER_KEYS(K) K(CHECK, counter_low, "n < 10", "")
ORM_TABLE_KEYS(counter, COUNTER, COUNTER_KEYS)

#define PAIR(X) X(i64, id, BIGINT, PK) X(i64, n, BIGINT, NN)
ORM_ROW(pair, PAIR)

static void fill(struct orm_session *s, int64_t rows)
{
	for (int64_t i = 0; i < rows; i++) {
		struct orm_query *q = orm_insert(s, T(counter));

		orm_row(q, &(struct counter){.id = i, .n = i});
		RUN(s, q);
	}
}

static struct orm_query *raise_all(struct orm_session *s)
{
	struct orm_query *q = orm_update(s, T(counter));

	orm_set(q, C(counter, n), orm_add(C(counter, n), 1));
	orm_every_row(q);
	orm_returning(q, C(counter, id));
	return q;
}

static int64_t read_n(struct orm_session *s, int64_t id)
{
	struct orm_query *q = orm_select(s, T(counter));

	orm_columns(q, C(counter, n));
	orm_where(q, orm_eq(C(counter, id), id));
	return stage_number(s, q);
}

/* ---- a write is done when it was answered, not when its first row came ---- */

static void first_row_of_a_write_that_fails(void **state)
{
	struct orm_value value;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	fill(st.s, 10); /* the last one is as high as may be */
	q = raise_all(st.s);
	FAILS(st.s, ORM_E_CHECK, orm_value(st.s, q, &value));
	OK(st.s, orm_begin(st.s, NULL));
	FAILS(st.s, ORM_E_CHECK, orm_value(st.s, q, &value));
	orm_rollback(st.s);
	database_expect(st.db, "SELECT sum(n) FROM counter", "45\n");
	stage_close(&st);
}

/* What a deferred constraint says comes behind the row, with the commit. */
static void first_row_of_a_write_that_is_not_committed(void **state)
{
	struct orm_value value;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	database_do(st.db, "ALTER TABLE counter ADD CONSTRAINT counter_up FOREIGN KEY (n) "
			   "REFERENCES counter(id) DEFERRABLE INITIALLY DEFERRED");
	q = orm_insert(st.s, T(counter));
	orm_row(q, &(struct counter){.id = 1, .n = 9});
	orm_returning(q, C(counter, id));
	FAILS(st.s, ORM_E_FOREIGN_KEY, orm_value(st.s, q, &value));
	FAILS(st.s, ORM_E_FOREIGN_KEY,
	      orm_value(st.s,
			orm_raw(st.s, "INSERT INTO counter(id, n) VALUES (2, 8) RETURNING id"),
			&value));
	database_expect(st.db, "SELECT count(*) FROM counter", "0\n");
	stage_close(&st);
}

/* ---- a cursor and its transaction ---- */

static void commit_ends_a_cursor(void **state)
{
	struct orm_cursor *c;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	fill(st.s, 3);
	OK(st.s, orm_begin(st.s, NULL));
	q = orm_select(st.s, T(counter));
	OK(st.s, orm_cursor_open(st.s, q, T(counter), &c));
	OK(st.s, orm_cursor_next(c, NULL));
	FAILS(st.s, ORM_E_STATE, orm_exec(st.s, q, NULL));
	OK(st.s, orm_commit(st.s));
	assert_false(orm_in_transaction(st.s));
	FAILS(st.s, ORM_E_STATE, orm_cursor_next(c, NULL));
	assert_int_equal(orm_cursor_columns(c), 0);
	orm_cursor_close(c);
	assert_int_equal(read_n(st.s, 2), 2);
	stage_close(&st);
}

static int leave_a_cursor(struct orm_session *s, void *data)
{
	struct orm_query *q = orm_select(s, T(counter));
	int r = orm_cursor_open(s, q, T(counter), data);

	orm_query_free(q);
	return r;
}

static void body_that_leaves_a_cursor(void **state)
{
	struct orm_cursor *c;
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	OK(st.s, orm_transaction(st.s, NULL, leave_a_cursor, &c));
	assert_false(orm_in_transaction(st.s));
	orm_cursor_close(c);
	stage_close(&st);
}

/* ---- results kept ---- */

static void open_cached(struct stage *st, void **state)
{
	const struct orm_options options = {.cache_bytes = 1 << 20, .cache_ttl_ms = 600000};

	stage_open(st, *state, &options, (const struct orm_table *[]){T(counter)}, 1);
}

/* It was done, but what it returned could not be given. */
static void write_whose_rows_do_not_fit(void **state)
{
	struct orm_result *result;
	struct orm_query *q;
	struct stage st;

	open_cached(&st, state);
	fill(st.s, 1);
	assert_int_equal(read_n(st.s, 0), 0);
	q = raise_all(st.s);
	FAILS(st.s, ORM_E_QUERY, orm_fetch(st.s, q, T(pair), &result));
	database_expect(st.db, "SELECT n FROM counter", "0\n"); /* refused before it was sent */
	assert_int_equal(read_n(st.s, 0), 0);
	stage_close(&st);
}

static void write_whose_rows_are_too_many(void **state)
{
	const struct orm_options options = {
		.cache_bytes = 1 << 20, .cache_ttl_ms = 600000, .result_bytes_max = 20000};
	struct orm_result *result;
	struct orm_query *q;
	struct stage st;
	bool done;

	stage_open(&st, *state, &options, (const struct orm_table *[]){T(counter)}, 1);
	OK(st.s, orm_begin(st.s, NULL));
	for (int64_t i = 0; i < 2000; i++) {
		q = orm_insert(st.s, T(counter));
		orm_row(q, &(struct counter){.id = i, .n = 1});
		RUN(st.s, q);
	}
	OK(st.s, orm_commit(st.s));
	assert_int_equal(read_n(st.s, 7), 1);
	q = raise_all(st.s);
	done = orm_dialect(st.orm) == ORM_POSTGRESQL; /* a group of SQLite undoes it */
	FAILS(st.s, done ? ORM_E_UNKNOWN_OUTCOME : ORM_E_TOO_BIG,
	      orm_fetch(st.s, q, NULL, &result));
	assert_int_equal(read_n(st.s, 7), done ? 2 : 1);
	database_expect(st.db, "SELECT n FROM counter WHERE id = 7", done ? "2\n" : "1\n");
	stage_close(&st);
}

/* The first row is wanted, and all of them are too many to be kept. */
static void first_of_more_than_can_be_kept(void **state)
{
	const struct orm_options options = {
		.cache_bytes = 1 << 20, .cache_ttl_ms = 600000, .result_bytes_max = 20000};
	struct counter row;
	struct orm_query *q;
	struct stage st;

	stage_open(&st, *state, &options, (const struct orm_table *[]){T(counter)}, 1);
	OK(st.s, orm_begin(st.s, NULL));
	for (int64_t i = 0; i < 2000; i++) {
		q = orm_insert(st.s, T(counter));
		orm_row(q, &(struct counter){.id = i, .n = 1});
		RUN(st.s, q);
	}
	OK(st.s, orm_commit(st.s));
	q = orm_select(st.s, T(counter));
	orm_order_by(q, C(counter, id));
	OK(st.s, orm_first(st.s, q, T(counter), &row));
	assert_int_equal(row.id, 0);
	stage_close(&st);
}

static void note_answer(void *data, const struct orm_answer *answer)
{
	*(int *)data = orm_answer_class(answer);
}

static int submit(struct orm_async *a, struct orm_query *q)
{
	int class = -1, r = orm_async_submit(a, q, note_answer, &class);

	while (!r && orm_async_pending(a)) {
		struct pollfd fd = {.fd = orm_async_fd(a), .events = orm_async_events(a)};

		poll(&fd, 1, orm_async_timeout_ms(a));
		orm_async_on_ready(a);
	}
	return r ? r : class;
}

static void raw_write_in_a_loop(void **state)
{
	struct orm_async *a;
	struct stage st;

	open_cached(&st, state);
	fill(st.s, 1);
	assert_int_equal(read_n(st.s, 0), 0);
	assert_int_equal(orm_async_open(st.orm, 0, &a, NULL), 0);
	assert_int_equal(submit(a, orm_raw(st.s, "UPDATE counter SET n = 5")), 0);
	assert_int_equal(read_n(st.s, 0), 5);
	orm_async_close(a);
	stage_close(&st);
}

static void count_report(void *data, const struct orm_guard_report *report)
{
	(void)report;
	++*(int *)data;
}

static void guard_sees_the_values_of_a_loop(void **state)
{
	int reports = 0;
	const struct orm_guard_options options = {.report = count_report, .data = &reports};
	struct orm_guard *guard = orm_guard_new(&options);
	struct orm_async *a;
	struct orm_query *q;
	struct stage st;

	assert_non_null(guard);
	STAGE_OPEN(&st, *state, T(counter));
	orm_use_guard(st.orm, guard);
	assert_int_equal(orm_async_open(st.orm, 0, &a, NULL), 0);
	q = orm_select(st.s, T(counter));
	orm_where(q, orm_eq(C(counter, name), "x' OR 1=1 --"));
	assert_int_equal(submit(a, q), 0);
	assert_int_equal(reports, 1);
	orm_async_close(a);
	stage_close(&st);
	orm_guard_free(guard);
}

/* A query is of its session's database: another one does not speak its SQL. */
static void query_of_another_database(void **state)
{
	struct orm_session *s;
	struct orm_async *a;
	struct stage st;
	struct orm *lite;

	STAGE_OPEN(&st, *state, T(counter));
	assert_int_equal(orm_open("sqlite::memory:", NULL, &lite, NULL), 0);
	assert_int_equal(orm_session_open(lite, &s), 0);
	assert_int_equal(orm_async_open(st.orm, 0, &a, NULL), 0);
	FAILS(s, -EINVAL, orm_async_submit(a, orm_select(s, T(counter)), note_answer, NULL));
	assert_int_equal(orm_async_pending(a), 0);
	orm_async_close(a);
	orm_session_close(s);
	orm_close(lite);
	stage_close(&st);
}

/* ---- statements as text ---- */

static void raw_text_that_writes(void **state)
{
	static const char *const texts[] = {
		"WITH x(n) AS (SELECT 1)INSERT INTO counter(id, n) SELECT 1, n FROM x",
		"WITH x(n) AS (SELECT 1)/**/UPDATE counter SET n = 2",
		"with x(n) as (select 1)\fdelete from counter",
	};
	struct stage st;

	open_cached(&st, state);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct orm_query *count = orm_select(st.s, T(counter));
		int64_t before;

		orm_columns(count, orm_sum(C(counter, n)), orm_count_all());
		before = stage_count(st.s, T(counter));
		OK(st.s, orm_exec(st.s, orm_raw(st.s, texts[i]), NULL));
		if (i != 1)
			assert_int_not_equal(stage_count(st.s, T(counter)), before);
	}
	OK(st.s, orm_begin(st.s, &(struct orm_tx_options){.read_only = true}));
	FAILS(st.s, ORM_E_READ_ONLY, orm_exec(st.s, orm_raw(st.s, texts[2]), NULL));
	orm_rollback(st.s);
	stage_close(&st);
}

static void rows_for_what_is_no_insert(void **state)
{
	const struct counter rows[2] = {{.id = 1}, {.id = 2}};
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	q = orm_select(st.s, T(counter));
	orm_rows(q, rows, 2);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_raw(st.s, "SELECT 1");
	orm_rows(q, rows, 2);
	REFUSED(st.s, q, ORM_E_QUERY);
	/* No rows were one row of defaults. */
	q = orm_insert(st.s, T(counter));
	orm_rows(q, rows, 0);
	REFUSED(st.s, q, ORM_E_QUERY);
	stage_close(&st);
}

/* ---- tables that come and go ---- */

static void select_from(struct orm_session *s, const char *list, const char *want)
{
	struct orm_schema *schema;
	struct orm_query *q;

	assert_int_equal(orm_schema_parse("list", list, strlen(list), &schema, NULL), 0);
	q = orm_select(s, orm_schema_table(schema, 0));
	assert_string_equal(orm_sql(s, q), want);
	orm_query_free(q);
	orm_schema_free(schema);
}

/* The second one is where the first one was, and was read as if it were that. */
static void tables_at_the_same_address(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	select_from(st.s, "#define A(X) X(i64, id, BIGINT, PK)\nORM_TABLE(first, A)\n",
		    "SELECT \"first\".\"id\" FROM \"first\"");
	select_from(st.s, "#define A(X) X(i64, no, BIGINT, PK)\nORM_TABLE(other, A)\n",
		    "SELECT \"other\".\"no\" FROM \"other\"");
	stage_close(&st);
}

/* ---- a load that fails inside the caller's transaction ---- */

static int broken_source(void *data, const void **ret_row)
{
	static const struct counter row = {.id = 1, .n = 1};
	int *left = data;

	if (!--*left)
		return ORM_E_CANCELLED;
	*ret_row = &row;
	return 0;
}

static void failed_load_keeps_the_indexes(void **state)
{
	int left = 2;
	const struct orm_load load = {
		.table = T(counter), .next = broken_source, .data = &left, .drop_indexes = true};
	struct stage st;

	STAGE_OPEN(&st, *state, T(counter));
	OK(st.s, orm_begin(st.s, NULL));
	FAILS(st.s, ORM_E_CANCELLED, orm_load(st.s, &load, NULL));
	(void)!orm_commit(st.s);
	assert_false(orm_in_transaction(st.s));
	database_expect(
		st.db,
		database_is_sqlite(st.db)
			? "SELECT count(*) FROM sqlite_master WHERE name = 'counter_n_idx'"
			: "SELECT count(*) FROM pg_indexes WHERE indexname = 'counter_n_idx'",
		"1\n");
	database_expect(st.db, "SELECT count(*) FROM counter", "0\n");
	stage_close(&st);
}

static const struct database_test tests[] = {
	DATABASE_TEST(first_row_of_a_write_that_fails),
	DATABASE_TEST_POSTGRESQL(first_row_of_a_write_that_is_not_committed),
	DATABASE_TEST(commit_ends_a_cursor),
	DATABASE_TEST(body_that_leaves_a_cursor),
	DATABASE_TEST(write_whose_rows_do_not_fit),
	DATABASE_TEST(write_whose_rows_are_too_many),
	DATABASE_TEST(first_of_more_than_can_be_kept),
	DATABASE_TEST_POSTGRESQL(raw_write_in_a_loop),
	DATABASE_TEST_POSTGRESQL(guard_sees_the_values_of_a_loop),
	DATABASE_TEST_POSTGRESQL(query_of_another_database),
	DATABASE_TEST(raw_text_that_writes),
	DATABASE_TEST(rows_for_what_is_no_insert),
	DATABASE_TEST(failed_load_keeps_the_indexes),
	DATABASE_TEST(tables_at_the_same_address),
};

int main(void)
{
	return DATABASE_RUN(tests);
}
