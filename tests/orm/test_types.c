/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Every type, written in every way and read in every way, comes back as it was. Row i of the
 * samples takes the i-th sample of each column, so that each meets others beside it.
 */
#include <float.h>
#include <math.h>

#include <tests/orm/kit/stage.h>

#define EVERY(X)                                                                                   \
	X(i64, id, BIGINT, PK)                                                                     \
	X(b, yes, BOOLEAN, 0)                                                                      \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(i32, medium, INTEGER, 0)                                                                 \
	X(i64, big, BIGINT, 0)                                                                     \
	X(f32, half, REAL, 0)                                                                      \
	X(f64, full, DOUBLE, 0)                                                                    \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, name, TEXT, 0)                                                                      \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(uuid, tag, UUID, 0)                                                                      \
	X(str, ip, INET, 0)                                                                        \
	X(str, net, CIDR, 0)                                                                       \
	X(str, doc, JSON, 0)                                                                       \
	X(str, docb, JSONB, 0)                                                                     \
	X(i64s, ints, BIGINTS, 0)                                                                  \
	X(f64s, reals, DOUBLES, 0)                                                                 \
	X(strs, words, TEXTS, 0)
ORM_TABLE(every, EVERY)
#define COLUMNS 19

#define SIXTY "123456789012345678901234567890123456789012345678901234567890"
/* What a timestamptz holds: 4714 BC to AD 294276. */
#define AT_LEAST (-210866803200000)
#define AT_MOST 9224318015999999

static const int16_t smalls[] = {INT16_MIN, INT16_MAX, 0, -1};
static const int32_t mediums[] = {INT32_MIN, INT32_MAX, 0, -1};
static const int64_t bigs[] = {INT64_MIN, INT64_MAX, 0, -1, 1LL << 53 | 1};
static const float halves[] = {0, -0.0F, 0.1F, FLT_MAX, -FLT_MAX, FLT_MIN, 1e-45F, INFINITY};
static const double fulls[] = {0,      -0.0,	0.1,	  DBL_MAX,   -DBL_MAX, DBL_MIN,
			       5e-324, 1.0 / 3, INFINITY, -INFINITY, 1e15,     -123456789.125};
static const char *const prices[] = {
	"0",   "0.10",	       "-1", "-0.000000000000000000000000000000000000000000000000000000001",
	SIXTY, SIXTY "." SIXTY};
static const char *const names[] = {
	"",
	"plain",
	"O'Brien \\ \"x\" $1 ?1 %s",
	"line\nfeed\ttab\r\x01\x7f",
	"z\xc3\xbcrich \xe4\xb8\xad\xe6\x96\x87 \xf0\x9f\x90\x98 e\xcc\x81",
	"\xef\xbf\xbf\xf4\x8f\xbf\xbf", /* U+FFFF, U+10FFFF */
	" spaces ",
	"NULL",
	"{a,b}",
	"\\N",
	"\\.",
};
static const int64_t times[] = {0, -1, 1, AT_LEAST, AT_MOST, -62135596800000, 1700000000123};
static const struct orm_uuid tags[] = {
	{{0}},
	{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff}},
	{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
};
static const char *const ips[] = {
	"10.0.0.1", "10.0.0.1/8", "0.0.0.0/0", "::", "2001:db8::1", "::ffff:1.2.3.4", "fe80::1/64"};
static const char *const nets[] = {"10.0.0.0/8", "10.1.2.3/32", "0.0.0.0/0", "2001:db8::/32",
				   "::1/128"};
static const char *const docs[] = {"{}",
				   "[]",
				   "null",
				   "\"\"",
				   "{\"a\": [1, 2.5, null, true]}",
				   "{\"q\": \"\\\"\\\\\\u00e4'\"}",
				   "-12"};

static const char bytes[] = "\0\1\xff'\"\\x00";
static const struct orm_bytes raws[] = {{"", 0}, {bytes, sizeof(bytes)}, {"\\x", 2}, {"\0", 1}};
static const int64_t int_list[] = {INT64_MIN, -1, 0, INT64_MAX};
static const double real_list[] = {-0.0, 0.1, DBL_MAX, 5e-324, 3};
static const char *const word_list[] = {"", "a,b", "{}", "\"", "\\", "NULL", "\n", "\xc3\xa4", " "};

#define PICK(list, i) (list)[(i) % ARRAY_LEN(list)]
#define ROWS_MAX 24

