// SPDX-License-Identifier: AGPL-3.0-or-later
/* Rows to JSON and back: exact, strict, and unmoved by hostile text. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm/json.h>

#include <orm/table/codec.h>

#define EVERY(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(b, yes, BOOLEAN, NN)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(i32, middle, INTEGER, 0)                                                                 \
	X(f32, real, REAL, 0)                                                                      \
	X(f64, wide, DOUBLE, 0)                                                                    \
	X(str, exact, NUMERIC, 0)                                                                  \
	X(str, text, TEXT, NN)                                                                     \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(uuid, uid, UUID, 0)                                                                      \
	X(str, ip, INET, ROLE_2)                                                                   \
	X(str, password, TEXT, SECRET)                                                             \
	X(str, doc, JSONB, 0)                                                                      \
	X(i64s, ints, BIGINTS, 0)                                                                  \
	X(f64s, doubles, DOUBLES, 0)                                                               \
	X(strs, texts, TEXTS, 0)                                                                   \
	X(f64s, vec, VECTOR, 0)
ORM_TABLE(every, EVERY)

#define PART(X)                                                                                    \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, name, TEXT, NN)                                                                     \
	X(f64, score, DOUBLE, NN)
#define PART_KEYS(K) K(DEFAULT, score, "0.5", "")
ORM_TABLE_KEYS(part, PART, PART_KEYS)

static struct orm_json *must_read(const struct orm_table *table, const char *text, unsigned flags)
{
	struct orm_json *json = NULL;
	struct orm_error err = {0};

	if (orm_json_read(table, text, strlen(text), ORM_MASK_ALL, flags, &json, &err))
		fail_msg("'%s': %s", text, err.text);
	return json;
}

static char *must_write(const struct every *row)
{
	struct orm_error err = {0};
	char *text = NULL;

	if (orm_json_row(T(every), row, ORM_MASK_ALL, &text, &err))
		fail_msg("%s", err.text);
	return text;
}

static void every_field_comes_back(void **state)
{
	static const int64_t ints[] = {INT64_MIN, 0, INT64_MAX};
	static const double doubles[] = {0.1, -0.0, DBL_MAX, DBL_MIN, 5e-324};
	static const char *const texts[] = {"", "\"\\\n\x01", "\xc3\xa4\xf0\x9f\x98\x80"};
	const struct every row = {
		.id = INT64_MAX,
		.yes = true,
		.small = INT16_MIN,
		.middle = INT32_MAX,
		.real = 0.1F,
		.wide = 1.0 / 3,
		.exact = "-123456789012345678901234567890.00",
		.text = "a \xe2\x82\xac",
		.raw = {"\0\xff\x10", 3},
		.at_ms = 9007199254740993,
		.uid = {{0xde, 0xad, 0xbe, 0xef, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255}},
		.ip = "2001:db8::1",
		.doc = "{\"b\":[1,2.5,null],\"a\":\"x\"}",
		.ints = {ints, 3},
		.doubles = {doubles, 5},
		.texts = {texts, 3},
		.vec = {doubles, 0},
	};
	own_free char *text = must_write(&row), *again = NULL;
	struct orm_json *json = must_read(T(every), text, 0);
	const struct every *back = orm_json_structs(json);

	(void)state;
	assert_int_equal(orm_json_count(json), 1);
	assert_int_equal(back->id, INT64_MAX);
	assert_true(back->yes);
	assert_int_equal(back->small, INT16_MIN);
	assert_int_equal(back->middle, INT32_MAX);
	assert_true(back->real == row.real && back->wide == row.wide);
	assert_string_equal(back->exact, row.exact);
	assert_string_equal(back->text, row.text);
	assert_int_equal(back->raw.len, 3);
	assert_memory_equal(back->raw.data, row.raw.data, 3);
	assert_int_equal(back->at_ms, 9007199254740993);
	assert_memory_equal(&back->uid, &row.uid, 16);
	assert_string_equal(back->ip, row.ip);
	assert_string_equal(back->doc, row.doc);
	assert_int_equal(back->ints.n, 3);
	assert_memory_equal(back->ints.v, ints, sizeof(ints));
	assert_int_equal(back->doubles.n, 5);
	assert_memory_equal(back->doubles.v, doubles, sizeof(doubles));
	assert_int_equal(back->texts.n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(back->texts.v[i], texts[i]);
	assert_non_null(back->vec.v);
	assert_int_equal(back->vec.n, 0);
	assert_null(back->password);
	again = must_write(back);
	assert_string_equal(text, again);
	orm_json_free(json);
}

static void nulls_come_back(void **state)
{
	const struct every row = {.orm_null = ORM_BIT(every, wide) | ORM_BIT(every, uid) |
					      ORM_BIT(every, small) | ORM_BIT(every, middle) |
					      ORM_BIT(every, real) | ORM_BIT(every, at_ms),
				  .text = ""};
	own_free char *text = must_write(&row);
	struct orm_json *json = must_read(T(every), text, 0);
	const struct every *back = orm_json_structs(json);

	(void)state;
	assert_non_null(strstr(text, "\"wide\":null"));
	assert_non_null(strstr(text, "\"raw\":null"));
	for (unsigned i = 0; i < T(every)->count; i++)
		assert_int_equal(orm_row_get(T(every), i, back).kind,
				 orm_row_get(T(every), i, &row).kind);
	orm_json_free(json);
}

static void masks_hold(void **state)
{
	const struct every row = {.text = "t", .ip = "192.0.2.1", .password = "hunter2"};
	own_free char *all = must_write(&row), *low = NULL, *one = NULL;
	struct orm_json *json = NULL;
	struct orm_error err = {0};

	(void)state;
	assert_null(strstr(all, "password"));
	assert_null(strstr(all, "hunter2"));
	assert_int_equal(orm_json_row(T(every), &row, orm_table_mask(T(every), 1), &low, &err), 0);
	assert_null(strstr(low, "192.0.2.1"));
	assert_non_null(strstr(all, "192.0.2.1"));
	assert_int_equal(orm_json_row(T(every), &row, ORM_BIT(every, text), &one, &err), 0);
	assert_string_equal(one, "{\"text\":\"t\"}");
	/* And what a role does not see it cannot write. */
	assert_int_equal(orm_json_read(T(every), all, strlen(all), orm_table_mask(T(every), 1), 0,
				       &json, &err),
			 ORM_E_VALUE);
	assert_string_equal(err.column, "ip");
	assert_null(json);
}

