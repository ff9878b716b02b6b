/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The same with the n-th allocation failing, for all n: our own, jansson's, and SQLite's as far as
 * they are made in the caller's thread. Whatever fails: no crash, no leak (under the sanitizer), no
 * half of anything in the database, an error that says so, and a session that works afterwards.
 */
#include <errno.h>

#include <strazh/orm/json.h>

#include <tests/orm/kit/failalloc.h>
#include <tests/orm/kit/places.h>

#define FOLD(X) X(i64, id, BIGINT, PK) X(str, name, TEXT, NN)
#define FOLD_KEYS(K)                                                                               \
	K(MANY, members, "member", "fold_name = name")                                             \
	K(CHECK, fold_name, "name <> ''", "")                                                      \
	K(INDEX, fold_by_name, "name", "")
#define MEMBER(X)                                                                                  \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, fold_name, TEXT, NN)                                                                \
	X(str, doc, JSONB, 0)                                                                      \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(strs, words, TEXTS, 0)                                                                   \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, ip, INET, 0)                                                                        \
	X(uuid, tag, UUID, 0)                                                                      \
	X(f64s, reals, DOUBLES, 0)
ORM_TABLE_KEYS(fold, FOLD, FOLD_KEYS)
ORM_TABLE(member, MEMBER)

#define RUNS_MAX 5000UL
#define FOLDS 6
#define MEMBERS 12

static const char *const words[] = {"a", "b, \"c\"", ""};
static const double reals[] = {1.5, -2};

static struct member member_of(int64_t i)
{
	static const char *const names[FOLDS] = {"f0", "f1", "f2", "f3", "f4", "f5"};

	return (struct member){.fold_name = names[i % FOLDS],
			       .doc = "{\"a\": [1, \"x\"]}",
			       .raw = {"\0\1", 2},
			       .words = {words, 3},
			       .price = "12.50",
			       .ip = "10.0.0.1",
			       .tag = {{1, 2, 3}},
			       .reals = {reals, 2}};
}

static void open_filled(struct stage *st, void **state, const struct orm_options *options)
{
	const struct orm_table *const tables[] = {T(fold), T(member), T(scrap)};
	struct member rows[MEMBERS];
	struct orm_query *q;

	stage_open(st, *state, options, tables, 3);
	orm_session_promise(st->s, ORM_RELAXED);
	q = orm_insert(st->s, T(fold));
	for (int64_t i = 0; i < FOLDS; i++)
		orm_row(q, &(struct fold){.id = i, .name = member_of(i).fold_name});
	RUN(st->s, q);
	q = orm_insert(st->s, T(member));
	for (int64_t i = 0; i < MEMBERS; i++) {
		rows[i] = member_of(i); /* its UUID is borrowed */
		orm_row(q, &rows[i]);
	}
	RUN(st->s, q);
	places_prepare(st->s);
}

/* ---- again and again ---- */

/* So that the operation's shape has to be made anew: the cache holds one. */
static void forget_shapes(struct orm_session *s)
{
	struct orm_query *q = orm_select_nothing(s);

	orm_columns(q, V(1));
	RUN(s, q);
	q = orm_select_nothing(s);
	orm_columns(q, V(1.5));
	RUN(s, q);
}

struct attempt {
	struct stage *st;
	struct orm_session *s;
	void *data;
	bool failed; /* one allocation did */
	int r;
};

/*
 * `run` is armed; it gives back what it took, also when it fails. `after` is not: it sees that
 * the database is as it should be, and brings it back to where it was. The number of failures.
 */
static unsigned long each(struct stage *st, int (*run)(struct attempt *a),
			  void (*after)(struct attempt *a), void *data)
{
	for (unsigned long n = 1; n < RUNS_MAX; n++) {
		struct attempt a = {.st = st, .s = stage_session(st), .data = data};
		const struct orm_error *error = orm_error(a.s);

		orm_session_promise(a.s, ORM_RELAXED);
		forget_shapes(a.s);
		failalloc_arm(n);
		a.r = run(&a);
		failalloc_disarm();
		a.failed = failalloc_failed();
		if (a.r && ((a.r != -ENOMEM && a.r != ORM_E_UNKNOWN_OUTCOME) ||
			    error->class != a.r || !*error->text)) {
			print_error("with allocation %lu failing: %s; the error is %s: %s\n", n,
				    orm_class_name(a.r), orm_class_name(error->class), error->text);
			fail();
		}
		if (after)
			after(&a);
		/* Whatever it was, now it goes. */
		assert_int_equal(stage_count(a.s, T(fold)), FOLDS);
		OK(a.s, orm_begin(a.s, NULL));
		OK(a.s, orm_commit(a.s));
		orm_session_close(a.s);
		if (!a.failed) {
			assert_int_equal(a.r, 0);
			return n - 1;
		}
	}
	fail_msg("after %lu runs there are still more", RUNS_MAX);
	return 0;
}

