/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Many sessions and threads on one database: nothing is lost, nobody waits for ever. */
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include <tests/orm/kit/stage.h>

#define ACCOUNT(X) X(i64, id, BIGINT, PK) X(i64, money, BIGINT, NN) X(str, note, TEXT, 0)
#define ACCOUNT_KEYS(K) K(CHECK, account_money, "money >= 0", "")
ORM_TABLE_KEYS(account, ACCOUNT, ACCOUNT_KEYS)
#define ENTRY(X) X(i64, id, BIGINT, PK | AUTO) X(i64, thread, BIGINT, NN) X(str, text, TEXT, NN)
ORM_TABLE(entry, ENTRY)

#define THREADS 8
#define ROUNDS 40
#define ACCOUNTS 10
#define MONEY 1000

/* cmocka's asserts belong to the main thread: a thread says what went wrong, and stops. */
struct worker {
	pthread_t thread;
	struct orm *orm;
	int64_t number;
	uint32_t seed;
	char wrong[512];
};

static bool wrong(struct worker *w, const struct orm_session *s, int r, const char *doing)
{
	if (r && !*w->wrong)
		snprintf(w->wrong, sizeof(w->wrong), "%s: %s: %s", doing, orm_class_name(r),
			 orm_error(s)->text);
	return r;
}

static uint32_t draw(struct worker *w, uint32_t below)
{
	w->seed ^= w->seed << 13;
	w->seed ^= w->seed >> 17;
	w->seed ^= w->seed << 5;
	return w->seed % below;
}