static void many_rows(void **state)
{
	const struct part rows[] = {{.id = 1, .name = "a", .score = 1}, {.id = 2, .name = "b"}};
	own_free char *text = NULL;
	struct orm_json *json;

	(void)state;
	assert_int_equal(orm_json_rows(T(part), rows, 2, ORM_MASK_ALL, &text, NULL), 0);
	assert_string_equal(text, "[{\"id\":1,\"name\":\"a\",\"score\":1.0},"
				  "{\"id\":2,\"name\":\"b\",\"score\":0.0}]");
	json = must_read(T(part), text, 0);
	assert_int_equal(orm_json_count(json), 2);
	assert_string_equal(((const struct part *)orm_json_structs(json))[1].name, "b");
	orm_json_free(json);
	json = must_read(T(part), "[]", 0);
	assert_int_equal(orm_json_count(json), 0);
	orm_json_free(json);
}

static void what_is_given_is_known(void **state)
{
	struct orm_json *json = must_read(T(part), "{\"name\":\"x\"}", 0);
	const struct part *row = orm_json_structs(json);

	(void)state;
	assert_int_equal(orm_json_given(json, 0), ORM_BIT(part, name));
	assert_int_equal(row->id, 0);
	assert_false(row->orm_null & ORM_BIT(part, id));
	assert_true(row->orm_null & ORM_BIT(part, score));
	orm_json_free(json);
	json = must_read(T(part), "{\"score\":2}", ORM_JSON_PARTIAL);
	assert_int_equal(orm_json_given(json, 0), ORM_BIT(part, score));
	orm_json_free(json);
}

