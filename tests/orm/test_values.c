/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Values at the edge: what both databases refuse, what both bring to the same form, and large ones.
 * For the forms of text types SQLite's half must judge as the server does: what it said to each of
 * some thousand odd texts is kept, and PostgreSQL's half, which runs later, must say the same.
 */
#include <inttypes.h>
#include <math.h>

#include <tests/orm/kit/stage.h>

#define CELL(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(i32, medium, INTEGER, 0)                                                                 \
	X(f32, half, REAL, 0)                                                                      \
	X(f64, full, DOUBLE, 0)                                                                    \
	X(str, price, NUMERIC, 0)                                                                  \
	X(str, name, TEXT, 0)                                                                      \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(str, ip, INET, 0)                                                                        \
	X(str, net, CIDR, 0)                                                                       \
	X(str, doc, JSON, 0)                                                                       \
	X(str, docb, JSONB, 0)                                                                     \
	X(f64s, reals, DOUBLES, 0)                                                                 \
	X(strs, words, TEXTS, 0)
ORM_TABLE(cell, CELL)

#define AT_LEAST (-210866803200000)
#define AT_MOST 9224318015999999

static int store(struct orm_session *s, const char *column, struct orm_value value)
{
	struct orm_query *q = orm_insert(s, T(cell));
	int r;

	orm_set(q, orm_named(T(cell), column), value);
	r = orm_exec(s, q, NULL);
	orm_query_free(q);
	return r;
}

/* The last row's column, as text; until the next call. */
static const char *stored(struct orm_session *s, const char *column)
{
	struct orm_query *q = orm_select(s, T(cell));
	struct orm_value value;

	orm_columns(q, orm_named(T(cell), column));
	orm_order_by(q, orm_desc(C(cell, id)));
	orm_limit(q, 1);
	OK(s, orm_value(s, q, &value));
	orm_query_free(q);
	return value.kind == ORM_K_TEXT ? value.p : NULL;
}

/* ---- refused by both ---- */

static const char nul_inside[] = "a\0b";
static const char *const bad_texts[] = {
	"\xc0\xaf",	    /* '/' in two bytes */
	"\xe0\x80\xaf",	    /* and in three */
	"\xf0\x80\x80\xaf", /* and in four */
	"\xc1\xbf",
	"\x80",
	"a\xe2\x82",
	"\xed\xa0\x80" /* a surrogate */,
	"\xf4\x90\x80\x80",
	"\xff\xfe",
	"\xf8\x88\x80\x80\x80",
	"ok until \xc3(",
};

static void texts_that_are_not_utf8(void **state)
{
	static const enum orm_batch_way ways[] = {ORM_BATCH_ROWS, ORM_BATCH_UNNEST, ORM_BATCH_COPY};
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, *state, T(cell));
	for (size_t i = 0; i < ARRAY_LEN(bad_texts); i++) {
		const char *const words[] = {"fine", bad_texts[i]};
		const struct cell row = {.name = bad_texts[i]}, list = {.words = {words, 2}};

		FAILS(st.s, ORM_E_VALUE, store(st.s, "name", orm_value_text(bad_texts[i])));
		assert_string_equal(orm_error(st.s)->sqlstate, "22021");
		FAILS(st.s, ORM_E_VALUE,
		      store(st.s, "words", orm_value_texts((struct orm_strs){words, 2})));
		q = orm_insert(st.s, T(cell));
		orm_row(q, &row);
		REFUSED(st.s, q, ORM_E_VALUE);
		q = orm_select(st.s, T(cell));
		orm_where(q, orm_eq(C(cell, name), bad_texts[i]));
		REFUSED(st.s, q, ORM_E_VALUE);
		q = orm_select(st.s, T(cell));
		orm_where(q, orm_in(C(cell, name), ((struct orm_strs){words, 2})));
		REFUSED(st.s, q, ORM_E_VALUE);
		for (size_t w = 0; w < ARRAY_LEN(ways); w++) {
			struct orm_batch batch = {T(cell), &row, 1, 0, ways[w], NULL, 0};

			FAILS(st.s, ORM_E_VALUE, orm_insert_batch(st.s, &batch, NULL));
			assert_int_equal(orm_error(st.s)->row, 0);
			batch.rows = &list;
			FAILS(st.s, ORM_E_VALUE, orm_insert_batch(st.s, &batch, NULL));
		}
	}
	FAILS(st.s, ORM_E_VALUE, store(st.s, "name", orm_value_text_len(nul_inside, 3)));
	assert_int_equal(stage_count(st.s, T(cell)), 0);
	stage_close(&st);
}

