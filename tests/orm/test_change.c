/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Writing: INSERT, UPDATE, DELETE, RETURNING and ON CONFLICT do the same on both databases. */
#include <tests/orm/kit/stage.h>

#define ITEM(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, code, TEXT, NN | UNIQUE)                                                            \
	X(i32, stock, INTEGER, NN)                                                                 \
	X(i32, shelf, INTEGER, 0)                                                                  \
	X(i32, place, INTEGER, 0)                                                                  \
	X(str, note, TEXT, 0)
#define ITEM_KEYS(K)                                                                               \
	K(UNIQUE, item_place, "shelf, place", "")                                                  \
	K(DEFAULT, stock, "7", "")                                                                 \
	K(CHECK, item_stock, "stock >= 0", "")
ORM_TABLE_KEYS(item, ITEM, ITEM_KEYS)
#define TICK(X) X(i64, id, BIGINT, PK | AUTO) X(i32, n, INTEGER, 0)
ORM_TABLE(tick, TICK)

#define STOCKS "SELECT code, stock, shelf, place, note FROM item ORDER BY code"

static void open_empty(struct stage *st, void **state)
{
	STAGE_OPEN(st, *state, T(item), T(tick));
}

static void put(struct orm_session *s, const char *code, int32_t stock)
{
	struct orm_query *q = orm_insert(s, T(item));

	orm_set(q, C(item, code), code);
	orm_set(q, C(item, stock), stock);
	assert_int_equal(RUN(s, q), 1);
}

/* ---- INSERT ---- */

static void insert_of_rows(void **state)
{
	const struct item two[] = {
		{.code = "a", .stock = 1, .shelf = 3, .place = 4, .note = "n"},
		{.code = "b",
		 .stock = 0,
		 .orm_null = ORM_BIT(item, shelf) | ORM_BIT(item, place) | ORM_BIT(item, note)},
	};
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	q = orm_insert(st.s, T(item));
	orm_rows(q, two, 2);
	orm_returning(q, C(item, id), C(item, code));
	ROWS(st.s, q, "1|a\n2|b\n"); /* numbered by the database */
	/* A number that is given is taken. */
	q = orm_insert(st.s, T(item));
	orm_row(q, &(struct item){.id = 77, .code = "c", .stock = 5, .note = ""});
	RUN(st.s, q);
	/* Only what the mask names; the rest is the database's: the default of stock is 7. */
	q = orm_insert(st.s, T(item));
	orm_row_masked(q, &(struct item){.code = "d", .stock = 99, .note = "x"},
		       ORM_BIT(item, code));
	RUN(st.s, q);
	database_expect(st.db, STOCKS,
			"a|1|3|4|n\nb|0|NULL|NULL|NULL\nc|5|0|0|\nd|7|NULL|NULL|NULL\n");
	stage_close(&st);
}

static void insert_by_set(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 3);
	q = orm_insert(st.s, T(item));
	orm_set(q, C(item, code), orm_upper(V("b")));
	orm_set(q, C(item, stock), orm_add(V(2), 3));
	orm_set(q, orm_named(T(item), "note"), ORM_NULL_VALUE);
	orm_returning(q, orm_all_of(item));
	ROWS(st.s, q, "2|B|5|NULL|NULL|NULL\n");
	stage_close(&st);
}

static void insert_of_defaults(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	q = orm_insert(st.s, T(tick));
	orm_returning(q, orm_all_of(tick));
	ROWS(st.s, q, "1|NULL\n");
	q = orm_insert(st.s, T(tick));
	orm_row_masked(q, &(struct tick){0}, 0);
	RUN(st.s, q);
	database_expect(st.db, "SELECT id, n FROM tick ORDER BY id", "1|NULL\n2|NULL\n");
	/* item.code is NOT NULL and has no default: seen before anything is sent. */
	REFUSED(st.s, orm_insert(st.s, T(item)), ORM_E_QUERY);
	q = orm_insert(st.s, T(item));
	orm_row(q, &(struct item){.code = NULL});
	FAILS(st.s, ORM_E_NOT_NULL, orm_exec(st.s, q, NULL));
	assert_string_equal(orm_error(st.s)->sqlstate, "23502");
	assert_string_equal(orm_error(st.s)->column, "code");
	stage_close(&st);
}

