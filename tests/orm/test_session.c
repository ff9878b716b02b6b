/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What a session says when something is wrong, and that it goes on afterwards. */
#include <tests/orm/kit/stage.h>

#define PARENT(X) X(i64, id, BIGINT, PK) X(str, name, TEXT, NN)
#define CHILD(X)                                                                                   \
	X(i64, id, BIGINT, PK)                                                                     \
	X(i64, parent, BIGINT, NN)                                                                 \
	X(str, tag, TEXT, 0)                                                                       \
	X(i32, n, INTEGER, 0)
#define CHILD_KEYS(K)                                                                              \
	K(FOREIGN, parent, "parent", "id RESTRICT")                                                \
	K(UNIQUE, child_tag, "tag, n", "")                                                         \
	K(CHECK, child_n, "n < 1000", "")
ORM_TABLE(parent, PARENT)
ORM_TABLE_KEYS(child, CHILD, CHILD_KEYS)
#define ABSENT(X) X(i64, id, BIGINT, PK)
ORM_TABLE(absent, ABSENT)
/* As `parent`, with a column that is not there, and with one of another type. */
#define ONE(X) X(i64, id, BIGINT, 0)
ORM_ROW(one_column, ONE)
#define TYPED(X) X(i64, id, BIGINT, 0) X(f64, name, DOUBLE, 0)
ORM_ROW(other_type, TYPED)
#define SMALL(X) X(i16, id, SMALLINT, 0) X(str, name, TEXT, 0)
ORM_ROW(too_small, SMALL)

static void open_filled(struct stage *st, void **state)
{
	struct orm_query *q;

	STAGE_OPEN(st, *state, T(parent), T(child));
	q = orm_insert(st->s, T(parent));
	orm_row(q, &(struct parent){.id = 1, .name = "a"});
	orm_row(q, &(struct parent){.id = 70000, .name = "b"});
	RUN(st->s, q);
	q = orm_insert(st->s, T(child));
	orm_row(q, &(struct child){.id = 1, .parent = 1, .tag = "t", .n = 1});
	RUN(st->s, q);
}

static struct orm_query *child(struct orm_session *s, const struct child *row)
{
	struct orm_query *q = orm_insert(s, T(child));

	orm_row(q, row);
	return q;
}

/* ---- errors of the database ---- */

static void classes_of_errors(void **state)
{
	static const struct {
		struct child row;
		int class;
		const char *sqlstate;
	} cases[] = {
		{{.id = 1, .parent = 1}, ORM_E_UNIQUE, "23505"},
		{{.id = 2, .parent = 1, .tag = "t", .n = 1}, ORM_E_UNIQUE, "23505"},
		{{.id = 2, .parent = 9}, ORM_E_FOREIGN_KEY, "23503"},
		{{.id = 2, .orm_null = ORM_BIT(child, parent)}, ORM_E_NOT_NULL, "23502"},
		{{.id = 2, .parent = 1, .n = 1000}, ORM_E_CHECK, "23514"},
		{{.id = 2, .parent = 1, .tag = "\xff"}, ORM_E_VALUE, "22021"},
	};
	const struct orm_error *error;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	error = orm_error(st.s);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		q = child(st.s, &cases[i].row);
		FAILS(st.s, cases[i].class, orm_exec(st.s, q, NULL));
		assert_string_equal(error->sqlstate, cases[i].sqlstate);
		assert_false(error->retryable);
		assert_null(strchr(error->text, '\n'));
		orm_query_free(q);
	}
	q = orm_delete(st.s, T(parent));
	orm_where(q, orm_eq(C(parent, id), 1));
	FAILS(st.s, ORM_E_FOREIGN_KEY, orm_exec(st.s, q, NULL));
	orm_query_free(q);
	FAILS(st.s, ORM_E_SCHEMA, orm_exec(st.s, orm_select(st.s, T(absent)), NULL));
	assert_non_null(strstr(error->text, "absent"));
	assert_string_equal(error->sqlstate, "42P01");
	database_do(st.db, "ALTER TABLE parent RENAME COLUMN name TO title");
	FAILS(st.s, ORM_E_SCHEMA, orm_exec(st.s, orm_select(st.s, T(parent)), NULL));
	assert_non_null(strstr(error->text, "name"));
	assert_string_equal(error->sqlstate, "42703");
	FAILS(st.s, ORM_E_SQL, orm_exec(st.s, orm_raw(st.s, "SELEKT 1"), NULL));
	assert_string_equal(error->sqlstate, "42601");
	assert_int_equal(stage_count(st.s, T(child)), 1);
	stage_close(&st);
}

