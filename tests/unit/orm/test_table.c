// SPDX-License-Identifier: AGPL-3.0-or-later
/* Descriptors: what the check refuses, masks of roles, and fields read through a descriptor. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <strazh/orm/error.h>
#include <strazh/orm/table.h>

#include <orm/table/keys.h>

#define EVERY(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(b, yes, BOOLEAN, NN)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(i32, middle, INTEGER, UNIQUE)                                                            \
	X(f32, real, REAL, INDEX)                                                                  \
	X(f64, wide, DOUBLE, 0)                                                                    \
	X(str, exact, NUMERIC, 0)                                                                  \
	X(str, text, TEXT, NN | ROLE_1)                                                            \
	X(bytes, raw, BYTES, ROLE_2)                                                               \
	X(i64, at_ms, TIMESTAMP_MS, ROLE_3)                                                        \
	X(uuid, uid, UUID, 0)                                                                      \
	X(str, ip, INET, SECRET)                                                                   \
	X(str, net, CIDR, SECRET | ROLE_1)                                                         \
	X(str, doc, JSON, 0)                                                                       \
	X(str, docb, JSONB, 0)                                                                     \
	X(i64s, ints, BIGINTS, 0)                                                                  \
	X(f64s, doubles, DOUBLES, 0)                                                               \
	X(strs, texts, TEXTS, 0)                                                                   \
	X(f64s, vec, VECTOR, 0)
#define EVERY_KEYS(K)                                                                              \
	K(INDEX, every_by_two, "wide, text", "")                                                   \
	K(UNIQUE, every_pair, "ip,net", "")                                                        \
	K(CHECK, every_range, "wide >= 0", "")                                                     \
	K(FOREIGN, middle, "owner", "id SET NULL")                                                 \
	K(DEFAULT, middle, "7", "")                                                                \
	K(MANY, events, "event", "every_id = id")                                                  \
	K(ONE, owner, "owner", "id = middle")
ORM_TABLE_KEYS(every, EVERY, EVERY_KEYS)

static void every_type_fits(void **state)
{
	struct orm_error err;

	(void)state;
	assert_int_equal(orm_table_check(T(every), &err), 0);
	assert_int_equal(orm_table_check(T(every), NULL), 0);
	for (unsigned type = 1; type < ORM_T_COUNT; type++) {
		const char *name = orm_type_name(type);

		assert_int_equal(orm_type_find(name, strlen(name)), type);
		assert_int_not_equal(orm_type_kind(type), ORM_K_NULL);
	}
	assert_int_equal(orm_type_find("NONE", 4), ORM_T_NONE);
	assert_int_equal(orm_type_find("bigint", 6), ORM_T_NONE);
	assert_int_equal(orm_type_find("BIGINTS", 6), ORM_T_BIGINT);
}

static void names(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'a', sizeof(longest));
	assert_true(orm_name_ok("a", 1));
	assert_true(orm_name_ok("_", 1));
	assert_true(orm_name_ok("Z9_", 3));
	assert_true(orm_name_ok(longest, 63));
	assert_false(orm_name_ok(longest, 64));
	assert_false(orm_name_ok("", 0));
	assert_false(orm_name_ok(NULL, 0));
	assert_false(orm_name_ok("9a", 2));
	assert_false(orm_name_ok("a b", 3));
	assert_false(orm_name_ok("a\"b", 3));
	assert_false(orm_name_ok("a\0b", 3));
	assert_false(orm_name_ok("\xc3\xa4", 2));
}

static void found_by_name(void **state)
{
	(void)state;
	assert_int_equal(orm_table_find(T(every), "id", 2), 0);
	assert_int_equal(orm_table_find(T(every), "vecX", 3), 18);
	assert_int_equal(orm_table_find(T(every), "ve", 2), -1);
	assert_int_equal(orm_table_find(T(every), "vector", 6), -1);
	assert_int_equal(orm_table_find(T(every), "ID", 2), -1);
	assert_int_equal(orm_table_find(T(every), "id\0xyzzyx", 9), -1);
	assert_int_equal(orm_table_find(T(every), "", 0), -1);
}

static void roles_see_no_secret(void **state)
{
	const uint64_t text = ORM_BIT(every, text), raw = ORM_BIT(every, raw);
	const uint64_t at = ORM_BIT(every, at_ms);
	const uint64_t secret = ORM_BIT(every, ip) | ORM_BIT(every, net);
	const uint64_t all = (1ULL << 19) - 1;

	(void)state;
	assert_int_equal(orm_table_mask(T(every), 0), all & ~(text | raw | at | secret));
	assert_int_equal(orm_table_mask(T(every), 1), all & ~(raw | at | secret));
	assert_int_equal(orm_table_mask(T(every), 2), all & ~(at | secret));
	assert_int_equal(orm_table_mask(T(every), 3), all & ~secret);
}

/* ---- what is refused ---- */

