/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Many rows: each way, at the sizes where the ways change, alone and inside a transaction. */
#include <tests/orm/kit/stage.h>

#define PART(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, code, TEXT, NN | UNIQUE)                                                            \
	X(i32, n, INTEGER, NN)                                                                     \
	X(f64, weight, DOUBLE, 0)                                                                  \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, owner, BIGINT, INDEX)
#define PART_KEYS(K)                                                                               \
	K(CHECK, part_n, "n >= 0", "")                                                             \
	K(FOREIGN, owner, "part", "id")
ORM_TABLE_KEYS(part, PART, PART_KEYS)

#define MANY 20000

static const enum orm_batch_way ways[] = {ORM_BATCH_AUTO, ORM_BATCH_ROWS, ORM_BATCH_UNNEST,
					  ORM_BATCH_COPY};
static const size_t sizes[] = {0, 1, 2, 15, 16, 17, 255, 256, 257, 1000};

static struct part parts[MANY];
static char codes[MANY][16];

static void make_parts(void)
{
	for (size_t i = 0; i < MANY; i++) {
		snprintf(codes[i], sizeof(codes[i]), "part-%zu", i);
		parts[i] = (struct part){.code = codes[i],
					 .n = (int32_t)i,
					 .weight = (double)i / 7,
					 .raw = {codes[i], i % 9},
					 .orm_null = ORM_BIT(part, owner)};
		if (i % 5 == 0)
			parts[i].orm_null |= ORM_BIT(part, weight);
	}
}

static struct orm_batch batch_of(size_t n, enum orm_batch_way way)
{
	return (struct orm_batch){.table = T(part), .rows = parts, .count = n, .way = way};
}

static void clear(struct orm_session *s)
{
	struct orm_query *q = orm_delete(s, T(part));

	orm_every_row(q);
	RUN(s, q);
}

/* Each row as it was given. */
static void expect_parts(struct orm_session *s, size_t n)
{
	struct orm_query *q = orm_select(s, T(part));
	struct orm_result *result;
	const struct part *got;

	orm_order_by(q, C(part, n));
	OK(s, orm_fetch(s, q, T(part), &result));
	orm_query_free(q);
	assert_int_equal(orm_result_count(result), n);
	got = orm_result_rows(result);
	for (size_t i = 0; i < n; i++) {
		for (unsigned c = 1; c < T(part)->count; c++) {
			struct orm_value a = orm_row_get(T(part), c, &got[i]);
			struct orm_value b = orm_row_get(T(part), c, &parts[i]);

			if (!stage_same(&a, &b))
				fail_msg("row %zu of %zu, column %u", i, n, c);
		}
	}
	orm_result_free(result);
}

static void every_way_and_size(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
			struct orm_batch batch = batch_of(sizes[k], ways[w]);
			uint64_t inserted = 99;

			OK(st.s, orm_insert_batch(st.s, &batch, &inserted));
			assert_int_equal(inserted, sizes[k]);
			expect_parts(st.s, sizes[k]);
			clear(st.s);
		}
	}
	stage_close(&st);
}

static void twenty_thousand(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		struct orm_batch batch = batch_of(MANY, ways[w]);
		uint64_t inserted;

		if (w && database_is_sqlite(st.db))
			break; /* it has one way */
		OK(st.s, orm_insert_batch(st.s, &batch, &inserted));
		assert_int_equal(inserted, MANY);
		expect_parts(st.s, MANY);
		clear(st.s);
	}
	stage_close(&st);
}

static void inside_a_transaction(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		struct orm_batch batch = batch_of(300, ways[w]);

		OK(st.s, orm_begin(st.s, NULL));
		OK(st.s, orm_insert_batch(st.s, &batch, NULL));
		assert_int_equal(stage_count(st.s, T(part)), 300);
		orm_rollback(st.s);
		assert_int_equal(stage_count(st.s, T(part)), 0);
		OK(st.s, orm_begin(st.s, NULL));
		OK(st.s, orm_insert_batch(st.s, &batch, NULL));
		OK(st.s, orm_commit(st.s));
		expect_parts(st.s, 300);
		clear(st.s);
	}
	stage_close(&st);
}

/* ---- a row that cannot be ---- */

struct spoiled {
	const char *what;
	int class;
	const char *sqlstate;
	const char *constraint; /* of PostgreSQL; SQLite names that of a check only */
};

static const struct spoiled spoils[] = {
	{"unique", ORM_E_UNIQUE, "23505", "part_code_key"},
	{"check", ORM_E_CHECK, "23514", "part_n"},
	{"null", ORM_E_NOT_NULL, "23502", ""},
	{"text", ORM_E_VALUE, "22021", ""},
};

