// SPDX-License-Identifier: AGPL-3.0-or-later
/* Lists as text: read as the compiler reads them, written in one form, refused with a place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/base/own.h>
#include <strazh/orm/schema.h>

#define EVERY(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(b, yes, BOOLEAN, NN)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(b, again, BOOLEAN, NN | UNIQUE)                                                          \
	X(i32, middle, INTEGER, INDEX)                                                             \
	X(f32, real, REAL, NN)                                                                     \
	X(b, third, BOOLEAN, 0)                                                                    \
	X(uuid, uid, UUID, 0)                                                                      \
	X(f64, wide, DOUBLE, SECRET | ROLE_3)                                                      \
	X(str, exact, NUMERIC, ROLE_1 | ROLE_2)                                                    \
	X(bytes, raw, BYTES, 0)                                                                    \
	X(i64, at_ms, TIMESTAMP_MS, 0)                                                             \
	X(i64s, ints, BIGINTS, 0)                                                                  \
	X(f64s, vec, VECTOR, 0)                                                                    \
	X(strs, texts, TEXTS, 0)                                                                   \
	X(b, last, BOOLEAN, 0)
#define EVERY_KEYS(K)                                                                              \
	K(CHECK, every_quote, "exact <> '\"\\'", "")                                               \
	K(UNIQUE, every_pair, "small, middle", "")                                                 \
	K(INDEX, every_by_two, "wide, exact", "")                                                  \
	K(FOREIGN, middle, "owner", "id SET NULL")                                                 \
	K(DEFAULT, middle, "7", "")                                                                \
	K(MANY, events, "event", "every_id = id")
ORM_TABLE_KEYS(every, EVERY, EVERY_KEYS)

static const char every_text[] =
	"// SPDX\n"
	"#ifndef A_H\n#define A_H\n#include <strazh/orm/table.h>\n"
	"#define LIMIT 5 /* of\nno concern */\n"
	"#define QUOTE '\"'\n"
	"#define MIN_(a, b) ((a) < (b) ? (a) : (b))\r\n"
	"#define EVERY(X)\\\n"
	"  X(i64,id,BIGINT,PK|AUTO) /* a comment\n over lines */ \\\r\n"
	"\tX(b, yes, BOOLEAN, NN) X(i16, small, SMALLINT, 0) X(b, again, BOOLEAN, NN | UNIQUE)\\\n"
	"X(i32, middle, INTEGER, INDEX) X(f32, real, REAL, NN) X(b, third, BOOLEAN, 0)\\\n"
	"X(uuid, uid, UUID, 0) X ( f64 , wide , DOUBLE , SECRET | ROLE_3 ) \\\n"
	"X(str, exact, NUMERIC, ROLE_1 | ROLE_2) X(bytes, raw, BYTES, 0)\\\n"
	"X(i64, at_ms, TIMESTAMP_MS, 0) X(i64s, ints, BIGINTS, 0) X(f64s, vec, VECTOR, 0) \\\n"
	"X(strs, texts, TEXTS, 0) X(b, last, BOOLEAN, 0) // the end\n"
	"#define EVERY_KEYS(K) \\\n"
	" K(CHECK, every_quote, \"exact \" \\\n \"<> '\\\"\\\\'\", \"\")\\\n"
	" K(UNIQUE, every_pair, \"small, middle\", \"\") K(INDEX, every_by_two, \"wide, exact\", "
	"\"\")\\\n"
	" K(FOREIGN, middle, \"owner\", \"id SET NULL\") K(DEFAULT, middle, \"7\", \"\")\\\n"
	" K(MANY, events, \"event\", \"every_id = id\")\n"
	"ORM_TABLE_KEYS(every, EVERY,\n EVERY_KEYS);\n"
	"#define SUM(X) X(i64, total, BIGINT, 0)\n"
	"ORM_ROW(sum, SUM)\n"
	"ORM_TABLE(a_first, SUM)\n"
	"#endif\n";

static struct orm_schema *must_parse(const char *text)
{
	struct orm_schema *schema = NULL;
	struct orm_error err = {0};

	if (orm_schema_parse("f.def", text, strlen(text), &schema, &err))
		fail_msg("%s", err.text);
	return schema;
}