static const struct orm_options one_shape = {.shapes = 1, .statements = 2};

#define EACH(run, after, data) assert_in_range(each(&st, run, after, data), 1, RUNS_MAX)

/* ---- reading ---- */

static struct orm_query *all_members(struct orm_session *s)
{
	struct orm_query *q = orm_select(s, T(member));

	orm_order_by(q, C(member, id));
	return q;
}

static void same_member(const struct member *got, int64_t i)
{
	const struct member want = member_of(i);

	for (unsigned c = 1; c < T(member)->count; c++) {
		struct orm_value a = orm_row_get(T(member), c, got);
		struct orm_value b = orm_row_get(T(member), c, &want);

		if (!stage_same(&a, &b))
			fail_msg("member %d has another %s", (int)i, T(member)->columns[c].name);
	}
}

static int build(struct attempt *a)
{
	struct orm_query *q = all_members(a->s);
	int r;

	orm_join(q, ORM_INNER, T(fold), orm_eq(C(fold, name), C(member, fold_name)));
	orm_where(q, orm_in(C(fold, name), ((struct orm_strs){words, 3})));
	r = orm_exec(a->s, q, NULL);
	orm_query_free(q);
	return r;
}

static int fetch_structs(struct attempt *a)
{
	struct orm_query *q = all_members(a->s);
	struct orm_result *result = NULL;
	int r = orm_fetch(a->s, q, T(member), &result);
	const struct member *rows;

	orm_query_free(q);
	if (r) {
		assert_null(result);
		return r;
	}
	failalloc_disarm();
	rows = orm_result_rows(result);
	assert_int_equal(orm_result_count(result), MEMBERS);
	for (int64_t i = 0; i < MEMBERS; i++)
		same_member(&rows[i], i);
	orm_result_free(result);
	return 0;
}

static int fetch_values(struct attempt *a)
{
	struct orm_query *q = all_members(a->s);
	struct orm_result *result = NULL;
	int r = orm_fetch(a->s, q, NULL, &result);

	orm_query_free(q);
	if (r) {
		assert_null(result);
		return r;
	}
	failalloc_disarm();
	assert_int_equal(orm_result_count(result), MEMBERS);
	assert_string_equal(orm_result_value(result, 7, 1).p, "f1");
	assert_string_equal(orm_result_name(result, 1), "fold_name");
	orm_result_free(result);
	return 0;
}

static int first(struct attempt *a)
{
	struct orm_query *q = all_members(a->s);
	struct member row = {.id = 4711};
	int r = orm_first(a->s, q, T(member), &row);

	orm_query_free(q);
	failalloc_disarm();
	if (r)
		assert_int_equal(row.id, 4711);
	else
		same_member(&row, 0);
	return r;
}

static int cursor(struct attempt *a)
{
	struct orm_query *q = all_members(a->s);
	struct orm_cursor *c = NULL;
	const void *row = NULL;
	int64_t i = 0;
	int r = orm_cursor_open(a->s, q, T(member), &c);

	orm_query_free(q);
	if (r) {
		assert_null(c);
		return r;
	}
	for (; !(r = orm_cursor_next(c, &row)); i++)
		same_member(row, i);
	orm_cursor_close(c);
	return r == ORM_E_END ? 0 : r;
}

static int relation(struct attempt *a)
{
	struct orm_query *q = orm_select(a->s, T(fold));
	struct orm_result *result = NULL;
	const void *rows;
	size_t n;
	int r = orm_fetch(a->s, q, T(fold), &result);

	orm_query_free(q);
	for (size_t i = 0; !r && i < FOLDS; i++) {
		r = orm_related(result, i, "members", T(member), &rows, &n);
		if (!r)
			assert_int_equal(n, MEMBERS / FOLDS);
	}
	orm_result_free(result);
	return r;
}

static void reading(void **state)
{
	struct stage st;

	open_filled(&st, state, &one_shape);
	EACH(build, NULL, NULL);
	EACH(fetch_structs, NULL, NULL);
	EACH(fetch_values, NULL, NULL);
	EACH(first, NULL, NULL);
	EACH(cursor, NULL, NULL);
	EACH(relation, NULL, NULL);
	stage_close(&st);
}