static void make_samples(struct every rows[ROWS_MAX])
{
	memset(rows, 0, ROWS_MAX * sizeof(*rows));
	for (size_t i = 0; i < ROWS_MAX; i++) {
		rows[i] = (struct every){
			.id = (int64_t)i + 1,
			.yes = i % 2,
			.small = PICK(smalls, i),
			.medium = PICK(mediums, i),
			.big = PICK(bigs, i),
			.half = PICK(halves, i),
			.full = PICK(fulls, i),
			.price = PICK(prices, i),
			.name = PICK(names, i),
			.raw = PICK(raws, i),
			.at_ms = PICK(times, i),
			.tag = PICK(tags, i),
			.ip = PICK(ips, i),
			.net = PICK(nets, i),
			.doc = PICK(docs, i),
			.docb = PICK(docs, i),
			.ints = {int_list, i % 5},
			.reals = {real_list, i % 6},
			.words = {word_list, i % 10},
		};
	}
	/* All NULL; and each column NULL in one row. */
	rows[0] = (struct every){.id = 1, .orm_null = ~1ULL};
	for (size_t i = 1; i < COLUMNS; i++)
		rows[i].orm_null = 1ULL << i;
}

static void same_value(const struct orm_value *got, const struct orm_value *want, size_t row,
		       unsigned column, const char *how)
{
	if (stage_same(got, want))
		return;
	print_error("%s: row %zu, column %s: ", how, row + 1, T(every)->columns[column].name);
	stage_print(stderr, got);
	fputs(" is not ", stderr);
	stage_print(stderr, want);
	fputc('\n', stderr);
	fail();
}

/* ---- reading ---- */

static struct orm_query *all(struct orm_session *s)
{
	struct orm_query *q = orm_select(s, T(every));

	orm_order_by(q, C(every, id));
	return q;
}

static void same_row(const struct every *got, const struct every *want, size_t row, const char *how)
{
	for (unsigned c = 0; c < COLUMNS; c++) {
		struct orm_value a = orm_row_get(T(every), c, got);
		struct orm_value b = orm_row_get(T(every), c, want);

		same_value(&a, &b, row, c, how);
	}
}

static void read_by_struct(struct orm_session *s, const struct every *want, size_t n)
{
	struct orm_query *q = all(s);
	const struct every *rows;
	struct orm_result *result;
	struct every first;

	OK(s, orm_fetch(s, q, T(every), &result));
	assert_int_equal(orm_result_count(result), n);
	rows = orm_result_rows(result);
	for (size_t i = 0; i < n; i++)
		same_row(&rows[i], &want[i], i, "struct");
	orm_result_free(result);
	OK(s, orm_first(s, q, T(every), &first));
	same_row(&first, &want[0], 0, "first");
	orm_query_free(q);
}

static void read_by_value(struct orm_session *s, const struct every *want, size_t n)
{
	struct orm_query *q = all(s);
	struct orm_result *result;

	OK(s, orm_fetch(s, q, NULL, &result));
	assert_int_equal(orm_result_count(result), n);
	assert_int_equal(orm_result_columns(result), COLUMNS);
	for (size_t i = 0; i < n; i++) {
		for (unsigned c = 0; c < COLUMNS; c++) {
			struct orm_value got = orm_result_value(result, i, c);
			struct orm_value b = orm_row_get(T(every), c, &want[i]);

			same_value(&got, &b, i, c, "value");
		}
	}
	orm_result_free(result);
	orm_query_free(q);
}

static void read_by_cursor(struct orm_session *s, const struct every *want, size_t n)
{
	struct orm_query *q = all(s);
	struct orm_cursor *cursor;
	const void *row = NULL;

	OK(s, orm_cursor_open(s, q, T(every), &cursor));
	for (size_t i = 0; i < n; i++) {
		OK(s, orm_cursor_next(cursor, &row));
		same_row(row, &want[i], i, "cursor");
	}
	FAILS(s, ORM_E_END, orm_cursor_next(cursor, &row));
	orm_cursor_close(cursor);
	OK(s, orm_cursor_open(s, q, NULL, &cursor));
	for (size_t i = 0; i < n; i++) {
		OK(s, orm_cursor_next(cursor, NULL));
		for (unsigned c = 0; c < COLUMNS; c++) {
			struct orm_value got = orm_cursor_value(cursor, c);
			struct orm_value b = orm_row_get(T(every), c, &want[i]);

			same_value(&got, &b, i, c, "cursor's value");
		}
	}
	orm_cursor_close(cursor);
	orm_query_free(q);
}

static void read_all_ways(struct orm_session *s, const struct every *want, size_t n)
{
	read_by_struct(s, want, n);
	read_by_value(s, want, n);
	read_by_cursor(s, want, n);
	stage_do(s, "DELETE FROM every");
}

/* What a database does to a value: jsonb has a form of its own; SQLite keeps whole numbers of a
 * REAL column as integers, which have no -0. */
static void expect_forms(const struct stage *st, struct every *rows, size_t n)
{
	static const char *const forms[] = {"{}",
					    "[]",
					    "null",
					    "\"\"",
					    "{\"a\": [1, 2.5, null, true]}",
					    "{\"q\": \"\\\"\\\\\xc3\xa4'\"}",
					    "-12"};

	for (size_t i = 0; i < n; i++) {
		if (rows[i].docb && !database_is_sqlite(st->db))
			rows[i].docb = PICK(forms, i);
		if (database_is_sqlite(st->db)) {
			rows[i].half += 0.0F;
			rows[i].full += 0.0;
		}
	}
}

