/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Transactions: what is kept, what is undone, who sees what, and what cannot be done. */
#include <tests/orm/kit/stage.h>

#define ACCOUNT(X) X(i64, id, BIGINT, PK) X(i64, money, BIGINT, NN)
ORM_TABLE(account, ACCOUNT)

static void open_filled(struct stage *st, void **state)
{
	struct orm_query *q;

	STAGE_OPEN(st, *state, T(account));
	q = orm_insert(st->s, T(account));
	orm_row(q, &(struct account){.id = 1, .money = 100});
	orm_row(q, &(struct account){.id = 2, .money = 100});
	RUN(st->s, q);
}

static void add(struct orm_session *s, int64_t id, int64_t money)
{
	struct orm_query *q = orm_update(s, T(account));

	orm_set(q, C(account, money), orm_add(C(account, money), money));
	orm_where(q, orm_eq(C(account, id), id));
	assert_int_equal(RUN(s, q), 1);
}

static int64_t money_of(struct orm_session *s, int64_t id)
{
	struct orm_query *q = orm_select(s, T(account));

	orm_columns(q, C(account, money));
	orm_where(q, orm_eq(C(account, id), id));
	return stage_number(s, q);
}

#define EXPECT(st, one, two)                                                                       \
	database_expect((st).db, "SELECT money FROM account ORDER BY id", #one "\n" #two "\n")

/* ---- kept and undone ---- */

static void commit_and_rollback(void **state)
{
	struct stage st;

	open_filled(&st, state);
	assert_false(orm_in_transaction(st.s));
	OK(st.s, orm_begin(st.s, NULL));
	assert_true(orm_in_transaction(st.s));
	add(st.s, 1, -30);
	add(st.s, 2, 30);
	assert_int_equal(money_of(st.s, 2), 130); /* its own writes */
	EXPECT(st, 100, 100);
	OK(st.s, orm_commit(st.s));
	assert_false(orm_in_transaction(st.s));
	EXPECT(st, 70, 130);
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 1000);
	orm_rollback(st.s);
	assert_false(orm_in_transaction(st.s));
	EXPECT(st, 70, 130);
	/* One in which nothing was done. */
	OK(st.s, orm_begin(st.s, NULL));
	OK(st.s, orm_commit(st.s));
	OK(st.s, orm_begin(st.s, NULL));
	orm_rollback(st.s);
	orm_rollback(st.s); /* none is open: nothing */
	stage_close(&st);
}

static void savepoints(void **state)
{
	struct stage st;

	open_filled(&st, state);
	FAILS(st.s, ORM_E_STATE, orm_savepoint(st.s, "a"));
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 1);
	OK(st.s, orm_savepoint(st.s, "a"));
	add(st.s, 1, 10);
	OK(st.s, orm_savepoint(st.s, "b"));
	add(st.s, 1, 100);
	OK(st.s, orm_rollback_to(st.s, "b"));
	assert_int_equal(money_of(st.s, 1), 111);
	add(st.s, 1, 1000); /* b is still there */
	OK(st.s, orm_rollback_to(st.s, "b"));
	OK(st.s, orm_release(st.s, "b"));
	OK(st.s, orm_rollback_to(st.s, "a"));
	assert_int_equal(money_of(st.s, 1), 101);
	OK(st.s, orm_release(st.s, "a"));
	FAILS(st.s, ORM_E_QUERY, orm_savepoint(st.s, "a\"; DROP TABLE account; --"));
	FAILS(st.s, ORM_E_QUERY, orm_savepoint(st.s, ""));
	FAILS(st.s, ORM_E_STATE, orm_release(st.s, "a"));
	orm_rollback(st.s);
	EXPECT(st, 100, 100);
	stage_close(&st);
}

/* An error inside: a savepoint brings the transaction back, on both. */
static void a_failure_inside(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 5);
	OK(st.s, orm_savepoint(st.s, "before"));
	q = orm_insert(st.s, T(account));
	orm_row(q, &(struct account){.id = 1});
	REFUSED(st.s, q, ORM_E_UNIQUE);
	OK(st.s, orm_rollback_to(st.s, "before"));
	add(st.s, 2, 5);
	OK(st.s, orm_commit(st.s));
	EXPECT(st, 105, 105);
	/* Without one PostgreSQL gives the transaction up, and says so each time. */
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 7);
	q = orm_insert(st.s, T(account));
	orm_row(q, &(struct account){.id = 1});
	REFUSED(st.s, q, ORM_E_UNIQUE);
	if (database_is_sqlite(st.db)) {
		add(st.s, 2, 7);
		OK(st.s, orm_commit(st.s));
		EXPECT(st, 112, 112);
	} else {
		q = orm_select(st.s, T(account));
		REFUSED(st.s, q, ORM_E_STATE);
		FAILS(st.s, ORM_E_STATE, orm_savepoint(st.s, "late"));
		FAILS(st.s, ORM_E_STATE, orm_commit(st.s));
		assert_false(orm_in_transaction(st.s));
		EXPECT(st, 105, 105);
	}
	add(st.s, 1, 1); /* the session goes on */
	stage_close(&st);
}