/* Row `at` is spoiled in this way; returns how it was. */
static struct part spoil(const struct spoiled *how, size_t at)
{
	struct part was = parts[at];

	switch (*how->what) {
	case 'u':
		parts[at].code = parts[at ? 0 : 1].code;
		break;
	case 'c':
		parts[at].n = -1;
		break;
	case 'n':
		parts[at].code = NULL;
		break;
	default:
		parts[at].code = "\xc0\xaf";
	}
	return was;
}

static void fail_at(struct stage *st, const struct spoiled *how, enum orm_batch_way way, size_t n,
		    size_t at)
{
	struct orm_batch batch = batch_of(n, way);
	struct part was = spoil(how, at);
	const struct orm_error *error = orm_error(st->s);
	uint64_t inserted = 99;
	/* Of two equal rows the second one is refused. */
	size_t row = *how->what == 'u' && at == 0 ? 1 : at;

	FAILS(st->s, how->class, orm_insert_batch(st->s, &batch, &inserted));
	parts[at] = was;
	if (error->row != row || strcmp(error->sqlstate, how->sqlstate) != 0 ||
	    (!database_is_sqlite(st->db) && strcmp(error->constraint, how->constraint) != 0))
		fail_msg("%s, way %u, %zu rows, row %zu: row %lu, SQLSTATE %s, constraint '%s': %s",
			 how->what, way, n, at, (unsigned long)error->row, error->sqlstate,
			 error->constraint, error->text);
	assert_int_equal(inserted, 99);
}

static void the_failing_row_is_named(void **state)
{
	static const size_t counts[] = {2, 15, 16, 256, 700};
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t h = 0; h < ARRAY_LEN(spoils); h++) {
		for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
			for (size_t k = 0; k < ARRAY_LEN(counts); k++) {
				size_t n = counts[k];

				fail_at(&st, &spoils[h], ways[w], n, 0);
				fail_at(&st, &spoils[h], ways[w], n, n / 2);
				fail_at(&st, &spoils[h], ways[w], n, n - 1);
			}
		}
		assert_int_equal(stage_count(st.s, T(part)), 0); /* all or none */
	}
	stage_close(&st);
}

/* The transaction goes on on SQLite, and by a savepoint on PostgreSQL; nothing of the batch is in
 * it. */
static void a_failure_inside_a_transaction(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		struct orm_batch first = {
			.table = T(part), .rows = &parts[900], .count = 3, .way = ways[w]};

		OK(st.s, orm_begin(st.s, NULL));
		OK(st.s, orm_insert_batch(st.s, &first, NULL));
		OK(st.s, orm_savepoint(st.s, "here"));
		fail_at(&st, &spoils[0], ways[w], 300, 299);
		OK(st.s, orm_rollback_to(st.s, "here"));
		assert_int_equal(stage_count(st.s, T(part)), 3);
		OK(st.s, orm_commit(st.s));
		assert_int_equal(stage_count(st.s, T(part)), 3);
		clear(st.s);
	}
	OK(st.s, orm_begin(st.s, NULL));
	fail_at(&st, &spoils[0], ORM_BATCH_AUTO, 300, 299);
	if (database_is_sqlite(st.db))
		assert_int_equal(stage_count(st.s, T(part)), 0);
	else
		REFUSED(st.s, orm_select(st.s, T(part)), ORM_E_STATE);
	orm_rollback(st.s);
	stage_close(&st);
}

static void foreign_keys(void **state)
{
	struct stage st;
	struct part was;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	was = parts[5];
	parts[5].owner = 4711;
	parts[5].orm_null = 0;
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		struct orm_batch batch = batch_of(20, ways[w]);

		FAILS(st.s, ORM_E_FOREIGN_KEY, orm_insert_batch(st.s, &batch, NULL));
		assert_string_equal(orm_error(st.s)->sqlstate, "23503");
	}
	parts[5] = was;
	assert_int_equal(stage_count(st.s, T(part)), 0);
	stage_close(&st);
}

/* ---- ON CONFLICT ---- */

static void on_conflict(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		for (size_t k = 1; k < ARRAY_LEN(sizes); k++) {
			size_t n = sizes[k], half = (n + 1) / 2;
			struct orm_batch batch = batch_of(half, ways[w]);
			uint64_t done;

			OK(st.s, orm_insert_batch(st.s, &batch, &done));
			batch = batch_of(n, ways[w]);
			FAILS(st.s, ORM_E_UNIQUE, orm_insert_batch(st.s, &batch, &done));
			assert_int_equal(orm_error(st.s)->row, 0);
			batch.conflict = "code";
			OK(st.s, orm_insert_batch(st.s, &batch, &done));
			assert_int_equal(done, n - half);
			expect_parts(st.s, n);
			database_do(st.db, "UPDATE part SET weight = -1, raw = NULL");
			batch.update = ORM_BIT(part, weight) | ORM_BIT(part, raw);
			OK(st.s, orm_insert_batch(st.s, &batch, &done));
			assert_int_equal(done, n);
			expect_parts(st.s, n);
			clear(st.s);
		}
	}
	stage_close(&st);
}