static void numbers_out_of_range(void **state)
{
	struct stage st;

	STAGE_OPEN(&st, *state, T(cell));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "small", orm_value_i64(32768)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "small", orm_value_i64(-32769)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "medium", orm_value_i64(1LL << 31)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "medium", orm_value_i64(INT64_MIN)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "half", orm_value_f64(1e300)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "half", orm_value_f64(-1e300)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "at_ms", orm_value_i64(AT_MOST + 1)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "at_ms", orm_value_i64(AT_LEAST - 1)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "at_ms", orm_value_i64(INT64_MAX)));
	FAILS(st.s, ORM_E_VALUE, store(st.s, "at_ms", orm_value_i64(INT64_MIN)));
	FAILS(st.s, ORM_E_QUERY, store(st.s, "medium", orm_value_f64(1.0)));
	FAILS(st.s, ORM_E_QUERY, store(st.s, "medium", orm_value_text("1")));
	FAILS(st.s, ORM_E_QUERY, store(st.s, "name", orm_value_i64(1)));
	FAILS(st.s, ORM_E_QUERY, store(st.s, "name", orm_value_bool(true)));
	FAILS(st.s, ORM_E_QUERY, store(st.s, "raw", orm_value_text("x")));
	assert_int_equal(stage_count(st.s, T(cell)), 0);
	stage_close(&st);
}

/* SQLite has no NaN: it would make NULL of it. */
static void not_a_number(void **state)
{
	static const double list[] = {1, (double)NAN};
	const struct database *db = *state;
	const int want = database_is_sqlite(db) ? ORM_E_VALUE : 0;
	struct orm_query *q;
	struct stage st;

	STAGE_OPEN(&st, db, T(cell));
	FAILS(st.s, want, store(st.s, "full", orm_value_f64((double)NAN)));
	FAILS(st.s, want, store(st.s, "half", orm_value_f64((double)NAN)));
	FAILS(st.s, want, store(st.s, "reals", orm_value_f64s((struct orm_f64s){list, 2})));
	q = orm_select(st.s, T(cell));
	orm_columns(q, C(cell, full), C(cell, half), C(cell, reals));
	orm_order_by(q, C(cell, id));
	ROWS(st.s, q, want ? "" : "nan|NULL|NULL\nNULL|nan|NULL\nNULL|NULL|[1,nan]\n");
	stage_close(&st);
}

/* ---- brought to one form ---- */