struct pair {
	uint64_t orm_null;
	int64_t a;
	int64_t b;
};
static const struct orm_column pair_columns[2] = {
	{"a", ORM_T_BIGINT, ORM_K_I64, 8, ORM_PK, 8},
	{"b", ORM_T_BIGINT, ORM_K_I64, 8, 0, 16},
};

static int judge(const struct orm_column columns[2], const struct orm_key *key, unsigned keys,
		 const char *want)
{
	const struct orm_table table = {"pair", columns,	key,
					2,	(uint16_t)keys, sizeof(struct pair)};
	struct orm_error err = {0};
	int r = orm_table_check(&table, &err);

	if (want && !strstr(err.text, want))
		fail_msg("'%s' lacks '%s'", err.text, want);
	return r;
}

static void columns_are_checked(void **state)
{
	static const struct {
		struct orm_column b;
		const char *want;
	} bad[] = {
		{{"b c", ORM_T_BIGINT, ORM_K_I64, 8, 0, 16}, "not a name"},
		{{NULL, ORM_T_BIGINT, ORM_K_I64, 8, 0, 16}, "not a name"},
		{{"a", ORM_T_BIGINT, ORM_K_I64, 8, 0, 16}, "two columns"},
		{{"A", ORM_T_BIGINT, ORM_K_I64, 8, 0, 16}, "two columns"},
		{{"b", ORM_T_NONE, ORM_K_I64, 8, 0, 16}, "none of types.h"},
		{{"b", ORM_T_COUNT, ORM_K_I64, 8, 0, 16}, "none of types.h"},
		{{"b", ORM_T_TEXT, ORM_K_I64, 8, 0, 16}, "cannot hold"},
		{{"b", ORM_T_BIGINT, ORM_K_TEXT, 8, 0, 16}, "cannot hold"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 4, 0, 16}, "cannot hold"},
		{{"b", ORM_T_INTEGER, ORM_K_I64, 2, 0, 16}, "cannot hold"},
		{{"b", ORM_T_SMALLINT, ORM_K_I64, 3, 0, 16}, "cannot hold"},
		{{"b", ORM_T_DOUBLE, ORM_K_F64, 4, 0, 16}, "cannot hold"},
		{{"b", ORM_T_BOOLEAN, ORM_K_BOOL, 8, 0, 16}, "cannot hold"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 8, 0, 20}, "outside"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 8, 0, 0}, "outside"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 8, 0, UINT32_MAX}, "outside"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 8, ORM_AUTO, 16}, "AUTO"},
		{{"b", ORM_T_BIGINT, ORM_K_I64, 8, ORM_PK | ORM_AUTO, 16}, "AUTO"},
	};
	struct orm_column columns[2] = {pair_columns[0], pair_columns[1]};

	(void)state;
	assert_int_equal(judge(columns, NULL, 0, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		columns[1] = bad[i].b;
		assert_int_equal(judge(columns, NULL, 0, bad[i].want), ORM_E_QUERY);
	}
	/* A wider field holds a narrower type. */
	columns[1] = (struct orm_column){"b", ORM_T_SMALLINT, ORM_K_I64, 8, 0, 16};
	assert_int_equal(judge(columns, NULL, 0, NULL), 0);
	columns[1] = (struct orm_column){"b", ORM_T_REAL, ORM_K_F64, 8, 0, 16};
	assert_int_equal(judge(columns, NULL, 0, NULL), 0);
	columns[0] = (struct orm_column){"a", ORM_T_DOUBLE, ORM_K_F64, 8, ORM_PK | ORM_AUTO, 8};
	assert_int_equal(judge(columns, NULL, 0, "AUTO is for SMALLINT"), ORM_E_QUERY);
}