static void names_in_errors(void **state)
{
	const struct orm_error *error;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	error = orm_error(st.s);
	q = child(st.s, &(struct child){.id = 2, .parent = 1, .n = 1000});
	REFUSED(st.s, q, ORM_E_CHECK);
	assert_string_equal(error->constraint, "child_n");
	q = child(st.s, &(struct child){.id = 2, .orm_null = ORM_BIT(child, parent)});
	REFUSED(st.s, q, ORM_E_NOT_NULL);
	assert_string_equal(error->table, "child");
	assert_string_equal(error->column, "parent");
	q = child(st.s, &(struct child){.id = 2, .parent = 1, .tag = "t", .n = 1});
	REFUSED(st.s, q, ORM_E_UNIQUE);
	assert_string_equal(error->table, "child");
	if (database_is_sqlite(st.db)) /* each says what it says */
		assert_string_equal(error->column, "tag, n");
	else
		assert_string_equal(error->constraint, "child_tag");
	/* A secret of the row stands in no text: PostgreSQL's DETAIL would show it. */
	q = child(st.s, &(struct child){.id = 3, .parent = 1, .tag = "hunter2", .n = 2});
	RUN(st.s, q);
	q = child(st.s, &(struct child){.id = 4, .parent = 1, .tag = "hunter2", .n = 2});
	REFUSED(st.s, q, ORM_E_UNIQUE);
	assert_null(strstr(error->text, "hunter2"));
	q = child(st.s, &(struct child){.id = 5, .parent = 1, .tag = "hunter2", .n = 2000});
	REFUSED(st.s, q, ORM_E_CHECK);
	assert_null(strstr(error->text, "hunter2"));
	stage_close(&st);
}

static void a_deferred_constraint(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	database_do(st.db, "CREATE TABLE late (id integer PRIMARY KEY, parent bigint "
			   "REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)");
	q = orm_raw(st.s, "INSERT INTO late VALUES (1, 77)");
	FAILS(st.s, ORM_E_FOREIGN_KEY, orm_exec(st.s, q, NULL)); /* its own transaction's end */
	OK(st.s, orm_begin(st.s, NULL));
	OK(st.s, orm_exec(st.s, q, NULL));
	FAILS(st.s, ORM_E_FOREIGN_KEY, orm_commit(st.s));
	assert_false(orm_in_transaction(st.s));
	database_expect(st.db, "SELECT count(*) FROM late", "0\n");
	stage_close(&st);
}

/* ---- what does not fit ---- */

static void structs_that_do_not_fit(void **state)
{
	struct orm_result *result = NULL;
	struct other_type other = {.id = 99};
	struct too_small small = {.id = 99};
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(parent));
	orm_order_by(q, orm_desc(C(parent, id)));
	FAILS(st.s, ORM_E_QUERY, orm_fetch(st.s, q, T(one_column), &result));
	assert_non_null(strstr(orm_error(st.s)->text, "one_column has 1"));
	FAILS(st.s, ORM_E_QUERY, orm_fetch(st.s, q, T(other_type), &result));
	assert_non_null(strstr(orm_error(st.s)->text, "other_type.name"));
	FAILS(st.s, ORM_E_QUERY, orm_first(st.s, q, T(other_type), &other));
	/* 70000 does not fit into 16 bits; what failed left the struct alone. */
	FAILS(st.s, ORM_E_VALUE, orm_first(st.s, q, T(too_small), &small));
	assert_int_equal(small.id, 99);
	assert_int_equal(other.id, 99);
	FAILS(st.s, ORM_E_VALUE, orm_fetch(st.s, q, T(too_small), &result));
	assert_null(result);
	orm_query_free(q);
	assert_int_equal(stage_count(st.s, T(parent)), 2);
	stage_close(&st);
}