static void same_table(const struct orm_table *a, const struct orm_table *b)
{
	assert_string_equal(a->name, b->name);
	assert_int_equal(a->count, b->count);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->key_count, b->key_count);
	for (unsigned i = 0; i < a->count; i++) {
		const struct orm_column *x = &a->columns[i], *y = &b->columns[i];

		assert_string_equal(x->name, y->name);
		assert_int_equal(x->type, y->type);
		assert_int_equal(x->kind, y->kind);
		assert_int_equal(x->size, y->size);
		assert_int_equal(x->flags, y->flags);
		assert_int_equal(x->offset, y->offset);
	}
	for (unsigned i = 0; i < a->key_count; i++) {
		assert_int_equal(a->keys[i].kind, b->keys[i].kind);
		assert_string_equal(a->keys[i].name, b->keys[i].name);
		assert_string_equal(a->keys[i].a, b->keys[i].a);
		assert_string_equal(a->keys[i].b, b->keys[i].b);
	}
}

static void as_the_compiler_reads_it(void **state)
{
	struct orm_schema *schema = must_parse(every_text);

	(void)state;
	assert_int_equal(orm_schema_count(schema), 2);
	assert_string_equal(orm_schema_table(schema, 0)->name, "a_first");
	assert_null(orm_schema_find(schema, "sum"));
	assert_null(orm_schema_table(schema, 2));
	same_table(orm_schema_table(schema, 1), T(every));
	orm_schema_free(schema);
}

static void a_copy_is_the_same(void **state)
{
	const struct orm_table *tables[] = {T(every)};
	struct orm_schema *schema = NULL;

	(void)state;
	assert_int_equal(orm_schema_of(tables, 1, &schema, NULL), 0);
	same_table(orm_schema_table(schema, 0), T(every));
	orm_schema_free(schema);
}

static void text_is_stable(void **state)
{
	struct orm_schema *schema = must_parse(every_text), *again;
	own_free char *text = NULL, *twice = NULL;

	(void)state;
	assert_int_equal(orm_schema_text(schema, &text, NULL), 0);
	again = must_parse(text);
	assert_int_equal(orm_schema_text(again, &twice, NULL), 0);
	assert_string_equal(text, twice);
	assert_non_null(strstr(text, "X(f64, wide, DOUBLE, SECRET | ROLE_3)"));
	assert_non_null(strstr(text, "K(CHECK, every_quote, \"exact <> '\\\"\\\\'\", \"\")"));
	orm_schema_free(schema);
	orm_schema_free(again);
}

#define HEAD "#define A(X) X(i64, id, BIGINT, PK)\n"

