/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * orm_use_guard(): texts that are bound pass the guard, wherever they are bound; what it finds is
 * told and the value is stored, byte for byte, all the same.
 */
#include <tests/orm/kit/stage.h>

#define NOTE(X) X(i64, id, BIGINT, PK | AUTO) X(str, text, TEXT, 0) X(strs, words, TEXTS, 0)
ORM_TABLE(note, NOTE)

static const char attack[] = "1' UNION SELECT name, password FROM users --";
static const char harmless[] = "O'Brien & sons";

struct told {
	unsigned injections, floods;
	uint64_t client;
	char text[128];
};

static void report(void *data, const struct orm_guard_report *r)
{
	struct told *told = data;

	told->client = r->client;
	if (r->signal == ORM_SIGNAL_INJECTION) {
		told->injections++;
		snprintf(told->text, sizeof(told->text), "%.*s", (int)r->len,
			 (const char *)r->text);
	}
	told->floods += r->signal == ORM_SIGNAL_FLOOD;
}

struct watched {
	struct stage st;
	struct orm_guard *guard;
	struct told told;
};

static void watch(struct watched *w, void **state, struct orm_guard_options options)
{
	*w = (struct watched){0};
	options.report = report;
	options.data = &w->told;
	STAGE_OPEN(&w->st, *state, T(note));
	orm_session_close(w->st.s);
	w->guard = orm_guard_new(&options);
	assert_non_null(w->guard);
	orm_use_guard(w->st.orm, w->guard);
	w->st.s = stage_session(&w->st);
	orm_session_client(w->st.s, 42);
}

static void unwatch(struct watched *w)
{
	stage_close(&w->st);
	orm_guard_free(w->guard);
}

/* Since the last time. */
static void expect_told(struct watched *w, unsigned injections)
{
	assert_int_equal(w->told.injections, injections);
	if (injections) {
		assert_int_equal(w->told.client, 42);
		assert_string_equal(w->told.text, attack);
	}
	w->told = (struct told){0};
}

static struct orm_query *insert(struct orm_session *s, const char *text)
{
	struct orm_query *q = orm_insert(s, T(note));

	orm_set(q, C(note, text), text);
	return q;
}

static void a_hostile_value_is_told_and_stored(void **state)
{
	struct orm_stats stats;
	struct orm_query *q;
	struct watched w;

	watch(&w, state, (struct orm_guard_options){0});
	RUN(w.st.s, insert(w.st.s, harmless));
	expect_told(&w, 0);
	RUN(w.st.s, insert(w.st.s, attack));
	expect_told(&w, 1);
	database_expect(w.st.db, "SELECT text FROM note ORDER BY id",
			"O'Brien & sons\n1' UNION SELECT name, password FROM users --\n");
	q = orm_select(w.st.s, T(note));
	orm_columns(q, C(note, id));
	orm_where(q, orm_eq(C(note, text), attack));
	ROWS(w.st.s, q, "2\n");
	expect_told(&w, 1);
	orm_stats_read(w.st.orm, &stats);
	assert_int_equal(stats.guard_values, 3);
	assert_int_equal(stats.guard_reports, 2);
	unwatch(&w);
}

static void wherever_it_is_bound(void **state)
{
	const char *const list[] = {harmless, attack};
	const struct orm_strs words = {list, 2};
	const struct note rows[] = {{.text = attack}, {.words = {list, 2}}};
	struct orm_batch batch = {.table = T(note), .rows = rows, .count = 2};
	struct orm_cursor *cursor;
	struct orm_query *q, *sub;
	struct watched w;

	watch(&w, state, (struct orm_guard_options){0});
	q = orm_insert(w.st.s, T(note));
	orm_rows(q, rows, 2);
	RUN(w.st.s, q);
	expect_told(&w, 2);
	OK(w.st.s, orm_insert_batch(w.st.s, &batch, NULL));
	expect_told(&w, 2);
	q = orm_select(w.st.s, T(note));
	orm_where(q, orm_in(C(note, text), words));
	OK(w.st.s, orm_cursor_open(w.st.s, q, NULL, &cursor));
	orm_cursor_close(cursor);
	orm_query_free(q);
	expect_told(&w, 1);
	sub = orm_select(w.st.s, T(note));
	orm_columns(sub, C(note, id));
	orm_where(sub, orm_like(C(note, text), attack));
	q = orm_update(w.st.s, T(note));
	orm_set(q, C(note, text), attack);
	orm_where(q, orm_in_query(C(note, id), sub));
	RUN(w.st.s, q);
	orm_query_free(sub);
	expect_told(&w, 2);
	/* What is refused before it is sent was not bound. */
	q = orm_delete(w.st.s, T(note));
	orm_set(q, C(note, text), attack);
	REFUSED(w.st.s, q, ORM_E_QUERY);
	expect_told(&w, 0);
	unwatch(&w);
}

static int one_note(void *data, const void **ret_row)
{
	static const struct note row = {.text = attack};
	int *left = data;

	if (!(*left)--)
		return ORM_E_END;
	*ret_row = &row;
	return 0;
}

static void loads_as_well(void **state)
{
	int left = 3;
	struct orm_load load = {.table = T(note), .next = one_note, .data = &left};
	struct watched w;

	watch(&w, state, (struct orm_guard_options){0});
	OK(w.st.s, orm_load(w.st.s, &load, NULL));
	expect_told(&w, 3);
	assert_int_equal(stage_count(w.st.s, T(note)), 3);
	unwatch(&w);
}

static void floods_are_told(void **state)
{
	struct watched w;

	watch(&w, state, (struct orm_guard_options){.queries = 10, .burst_ms = 1000});
	for (int i = 0; i < 100; i++)
		stage_count(w.st.s, T(note));
	assert_int_equal(w.told.floods, 1);
	assert_int_equal(w.told.client, 42);
	orm_session_client(w.st.s, 0); /* nobody: not counted */
	w.told = (struct told){0};
	for (int i = 0; i < 100; i++)
		stage_count(w.st.s, T(note));
	assert_int_equal(w.told.floods, 0);
	unwatch(&w);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(a_hostile_value_is_told_and_stored),
		DATABASE_TEST(wherever_it_is_bound),
		DATABASE_TEST(loads_as_well),
		DATABASE_TEST(floods_are_told),
	};

	return DATABASE_RUN(tests);
}