static void forms(void **state)
{
	static const struct {
		const char *column, *from, *to; /* NULL: refused */
	} cases[] = {
		{"price", "007.50", "7.50"},
		{"price", "-0", "0"},
		{"price", "1e3", "1000"},
		{"price", "1.5e-3", "0.0015"},
		{"price", ".5", "0.5"},
		{"price", "5.", "5"},
		{"price", "+5", "5"},
		{"price", "", NULL},
		{"price", "1.2.3", NULL},
		{"price", "1e", NULL},
		{"price", "one", NULL},
		{"ip", "10.0.0.1/32", "10.0.0.1"},
		{"ip", "2001:DB8:0:0::1", "2001:db8::1"},
		{"ip", "::ffff:102:304", "::ffff:1.2.3.4"},
		{"ip", "fe80::1/128", "fe80::1"},
		{"ip", "0:0:0:1:0:0:0:0", "0:0:0:1::"},
		{"ip", "10.0.0.256", NULL},
		{"ip", "10.0.0.1/33", NULL},
		{"ip", "::1/129", NULL},
		{"ip", "1:2", NULL},
		{"ip", "localhost", NULL},
		{"ip", "", NULL},
		{"net", "10.1.2.3", "10.1.2.3/32"},
		{"net", "2001:db8::", "2001:db8::/128"},
		{"net", "10.0.0.1/8", NULL},
		{"net", "::1/64", NULL},
		{"doc", "", NULL},
		{"doc", "{", NULL},
		{"doc", "{a: 1}", NULL},
		{"doc", "{'a': 1}", NULL},
		{"doc", "[1,]", NULL},
		{"doc", "nul", NULL},
		{"doc", "{} {}", NULL},
		{"doc", "\"\t\"", NULL},
		{"doc", " {\"b\":1,\"a\" : 2} ", " {\"b\":1,\"a\" : 2} "},
		{"docb", "01", NULL},
		{"docb", "{\"a\":1", NULL},
	};
	struct stage st;

	STAGE_OPEN(&st, *state, T(cell));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *column = cases[i].column;

		int r = store(st.s, column, orm_value_text(cases[i].from));

		if (r != (cases[i].to ? 0 : ORM_E_VALUE))
			fail_msg("%s '%s': %s", column, cases[i].from, orm_class_name(r));
		if (cases[i].to)
			assert_string_equal(stored(st.s, column), cases[i].to);
	}
	stage_close(&st);
}

/* ---- thousands of odd texts, judged by both ---- */

#define ODD_MAX 4000

static struct {
	char *text;
	int class;
	char *form;
} judged[ODD_MAX];
static size_t n_judged, disagreed;

/* A xorshift: the texts are the same in each run. */
static uint32_t draw(uint32_t *state, uint32_t below)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state % below;
}

/* A good one, with some characters put in, left out or changed. */
static char *odd_text(uint32_t *seed, const char *const *good, size_t n, const char *letters)
{
	char text[256];
	size_t len = (size_t)snprintf(text, sizeof(text) - 8, "%s", good[draw(seed, (uint32_t)n)]);

	for (uint32_t changes = draw(seed, 4); changes; changes--) {
		size_t at = draw(seed, (uint32_t)len + 1);
		char c = letters[draw(seed, (uint32_t)strlen(letters))];

		switch (draw(seed, 3)) {
		case 0:
			memmove(text + at + 1, text + at, len + 1 - at);
			text[at] = c;
			len++;
			break;
		case 1:
			if (at < len)
				memmove(text + at, text + at + 1, len-- - at);
			break;
		default:
			if (at < len)
				text[at] = c;
		}
	}
	return strdup(text);
}

/* Of what SQLite's half reads more strictly on purpose (orm/base/netaddr.h): "/08". */
static bool is_stricter(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash[1] == '0' && slash[2];
}

static void judge(struct stage *st, const char *column, char *text, size_t i)
{
	int r = store(st->s, column, orm_value_text(text));
	const char *form = r || !strcmp(column, "docb") ? "" : stored(st->s, column);

	if (database_is_sqlite(st->db)) {
		judged[i].text = text;
		judged[i].class = r;
		judged[i].form = strdup(form);
		n_judged = i + 1;
		return;
	}
	if (i < n_judged && !is_stricter(text) &&
	    (judged[i].class != r || strcmp(judged[i].form, form) != 0)) {
		print_error("%s '%s': SQLite %s '%s', PostgreSQL %s '%s' (%s)\n", column, text,
			    orm_class_name(judged[i].class), judged[i].form, orm_class_name(r),
			    form, r ? orm_error(st->s)->text : "");
		disagreed++;
	}
	if (i < n_judged)
		assert_string_equal(judged[i].text, text); /* of the same seed */
	free(text);
}