static void the_first_row_and_one_value(void **state)
{
	struct orm_value value = orm_value_i64(5);
	struct parent row = {.id = 5};
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(parent));
	orm_where(q, orm_eq(C(parent, id), -1));
	FAILS(st.s, ORM_E_END, orm_first(st.s, q, T(parent), &row));
	assert_int_equal(row.id, 5);
	FAILS(st.s, ORM_E_QUERY, orm_value(st.s, q, &value)); /* two columns */
	orm_query_free(q);
	q = orm_select(st.s, T(parent));
	orm_columns(q, C(parent, name));
	orm_order_by(q, C(parent, id));
	OK(st.s, orm_value(st.s, q, &value)); /* the first of two */
	assert_string_equal(value.p, "a");
	orm_where(q, orm_eq(C(parent, id), -1));
	FAILS(st.s, ORM_E_END, orm_value(st.s, q, &value));
	orm_query_free(q);
	/* Of a write: all of it is done, the first row is told. */
	q = orm_update(st.s, T(parent));
	orm_set(q, C(parent, name), "z");
	orm_every_row(q);
	orm_returning(q, C(parent, name));
	OK(st.s, orm_value(st.s, q, &value));
	assert_string_equal(value.p, "z");
	orm_query_free(q);
	database_expect(st.db, "SELECT name FROM parent", "z\nz\n");
	stage_close(&st);
}

static void names_of_columns(void **state)
{
	struct orm_result *result;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(parent));
	orm_columns(q, C(parent, id), orm_as(orm_length(C(parent, name)), "len"));
	OK(st.s, orm_fetch(st.s, q, NULL, &result));
	assert_int_equal(orm_result_columns(result), 2);
	assert_string_equal(orm_result_name(result, 0), "id");
	assert_string_equal(orm_result_name(result, 1), "len");
	assert_null(orm_result_rows(result));
	orm_result_free(result);
	orm_result_free(NULL);
	/* Names are told of no rows as well. */
	orm_where(q, orm_lt(C(parent, id), 0));
	OK(st.s, orm_fetch(st.s, q, NULL, &result));
	assert_int_equal(orm_result_count(result), 0);
	assert_string_equal(orm_result_name(result, 1), "len");
	orm_result_free(result);
	orm_query_free(q);
	stage_close(&st);
}

/* ---- queries with a fault ---- */

static void the_first_fault_sticks(void **state)
{
	struct orm_query *q, *outer;
	struct stage st;

	open_filled(&st, state);
	q = orm_select(st.s, T(parent));
	assert_null(orm_query_fault(q));
	orm_where(q, orm_eq(orm_named(T(parent), "id; DROP TABLE parent"), 1));
	assert_non_null(strstr(orm_query_fault(q), "id; DROP"));
	orm_where(q, orm_eq(orm_named(T(parent), "second"), 1));
	assert_null(strstr(orm_query_fault(q), "second"));
	FAILS(st.s, ORM_E_QUERY, orm_exec(st.s, q, NULL));
	FAILS(st.s, ORM_E_QUERY, orm_exec(st.s, q, NULL)); /* again */
	assert_null(orm_sql(st.s, q));
	outer = orm_select(st.s, T(child));
	orm_where(outer, orm_exists(q)); /* it is catching */
	REFUSED(st.s, outer, ORM_E_QUERY);
	orm_query_free(q);
	q = orm_select(st.s, T(parent)); /* perhaps the same memory: clean */
	assert_null(orm_query_fault(q));
	RUN(st.s, q);
	stage_close(&st);
}

static void queries_are_run_again(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_update(st.s, T(child));
	orm_set(q, C(child, n), orm_add(C(child, n), 1));
	orm_every_row(q);
	for (int i = 0; i < 5; i++)
		OK(st.s, orm_exec(st.s, q, NULL));
	orm_query_free(q);
	database_expect(st.db, "SELECT n FROM child", "6\n");
	stage_close(&st);
}

static void limits_of_a_query(void **state)
{
	struct orm_expr e = C(parent, id);
	struct orm_expr nested[2 * ORM_EXPR_DEPTH_MAX][2];
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	for (size_t i = 0; i < ARRAY_LEN(nested); i++) {
		nested[i][0] = e;
		nested[i][1] = V(1);
		e = (struct orm_expr){.op = ORM_OP_ADD, .n = 2, .of = nested[i]};
	}
	q = orm_select(st.s, T(parent));
	orm_columns(q, e);
	REFUSED(st.s, q, ORM_E_TOO_BIG);
	q = orm_insert(st.s, T(parent));
	for (int64_t i = 0; i < ORM_QUERY_VALUES_MAX && !orm_query_fault(q); i++)
		orm_row(q, &(struct parent){.id = i, .name = "x"});
	REFUSED(st.s, q, ORM_E_TOO_BIG);
	q = orm_select(st.s, T(parent));
	orm_limit(q, UINT64_MAX);
	REFUSED(st.s, q, ORM_E_VALUE);
	q = orm_select(st.s, T(parent));
	orm_where(q, orm_eq(C(parent, id), (uint64_t)INT64_MAX + 1));
	REFUSED(st.s, q, ORM_E_VALUE);
	stage_close(&st);
}