static void what_has_no_json_is_refused(void **state)
{
	static const double bad[] = {1, INFINITY};
	static const char *const texts[] = {"\xff"};
	const struct every rows[] = {
		{.wide = NAN, .text = ""},	   {.real = -INFINITY, .text = ""},
		{.doubles = {bad, 2}, .text = ""}, {.text = "\xff\xfe"},
		{.texts = {texts, 1}, .text = ""}, {.doc = "{not json", .text = ""},
	};
	const char *const columns[] = {"wide", "real", "doubles", "text", "texts", "doc"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct orm_error err = {0};
		char *text = NULL;

		assert_int_equal(orm_json_row(T(every), &rows[i], ORM_MASK_ALL, &text, &err),
				 ORM_E_VALUE);
		assert_string_equal(err.column, columns[i]);
		assert_null(text);
	}
}

struct hostile {
	const char *text;
	const char *column; /* that the error names */
	const char *want;
};

static void refuse_all(const struct orm_table *table, const struct hostile *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct orm_json *json = NULL;
		struct orm_error err = {0};
		int r = orm_json_read(table, list[i].text, strlen(list[i].text), ORM_MASK_ALL, 0,
				      &json, &err);

		if (r != ORM_E_VALUE || json || !strstr(err.text, list[i].want) ||
		    strcmp(err.column, list[i].column) != 0)
			fail_msg("'%s': %d '%s' in '%s'", list[i].text, r, err.text, err.column);
	}
}

static void wrong_members_are_named(void **state)
{
	static const struct hostile parts[] = {
		{"", "", "line"},
		{"7", "", "no object"},
		{"[{\"name\":\"a\"},7]", "", "element 1"},
		{"{\"name\":\"a\"", "", "line"},
		{"{\"name\":\"a\"} x", "", "line"},
		{"{\"name\":\"a\",\"name\":\"b\"}", "", "duplicate"},
		{"{\"name\":\"a\",\"nope\":1}", "nope", "no such column"},
		{"{\"name\":\"a\",\"NAME\":1}", "NAME", "no such column"},
		{"{\"name\":\"a\",\"orm_null\":1}", "orm_null", "no such column"},
		{"{\"name\":\"a\\u0000b\"}", "", "\\u0000"},
		{"{\"na\\u0000me\":\"a\"}", "", "\\u0000"},
		{"{\"name\":\"\xff\"}", "", "decode byte"},
		{"{\"name\":\"\\ud800\"}", "", "\\uD800"},
		{"{}", "name", "missing"},
		{"{\"name\":null}", "name", "may not be null"},
		{"{\"id\":null,\"name\":\"a\"}", "id", "may not be null"},
		{"{\"name\":5}", "name", "a string is wanted, it is an integer"},
		{"{\"name\":[\"a\"]}", "name", "it is an array"},
		{"{\"name\":\"a\",\"score\":\"1\"}", "score", "a number is wanted"},
		{"{\"name\":\"a\",\"score\":1e999}", "", "overflow"},
		{"{\"name\":\"a\",\"score\":NaN}", "", "NaN"},
		{"{\"name\":\"a\",\"id\":1.0}", "id", "an integer is wanted, it is a number"},
		{"{\"name\":\"a\",\"id\":true}", "id", "it is true"},
		{"{\"name\":\"a\",\"id\":9223372036854775808}", "", "too big integer"},
	};
	static const struct hostile everies[] = {
		{"{\"small\":32768}", "small", "out of range"},
		{"{\"middle\":-2147483649}", "middle", "out of range"},
		{"{\"real\":1e39}", "real", "out of range"},
		{"{\"exact\":1}", "exact", "a string is wanted"},
		{"{\"exact\":\"1e5\"}", "exact", "number as text"},
		{"{\"exact\":\"\"}", "exact", "number as text"},
		{"{\"exact\":\"1.\"}", "exact", "number as text"},
		{"{\"exact\":\".5\"}", "exact", "number as text"},
		{"{\"raw\":\"A\"}", "raw", "base64"},
		{"{\"raw\":\"AB==\"}", "raw", "base64"},
		{"{\"raw\":\"A=B=\"}", "raw", "base64"},
		{"{\"raw\":\"====\"}", "raw", "base64"},
		{"{\"raw\":\"AA==AAAA\"}", "raw", "base64"},
		{"{\"raw\":\"AA A\"}", "raw", "base64"},
		{"{\"uid\":\"deadbeef\"}", "uid", "36 characters"},
		{"{\"uid\":\"gggggggg-0000-0000-0000-000000000000\"}", "uid", "36 characters"},
		{"{\"uid\":\"00000000-0000-0000-00000-00000000000\"}", "uid", "36 characters"},
		{"{\"ints\":[1,2.5]}", "ints", "an integer"},
		{"{\"ints\":7}", "ints", "an array is wanted"},
		{"{\"doubles\":[null]}", "doubles", "a number"},
		{"{\"texts\":[\"a\",1]}", "texts", "a string"},
		{"{\"yes\":1}", "yes", "true or false"},
		{"{\"yes\":true,\"text\":\"\",\"small\":\"1\"}", "small", "an integer"},
	};

	(void)state;
	refuse_all(T(part), parts, ARRAY_LEN(parts));
	refuse_all(T(every), everies, ARRAY_LEN(everies));
}