/* ---- writing ---- */

static void write_by_struct(struct orm_session *s, const struct every *rows, size_t n)
{
	struct orm_query *q = orm_insert(s, T(every));

	orm_rows(q, rows, n);
	assert_int_equal(RUN(s, q), n);
}

/* As V(x) gives them: a value knows its kind, and no column. */
static void write_by_set(struct orm_session *s, const struct every *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct orm_query *q = orm_insert(s, T(every));

		for (unsigned c = 0; c < COLUMNS; c++) {
			struct orm_value v = orm_row_get(T(every), c, &rows[i]);

			v.type = ORM_T_NONE;
			orm_set(q, orm_named(T(every), T(every)->columns[c].name), v);
		}
		assert_int_equal(RUN(s, q), 1);
	}
}

static void write_by_update(struct orm_session *s, const struct every *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct orm_query *q = orm_insert(s, T(every));

		orm_set(q, C(every, id), rows[i].id);
		RUN(s, q);
		q = orm_update(s, T(every));
		for (unsigned c = 1; c < COLUMNS; c++)
			orm_set(q, orm_named(T(every), T(every)->columns[c].name),
				orm_row_get(T(every), c, &rows[i]));
		orm_where(q, orm_eq(C(every, id), rows[i].id));
		assert_int_equal(RUN(s, q), 1);
	}
}

static void all_types_in_all_ways(void **state)
{
	static const enum orm_batch_way ways[] = {ORM_BATCH_AUTO, ORM_BATCH_ROWS, ORM_BATCH_UNNEST,
						  ORM_BATCH_COPY};
	struct every rows[ROWS_MAX], want[ROWS_MAX];
	struct stage st;

	STAGE_OPEN(&st, *state, T(every));
	make_samples(rows);
	make_samples(want);
	expect_forms(&st, want, ROWS_MAX);
	write_by_struct(st.s, rows, ROWS_MAX);
	read_all_ways(st.s, want, ROWS_MAX);
	write_by_set(st.s, rows, ROWS_MAX);
	read_all_ways(st.s, want, ROWS_MAX);
	write_by_update(st.s, rows, ROWS_MAX);
	read_all_ways(st.s, want, ROWS_MAX);
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		const struct orm_batch batch = {
			.table = T(every), .rows = rows, .count = ROWS_MAX, .way = ways[i]};
		uint64_t inserted;

		OK(st.s, orm_insert_batch(st.s, &batch, &inserted));
		assert_int_equal(inserted, ROWS_MAX);
		read_all_ways(st.s, want, ROWS_MAX);
	}
	stage_close(&st);
}

/* Through RETURNING, the other way out of a database. */
static void all_types_returned(void **state)
{
	struct every rows[ROWS_MAX], want[ROWS_MAX];
	const struct every *got;
	struct orm_result *result;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(every));
	make_samples(rows);
	make_samples(want);
	expect_forms(&st, want, ROWS_MAX);
	q = orm_insert(st.s, T(every));
	orm_rows(q, rows, ROWS_MAX);
	orm_returning(q, orm_all_of(every));
	OK(st.s, orm_fetch(st.s, q, T(every), &result));
	got = orm_result_rows(result);
	assert_int_equal(orm_result_count(result), ROWS_MAX);
	for (size_t i = 0; i < ROWS_MAX; i++)
		same_row(&got[i], &want[i], i, "returned");
	orm_result_free(result);
	orm_query_free(q);
	stage_close(&st);
}

/* Each sample finds its row when it is compared with. */
static void all_types_compared(void **state)
{
	struct every rows[ROWS_MAX];
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(every));
	make_samples(rows);
	write_by_struct(st.s, rows, ROWS_MAX);
	for (size_t i = 1; i < ROWS_MAX; i++) {
		for (unsigned c = 0; c < COLUMNS; c++) {
			const struct orm_column *column = &T(every)->columns[c];
			struct orm_value v = orm_row_get(T(every), c, &rows[i]);

			if (v.kind == ORM_K_NULL || column->type == ORM_T_JSON ||
			    column->type == ORM_T_JSONB)
				continue;
			v.type = column->type == ORM_T_REAL ? ORM_T_REAL : ORM_T_NONE;
			q = orm_select(st.s, T(every));
			orm_columns(q, orm_count_all());
			orm_where(q, orm_and(orm_eq(C(every, id), rows[i].id),
					     orm_eq(orm_named(T(every), column->name), v)));
			if (stage_number(st.s, q) != 1)
				fail_msg("row %zu is not found by '%s'", i + 1, column->name);
		}
	}
	stage_close(&st);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(all_types_in_all_ways),
		DATABASE_TEST(all_types_returned),
		DATABASE_TEST(all_types_compared),
	};

	return DATABASE_RUN(tests);
}
