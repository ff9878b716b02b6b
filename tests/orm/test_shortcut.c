/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* One row by its primary key, and the number of rows of a query. */
#include <tests/orm/kit/stage.h>

#define BAN(X)                                                                                     \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, cidr, CIDR, NN | UNIQUE)                                                            \
	X(f64, score, DOUBLE, NN)                                                                  \
	X(str, note, TEXT, 0)
ORM_TABLE(ban, BAN)
/* A key of two columns, one of them no number. */
#define SEAT(X)                                                                                    \
	X(uuid, hall, UUID, PK)                                                                    \
	X(str, place, TEXT, PK)                                                                    \
	X(i32, price, INTEGER, NN)                                                                 \
	X(i64s, sold, BIGINTS, 0)
ORM_TABLE(seat, SEAT)
#define PAIR(X) X(i64, a, BIGINT, PK) X(i64, b, BIGINT, PK)
ORM_TABLE(pair, PAIR)
#define LOOSE(X) X(i64, a, BIGINT, 0)
ORM_TABLE(loose, LOOSE)

static void one_row_and_back(void **state)
{
	struct ban ban = {.cidr = "192.0.2.0/24", .score = 0.5}, got = {0};
	int64_t id = 0;
	struct stage st;

	STAGE_OPEN(&st, *state, T(ban));
	OK(st.s, orm_insert_row(st.s, T(ban), &ban, &id));
	assert_true(id > 0);
	OK(st.s, orm_get(st.s, T(ban), &(struct ban){.id = id}, &got));
	assert_int_equal(got.id, id);
	assert_string_equal(got.cidr, "192.0.2.0/24");
	assert_null(got.note);
	got.score = 0.9;
	got.note = "twice";
	OK(st.s, orm_update_row(st.s, T(ban), &got, ORM_BIT(ban, score)));
	OK(st.s, orm_get(st.s, T(ban), &got, &got)); /* into the key itself */
	assert_true(got.score > 0.8);
	assert_null(got.note); /* not in the mask */
	got.note = "thrice";
	OK(st.s, orm_update_row(st.s, T(ban), &got, 0));
	database_expect(*state, "SELECT cidr, note FROM ban", "192.0.2.0/24|thrice\n");
	OK(st.s, orm_delete_row(st.s, T(ban), &(struct ban){.id = id}));
	assert_int_equal(stage_count(st.s, T(ban)), 0);
	stage_close(&st);
}

static void a_row_that_is_not_there(void **state)
{
	struct ban ban = {.id = 7, .cidr = "::/0"}, got = {.id = 3};
	struct stage st;

	STAGE_OPEN(&st, *state, T(ban));
	FAILS(st.s, ORM_E_END, orm_get(st.s, T(ban), &ban, &got));
	assert_int_equal(got.id, 3);
	FAILS(st.s, ORM_E_END, orm_update_row(st.s, T(ban), &ban, 0));
	FAILS(st.s, ORM_E_END, orm_delete_row(st.s, T(ban), &ban));
	assert_int_equal(stage_count(st.s, T(ban)), 0);
	stage_close(&st);
}

static void put_inserts_or_updates(void **state)
{
	struct seat seat = {.hall = {{1, 2, 3}}, .place = "A1", .price = 10}, got;
	const int64_t sold[] = {5, 6};
	struct ban ban = {.cidr = "10.0.0.0/8", .score = 1};
	struct stage st;

	STAGE_OPEN(&st, *state, T(ban), T(seat), T(pair));
	OK(st.s, orm_put(st.s, T(seat), &seat));
	seat.price = 20;
	seat.sold = (struct orm_i64s){sold, 2};
	OK(st.s, orm_put(st.s, T(seat), &seat));
	seat.place = "A2";
	OK(st.s, orm_put(st.s, T(seat), &seat));
	assert_int_equal(stage_count(st.s, T(seat)), 2);
	OK(st.s, orm_get(st.s, T(seat), &(struct seat){.hall = {{1, 2, 3}}, .place = "A1"}, &got));
	assert_int_equal(got.price, 20);
	assert_int_equal(got.sold.n, 2);
	assert_int_equal(got.sold.v[1], 6);
	seat.sold = (struct orm_i64s){0};
	OK(st.s, orm_put(st.s, T(seat), &seat));
	OK(st.s, orm_get(st.s, T(seat), &seat, &got));
	assert_null(got.sold.v); /* NULL is put, too */
	OK(st.s, orm_delete_row(st.s, T(seat), &seat));
	assert_int_equal(stage_count(st.s, T(seat)), 1);

	OK(st.s, orm_put(st.s, T(ban), &ban)); /* numbered by the database */
	FAILS(st.s, ORM_E_UNIQUE, orm_put(st.s, T(ban), &ban));
	OK(st.s, orm_put(st.s, T(pair), &(struct pair){.a = 1, .b = 2}));
	OK(st.s, orm_put(st.s, T(pair), &(struct pair){.a = 1, .b = 2})); /* nothing to set */
	assert_int_equal(stage_count(st.s, T(pair)), 1);
	stage_close(&st);
}