static void wrong_lists_have_a_place(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} bad[] = {
		{"int x;", "f.def:1:1: #define, ORM_TABLE"},
		{"\n  ORM_TABEL(a, A)", "f.def:2:3: #define, ORM_TABLE"},
		{"ORM_TABLE(a, A)", "f.def:1:14: no #define A(X)"},
		{HEAD "ORM_TABLE(a A)", "f.def:2:13: ',' should be here"},
		{HEAD "ORM_TABLE(a, A", "f.def:2:15: ')' should be here"},
		{HEAD "ORM_TABLE(a, A)\nORM_TABLE(A, A)", "f.def:3:11: two tables"},
		{HEAD "#define A(X) X(b, c, BOOLEAN, 0)", "f.def:2:9: 'A' is defined twice"},
		{"#define A(X)\nORM_TABLE(a, A)", "f.def:2:11: table 'a' has 0 columns"},
		{"#define A(X) Y(i64, id, BIGINT, 0)\nORM_TABLE(a, A)",
		 "f.def:1:14: 'X(...)' or the end"},
		{"#define A(X) X(i46, id, BIGINT, 0)\nORM_TABLE(a, A)",
		 "f.def:1:16: 'i46' is no C type; there are b i16"},
		{"#define A(X) X(i64, id, BIGGER, 0)\nORM_TABLE(a, A)",
		 "f.def:1:25: 'BIGGER' is no SQL type; there are BOOLEAN"},
		{"#define A(X) X(i32, id, BIGINT, 0)\nORM_TABLE(a, A)",
		 "f.def:2:11: table 'a': 'id': the field cannot hold"},
		{"#define A(X) X(i64, id, BIGINT, NULL)\nORM_TABLE(a, A)",
		 "f.def:1:33: flags should be here"},
		{"#define A(X) X(i64, id, BIGINT, NN PK)\nORM_TABLE(a, A)",
		 "f.def:1:36: '|' or ')'"},
		{"#define A(X) X(i64, id, BIGINT)\nORM_TABLE(a, A)", "f.def:1:31: ',' should"},
		{"#define A(X) X(i64, id,\nORM_TABLE(a, A)", "f.def:1:24: an SQL type"},
		{"#define A(X) X(i64, 5, BIGINT, 0)\nORM_TABLE(a, A)", "f.def:1:21: the column's"},
		{HEAD "#define K(K) K(INDEX, i, \"nope\", \"\")\nORM_TABLE_KEYS(a, A, K)",
		 "f.def:3:16: table 'a': 'i': its columns"},
		{HEAD "#define K(K) K(INDECES, i, \"id\", \"\")\nORM_TABLE_KEYS(a, A, K)",
		 "f.def:2:16: 'INDECES' is no kind"},
		{HEAD "#define K(K) K(INDEX, i, id, \"\")\nORM_TABLE_KEYS(a, A, K)",
		 "f.def:2:26: a string"},
		{HEAD "#define K(K) K(INDEX, i, \"id\")\nORM_TABLE_KEYS(a, A, K)",
		 "f.def:2:30: ',' should"},
		{HEAD "#define K(K) K(CHECK, i, \"\\x41\", \"\")\nORM_TABLE_KEYS(a, A, K)",
		 "f.def:2:26: a string may hold"},
		{"#define A(X) \"abc\n", "f.def:1:14: a string without"},
		{"/* abc\n", "f.def:1:1: a comment without"},
		{"#if 0\n", "f.def:1:2: a file of lists has"},
		{"#ifdef A\n", "f.def:1:2: a file of lists has"},
		{"#", "f.def:1:2: a file of lists has"},
		{"#define", "f.def:1:8: the name of what is defined"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct orm_schema *schema = NULL;
		struct orm_error err = {0};
		int r = orm_schema_parse("f.def", bad[i].text, strlen(bad[i].text), &schema, &err);

		if (r != ORM_E_QUERY || schema ||
		    strncmp(err.text, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("'%s': %d '%s', not '%s'", bad[i].text, r, err.text, bad[i].want);
	}
}

/* Append to a text that has room. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t *len,
							 const char *format, ...)
{
	va_list args;

	va_start(args, format);
	*len += (size_t)vsnprintf(text + *len, 200, format, args);
	va_end(args);
}

static void lists_are_capped(void **state)
{
	own_free char *text = malloc(ORM_SCHEMA_TEXT_MAX + 1);
	struct orm_schema *schema = NULL;
	struct orm_error err = {0};
	size_t len = 0;

	(void)state;
	assert_non_null(text);
	memset(text, ' ', ORM_SCHEMA_TEXT_MAX + 1);
	assert_int_equal(orm_schema_parse("f", text, ORM_SCHEMA_TEXT_MAX + 1, &schema, &err),
			 ORM_E_TOO_BIG);
	for (unsigned i = 0; i < 65; i++)
		append(text, &len, "%s X(i64, c%u, BIGINT, 0)", i ? "" : "#define A(X)", i);
	append(text, &len, "\nORM_TABLE(a, A)");
	assert_int_equal(orm_schema_parse("f", text, len, &schema, &err), ORM_E_QUERY);
	assert_non_null(strstr(err.text, "at most 64 columns"));
	len = 0;
	append(text, &len, HEAD "#define B(K) ");
	for (unsigned i = 0; i <= ORM_SCHEMA_KEYS_MAX; i++)
		append(text, &len, "K(INDEX, i%u, \"id\", \"\")", i);
	append(text, &len, "\nORM_TABLE_KEYS(a, A, B)");
	assert_int_equal(orm_schema_parse("f", text, len, &schema, &err), ORM_E_QUERY);
	assert_non_null(strstr(err.text, "more than 256 keys"));
	len = 0;
	append(text, &len, HEAD);
	for (unsigned i = 0; i <= ORM_SCHEMA_TABLES_MAX; i++)
		append(text, &len, "ORM_TABLE(t%u, A)", i);
	assert_int_equal(orm_schema_parse("f", text, len, &schema, &err), ORM_E_TOO_BIG);
	assert_null(schema);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_the_compiler_reads_it),
		cmocka_unit_test(a_copy_is_the_same),
		cmocka_unit_test(text_is_stable),
		cmocka_unit_test(wrong_lists_have_a_place),
		cmocka_unit_test(lists_are_capped),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