static void insert_of_a_query(void **state)
{
	const struct orm_expr columns[] = {C(item, code), C(item, stock)};
	struct orm_query *q, *from;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	put(st.s, "b", 2);
	from = orm_select(st.s, T(item));
	orm_columns(from, orm_concat(C(item, code), "+"), orm_mul(C(item, stock), 10));
	orm_where(from, orm_gt(C(item, stock), 0));
	q = orm_insert(st.s, T(item));
	orm_insert_from(q, columns, 2, from);
	assert_int_equal(RUN(st.s, q), 2);
	orm_query_free(from);
	/* With ON CONFLICT, which SQLite would take for a join. */
	from = orm_select(st.s, T(item));
	orm_columns(from, C(item, code), orm_add(C(item, stock), 1));
	q = orm_insert(st.s, T(item));
	orm_insert_from(q, columns, 2, from);
	orm_on_conflict_update(q, C(item, code));
	orm_do_set(q, C(item, stock), ORM_EXCLUDED(item, stock));
	assert_int_equal(RUN(st.s, q), 4);
	orm_query_free(from);
	database_expect(st.db, "SELECT code, stock FROM item ORDER BY code",
			"a|2\na+|11\nb|3\nb+|21\n");
	stage_close(&st);
}

/* ---- ON CONFLICT ---- */

static struct orm_query *again(struct orm_session *s, const char *code, int32_t stock)
{
	struct orm_query *q = orm_insert(s, T(item));

	orm_row(q, &(struct item){.code = code,
				  .stock = stock,
				  .orm_null = ORM_BIT(item, shelf) | ORM_BIT(item, place)});
	return q;
}

static void on_conflict(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	q = again(st.s, "a", 5);
	orm_on_conflict_nothing(q);
	orm_returning(q, C(item, id));
	ROWS(st.s, q, "");
	q = again(st.s, "a", 5);
	orm_on_conflict_n(q, &C(item, code), 1, false);
	assert_int_equal(RUN(st.s, q), 0);
	q = again(st.s, "a", 5);
	orm_on_conflict_update(q, C(item, code));
	orm_do_set(q, C(item, stock), orm_add(C(item, stock), ORM_EXCLUDED(item, stock)));
	orm_do_set(q, C(item, note), V("again"));
	orm_returning(q, C(item, stock), C(item, note));
	ROWS(st.s, q, "6|again\n");
	/* Only where it is more. */
	q = again(st.s, "a", 2);
	orm_on_conflict_update(q, C(item, code));
	orm_do_set(q, C(item, stock), ORM_EXCLUDED(item, stock));
	orm_do_where(q, orm_lt(C(item, stock), ORM_EXCLUDED(item, stock)));
	assert_int_equal(RUN(st.s, q), 0);
	/* A key of two columns; NULLs meet nobody. */
	q = orm_insert(st.s, T(item));
	orm_row(q, &(struct item){.code = "p", .shelf = 1, .place = 2});
	orm_row(q, &(struct item){.code = "q", .shelf = 1, .place = 2});
	orm_on_conflict_update(q, C(item, place), C(item, shelf));
	orm_do_set(q, C(item, note), orm_concat("met ", ORM_EXCLUDED(item, code)));
	if (database_is_sqlite(st.db))
		RUN(st.s, q);
	else /* PostgreSQL updates no row twice in one statement */
		REFUSED(st.s, q, ORM_E_SQL);
	stage_close(&st);
}

static void on_conflict_that_cannot_be(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	q = again(st.s, "a", 5);
	orm_on_conflict_update(q, C(item, stock));
	orm_do_set(q, C(item, stock), V(1));
	REFUSED(st.s, q, ORM_E_QUERY); /* no unique key of it */
	q = again(st.s, "a", 5);
	orm_on_conflict_update(q, C(item, code));
	REFUSED(st.s, q, ORM_E_QUERY); /* nothing is set */
	q = again(st.s, "a", 5);
	orm_on_conflict_n(q, NULL, 0, true);
	orm_do_set(q, C(item, stock), V(1));
	REFUSED(st.s, q, ORM_E_QUERY); /* DO UPDATE of any conflict */
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), ORM_EXCLUDED(item, stock));
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	stage_close(&st);
}

/* ---- UPDATE, DELETE ---- */

static void update(void **state)
{
	struct orm_query *q, *sub;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	put(st.s, "b", 2);
	put(st.s, "c", 3);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), orm_mul(C(item, stock), 10));
	orm_set(q, C(item, note), "x");
	orm_where(q, orm_ge(C(item, stock), 2));
	orm_returning(q, C(item, code), C(item, stock));
	orm_where(q, orm_lt(C(item, stock), 3)); /* and */
	ROWS(st.s, q, "b|20\n");
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, note), ORM_NULL_VALUE);
	orm_every_row(q);
	assert_int_equal(RUN(st.s, q), 3);
	/* By a query over the same table. */
	sub = orm_select_as(st.s, T(item), "o");
	orm_columns(sub, orm_max(C_AS("o", item, stock)));
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, shelf), orm_scalar(sub));
	orm_where(q, orm_eq(C(item, code), "a"));
	assert_int_equal(RUN(st.s, q), 1);
	orm_query_free(sub);
	database_expect(st.db, "SELECT code, stock, shelf, note FROM item ORDER BY code",
			"a|1|20|NULL\nb|20|NULL|NULL\nc|3|NULL|NULL\n");
	stage_close(&st);
}