static void session_closed_inside(void **state)
{
	const struct orm_options options = {.pool_max = 1, .acquire_timeout_ms = 1000};
	struct orm_session *other;
	struct stage st;

	open_filled(&st, state);
	stage_close(&st);
	stage_open_again(&st, *state, &options);
	other = stage_session(&st);
	OK(other, orm_begin(other, NULL));
	add(other, 1, 5);
	orm_session_close(other);
	add(st.s, 2, 1); /* the only connection is free again, and clean */
	EXPECT(st, 100, 101);
	stage_close(&st);
}

/* ---- read only ---- */

static void read_only(void **state)
{
	const struct orm_tx_options options = {.read_only = true};
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	OK(st.s, orm_begin(st.s, &options));
	assert_int_equal(money_of(st.s, 1), 100);
	q = orm_delete(st.s, T(account));
	orm_every_row(q);
	REFUSED(st.s, q, ORM_E_READ_ONLY);
	REFUSED(st.s, orm_raw(st.s, "DELETE FROM account"), ORM_E_READ_ONLY);
	/* Said as what only reads, it gets as far as the database. */
	q = orm_raw(st.s, "SELECT 1; DELETE FROM account");
	assert_int_not_equal(orm_exec(st.s, q, NULL), 0);
	orm_rollback(st.s);
	EXPECT(st, 100, 100);
	stage_close(&st);
}

static void one_view_of_all(void **state)
{
	const struct orm_tx_options options = {.read_only = true, .isolation = ORM_REPEATABLE_READ};
	struct orm_session *other;
	struct stage st;

	open_filled(&st, state);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, &options));
	assert_int_equal(money_of(st.s, 1), 100);
	add(other, 1, 5);
	assert_int_equal(money_of(st.s, 1), 100);
	OK(st.s, orm_commit(st.s));
	assert_int_equal(money_of(st.s, 1), 105);
	orm_session_close(other);
	stage_close(&st);
}

static void read_committed(void **state)
{
	struct orm_session *other;
	struct stage st;

	open_filled(&st, state);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, NULL));
	assert_int_equal(money_of(st.s, 1), 100);
	add(other, 1, 5);
	assert_int_equal(money_of(st.s, 1), 105);
	orm_rollback(st.s);
	orm_session_close(other);
	stage_close(&st);
}

/* ---- one against the other ---- */

static void repeatable_read_meets_an_update(void **state)
{
	const struct orm_tx_options options = {.isolation = ORM_REPEATABLE_READ};
	struct orm_session *other;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, &options));
	assert_int_equal(money_of(st.s, 1), 100);
	add(other, 1, 5);
	q = orm_update(st.s, T(account));
	orm_set(q, C(account, money), 0);
	orm_where(q, orm_eq(C(account, id), 1));
	FAILS(st.s, ORM_E_SERIALIZATION, orm_exec(st.s, q, NULL));
	assert_true(orm_error(st.s)->retryable);
	assert_string_equal(orm_error(st.s)->sqlstate, "40001");
	orm_rollback(st.s);
	EXPECT(st, 105, 100);
	orm_session_close(other);
	stage_close(&st);
}

static void a_row_that_another_holds(void **state)
{
	struct orm_session *other;
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, NULL));
	OK(other, orm_begin(other, NULL));
	stage_do(st.s, "SET LOCAL lock_timeout = '100ms'");
	add(other, 2, 1);
	q = orm_update(st.s, T(account));
	orm_set(q, C(account, money), 0);
	orm_where(q, orm_eq(C(account, id), 2));
	FAILS(st.s, ORM_E_LOCKED, orm_exec(st.s, q, NULL));
	assert_string_equal(orm_error(st.s)->sqlstate, "55P03");
	orm_rollback(st.s);
	OK(other, orm_commit(other));
	orm_session_close(other);
	stage_close(&st);
}

/* ---- run again ---- */

struct transfer {
	struct orm_session *other; /* that comes between, `disturb` times */
	int disturb;
	int runs;
};

