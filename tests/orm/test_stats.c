/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What the counters say of what was done: exact, and of every connection, also of closed ones. */
#include <time.h>

#include <tests/orm/kit/stage.h>

#define NOTE(X) X(i64, id, BIGINT, PK) X(str, text, TEXT, NN)
#define NOTE_KEYS(K) K(UNIQUE, note_text, "text", "")
ORM_TABLE_KEYS(note, NOTE, NOTE_KEYS)

static const struct orm_options one_connection = {.pool_max = 1, .statements = 2};

static void stage_with(struct stage *st, void **state, const struct orm_options *options)
{
	const struct orm_table *const tables[] = {T(note)};

	stage_open(st, *state, options, tables, 1);
}

static struct orm_stats since(const struct stage *st, const struct orm_stats *before)
{
	struct orm_stats now;

	orm_stats_read(st->orm, &now);
#define LESS_counter(name) now.name -= before->name;
#define LESS_gauge(name)
#define LESS(name, kind, unit, help) LESS_##kind(name)
	ORM_STATS_RUN(LESS)
#undef LESS
	return now;
}

static struct orm_query *note(struct orm_session *s, int64_t id, const char *text)
{
	struct orm_query *q = orm_insert(s, T(note));

	orm_row(q, &(struct note){.id = id, .text = text});
	return q;
}

/* One of three shapes of a select. */
static void read_shape(struct orm_session *s, unsigned shape)
{
	struct orm_query *q = orm_select(s, T(note));

	orm_columns(q, C(note, id));
	for (unsigned i = 0; i < shape; i++)
		orm_where(q, orm_ne(C(note, id), (int64_t)i));
	ROWS(s, q, "");
}

/* The cache of a connection has two places. */
static void statements_prepared(void **state)
{
	struct orm_stats before, now;
	struct stage st;

	stage_with(&st, state, &one_connection);
	read_shape(st.s, 0);
	orm_stats_read(st.orm, &before);
	for (unsigned i = 0; i < 5; i++)
		read_shape(st.s, 0);
	now = since(&st, &before);
	assert_int_equal(now.statements, 5);
	assert_int_equal(now.prepare_hits, 5);
	assert_int_equal(now.prepares, 0);
	for (unsigned i = 0; i < 3; i++)
		read_shape(st.s, i); /* the third takes the place of the first */
	read_shape(st.s, 0);	     /* and the first that of the second */
	now = since(&st, &before);
	assert_int_equal(now.prepare_hits, 6);
	assert_int_equal(now.prepares, 3);
	assert_in_range(now.prepare_drops, 2, 3);
	assert_int_equal(now.shape_hits, 7);
	assert_int_equal(now.shape_misses, 2);
	stage_close(&st);
}

static void rows_and_transactions(void **state)
{
	struct orm_stats before, now;
	struct stage st;

	stage_with(&st, state, NULL);
	orm_stats_read(st.orm, &before);
	RUN(st.s, note(st.s, 1, "a"));
	REFUSED(st.s, note(st.s, 2, "a"), ORM_E_UNIQUE);
	OK(st.s, orm_begin(st.s, NULL));
	RUN(st.s, note(st.s, 2, "b"));
	OK(st.s, orm_commit(st.s));
	OK(st.s, orm_begin(st.s, NULL));
	RUN(st.s, note(st.s, 3, "c"));
	orm_rollback(st.s);
	assert_int_equal(stage_count(st.s, T(note)), 2);
	now = since(&st, &before);
	assert_int_equal(now.statements, 5);
	assert_int_equal(now.rows_written, 3);
	assert_int_equal(now.rows_read, 1);
	assert_int_equal(now.commits, 1);
	assert_int_equal(now.rollbacks, 1);
	assert_int_equal(now.errors[ORM_E_UNIQUE], before.errors[ORM_E_UNIQUE] + 1);
	assert_int_equal(now.writes.count, before.writes.count + 4);
	stage_close(&st);
}

/* SQLite: writes outside of transactions go through the writer, each in some group. */
static void group_commits(void **state)
{
	struct orm_stats before, now;
	struct stage st;

	stage_with(&st, state, NULL);
	orm_stats_read(st.orm, &before);
	RUN(st.s, note(st.s, 1, "a"));
	RUN(st.s, note(st.s, 2, "b"));
	REFUSED(st.s, note(st.s, 3, "b"), ORM_E_UNIQUE);
	now = since(&st, &before);
	if (orm_dialect(st.orm) == ORM_SQLITE) {
		assert_int_equal(now.groups, 3);
		assert_int_equal(now.group_writes, 3);
		assert_int_equal(now.group_failures, 1);
	} else {
		assert_int_equal(now.groups, 0);
	}
	stage_close(&st);
}

static void the_guard_s(void **state)
{
	static const char attack[] = "1; DROP TABLE note";
	const struct orm_guard_options options = {0};
	struct orm_guard *guard = orm_guard_new(&options);
	struct orm_stats now;
	struct stage st;

	assert_non_null(guard);
	stage_with(&st, state, NULL);
	orm_use_guard(st.orm, guard);
	RUN(st.s, note(st.s, 1, attack));
	assert_int_equal(
		orm_guard_fragment(guard, 0, ORM_FRAGMENT_ORDER, attack, strlen(attack), NULL),
		ORM_E_GUARD);
	orm_stats_read(st.orm, &now);
	assert_int_equal(now.guard_values, 1);
	assert_int_equal(now.guard_reports, 1);
	assert_int_equal(now.guard_refusals, 1);
	stage_close(&st);
	orm_guard_free(guard);
}

/* What a connection has counted stays when it is closed. */
static void of_closed_connections(void **state)
{
	const struct orm_options brief = {.pool_max = 1, .pool_min = 0, .life_timeout_ms = 1};
	struct orm_stats before, now;
	struct stage st;

	stage_with(&st, state, &brief);
	orm_stats_read(st.orm, &before);
	for (unsigned i = 0; i < 10; i++) {
		const struct timespec pause = {.tv_nsec = 5000000};

		read_shape(st.s, 0);
		nanosleep(&pause, NULL);
	}
	now = since(&st, &before);
	assert_int_equal(now.prepares + now.prepare_hits, 10);
	assert_true(now.prepares > 1); /* on more than one connection */
	stage_close(&st);
}

int main(void)
{
	const struct database_test tests[] = {
		DATABASE_TEST(statements_prepared),   DATABASE_TEST(rows_and_transactions),
		DATABASE_TEST(group_commits),	      DATABASE_TEST(the_guard_s),
		DATABASE_TEST(of_closed_connections),
	};

	return DATABASE_RUN(tests);
}