static void what_has_no_key_is_refused(void **state)
{
	struct seat seat = {.hall = {{1}}, .price = 1}; /* place is NULL */
	struct loose loose = {.a = 1};
	int64_t id = 9;
	struct stage st;

	STAGE_OPEN(&st, *state, T(seat), T(loose), T(pair));
	FAILS(st.s, ORM_E_QUERY, orm_get(st.s, T(loose), &loose, &loose));
	FAILS(st.s, ORM_E_QUERY, orm_put(st.s, T(loose), &loose));
	FAILS(st.s, ORM_E_QUERY, orm_update_row(st.s, T(loose), &loose, 0));
	FAILS(st.s, ORM_E_QUERY, orm_delete_row(st.s, T(loose), &loose));
	FAILS(st.s, ORM_E_QUERY, orm_insert_row(st.s, T(loose), &loose, &id));
	assert_int_equal(id, 9);
	OK(st.s, orm_insert_row(st.s, T(loose), &loose, NULL));
	FAILS(st.s, ORM_E_VALUE, orm_get(st.s, T(seat), &seat, &seat));
	FAILS(st.s, ORM_E_VALUE, orm_put(st.s, T(seat), &seat));
	FAILS(st.s, ORM_E_VALUE, orm_update_row(st.s, T(seat), &seat, 0));
	FAILS(st.s, ORM_E_VALUE, orm_delete_row(st.s, T(seat), &seat));
	FAILS(st.s, ORM_E_QUERY, orm_update_row(st.s, T(pair), &(struct pair){.a = 1, .b = 2}, 0));
	stage_close(&st);
}

static void rows_are_counted(void **state)
{
	uint64_t n = 99;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(ban), T(pair));
	q = orm_select(st.s, T(pair));
	OK(st.s, orm_count_rows(st.s, q, &n));
	assert_int_equal(n, 0);
	for (int64_t i = 0; i < 5; i++)
		OK(st.s, orm_insert_row(st.s, T(pair), &(struct pair){.a = i / 2, .b = i}, NULL));
	OK(st.s, orm_count_rows(st.s, q, &n)); /* the query is the caller's, and as it was */
	assert_int_equal(n, 5);
	orm_where(q, orm_lt(C(pair, b), 4));
	orm_order_by(q, orm_desc(C(pair, b)));
	orm_limit(q, 3);
	OK(st.s, orm_count_rows(st.s, q, &n));
	assert_int_equal(n, 3);
	ROWS(st.s, q, "1|3\n1|2\n0|1\n");
	q = orm_select(st.s, T(pair));
	orm_columns(q, C(pair, a), orm_as(orm_count_all(), "n"));
	orm_group_by(q, C(pair, a));
	OK(st.s, orm_count_rows(st.s, q, &n));
	assert_int_equal(n, 3);
	orm_query_free(q);
	q = orm_insert(st.s, T(pair));
	orm_row(q, &(struct pair){.a = 9, .b = 9});
	FAILS(st.s, ORM_E_QUERY, orm_count_rows(st.s, q, &n));
	assert_int_equal(n, 3);
	orm_query_free(q);
	assert_int_equal(stage_count(st.s, T(pair)), 5);
	stage_close(&st);
}

static void inside_a_transaction(void **state)
{
	struct ban ban = {.cidr = "10.0.0.0/8", .score = 1}, got;
	struct stage st;

	STAGE_OPEN(&st, *state, T(ban));
	OK(st.s, orm_begin(st.s, NULL));
	OK(st.s, orm_insert_row(st.s, T(ban), &ban, &ban.id));
	OK(st.s, orm_get(st.s, T(ban), &ban, &got));
	ban.score = 2;
	OK(st.s, orm_put(st.s, T(ban), &ban));
	FAILS(st.s, ORM_E_END, orm_delete_row(st.s, T(ban), &(struct ban){.id = ban.id + 1}));
	OK(st.s, orm_commit(st.s)); /* that there was no row does not end it */
	database_expect(*state, "SELECT score = 2.0 FROM ban",
			database_is_sqlite(*state) ? "1\n" : "t\n");
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(one_row_and_back),       DATABASE_TEST(a_row_that_is_not_there),
		DATABASE_TEST(put_inserts_or_updates), DATABASE_TEST(what_has_no_key_is_refused),
		DATABASE_TEST(rows_are_counted),       DATABASE_TEST(inside_a_transaction),
	};

	return DATABASE_RUN(tests);
}