static void keys_are_checked(void **state)
{
	static const struct {
		struct orm_key key;
		const char *want; /* NULL: it is fine */
	} cases[] = {
		{{ORM_KEY_INDEX, "i", "a", ""}, NULL},
		{{ORM_KEY_INDEX, "i", " b ,a ", ""}, NULL},
		{{ORM_KEY_INDEX, "i", "", ""}, "columns should be"},
		{{ORM_KEY_INDEX, "i", "a,", ""}, "columns should be"},
		{{ORM_KEY_INDEX, "i", ",a", ""}, "columns should be"},
		{{ORM_KEY_INDEX, "i", "a b", ""}, "columns should be"},
		{{ORM_KEY_UNIQUE, "i", "a, c", ""}, "columns should be"},
		{{ORM_KEY_UNIQUE, "i", "a, a", ""}, "columns should be"},
		{{ORM_KEY_UNIQUE, "i i", "a", ""}, "not a name of a key"},
		{{ORM_KEY_UNIQUE, "i", NULL, ""}, "not a name of a key"},
		{{ORM_KEY_CHECK, "c", "a > 0", ""}, NULL},
		{{ORM_KEY_CHECK, "c", "", ""}, "condition is empty"},
		{{ORM_KEY_DEFAULT, "b", "1", ""}, NULL},
		{{ORM_KEY_DEFAULT, "b", "", ""}, "default is empty"},
		{{ORM_KEY_DEFAULT, "c", "1", ""}, "not there"},
		{{ORM_KEY_FOREIGN, "b", "other", "id"}, NULL},
		{{ORM_KEY_FOREIGN, "b", "other", "id CASCADE"}, NULL},
		{{ORM_KEY_FOREIGN, "b", "other", "id RESTRICT"}, NULL},
		{{ORM_KEY_FOREIGN, "b", "other", "id SET NULL"}, NULL},
		{{ORM_KEY_FOREIGN, "b", "other", "id EXPLODE"}, "FOREIGN should be"},
		{{ORM_KEY_FOREIGN, "b", "other", ""}, "FOREIGN should be"},
		{{ORM_KEY_FOREIGN, "b", "o;", "id"}, "FOREIGN should be"},
		{{ORM_KEY_FOREIGN, "c", "other", "id"}, "not there"},
		{{ORM_KEY_MANY, "r", "other", "x = a"}, NULL},
		{{ORM_KEY_ONE, "r", "other", "x=a"}, NULL},
		{{ORM_KEY_ONE, "r", "other", "x = c"}, "our column"},
		{{ORM_KEY_ONE, "r", "other", "x = a b"}, "a relation should be"},
		{{ORM_KEY_ONE, "r", "other", "x"}, "a relation should be"},
		{{99, "r", "other", "x"}, "not a kind"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(judge(pair_columns, &cases[i].key, 1, cases[i].want),
				 cases[i].want ? ORM_E_QUERY : 0);
}

static void key_names_meet_once(void **state)
{
	const struct orm_key twice[] = {{ORM_KEY_INDEX, "i", "a", ""},
					{ORM_KEY_CHECK, "I", "a > 0", ""}};
	const struct orm_key apart[] = {{ORM_KEY_DEFAULT, "b", "1", ""},
					{ORM_KEY_FOREIGN, "b", "other", "id"},
					{ORM_KEY_ONE, "b", "other", "id = b"},
					{ORM_KEY_INDEX, "b", "b", ""}};
	const struct orm_key defaults[] = {{ORM_KEY_DEFAULT, "b", "1", ""},
					   {ORM_KEY_DEFAULT, "b", "2", ""}};

	(void)state;
	assert_int_equal(judge(pair_columns, twice, 2, "two keys"), ORM_E_QUERY);
	assert_int_equal(judge(pair_columns, apart, 4, NULL), 0);
	assert_int_equal(judge(pair_columns, defaults, 2, "two keys"), ORM_E_QUERY);
}

static void columns_are_counted(void **state)
{
	static struct orm_column many[65];
	static char name[65][8];
	struct orm_table table = {"many", many, NULL, 64, 0, sizeof(uint64_t) + 65 * 8};
	struct orm_error err;

	(void)state;
	for (unsigned i = 0; i < 65; i++) {
		snprintf(name[i], sizeof(name[i]), "c%u", i);
		many[i] = (struct orm_column){name[i], ORM_T_BIGINT, ORM_K_I64, 8, 0, 8 + i * 8};
	}
	assert_int_equal(orm_table_check(&table, &err), 0);
	table.count = 65;
	assert_int_equal(orm_table_check(&table, &err), ORM_E_QUERY);
	assert_non_null(strstr(err.text, "65 columns"));
	table.count = 0;
	assert_int_equal(orm_table_check(&table, &err), ORM_E_QUERY);
	table.count = 1;
	table.name = "a-b";
	assert_int_equal(orm_table_check(&table, &err), ORM_E_QUERY);
	assert_int_equal(orm_table_check(NULL, &err), ORM_E_QUERY);
}

/* ---- rows ---- */

#define GET(row, col) orm_row_get(T(every), offsetof(struct every_index_, col), row)

static void fields_are_read(void **state)
{
	static const int64_t ints[] = {1, INT64_MIN};
	static const char *const texts[] = {"a", ""};
	const struct every row = {
		.id = INT64_MAX,
		.yes = true,
		.small = INT16_MIN,
		.middle = INT32_MIN,
		.real = 0.5F,
		.wide = -1e300,
		.text = "",
		.raw = {"", 0},
		.uid = {{1, 2, 3}},
		.ints = {ints, 2},
		.texts = {texts, 2},
	};

	(void)state;
	assert_int_equal(GET(&row, id).i, INT64_MAX);
	assert_int_equal(GET(&row, id).type, ORM_T_BIGINT);
	assert_true(GET(&row, yes).b);
	assert_int_equal(GET(&row, yes).kind, ORM_K_BOOL);
	assert_int_equal(GET(&row, small).i, INT16_MIN);
	assert_int_equal(GET(&row, middle).i, INT32_MIN);
	assert_true(GET(&row, real).f == 0.5);
	assert_true(GET(&row, wide).f == -1e300);
	assert_int_equal(GET(&row, text).kind, ORM_K_TEXT);
	assert_int_equal(GET(&row, text).len, 0);
	assert_int_equal(GET(&row, raw).kind, ORM_K_BYTES);
	assert_ptr_equal(GET(&row, uid).p, row.uid.b);
	assert_int_equal(GET(&row, uid).len, 16);
	assert_int_equal(GET(&row, ints).kind, ORM_K_I64S);
	assert_ptr_equal(GET(&row, ints).p, ints);
	assert_int_equal(GET(&row, texts).len, 2);
	assert_int_equal(GET(&row, texts).kind, ORM_K_TEXTS);
}

static void nulls_are_read(void **state)
{
	struct every row = {.orm_null = ORM_BIT(every, middle) | ORM_BIT(every, uid) |
					ORM_BIT(every, text),
			    .middle = 5,
			    .text = "set, and yet NULL by its bit"};

	(void)state;
	assert_int_equal(GET(&row, middle).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, middle).type, ORM_T_INTEGER);
	assert_int_equal(GET(&row, uid).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, text).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, id).kind, ORM_K_I64);
	assert_int_equal(GET(&row, raw).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, doc).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, vec).kind, ORM_K_NULL);
	assert_int_equal(GET(&row, texts).kind, ORM_K_NULL);
	row.orm_null = 0;
	assert_int_equal(GET(&row, middle).i, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_fits),     cmocka_unit_test(names),
		cmocka_unit_test(found_by_name),       cmocka_unit_test(roles_see_no_secret),
		cmocka_unit_test(columns_are_checked), cmocka_unit_test(keys_are_checked),
		cmocka_unit_test(key_names_meet_once), cmocka_unit_test(columns_are_counted),
		cmocka_unit_test(fields_are_read),     cmocka_unit_test(nulls_are_read),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
