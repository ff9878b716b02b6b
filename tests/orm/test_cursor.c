/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Row by row: what a cursor gives, what the session may do meanwhile, and every way to end it. */
#include <tests/orm/kit/stage.h>

#define LINE(X) X(i64, id, BIGINT, PK) X(str, text, TEXT, 0)
ORM_TABLE(line, LINE)
#define NARROW(X) X(i64, id, BIGINT, 0)
ORM_ROW(narrow, NARROW)
#define WRONG(X) X(i64, id, BIGINT, 0) X(i64, text, BIGINT, 0)
ORM_ROW(wrong, WRONG)

#define LINES 5000

static void open_filled(struct stage *st, void **state, const struct orm_options *options)
{
	static struct line lines[LINES];
	static char texts[LINES][16];
	const struct orm_batch batch = {.table = T(line), .rows = lines, .count = LINES};

	STAGE_OPEN(st, *state, T(line));
	if (options) {
		stage_close(st);
		stage_open_again(st, *state, options);
	}
	for (size_t i = 0; i < LINES; i++) {
		snprintf(texts[i], sizeof(texts[i]), "line %zu", i);
		lines[i] = (struct line){.id = (int64_t)i, .text = i % 3 ? texts[i] : NULL};
	}
	OK(st->s, orm_insert_batch(st->s, &batch, NULL));
}

static struct orm_query *all(struct orm_session *s)
{
	struct orm_query *q = orm_select(s, T(line));

	orm_order_by(q, C(line, id));
	return q;
}

static struct orm_cursor *open_all(struct orm_session *s)
{
	struct orm_query *q = all(s);
	struct orm_cursor *cursor;

	OK(s, orm_cursor_open(s, q, T(line), &cursor));
	orm_query_free(q); /* the cursor does not need it */
	return cursor;
}

static void all_rows_in_order(void **state)
{
	const void *row = NULL;
	struct orm_cursor *cursor;
	struct stage st;

	open_filled(&st, state, NULL);
	cursor = open_all(st.s);
	assert_int_equal(orm_cursor_columns(cursor), 2);
	for (int64_t i = 0; i < LINES; i++) {
		const struct line *line;
		char want[32];

		OK(st.s, orm_cursor_next(cursor, &row));
		line = row;
		assert_int_equal(line->id, i);
		snprintf(want, sizeof(want), "line %d", (int)i);
		if (i % 3)
			assert_string_equal(line->text, want);
		else
			assert_null(line->text);
	}
	FAILS(st.s, ORM_E_END, orm_cursor_next(cursor, &row));
	FAILS(st.s, ORM_E_END, orm_cursor_next(cursor, &row));
	orm_cursor_close(cursor);
	assert_int_equal(stage_count(st.s, T(line)), LINES);
	stage_close(&st);
}

static void no_rows(void **state)
{
	struct orm_cursor *cursor;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(line));
	q = all(st.s);
	OK(st.s, orm_cursor_open(st.s, q, NULL, &cursor));
	assert_int_equal(orm_cursor_columns(cursor), 2);
	FAILS(st.s, ORM_E_END, orm_cursor_next(cursor, NULL));
	orm_cursor_close(cursor);
	orm_cursor_close(NULL);
	stage_close(&st);
}

/* Closed early, hundreds of times: the connection goes back, whole. */
static void closed_early(void **state)
{
	const struct orm_options options = {.pool_max = 1, .acquire_timeout_ms = 500};
	const void *row;
	struct stage st;

	open_filled(&st, state, &options);
	for (int i = 0; i < 200; i++) {
		struct orm_cursor *cursor = open_all(st.s);

		for (int k = 0; k < i % 4; k++)
			OK(st.s, orm_cursor_next(cursor, &row));
		orm_cursor_close(cursor);
	}
	assert_int_equal(stage_count(st.s, T(line)), LINES);
	stage_close(&st);
}

static void nothing_else_meanwhile(void **state)
{
	const struct line more = {.id = LINES, .text = "x"};
	const struct orm_batch batch = {.table = T(line), .rows = &more, .count = 1};
	struct orm_cursor *cursor, *second;
	struct orm_query *q;
	const void *row;
	struct stage st;

	open_filled(&st, state, NULL);
	cursor = open_all(st.s);
	OK(st.s, orm_cursor_next(cursor, &row));
	q = all(st.s);
	FAILS(st.s, ORM_E_STATE, orm_exec(st.s, q, NULL));
	FAILS(st.s, ORM_E_STATE, orm_cursor_open(st.s, q, NULL, &second));
	FAILS(st.s, ORM_E_STATE, orm_begin(st.s, NULL));
	FAILS(st.s, ORM_E_STATE, orm_insert_batch(st.s, &batch, NULL));
	assert_null(orm_sql(st.s, q));
	orm_query_free(q);
	OK(st.s, orm_cursor_next(cursor, &row));
	assert_int_equal(((const struct line *)row)->id, 1);
	orm_cursor_close(cursor);
	OK(st.s, orm_insert_batch(st.s, &batch, NULL));
	stage_close(&st);
}

/* Other sessions write while it reads: it sees the moment of its start. */
static void others_write_meanwhile(void **state)
{
	struct orm_session *other;
	struct orm_cursor *cursor;
	struct orm_query *q;
	const void *row;
	struct stage st;
	size_t n = 0;

	open_filled(&st, state, NULL);
	other = stage_session(&st);
	cursor = open_all(st.s);
	OK(st.s, orm_cursor_next(cursor, &row));
	q = orm_delete(other, T(line));
	orm_every_row(q);
	assert_int_equal(RUN(other, q), LINES);
	for (n = 1; orm_cursor_next(cursor, &row) == 0;)
		n++;
	assert_int_equal(n, LINES);
	orm_cursor_close(cursor);
	assert_int_equal(stage_count(st.s, T(line)), 0);
	orm_session_close(other);
	stage_close(&st);
}