static void what_is_refused_unsent(void **state)
{
	struct orm_batch batch;
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	batch = batch_of(2, ORM_BATCH_AUTO);
	batch.conflict = "n";
	FAILS(st.s, ORM_E_QUERY, orm_insert_batch(st.s, &batch, NULL)); /* not unique */
	batch.conflict = "code\") DO NOTHING; DROP TABLE part; --";
	FAILS(st.s, ORM_E_QUERY, orm_insert_batch(st.s, &batch, NULL));
	batch.conflict = "";
	FAILS(st.s, ORM_E_QUERY, orm_insert_batch(st.s, &batch, NULL));
	batch = batch_of(2, ORM_BATCH_AUTO);
	batch.mask = ORM_BIT(part, n); /* and no code */
	FAILS(st.s, ORM_E_QUERY, orm_insert_batch(st.s, &batch, NULL));
	OK(st.s, orm_begin(st.s, &(struct orm_tx_options){.read_only = true}));
	batch = batch_of(2, ORM_BATCH_AUTO);
	FAILS(st.s, ORM_E_READ_ONLY, orm_insert_batch(st.s, &batch, NULL));
	orm_rollback(st.s);
	assert_int_equal(stage_count(st.s, T(part)), 0);
	stage_close(&st);
}

static void numbers_of_our_own(void **state)
{
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
		struct orm_batch batch = batch_of(20, ways[w]);

		for (size_t i = 0; i < 20; i++)
			parts[i].id = 1000 - (int64_t)i;
		batch.mask = ORM_BIT(part, id) | ORM_BIT(part, code) | ORM_BIT(part, n);
		OK(st.s, orm_insert_batch(st.s, &batch, NULL));
		q = orm_select(st.s, T(part));
		orm_columns(q, C(part, id), C(part, n), C(part, raw));
		orm_where(q, orm_lt(C(part, n), 2));
		orm_order_by(q, C(part, n));
		ROWS(st.s, q, "1000|0|NULL\n999|1|NULL\n");
		clear(st.s);
	}
	stage_close(&st);
}

/* ---- orm_load() ---- */

struct source {
	size_t at, end, fail_at;
};

static int next_part(void *data, const void **ret_row)
{
	struct source *source = data;

	if (source->at == source->fail_at)
		return ORM_E_CANCELLED;
	if (source->at == source->end)
		return ORM_E_END;
	*ret_row = &parts[source->at++];
	return 0;
}

static void loads(void **state)
{
	struct source source = {.end = MANY, .fail_at = SIZE_MAX};
	struct orm_load load = {.table = T(part), .next = next_part, .data = &source};
	uint64_t rows;
	struct stage st;

	STAGE_OPEN(&st, *state, T(part));
	make_parts();
	OK(st.s, orm_load(st.s, &load, &rows));
	assert_int_equal(rows, MANY);
	expect_parts(st.s, MANY);
	clear(st.s);
	/* The source fails: nothing is kept, and its error is told. */
	source = (struct source){.end = MANY, .fail_at = 5000};
	FAILS(st.s, ORM_E_CANCELLED, orm_load(st.s, &load, &rows));
	assert_int_equal(stage_count(st.s, T(part)), 0);
	source = (struct source){.end = 0, .fail_at = SIZE_MAX};
	OK(st.s, orm_load(st.s, &load, &rows));
	assert_int_equal(rows, 0);
	/* A row of it: named. */
	source = (struct source){.end = 3000, .fail_at = SIZE_MAX};
	parts[2345].n = -1;
	FAILS(st.s, ORM_E_CHECK, orm_load(st.s, &load, &rows));
	assert_int_equal(orm_error(st.s)->row, 2345);
	parts[2345].n = 2345;
	assert_int_equal(stage_count(st.s, T(part)), 0);
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(every_way_and_size),
		DATABASE_TEST(twenty_thousand),
		DATABASE_TEST(inside_a_transaction),
		DATABASE_TEST(the_failing_row_is_named),
		DATABASE_TEST(a_failure_inside_a_transaction),
		DATABASE_TEST(foreign_keys),
		DATABASE_TEST(on_conflict),
		DATABASE_TEST(what_is_refused_unsent),
		DATABASE_TEST(numbers_of_our_own),
		DATABASE_TEST(loads),
	};

	return DATABASE_RUN(tests);
}