static void odd_texts(void **state)
{
	static const char *const numbers[] = {"0",	"-1.50",  "1e10",   "1E-10", ".5",
					      "123456", "0.0001", "-.7e+3", "NaN",   "Infinity"};
	static const char *const addresses[] = {
		"10.0.0.1",   "192.168.1.0/24",	 "::1",	      "2001:db8::/32",	"::ffff:1.2.3.4",
		"fe80::1/64", "1:2:3:4:5:6:7:8", "0.0.0.0/0", "255.255.255.255"};
	static const char *const documents[] = {"{\"a\": [1, 2.5e3, null]}",
						"[true, false, \"x\\u00e4\\n\"]",
						"\"\\ud83d\\ude00\"",
						"-0.5",
						"{}",
						" null "};
	static const struct {
		const char *column;
		const char *const *good;
		size_t n;
		const char *letters;
	} kinds[] = {
		{"price", numbers, ARRAY_LEN(numbers), "0123456789.-+eE xNaInf_"},
		{"ip", addresses, ARRAY_LEN(addresses), "0123456789abfF.:/ g-%"},
		{"net", addresses, ARRAY_LEN(addresses), "0123456789abfF.:/ g-%"},
		{"doc", documents, ARRAY_LEN(documents), "{}[]\",:0123eE+-.\\untfd \t\x01"},
		{"docb", documents, ARRAY_LEN(documents), "{}[]\",:0123eE+-.\\untfd \t\x01"},
	};
	uint32_t seed = 20240607;
	struct stage st;
	size_t i = 0;

	STAGE_OPEN(&st, *state, T(cell));
	orm_session_promise(st.s, ORM_RELAXED);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t n = 0; n < ODD_MAX / ARRAY_LEN(kinds); n++, i++)
			judge(&st, kinds[k].column,
			      odd_text(&seed, kinds[k].good, kinds[k].n, kinds[k].letters), i);
	stage_close(&st);
	assert_int_equal(disagreed, 0);
}

/* ---- large ---- */

#define LARGE (1U << 20)

static void a_mebibyte(void **state)
{
	static const enum orm_batch_way ways[] = {ORM_BATCH_ROWS, ORM_BATCH_UNNEST, ORM_BATCH_COPY};
	char *text = malloc(LARGE + 1), *raw = malloc(LARGE);
	const char *words[2];
	struct orm_result *result;
	const struct cell *rows;
	struct orm_query *q;
	struct stage st;
	struct cell row;

	assert_true(text && raw);
	for (size_t i = 0; i < LARGE; i++) {
		text[i] = (char)(i % 95 + 32);
		raw[i] = (char)(i * 2654435761U >> 13);
	}
	text[LARGE] = '\0';
	words[0] = words[1] = text;
	row = (struct cell){.name = text, .raw = {raw, LARGE}, .words = {words, 2}};
	STAGE_OPEN(&st, *state, T(cell));
	q = orm_insert(st.s, T(cell));
	orm_row(q, &row);
	RUN(st.s, q);
	OK(st.s, store(st.s, "name", orm_value_text(text)));
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		struct orm_batch batch = {T(cell), &row, 1, 0, ways[i], NULL, 0};

		OK(st.s, orm_insert_batch(st.s, &batch, NULL));
	}
	q = orm_select(st.s, T(cell));
	orm_where(q, orm_eq(C(cell, name), text));
	orm_order_by(q, C(cell, id));
	OK(st.s, orm_fetch(st.s, q, T(cell), &result));
	orm_query_free(q);
	assert_int_equal(orm_result_count(result), 5);
	rows = orm_result_rows(result);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(rows[i].name, text);
		if (i == 1)
			continue;
		assert_int_equal(rows[i].raw.len, LARGE);
		assert_memory_equal(rows[i].raw.data, raw, LARGE);
		assert_int_equal(rows[i].words.n, 2);
		assert_string_equal(rows[i].words.v[1], text);
	}
	orm_result_free(result);
	stage_close(&st);
	free(text);
	free(raw);
}

int main(void)
{
	static const struct database_test tests[] = {
		DATABASE_TEST(texts_that_are_not_utf8),
		DATABASE_TEST(numbers_out_of_range),
		DATABASE_TEST(not_a_number),
		DATABASE_TEST(forms),
		DATABASE_TEST(odd_texts),
		DATABASE_TEST(a_mebibyte),
	};
	int failed = DATABASE_RUN(tests);

	for (size_t i = 0; i < n_judged; i++) {
		free(judged[i].text);
		free(judged[i].form);
	}
	return failed;
}