/* PostgreSQL has done the write when its rows turn out too many, and that must be told; the group
 * of SQLite undoes it. */
static void a_write_whose_rows_are_too_large(struct stage *st)
{
	struct orm_query *q = orm_update(st->s, T(parent));
	struct orm_result *result = NULL;
	bool done = orm_dialect(st->orm) == ORM_POSTGRESQL;

	orm_set(q, C(parent, name), orm_concat(C(parent, name), "!"));
	orm_every_row(q);
	orm_returning(q, C(parent, id), C(parent, name));
	FAILS(st->s, done ? ORM_E_UNKNOWN_OUTCOME : ORM_E_TOO_BIG,
	      orm_fetch(st->s, q, T(parent), &result));
	assert_null(result);
	orm_query_free(q);
	q = orm_select(st->s, T(parent));
	orm_columns(q, orm_count_all());
	orm_where(q, orm_like(C(parent, name), "%!"));
	assert_int_equal(stage_number(st->s, q), done ? 102 : 0);
}

static void a_result_that_is_too_large(void **state)
{
	struct orm_result *result = NULL;
	struct orm_query *q;
	struct stage st;
	char text[4096];

	open_filled(&st, state);
	stage_close(&st);
	stage_open_again(&st, *state, &(struct orm_options){.result_bytes_max = 65536});
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	q = orm_insert(st.s, T(parent));
	for (int64_t i = 100; i < 200; i++)
		orm_row(q, &(struct parent){.id = i, .name = text});
	RUN(st.s, q);
	q = orm_select(st.s, T(parent));
	FAILS(st.s, ORM_E_TOO_BIG, orm_fetch(st.s, q, T(parent), &result));
	FAILS(st.s, ORM_E_TOO_BIG, orm_fetch(st.s, q, NULL, &result));
	assert_null(result);
	orm_limit(q, 5);
	OK(st.s, orm_fetch(st.s, q, T(parent), &result));
	orm_result_free(result);
	orm_query_free(q);
	a_write_whose_rows_are_too_large(&st);
	stage_close(&st);
}

/* ---- raw statements ---- */

static void raw_statements(void **state)
{
	const struct database *db = *state;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	q = orm_raw(st.s, database_is_sqlite(db) ? "SELECT ?1 || 'b', ?2 + 1, ?3"
						 : "SELECT $1 || 'b', $2 + 1, $3");
	orm_param(q, "a'");
	orm_param(q, (int64_t)41);
	orm_param(q, ORM_NULL_VALUE);
	ROWS(st.s, q, "a'b|42|NULL\n");
	q = orm_raw(st.s, "INSERT INTO parent VALUES (5, 'raw') RETURNING id, name");
	ROWS(st.s, q, "5|raw\n");
	q = orm_raw(st.s, database_is_sqlite(db) ? "SELECT ?1, ?2" : "SELECT $1, $2::text");
	orm_param(q, "one too few");
	assert_int_not_equal(orm_exec(st.s, q, NULL), 0);
	orm_query_free(q);
	q = orm_raw(st.s, "SELECT 1");
	orm_param(q, "one too many");
	assert_int_not_equal(orm_exec(st.s, q, NULL), 0);
	orm_query_free(q);
	q = orm_raw(st.s, "SELECT 1");
	orm_param(q, C(parent, id)); /* no value */
	REFUSED(st.s, q, ORM_E_QUERY);
	assert_int_equal(stage_count(st.s, T(parent)), 3);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(classes_of_errors),
		DATABASE_TEST(names_in_errors),
		DATABASE_TEST(a_deferred_constraint),
		DATABASE_TEST(structs_that_do_not_fit),
		DATABASE_TEST(the_first_row_and_one_value),
		DATABASE_TEST(names_of_columns),
		DATABASE_TEST(the_first_fault_sticks),
		DATABASE_TEST(queries_are_run_again),
		DATABASE_TEST(limits_of_a_query),
		DATABASE_TEST(a_result_that_is_too_large),
		DATABASE_TEST(raw_statements),
	};

	return DATABASE_RUN(tests);
}