/* {"name":[[[[...]]]]}, levels deep; and one object many times. */
static void depth_and_size_are_capped(void **state)
{
	const size_t levels = 1000000, times = 1200000;
	own_free char *deep = malloc(levels), *wide = malloc(times * 3 + 2);
	struct orm_json *json = NULL;
	struct orm_error err = {0};

	(void)state;
	assert_non_null(deep);
	assert_non_null(wide);
	memset(deep, '[', levels);
	assert_int_equal(orm_json_read(T(part), deep, levels, ORM_MASK_ALL, 0, &json, &err),
			 ORM_E_TOO_BIG);
	assert_non_null(strstr(err.text, "levels"));
	wide[0] = '[';
	for (size_t i = 0; i < times * 3; i++)
		wide[1 + i] = "{},"[i % 3];
	assert_int_equal(orm_json_read(T(part), wide, times * 3 + 1, ORM_MASK_ALL, 0, &json, &err),
			 ORM_E_TOO_BIG);
	assert_int_equal(orm_json_read(T(part), wide, (size_t)ORM_JSON_TEXT_MAX + 1, ORM_MASK_ALL,
				       0, &json, &err),
			 ORM_E_TOO_BIG);
	assert_null(json);
	/* Brackets inside strings are no levels. */
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result) */
	memcpy(deep, "{\"name\":\"\\\"", 11);
	memset(deep + 11, '[', 200);
	memcpy(deep + 211, "\"}", 2); /* NOLINT(bugprone-not-null-terminated-result) */
	assert_int_equal(orm_json_read(T(part), deep, 213, ORM_MASK_ALL, 0, &json, &err), 0);
	orm_json_free(json);
}

/* jansson took it for the end of the document, and what came behind it was not looked at. */
static void a_nul_is_no_end(void **state)
{
	static const char text[] = "{\"id\":1,\"name\":\"a\"}\0{";
	struct orm_json *json = NULL;
	struct orm_error err = {0};

	(void)state;
	assert_int_equal(
		orm_json_read(T(part), text, sizeof(text) - 1, ORM_MASK_ALL, 0, &json, &err),
		ORM_E_VALUE);
	assert_non_null(strstr(err.text, "NUL"));
	assert_int_equal(orm_json_read(T(part), text, strlen(text), ORM_MASK_ALL, 0, &json, &err),
			 0);
	orm_json_free(json);
}

static void base64_vectors(void **state)
{
	/* RFC 4648, section 10 */
	static const char *const vectors[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		size_t len = strlen(vectors[i][0]), coded = base64_len(len), got = 99;
		char text[16] = "", back[16] = "";

		base64_encode(vectors[i][0], len, text);
		assert_int_equal(coded, strlen(vectors[i][1]));
		assert_memory_equal(text, vectors[i][1], coded);
		assert_true(base64_decode(text, coded, back, &got));
		assert_int_equal(got, len);
		assert_string_equal(back, vectors[i][0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field_comes_back),
		cmocka_unit_test(nulls_come_back),
		cmocka_unit_test(masks_hold),
		cmocka_unit_test(many_rows),
		cmocka_unit_test(what_is_given_is_known),
		cmocka_unit_test(what_has_no_json_is_refused),
		cmocka_unit_test(wrong_members_are_named),
		cmocka_unit_test(depth_and_size_are_capped),
		cmocka_unit_test(a_nul_is_no_end),
		cmocka_unit_test(base64_vectors),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