/* ---- writing ---- */

static void all_or_none(struct attempt *a)
{
	int64_t more = stage_count(a->s, T(member)) - MEMBERS;
	const int64_t *all = a->data;
	struct orm_query *q;

	assert_int_equal(more, a->r ? 0 : *all);
	q = orm_delete(a->s, T(member));
	orm_where(q, orm_gt(C(member, id), MEMBERS));
	assert_int_equal(RUN(a->s, q), more);
}

static int insert(struct attempt *a)
{
	struct orm_query *q = orm_insert(a->s, T(member));
	struct member row = member_of(1);
	int r;

	orm_row(q, &row);
	r = orm_exec(a->s, q, NULL);
	orm_query_free(q);
	return r;
}

/* Of a write that returns rows the rows may be lost after it was done: that is told. */
static void all_or_none_as_told(struct attempt *a)
{
	int64_t all = a->r == -ENOMEM ? 0 : 2;

	a->r = 0;
	a->data = &all;
	all_or_none(a);
}

static int returning(struct attempt *a)
{
	struct orm_query *q = orm_insert(a->s, T(member));
	const struct member rows[] = {member_of(1), member_of(2)};
	struct orm_result *result = NULL;
	int r;

	orm_rows(q, rows, 2);
	orm_returning(q, orm_all_of(member));
	r = orm_fetch(a->s, q, T(member), &result);
	orm_query_free(q);
	if (!r)
		assert_int_equal(orm_result_count(result), 2);
	orm_result_free(result);
	return r;
}

static int transaction(struct attempt *a)
{
	int r = orm_begin(a->s, NULL);

	for (int i = 0; i < 2 && !r; i++)
		r = insert(a);
	if (!r)
		r = orm_savepoint(a->s, "here");
	if (!r)
		r = insert(a);
	if (!r)
		r = orm_rollback_to(a->s, "here");
	if (!r)
		r = orm_commit(a->s);
	else
		orm_rollback(a->s);
	return r;
}

static int two_inserts(struct orm_session *s, void *data)
{
	int r;

	(void)s;
	r = insert(data);
	return r ? r : insert(data);
}

static int body(struct attempt *a)
{
	return orm_transaction(a->s, NULL, two_inserts, a);
}

static struct member some[60];

static int batch(struct attempt *a, enum orm_batch_way way)
{
	const struct orm_batch b = {.table = T(member), .rows = some, .count = 60, .way = way};
	uint64_t done = 99;
	int r = orm_insert_batch(a->s, &b, &done);

	assert_int_equal(done, r ? 99 : 60);
	return r;
}

static int batch_rows(struct attempt *a)
{
	return batch(a, ORM_BATCH_ROWS);
}

static int batch_unnest(struct attempt *a)
{
	return batch(a, ORM_BATCH_UNNEST);
}

static int batch_copy(struct attempt *a)
{
	return batch(a, ORM_BATCH_COPY);
}

static int batch_inside(struct attempt *a)
{
	int r = orm_begin(a->s, NULL);

	if (!r)
		r = batch(a, ORM_BATCH_AUTO);
	if (!r)
		r = orm_commit(a->s);
	else
		orm_rollback(a->s);
	return r;
}

static void writing(void **state)
{
	int64_t one = 1, two = 2;
	struct stage st;

	open_filled(&st, state, &one_shape);
	EACH(insert, all_or_none, &one);
	EACH(returning, all_or_none_as_told, NULL);
	EACH(transaction, all_or_none, &two);
	EACH(body, all_or_none, &two);
	stage_close(&st);
}

static void batches(void **state)
{
	int64_t sixty = 60;
	struct stage st;

	open_filled(&st, state, &one_shape);
	for (int64_t i = 0; i < 60; i++)
		some[i] = member_of(i);
	EACH(batch_rows, all_or_none, &sixty);
	EACH(batch_unnest, all_or_none, &sixty);
	EACH(batch_copy, all_or_none, &sixty);
	EACH(batch_inside, all_or_none, &sixty);
	stage_close(&st);
}

/* ---- every place that takes a text ---- */

