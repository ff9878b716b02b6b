/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Fields of PostgreSQL in text format, as psql shows them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <strazh/base/compiler.h>
#include <strazh/orm/error.h>

#include <orm/base/arena.h>
#include <orm/drivers/pg/codec.h>
#include <orm/drivers/pg/number.h>
#include <orm/drivers/pg/oid.h>

static struct arena arena;
static const char *why;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 1U << 20);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_deinit(&arena);
	return 0;
}

static int decode_text(uint32_t oid, enum orm_type want, const char *text,
		       struct orm_value *ret_value)
{
	char *data = arena_copy(&arena, text, strlen(text));

	why = NULL;
	return pg_decode_text(&arena, oid, want, data, strlen(text), ret_value, &why);
}

static void assert_text(const struct orm_value *v, const char *text)
{
	assert_int_equal(v->kind, ORM_K_TEXT);
	assert_int_equal(v->len, strlen(text));
	assert_memory_equal(v->p, text, v->len);
}

static void text_format(void **state)
{
	struct orm_value v;

	(void)state;
	assert_int_equal(decode_text(PG_INT4, ORM_T_NONE, "-12", &v), 0);
	assert_true(v.kind == ORM_K_I64 && v.i == -12);
	assert_int_equal(decode_text(PG_INT8, ORM_T_NONE, "-9223372036854775808", &v), 0);
	assert_int_equal(v.i, INT64_MIN);
	assert_int_equal(decode_text(PG_INT8, ORM_T_NONE, "9223372036854775808", &v), ORM_E_VALUE);
	assert_int_equal(decode_text(PG_FLOAT8, ORM_T_NONE, "1e-07", &v), 0);
	assert_true(v.f == 1e-07);
	assert_int_equal(decode_text(PG_FLOAT8, ORM_T_NONE, "-Infinity", &v), 0);
	assert_true(v.f < -1e308);
	assert_int_equal(decode_text(PG_BOOL, ORM_T_NONE, "t", &v), 0);
	assert_true(v.kind == ORM_K_BOOL && v.b);
	assert_int_equal(decode_text(PG_BYTEA, ORM_T_NONE, "\\x00fF", &v), 0);
	assert_int_equal(v.len, 2);
	assert_memory_equal(v.p, "\0\xff", 2);
	assert_int_equal(decode_text(PG_BYTEA, ORM_T_NONE, "\\x", &v), 0);
	assert_int_equal(v.len, 0);
	assert_int_equal(decode_text(PG_BYTEA, ORM_T_NONE, "\\001", &v), ORM_E_VALUE);
	assert_int_equal(decode_text(PG_BYTEA, ORM_T_NONE, "x", &v), ORM_E_VALUE);
	assert_int_equal(
		decode_text(PG_UUID, ORM_T_NONE, "12345678-9abc-def0-0102-030405060708", &v), 0);
	assert_int_equal(v.kind, ORM_K_UUID);
	assert_int_equal(decode_text(PG_NUMERIC, ORM_T_NONE, "1.50", &v), 0);
	assert_text(&v, "1.50");
	assert_int_equal(v.type, ORM_T_NUMERIC);
	assert_int_equal(decode_text(16999, ORM_T_NONE, "happy", &v), 0); /* an enum of theirs */
	assert_text(&v, "happy");
	assert_int_equal(v.type, ORM_T_TEXT);
}

static void times_as_text(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} times[] = {
		{"1970-01-01 00:00:00+00", 0},
		{"1969-12-31 23:59:59.9995+00", -1},
		{"2024-01-02 03:04:05.678901+05:30", 1704144845678},
		{"2024-01-02 03:04:05.6-08", 1704193445600},
		{"0044-03-15 01:02:03 BC", -63517820277000},
		{"1800-01-01 00:00:00+00:19:32", -5364663572000},
	};
	static const char *const bad[] = {"infinity",
					  "",
					  "2024-13-01 00:00:00",
					  "01/02/2024 00:00",
					  "2024-01-01",
					  "2024-01-01 00:00:00+0",
					  "2024-01-01 00:00",
					  "2024-01-01 00:00:00 PST"};
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(times); i++) {
		assert_int_equal(decode_text(PG_TIMESTAMPTZ, ORM_T_NONE, times[i].text, &v), 0);
		assert_int_equal(v.i, times[i].ms);
		assert_int_equal(v.type, ORM_T_TIMESTAMP_MS);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(decode_text(PG_TIMESTAMP, ORM_T_NONE, bad[i], &v), ORM_E_VALUE);
}

static void arrays_as_text(void **state)
{
	static const char *const wanted[] = {"a b", "q\"x", "c\\d", "NULL", "", ",", "plain"};
	static const char *const bad[] = {"",	      "{",	   "}",	      "{a,}",
					  "{NULL}",   "{,a}",	   "{{a},b}", "{\"a}",
					  "{\"a\"b}", "[0:0]={a}", "{a\\}"};
	struct orm_value v;

	(void)state;
	assert_int_equal(decode_text(PG_TEXTS, ORM_T_NONE,
				     "{\"a b\",\"q\\\"x\",\"c\\\\d\",\"NULL\",\"\",\",\",plain}",
				     &v),
			 0);
	assert_int_equal(v.len, ARRAY_LEN(wanted));
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		assert_string_equal(((const char *const *)v.p)[i], wanted[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (decode_text(PG_TEXTS, ORM_T_NONE, bad[i], &v) != ORM_E_VALUE)
			fail_msg("'%s' is taken", bad[i]);
	assert_int_equal(decode_text(PG_TEXTS, ORM_T_NONE, "{}", &v), 0);
	assert_int_equal(v.len, 0);
	assert_int_equal(decode_text(PG_INT4S, ORM_T_NONE, "{1,-2}", &v), 0);
	assert_true(v.len == 2 && ((const int64_t *)v.p)[1] == -2);
	assert_int_equal(decode_text(PG_INT4S, ORM_T_NONE, "{1,NULL}", &v), ORM_E_VALUE);
	assert_int_equal(decode_text(PG_INT4S, ORM_T_NONE, "{1,}", &v), ORM_E_VALUE);
	assert_int_equal(decode_text(PG_FLOAT8S, ORM_T_NONE, "{}", &v), 0);
	assert_int_equal(decode_text(PG_FLOAT8S, ORM_T_NONE, "{0.5,NaN}", &v), 0);
	assert_true(((const double *)v.p)[0] == 0.5);
}

static void numbers_do_not_overflow(void **state)
{
	int64_t i;
	double f;

	(void)state;
	assert_true(number_parse_int("9223372036854775807", 19, &i));
	assert_int_equal(i, INT64_MAX);
	assert_false(number_parse_int("9223372036854775808", 19, &i));
	assert_false(number_parse_int("-9223372036854775809", 20, &i));
	assert_false(number_parse_int("-", 1, &i));
	assert_false(number_parse_int("", 0, &i));
	assert_false(number_parse_double(" 1", 2, &f));
	assert_false(number_parse_double("1.5x", 4, &f));
	assert_true(number_parse_double("1.5,2", 3, &f));
	assert_true(f == 1.5);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(text_format),
		TEST(times_as_text),
		TEST(arrays_as_text),
		TEST(numbers_do_not_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