static void inside_a_transaction(void **state)
{
	struct orm_cursor *cursor;
	struct orm_query *q;
	const void *row;
	struct stage st;

	open_filled(&st, state, NULL);
	OK(st.s, orm_begin(st.s, NULL));
	q = orm_delete(st.s, T(line));
	orm_where(q, orm_gt(C(line, id), 9));
	RUN(st.s, q);
	cursor = open_all(st.s);
	for (int i = 0; i < 10; i++)
		OK(st.s, orm_cursor_next(cursor, &row));
	FAILS(st.s, ORM_E_STATE, orm_savepoint(st.s, "a"));
	FAILS(st.s, ORM_E_END, orm_cursor_next(cursor, &row));
	OK(st.s, orm_commit(st.s)); /* it ends the cursor, as a rollback does */
	FAILS(st.s, ORM_E_STATE, orm_cursor_next(cursor, &row));
	orm_cursor_close(cursor);
	assert_int_equal(stage_count(st.s, T(line)), 10);
	stage_close(&st);
}

/* The rollback gave the connection back, and the close of the cursor gave it back once more. */
static void rollback_ends_it(void **state)
{
	const struct orm_options options = {.pool_max = 1, .acquire_timeout_ms = 500};
	struct orm_session *other;
	struct orm_cursor *cursor;
	struct stage st;
	const void *row;

	open_filled(&st, state, &options);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, NULL));
	cursor = open_all(st.s);
	OK(st.s, orm_cursor_next(cursor, &row));
	orm_rollback(st.s);
	FAILS(st.s, ORM_E_STATE, orm_cursor_next(cursor, &row));
	assert_int_equal(orm_cursor_columns(cursor), 0);
	assert_int_equal(orm_cursor_value(cursor, 0).kind, ORM_K_NULL);
	OK(other, orm_begin(other, NULL));
	orm_cursor_close(cursor);
	assert_int_equal(stage_count(other, T(line)), LINES);
	OK(other, orm_commit(other));
	assert_int_equal(stage_count(st.s, T(line)), LINES);
	orm_session_close(other);
	stage_close(&st);
}

/* The cursor's connection stayed away from the pool for ever. */
static void session_closed_with_it(void **state)
{
	const struct orm_options options = {.pool_max = 1, .acquire_timeout_ms = 500};
	struct orm_session *other;
	struct stage st;
	const void *row;

	open_filled(&st, state, &options);
	for (int in_tx = 0; in_tx < 2; in_tx++) {
		other = stage_session(&st);
		if (in_tx)
			OK(other, orm_begin(other, NULL));
		OK(other, orm_cursor_next(open_all(other), &row));
		orm_session_close(other);
		assert_int_equal(stage_count(st.s, T(line)), LINES);
	}
	stage_close(&st);
}

static void struct_that_does_not_fit(void **state)
{
	struct orm_cursor *cursor = NULL;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state, NULL);
	q = all(st.s);
	FAILS(st.s, ORM_E_QUERY, orm_cursor_open(st.s, q, T(narrow), &cursor));
	FAILS(st.s, ORM_E_QUERY, orm_cursor_open(st.s, q, T(wrong), &cursor));
	assert_null(cursor);
	orm_query_free(q);
	q = orm_delete(st.s, T(line));
	orm_every_row(q);
	orm_returning(q, C(line, id));
	FAILS(st.s, ORM_E_QUERY, orm_cursor_open(st.s, q, NULL, &cursor));
	orm_query_free(q);
	assert_int_equal(stage_count(st.s, T(line)), LINES);
	stage_close(&st);
}

/* A row that cannot be made: by zero. The rows before it are good, the cursor is at its end. */
static void a_row_that_fails(void **state)
{
	const struct database *db = *state;
	struct orm_cursor *cursor;
	struct orm_query *q;
	struct stage st;
	int r, n = 0;

	open_filled(&st, state, NULL);
	q = orm_raw(st.s, database_is_sqlite(db)
				  ? "SELECT abs(-9223372036854775807 - (id = 7)) FROM line "
				    "WHERE id < 20 ORDER BY id"
				  : "SELECT 1 / (n - 7) FROM generate_series(0, 19) AS n");
	OK(st.s, orm_cursor_open(st.s, q, NULL, &cursor));
	while (!(r = orm_cursor_next(cursor, NULL)))
		n++;
	FAILS(st.s, ORM_E_VALUE, r);
	assert_int_equal(n, 7);
	assert_int_not_equal(orm_cursor_next(cursor, NULL), 0);
	orm_cursor_close(cursor);
	orm_query_free(q);
	assert_int_equal(stage_count(st.s, T(line)), LINES);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(all_rows_in_order),
		DATABASE_TEST(no_rows),
		DATABASE_TEST(closed_early),
		DATABASE_TEST(nothing_else_meanwhile),
		DATABASE_TEST(others_write_meanwhile),
		DATABASE_TEST(inside_a_transaction),
		DATABASE_TEST(rollback_ends_it),
		DATABASE_TEST(session_closed_with_it),
		DATABASE_TEST(struct_that_does_not_fit),
		DATABASE_TEST(a_row_that_fails),
	};

	return DATABASE_RUN(tests);
}