static int one_place(struct attempt *a)
{
	const struct place *place = a->data;
	struct trial t = {
		.s = a->s, .sqlite = database_is_sqlite(a->st->db), .text = "it's \"it\""};
	int r = place->run(&t);

	failalloc_disarm();
	if (t.back) /* else the test's own copy failed, or it was said */
		assert_string_equal(t.back, t.text);
	free(t.back);
	return r == ORM_E_END ? 0 : r;
}

static void back_to_the_start(struct attempt *a)
{
	places_clear(a->s);
	assert_int_equal(stage_count(a->s, T(scrap)), PLACES_ROWS);
}

static void every_place(void **state)
{
	struct stage st;

	open_filled(&st, state, &one_shape);
	for (size_t i = 0; i < n_places; i++)
		each(&st, one_place, back_to_the_start, (void *)(uintptr_t)&places[i]);
	stage_close(&st);
}

/* ---- opening ---- */

static int open_and_close(void *data)
{
	const struct database *db = data;
	struct orm_error error = {0};
	struct orm_session *s;
	struct orm *orm = NULL;
	int r = orm_open(db->url, NULL, &orm, &error);

	if (r) {
		assert_null(orm);
		assert_int_equal(error.class, r);
		return r;
	}
	r = orm_session_open(orm, &s);
	if (!r)
		orm_session_close(s);
	orm_close(orm);
	return r;
}

static void opening(void **state)
{
	struct stage st;

	open_filled(&st, state, NULL);
	stage_close(&st);
	assert_in_range(failalloc_each(open_and_close, *state), 3, RUNS_MAX);
}

/* ---- JSON and schemas: no database ---- */

static int json_there_and_back(void *data)
{
	const struct member *row = data;
	struct orm_error error = {0};
	struct orm_json *json = NULL;
	char *text = NULL;
	int r = orm_json_row(T(member), row, ORM_MASK_ALL, &text, &error);

	if (!r)
		r = orm_json_read(T(member), text, strlen(text), ORM_MASK_ALL, 0, &json, &error);
	if (r) {
		assert_int_equal(error.class, r);
	} else {
		const struct member *got = orm_json_structs(json);

		assert_string_equal(got->doc, "{\"a\":[1,\"x\"]}");
		assert_string_equal(got->words.v[1], words[1]);
		assert_memory_equal(got->raw.data, row->raw.data, row->raw.len);
		assert_string_equal(got->fold_name, row->fold_name);
	}
	orm_json_free(json);
	free(text);
	return r;
}

static void json(void **state)
{
	struct member row = member_of(3);

	(void)state;
	assert_in_range(failalloc_each(json_there_and_back, &row), 5, RUNS_MAX);
}

static int schema_and_ddl(void *data)
{
	const struct orm_table *const tables[] = {T(fold), T(member), T(scrap)};
	const struct database *db = data;
	struct orm_schema *schema = NULL, *parsed = NULL;
	struct orm_change change = {0};
	struct orm_error error = {0};
	char *text = NULL, *sql = NULL;
	int r = orm_schema_of(tables, 3, &schema, &error);

	if (!r)
		r = orm_schema_text(schema, &text, &error);
	if (!r)
		r = orm_schema_parse("x.def", text, strlen(text), &parsed, &error);
	if (!r)
		r = orm_schema_ddl(parsed, db->dialect, &sql, &error);
	if (!r)
		r = orm_schema_diff(schema, parsed, db->dialect, 0, &change, &error);
	assert_true(r ? error.class == r : !strcmp(change.up, ""));
	orm_change_free(&change);
	free(sql);
	free(text);
	orm_schema_free(parsed);
	orm_schema_free(schema);
	return r;
}

static void schemas(void **state)
{
	assert_in_range(failalloc_each(schema_and_ddl, *state), 20, RUNS_MAX);
}

static int inspect(struct attempt *a)
{
	struct orm_schema *schema = NULL;
	int r = orm_schema_inspect(a->s, NULL, 0, &schema);

	if (!r)
		assert_int_equal(orm_schema_count(schema), 3);
	orm_schema_free(schema);
	return r;
}

static void inspecting(void **state)
{
	struct stage st;

	open_filled(&st, state, &one_shape);
	EACH(inspect, NULL, NULL);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(reading),	    DATABASE_TEST(writing),    DATABASE_TEST(batches),
		DATABASE_TEST(every_place), DATABASE_TEST(opening),    DATABASE_TEST_SQLITE(json),
		DATABASE_TEST(schemas),	    DATABASE_TEST(inspecting),
	};

	if (failalloc_take_libraries())
		return 1;
	return DATABASE_RUN(tests);
}