static void run_workers(struct orm *orm, void *(*body)(void *data))
{
	struct worker workers[THREADS];
	bool bad = false;

	for (int i = 0; i < THREADS; i++) {
		workers[i] = (struct worker){
			.orm = orm, .number = i, .seed = 2463534242U + (uint32_t)i * 7919};
		assert_int_equal(pthread_create(&workers[i].thread, NULL, body, &workers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		if (*workers[i].wrong)
			print_error("thread %d: %s\n", i, workers[i].wrong);
		bad |= *workers[i].wrong;
	}
	assert_false(bad);
}

static void open_filled(struct stage *st, void **state, const struct orm_options *options)
{
	const struct orm_table *const tables[] = {T(account), T(entry)};
	struct orm_query *q;

	stage_open(st, *state, options, tables, 2);
	q = orm_insert(st->s, T(account));
	for (int64_t i = 0; i < ACCOUNTS; i++)
		orm_row(q, &(struct account){.id = i, .money = MONEY});
	RUN(st->s, q);
}

/* ---- reads and writes ---- */

static int insert_entry(struct worker *w, struct orm_session *s, int round)
{
	char text[64];
	struct orm_query *q = orm_insert(s, T(entry));
	struct orm_value id;
	int r;

	snprintf(text, sizeof(text), "thread %d round %d", (int)w->number, round);
	orm_row(q, &(struct entry){.thread = w->number, .text = text});
	orm_returning(q, C(entry, id));
	r = orm_value(s, q, &id);
	orm_query_free(q);
	if (wrong(w, s, r, "insert"))
		return r;
	/* It reads what it wrote. */
	q = orm_select(s, T(entry));
	orm_columns(q, C(entry, text));
	orm_where(q, orm_eq(C(entry, id), id.i));
	r = orm_value(s, q, &id);
	orm_query_free(q);
	if (!wrong(w, s, r, "read") && strcmp(id.p, text) != 0)
		snprintf(w->wrong, sizeof(w->wrong), "'%s' was written, '%s' read", text,
			 (const char *)id.p);
	return *w->wrong;
}

static int insert_batch(struct worker *w, struct orm_session *s)
{
	struct entry rows[20];
	const struct orm_batch batch = {.table = T(entry), .rows = rows, .count = 20};
	int r;

	for (size_t i = 0; i < 20; i++)
		rows[i] = (struct entry){.thread = w->number, .text = "of a batch"};
	r = orm_insert_batch(s, &batch, NULL);
	return wrong(w, s, r, "batch");
}

static int sum(struct worker *w, struct orm_session *s)
{
	struct orm_query *q = orm_select(s, T(account));
	struct orm_value total;
	int r;

	orm_columns(q, orm_sum(C(account, money)));
	r = orm_value(s, q, &total);
	orm_query_free(q);
	if (!wrong(w, s, r, "sum") && total.i != ACCOUNTS * MONEY)
		snprintf(w->wrong, sizeof(w->wrong), "the sum is %ld", (long)total.i);
	return *w->wrong;
}

static void *read_and_write(void *data)
{
	struct worker *w = data;
	struct orm_session *s;

	if (orm_session_open(w->orm, &s))
		return NULL;
	for (int i = 0; i < ROUNDS; i++)
		if (insert_entry(w, s, i) || (i % 10 == 0 && insert_batch(w, s)) || sum(w, s))
			break;
	orm_session_close(s);
	return NULL;
}

static void reads_and_writes(void **state)
{
	struct orm_query *q;
	struct stage st;

	open_filled(&st, state, NULL);
	run_workers(st.orm, read_and_write);
	q = orm_select(st.s, T(entry));
	orm_columns(q, C(entry, thread), orm_count_all(), orm_count_distinct(C(entry, text)));
	orm_group_by(q, C(entry, thread));
	orm_order_by(q, C(entry, thread));
	ROWS(st.s, q,
	     "0|120|41\n1|120|41\n2|120|41\n3|120|41\n"
	     "4|120|41\n5|120|41\n6|120|41\n7|120|41\n");
	stage_close(&st);
}

/* ---- transactions that meet ---- */

struct move {
	struct worker *w;
	int64_t from, to, money;
};

static int add(struct orm_session *s, int64_t id, int64_t money)
{
	struct orm_query *q = orm_update(s, T(account));
	int r;

	orm_set(q, C(account, money), orm_add(C(account, money), money));
	orm_where(q, orm_eq(C(account, id), id));
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

static int move(struct orm_session *s, void *data)
{
	struct move *m = data;
	int r = add(s, m->to, m->money);

	return r ? r : add(s, m->from, -m->money);
}

static void *move_money(void *data)
{
	const struct orm_tx_options options = {.isolation = ORM_SERIALIZABLE};
	struct worker *w = data;
	struct orm_session *s;

	if (orm_session_open(w->orm, &s))
		return NULL;
	for (int i = 0; i < ROUNDS && !*w->wrong; i++) {
		struct move m = {w, draw(w, ACCOUNTS), draw(w, ACCOUNTS), draw(w, 900)};
		int r = orm_transaction(s, &options, move, &m);

		/* An account that has not so much: nothing of it is done. */
		if (r != ORM_E_CHECK)
			wrong(w, s, r, "move");
		sum(w, s);
	}
	orm_session_close(s);
	return NULL;
}

/* Often enough in each other's way, in any order of locks: the sum stays what it was. */
static void transactions_that_meet(void **state)
{
	struct stage st;

	open_filled(&st, state, &(struct orm_options){.retries = 1000});
	run_workers(st.orm, move_money);
	database_expect(st.db, "SELECT sum(money), min(money) >= 0 FROM account",
			database_is_sqlite(st.db) ? "10000|1\n" : "10000|t\n");
	stage_close(&st);
}

/* ---- a deadlock ---- */

struct second {
	struct orm_session *s;
	pthread_barrier_t *both_hold;
	int64_t first, then;
	int r;
};

static void *hold_and_want(void *data)
{
	struct second *t = data;

	t->r = orm_begin(t->s, NULL);
	if (!t->r)
		t->r = add(t->s, t->first, 1);
	pthread_barrier_wait(t->both_hold);
	if (!t->r)
		t->r = add(t->s, t->then, 1);
	if (!t->r)
		t->r = orm_commit(t->s);
	orm_rollback(t->s);
	return NULL;
}

static void deadlocks_are_broken(void **state)
{
	struct second a = {.first = 1, .then = 2}, b = {.first = 2, .then = 1};
	const struct second *loser;
	pthread_barrier_t both_hold;
	pthread_t thread;
	struct stage st;
	char sql[400];

	open_filled(&st, state, NULL);
	snprintf(sql, sizeof(sql), "ALTER DATABASE %s SET deadlock_timeout = '50ms'", st.db->name);
	database_do(st.db, sql);
	stage_close(&st);
	stage_open_again(&st, *state, NULL);
	assert_int_equal(pthread_barrier_init(&both_hold, NULL, 2), 0);
	a.both_hold = b.both_hold = &both_hold;
	a.s = st.s;
	b.s = stage_session(&st);
	assert_int_equal(pthread_create(&thread, NULL, hold_and_want, &a), 0);
	hold_and_want(&b);
	pthread_join(thread, NULL);
	pthread_barrier_destroy(&both_hold);
	loser = a.r ? &a : &b;
	assert_int_equal(loser->r, ORM_E_DEADLOCK);
	assert_int_equal(loser == &a ? b.r : a.r, 0);
	assert_true(orm_error(loser->s)->retryable);
	orm_session_close(b.s);
	stage_close(&st);
}

/* ---- limits ---- */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void every_connection_in_use(void **state)
{
	const struct orm_options options = {.pool_max = 2, .acquire_timeout_ms = 100};
	const struct orm_tx_options reads = {.read_only = true};
	struct orm_session *all[3];
	struct orm_stats stats;
	struct stage st;
	int64_t begin;

	open_filled(&st, state, &options);
	for (int i = 0; i < 3; i++)
		all[i] = stage_session(&st);
	OK(all[0], orm_begin(all[0], &reads));
	OK(all[1], orm_begin(all[1], &reads));
	begin = now_ms();
	FAILS(all[2], ORM_E_BUSY, orm_begin(all[2], &reads));
	assert_in_range(now_ms() - begin, 90, 5000);
	assert_false(orm_in_transaction(all[2]));
	REFUSED(all[2], orm_select(all[2], T(account)), ORM_E_BUSY);
	orm_stats_read(st.orm, &stats);
	assert_int_equal(stats.pool_timeouts, 2);
	assert_int_equal(stats.pool_used, 2);
	orm_rollback(all[0]);
	assert_int_equal(stage_count(all[2], T(account)), ACCOUNTS);
	for (int i = 0; i < 3; i++)
		orm_session_close(all[i]);
	orm_stats_read(st.orm, &stats);
	assert_int_equal(stats.pool_used, 0);
	stage_close(&st);
}

/* SQLite has one writer: who wants it waits, and no longer than he may. */
static void the_writer_in_use(void **state)
{
	const struct orm_options options = {.acquire_timeout_ms = 100};
	struct orm_session *other;
	struct stage st;

	open_filled(&st, state, &options);
	other = stage_session(&st);
	OK(st.s, orm_begin(st.s, NULL));
	assert_int_equal(add(st.s, 1, 1), 0);
	assert_int_equal(orm_begin(other, NULL), ORM_E_BUSY);
	assert_int_equal(stage_count(other, T(account)), ACCOUNTS); /* readers do not wait */
	OK(st.s, orm_commit(st.s));
	OK(other, orm_begin(other, NULL));
	orm_rollback(other);
	orm_session_close(other);
	stage_close(&st);
}

static void queries_that_take_too_long(void **state)
{
	const struct database *db = *state;
	const struct orm_options options = {.query_timeout_ms = 150};
	const char *sql = database_is_sqlite(db)
				  ? "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM "
				    "c WHERE n < 1000000000) SELECT max(n) FROM c"
				  : "SELECT pg_sleep(20)";
	struct orm_cursor *cursor;
	struct orm_query *q;
	struct stage st;
	int64_t begin;

	open_filled(&st, state, &options);
	begin = now_ms();
	q = orm_raw(st.s, sql);
	FAILS(st.s, ORM_E_TIMEOUT, orm_exec(st.s, q, NULL));
	assert_in_range(now_ms() - begin, 140, 5000);
	assert_int_equal(stage_count(st.s, T(account)), ACCOUNTS);
	/* In a transaction and by a cursor. */
	OK(st.s, orm_begin(st.s, NULL));
	assert_int_equal(add(st.s, 1, 1), 0);
	FAILS(st.s, ORM_E_TIMEOUT, orm_exec(st.s, q, NULL));
	orm_rollback(st.s);
	begin = orm_cursor_open(st.s, q, NULL, &cursor);
	if (!begin) {
		FAILS(st.s, ORM_E_TIMEOUT, orm_cursor_next(cursor, NULL));
		orm_cursor_close(cursor);
	} else {
		assert_int_equal(begin, ORM_E_TIMEOUT);
	}
	orm_query_free(q);
	database_expect(db, "SELECT money FROM account WHERE id = 1", "1000\n");
	assert_int_equal(stage_count(st.s, T(account)), ACCOUNTS);
	stage_close(&st);
}

/* ---- opening and closing ---- */

static void *open_and_close(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < ROUNDS && !*w->wrong; i++) {
		struct orm_session *s;

		if (orm_session_open(w->orm, &s)) {
			snprintf(w->wrong, sizeof(w->wrong), "no session");
			break;
		}
		if (i % 3 == 0 && wrong(w, s, orm_begin(s, NULL), "begin"))
			i = ROUNDS;
		sum(w, s);
		orm_session_close(s); /* inside the transaction, if there is one */
	}
	return NULL;
}

static void sessions_come_and_go(void **state)
{
	struct orm_stats stats;
	struct stage st;

	open_filled(&st, state, NULL);
	run_workers(st.orm, open_and_close);
	orm_stats_read(st.orm, &stats);
	assert_int_equal(stats.pool_used, 0);
	stage_close(&st);
}

static void *open_a_database(void *data)
{
	struct worker *w = data;

	for (int i = 0; i < 5 && !*w->wrong; i++) {
		struct orm_session *s;
		struct orm *orm;

		if (orm_open("sqlite::memory:", NULL, &orm, NULL) || orm_session_open(orm, &s)) {
			snprintf(w->wrong, sizeof(w->wrong), "cannot open");
			break;
		}
		wrong(w, s, orm_exec(s, orm_raw(s, "CREATE TABLE t (n INTEGER)"), NULL), "create");
		orm_session_close(s);
		orm_close(orm);
	}
	return NULL;
}

static void databases_come_and_go(void **state)
{
	(void)state;
	run_workers(NULL, open_a_database);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(reads_and_writes),
		DATABASE_TEST(transactions_that_meet),
		DATABASE_TEST_POSTGRESQL(deadlocks_are_broken),
		DATABASE_TEST(every_connection_in_use),
		DATABASE_TEST_SQLITE(the_writer_in_use),
		DATABASE_TEST(queries_that_take_too_long),
		DATABASE_TEST(sessions_come_and_go),
		DATABASE_TEST_SQLITE(databases_come_and_go),
	};

	return DATABASE_RUN(tests);
}