/* All that is there goes from 1 to 2, as far as this transaction sees it. */
static int transfer(struct orm_session *s, void *data)
{
	struct transfer *t = data;
	struct orm_query *q;
	int64_t money;
	int r;

	t->runs++;
	money = money_of(s, 1);
	if (t->disturb) {
		t->disturb--;
		add(t->other, 1, 1);
	}
	q = orm_update(s, T(account));
	orm_set(q, C(account, money),
		orm_case(orm_eq(C(account, id), 1), V(0), orm_add(C(account, money), money)));
	orm_every_row(q);
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

static void run_again_until_it_is_alone(void **state)
{
	const struct orm_tx_options options = {.isolation = ORM_SERIALIZABLE};
	struct transfer t = {.disturb = 2};
	struct orm_stats stats;
	struct stage st;

	open_filled(&st, state);
	t.other = stage_session(&st);
	OK(st.s, orm_transaction(st.s, &options, transfer, &t));
	assert_int_equal(t.runs, 3);
	EXPECT(st, 0, 202);
	orm_stats_read(st.orm, &stats);
	assert_int_equal(stats.retries, 2);
	/* More often than `retries`: the error is told. */
	t = (struct transfer){.other = t.other, .disturb = 100};
	FAILS(st.s, ORM_E_SERIALIZATION, orm_transaction(st.s, &options, transfer, &t));
	assert_int_equal(t.runs, 4);
	assert_false(orm_in_transaction(st.s));
	orm_session_close(t.other);
	stage_close(&st);
}

static int write_then(struct orm_session *s, void *data)
{
	const int *answer = data;

	add(s, 1, 1);
	return *answer;
}

static void the_body_decides(void **state)
{
	int answer = 0;
	struct stage st;

	open_filled(&st, state);
	OK(st.s, orm_transaction(st.s, NULL, write_then, &answer));
	EXPECT(st, 101, 100);
	answer = 12345; /* of no class of ours: rolled back, and given back as it is */
	assert_int_equal(orm_transaction(st.s, NULL, write_then, &answer), 12345);
	answer = -5;
	assert_int_equal(orm_transaction(st.s, NULL, write_then, &answer), -5);
	EXPECT(st, 101, 100);
	assert_false(orm_in_transaction(st.s));
	stage_close(&st);
}

static int fail_inside(struct orm_session *s, void *data)
{
	struct orm_query *q = orm_insert(s, T(account));
	int r;

	(void)data;
	add(s, 1, 1);
	orm_row(q, &(struct account){.id = 2});
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

static void the_error_of_the_body_is_told(void **state)
{
	struct stage st;

	open_filled(&st, state);
	FAILS(st.s, ORM_E_UNIQUE, orm_transaction(st.s, NULL, fail_inside, NULL));
	assert_string_equal(orm_error(st.s)->sqlstate, "23505");
	EXPECT(st, 100, 100);
	stage_close(&st);
}

/* ---- misuse ---- */

static void one_inside_another(void **state)
{
	int answer = 0;
	struct stage st;

	open_filled(&st, state);
	FAILS(st.s, ORM_E_STATE, orm_commit(st.s));
	FAILS(st.s, ORM_E_STATE, orm_release(st.s, "a"));
	FAILS(st.s, ORM_E_STATE, orm_rollback_to(st.s, "a"));
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 1);
	FAILS(st.s, ORM_E_STATE, orm_begin(st.s, NULL));
	FAILS(st.s, ORM_E_STATE, orm_transaction(st.s, NULL, write_then, &answer));
	assert_true(orm_in_transaction(st.s)); /* the first one is as it was */
	OK(st.s, orm_commit(st.s));
	EXPECT(st, 101, 100);
	stage_close(&st);
}

/* Text of the programmer's that ends the transaction behind the library's back. */
static void raw_commit(void **state)
{
	struct orm_session *other;
	struct orm_query *q;
	struct stage st;
	int r;

	open_filled(&st, state);
	OK(st.s, orm_begin(st.s, NULL));
	add(st.s, 1, 1);
	q = orm_raw(st.s, "COMMIT");
	r = orm_exec(st.s, q, NULL);
	orm_query_free(q);
	if (!r)
		FAILS(st.s, ORM_E_STATE, orm_commit(st.s));
	else
		orm_rollback(st.s);
	/* Whatever came of it, the connection serves others. */
	other = stage_session(&st);
	add(other, 2, 1);
	assert_int_equal(money_of(other, 2), 101);
	orm_session_close(other);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(commit_and_rollback),
		DATABASE_TEST(savepoints),
		DATABASE_TEST(a_failure_inside),
		DATABASE_TEST(session_closed_inside),
		DATABASE_TEST(read_only),
		DATABASE_TEST(one_view_of_all),
		DATABASE_TEST_POSTGRESQL(read_committed),
		DATABASE_TEST_POSTGRESQL(repeatable_read_meets_an_update),
		DATABASE_TEST_POSTGRESQL(a_row_that_another_holds),
		DATABASE_TEST_POSTGRESQL(run_again_until_it_is_alone),
		DATABASE_TEST(the_body_decides),
		DATABASE_TEST(the_error_of_the_body_is_told),
		DATABASE_TEST(one_inside_another),
		DATABASE_TEST(raw_commit),
	};

	return DATABASE_RUN(tests);
}