static void delete (void **state)
{
	struct orm_query *q, *sub;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	put(st.s, "b", 2);
	put(st.s, "c", 3);
	q = orm_delete(st.s, T(item));
	orm_where(q, orm_eq(C(item, code), "b"));
	orm_returning(q, C(item, code), C(item, stock));
	ROWS(st.s, q, "b|2\n");
	sub = orm_select_as(st.s, T(item), "o");
	orm_columns(sub, C_AS("o", item, code));
	orm_where(sub, orm_gt(C_AS("o", item, stock), 2));
	q = orm_delete(st.s, T(item));
	orm_where(q, orm_in_query(C(item, code), sub));
	orm_query_free(sub);
	assert_int_equal(RUN(st.s, q), 1);
	database_expect(st.db, "SELECT code FROM item", "a\n");
	q = orm_delete(st.s, T(item));
	orm_every_row(q);
	assert_int_equal(RUN(st.s, q), 1);
	q = orm_delete(st.s, T(item));
	orm_where(q, orm_eq(C(item, code), "a"));
	assert_int_equal(RUN(st.s, q), 0);
	stage_close(&st);
}

static void every_row_must_be_said(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	REFUSED(st.s, orm_delete(st.s, T(item)), ORM_E_QUERY);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), 0);
	FAILS(st.s, ORM_E_QUERY, orm_exec(st.s, q, NULL));
	assert_non_null(strstr(orm_error(st.s)->text, "orm_every_row()"));
	orm_query_free(q);
	database_expect(st.db, "SELECT code, stock FROM item", "a|1\n");
	stage_close(&st);
}

/* ---- what is refused ---- */

static void constraints(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	put(st.s, "a", 1);
	q = again(st.s, "a", 1);
	FAILS(st.s, ORM_E_UNIQUE, orm_exec(st.s, q, NULL));
	assert_string_equal(orm_error(st.s)->sqlstate, "23505");
	assert_string_equal(orm_error(st.s)->table, "item");
	orm_query_free(q);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), -1);
	orm_every_row(q);
	FAILS(st.s, ORM_E_CHECK, orm_exec(st.s, q, NULL));
	assert_string_equal(orm_error(st.s)->sqlstate, "23514");
	assert_string_equal(orm_error(st.s)->constraint, "item_stock");
	orm_query_free(q);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, code), ORM_NULL_VALUE);
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), "many");
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), (int64_t)INT32_MAX + 1);
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_VALUE);
	/* A row too many fails all of them. */
	q = orm_insert(st.s, T(item));
	orm_row(q, &(struct item){.code = "b", .shelf = 1, .place = 1});
	orm_row(q, &(struct item){.code = "b", .shelf = 1, .place = 2});
	REFUSED(st.s, q, ORM_E_UNIQUE);
	database_expect(st.db, "SELECT code, stock FROM item", "a|1\n");
	stage_close(&st);
}

/* A clause of another kind of statement. */
static void clauses_in_the_wrong_place(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_empty(&st, state);
	q = orm_delete(st.s, T(item));
	orm_set(q, C(item, stock), 0);
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_insert(st.s, T(item));
	orm_set(q, C(item, code), "a");
	orm_where(q, orm_eq(C(item, stock), 0));
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_select(st.s, T(item));
	orm_row(q, &(struct item){.code = "a"});
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_update(st.s, T(item));
	orm_set(q, C(tick, n), 1);
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	q = orm_update(st.s, T(item));
	orm_set(q, C(item, stock), 1);
	orm_set(q, C(item, stock), 2);
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_QUERY);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(insert_of_rows),
		DATABASE_TEST(insert_by_set),
		DATABASE_TEST(insert_of_defaults),
		DATABASE_TEST(insert_of_a_query),
		DATABASE_TEST(on_conflict),
		DATABASE_TEST(on_conflict_that_cannot_be),
		DATABASE_TEST(update),
		DATABASE_TEST(delete),
		DATABASE_TEST(every_row_must_be_said),
		DATABASE_TEST(constraints),
		DATABASE_TEST(clauses_in_the_wrong_place),
	};

	return DATABASE_RUN(tests);
}
