/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What one session leaves on its connection, and what a schema leaves that is freed. */
#include <tests/orm/kit/stage.h>

#define NOTE(X) X(i64, id, BIGINT, PK) X(str, text, TEXT, NN)
ORM_TABLE(note, NOTE)

static const char *setting(struct orm_session *s, const char *name, char to[64])
{
	struct orm_query *q = orm_raw(s, "SELECT current_setting($1)");
	struct orm_value v;

	orm_param(q, name);
	OK(s, orm_value(s, q, &v));
	snprintf(to, 64, "%.*s", (int)v.len, (const char *)v.p);
	orm_query_free(q);
	return to;
}

static int64_t connects(const struct stage *st)
{
	struct orm_stats stats;

	orm_stats_read(st->orm, &stats);
	return (int64_t)stats.pool_connects;
}

/* With one connection in the pool, the next session used to get what the one before had set. */
static void a_setting_goes_with_its_session(void **state)
{
	static const char *const texts[] = {
		"SET work_mem = '5MB'",
		"SELECT set_config('work_mem', '5MB', false)",
		"/* */ set session work_mem to '5MB'",
	};
	const struct orm_options options = {.pool_max = 1};
	struct orm_session *other;
	struct stage st;
	char was[64], now[64];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		stage_open_again(&st, *state, &options);
		setting(st.s, "work_mem", was);
		stage_do(st.s, texts[i]);
		assert_string_equal(setting(st.s, "work_mem", now), "5MB");
		other = stage_session(&st);
		assert_string_equal(setting(other, "work_mem", now), was);
		/* It is this session's setting no more: another connection took its place. */
		assert_string_equal(setting(st.s, "work_mem", now), was);
		orm_session_close(other);
		stage_close(&st);
	}
}

static void so_do_tables_and_locks(void **state)
{
	const struct orm_options options = {.pool_max = 1};
	struct orm_session *other;
	struct orm_query *q;
	struct stage st;

	stage_open_again(&st, *state, &options);
	stage_do(st.s, "CREATE TEMP TABLE mine(a int)");
	stage_do(st.s, "SELECT pg_advisory_lock(7)");
	other = stage_session(&st);
	q = orm_raw(other, "SELECT * FROM mine");
	REFUSED(other, q, ORM_E_SCHEMA);
	database_expect(*state,
			"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND"
			" database = (SELECT oid FROM pg_database WHERE"
			" datname = current_database())",
			"0\n");
	orm_session_close(other);
	stage_close(&st);
}

/* In a transaction, and through a cursor. */
static void wherever_it_was_set(void **state)
{
	const struct orm_options options = {.pool_max = 1};
	struct orm_session *other;
	struct orm_cursor *c;
	struct orm_query *q;
	const void *row;
	struct stage st;
	char was[64], now[64];

	stage_open_again(&st, *state, &options);
	other = stage_session(&st);
	setting(st.s, "work_mem", was);
	OK(st.s, orm_begin(st.s, NULL));
	stage_do(st.s, "SET work_mem = '5MB'");
	OK(st.s, orm_commit(st.s));
	assert_string_equal(setting(st.s, "work_mem", now), "5MB");
	assert_string_equal(setting(other, "work_mem", now), was);
	q = orm_raw(st.s, "SELECT set_config('work_mem', '6MB', false)");
	OK(st.s, orm_cursor_open(st.s, q, NULL, &c));
	assert_int_equal(orm_cursor_next(c, &row), 0);
	orm_cursor_close(c);
	orm_query_free(q);
	assert_string_equal(setting(other, "work_mem", now), was);
	orm_session_close(other);
	stage_close(&st);
}

/* What ends with a transaction, and statements that set nothing, cost no connection. */
static void nothing_is_closed_without_need(void **state)
{
	const struct orm_options options = {.pool_max = 1};
	const struct orm_table *const tables[] = {T(note)};
	struct orm_session *other;
	struct stage st;
	int64_t before;

	stage_open(&st, *state, &options, tables, 1);
	other = stage_session(&st);
	assert_int_equal(stage_count(other, T(note)), 0);
	before = connects(&st);
	OK(st.s, orm_begin(st.s, NULL));
	stage_do(st.s, "SET LOCAL work_mem = '5MB'");
	stage_do(st.s, "SET CONSTRAINTS ALL DEFERRED");
	stage_do(st.s, "INSERT INTO note VALUES (1, 'set')");
	OK(st.s, orm_commit(st.s));
	stage_do(st.s, "ALTER TABLE note ALTER text SET DEFAULT ''");
	assert_int_equal(stage_count(other, T(note)), 1);
	assert_int_equal(connects(&st), before);
	orm_session_close(other);
	stage_close(&st);
}

/*
 * A transaction remembers which tables it wrote, for the result cache; it used to remember them by
 * the names in their schema, which may be gone when it commits.
 */
static void a_schema_may_go_before_the_commit(void **state)
{
	static const char list[] = "#define NOTE(X) X(i64, id, BIGINT, PK) X(str, text, TEXT, NN)\n"
				   "ORM_TABLE(note, NOTE)\n";
	const struct orm_options options = {.cache_bytes = 1 << 20, .cache_ttl_ms = 60000};
	const struct orm_table *const tables[] = {T(note)};
	struct orm_schema *schema;
	struct orm_query *q;
	struct stage st;

	stage_open(&st, *state, &options, tables, 1);
	assert_int_equal(stage_count(st.s, T(note)), 0);
	assert_int_equal(orm_schema_parse("list", list, sizeof(list) - 1, &schema, NULL), 0);
	OK(st.s, orm_begin(st.s, NULL));
	q = orm_insert(st.s, orm_schema_find(schema, "note"));
	orm_row(q, &(struct note){.id = 1, .text = "a"});
	RUN(st.s, q);
	orm_schema_free(schema);
	OK(st.s, orm_commit(st.s));
	assert_int_equal(stage_count(st.s, T(note)), 1);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST_POSTGRESQL(a_setting_goes_with_its_session),
		DATABASE_TEST_POSTGRESQL(so_do_tables_and_locks),
		DATABASE_TEST_POSTGRESQL(wherever_it_was_set),
		DATABASE_TEST_POSTGRESQL(nothing_is_closed_without_need),
		DATABASE_TEST(a_schema_may_go_before_the_commit),
	};

	return DATABASE_RUN(tests);
}
