/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Values on their way into SQLite and back: every type, what is refused, bulk load. */
#include <errno.h>
#include <locale.h>
#include <math.h>

#include "sqlite.h"

static struct orm_conn *conn;

static int open_memory(void **state)
{
	(void)state;
	conn = open_as(":memory:codec", ORM_WRITER, NULL);
	return 0;
}

static int close_memory(void **state)
{
	(void)state;
	lite->close(conn);
	return 0;
}

/* SELECT of one parameter of type `in`, read as type `out`; the value lives until finish(). */
static int pass(enum orm_type in, enum orm_type out, const struct orm_value *value,
		struct orm_value *ret_value, struct orm_error *err)
{
	const uint8_t in_type = (uint8_t)in, out_type = (uint8_t)out;
	struct orm_stmt stmt = raw_stmt("SELECT ?1 AS c", 1);
	int r;

	stmt.flags = ORM_STMT_ROWS | ORM_STMT_ONCE;
	stmt.param_type = &in_type;
	stmt.columns = 1;
	stmt.column_type = &out_type;
	memset(err, 0, sizeof(*err));
	r = lite->start(conn, &stmt, value, err);
	if (!r)
		r = lite->step(conn, err);
	return r ? r : lite->value(conn, 0, ret_value, err);
}

static void expect_text(enum orm_type in, const struct orm_value *value, const char *stored)
{
	struct orm_error err;
	struct orm_value got;

	if (pass(in, ORM_T_NONE, value, &got, &err))
		fail_msg("%s: %s", orm_type_name(in), err.text);
	assert_int_equal(got.kind, ORM_K_TEXT);
	assert_int_equal(got.len, strlen(stored));
	assert_string_equal((const char *)got.p, stored);
	lite->finish(conn);
}

static void expect_refusal(enum orm_type in, const struct orm_value *value, const char *sqlstate)
{
	struct orm_error err;
	struct orm_value got;

	if (pass(in, ORM_T_NONE, value, &got, &err) != ORM_E_VALUE)
		fail_msg("%s of kind %d was taken", orm_type_name(in), value->kind);
	assert_string_equal(err.sqlstate, sqlstate);
	assert_non_null(strstr(err.text, "parameter 1"));
	lite->finish(conn);
}

/* ---- what is stored ---- */

static void numbers(void **state)
{
	static const struct {
		enum orm_type type;
		int64_t i;
	} ints[] = {{ORM_T_BIGINT, INT64_MIN},	 {ORM_T_BIGINT, INT64_MAX},
		    {ORM_T_INTEGER, INT32_MIN},	 {ORM_T_INTEGER, INT32_MAX},
		    {ORM_T_SMALLINT, INT16_MIN}, {ORM_T_SMALLINT, INT16_MAX},
		    {ORM_T_TIMESTAMP_MS, -1}};
	static const double doubles[] = {0.1, -0.0, 1e308, 5e-324, INFINITY, -INFINITY, 3};
	struct orm_error err;
	struct orm_value in, got;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
		in = orm_value_i64(ints[i].i);
		assert_int_equal(pass(ints[i].type, ints[i].type, &in, &got, &err), 0);
		assert_int_equal(got.kind, ORM_K_I64);
		assert_int_equal(got.type, ints[i].type);
		assert_true(got.i == ints[i].i);
		lite->finish(conn);
	}
	for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
		in = orm_value_f64(doubles[i]);
		assert_int_equal(pass(ORM_T_DOUBLE, ORM_T_DOUBLE, &in, &got, &err), 0);
		assert_int_equal(got.kind, ORM_K_F64);
		assert_true(got.f == doubles[i]);
		lite->finish(conn);
	}
	in = orm_value_f64(0.1); /* as a real of PostgreSQL */
	assert_int_equal(pass(ORM_T_REAL, ORM_T_REAL, &in, &got, &err), 0);
	assert_true(got.f == (double)0.1f);
	lite->finish(conn);
	in = orm_value_bool(true);
	assert_int_equal(pass(ORM_T_BOOLEAN, ORM_T_BOOLEAN, &in, &got, &err), 0);
	assert_true(got.kind == ORM_K_BOOL && got.b);
	lite->finish(conn);
	in = orm_value_null();
	for (int type = 0; type < ORM_T_COUNT; type++) {
		assert_int_equal(pass((enum orm_type)type, (enum orm_type)type, &in, &got, &err),
				 0);
		assert_int_equal(got.kind, ORM_K_NULL);
		lite->finish(conn);
	}
}

static void texts(void **state)
{
	static const struct {
		enum orm_type type;
		const char *in, *stored;
	} forms[] = {
		{ORM_T_TEXT, "Привет", "Привет"},
		{ORM_T_TEXT, "", ""},
		{ORM_T_NONE, "any", "any"},
		{ORM_T_NUMERIC, "+01.50", "1.50"},
		{ORM_T_UUID, "A0EEBC999C0B4EF8BB6D6BB9BD380A11",
		 "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"},
		{ORM_T_INET, "10.0.0.1/32", "10.0.0.1"},
		{ORM_T_CIDR, "2001:DB8::/32", "2001:db8::/32"},
		{ORM_T_JSON, "{\"a\": [1, 2.50]}", "{\"a\": [1, 2.50]}"},
		{ORM_T_JSONB, "\"x\"", "\"x\""},
	};
	const struct orm_uuid uuid = {{0xa0, 0xee, [15] = 0x11}};
	struct orm_value in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
		in = orm_value_text(forms[i].in);
		expect_text(forms[i].type, &in, forms[i].stored);
	}
	in = orm_value_uuid(&uuid);
	expect_text(ORM_T_UUID, &in, "a0ee0000-0000-0000-0000-000000000011");
	in = orm_value_i64(-12);
	expect_text(ORM_T_NUMERIC, &in, "-12");
	in = orm_value_f64(10.5e20);
	expect_text(ORM_T_NUMERIC, &in, "1050000000000000000000");
	in = orm_value_text_len("abcdef", 3);
	expect_text(ORM_T_TEXT, &in, "abc");
}

static void bytes_and_uuids(void **state)
{
	static const unsigned char data[] = {0, 1, 0xff, 0};
	const struct orm_uuid uuid = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
	struct orm_value in = orm_value_bytes((struct orm_bytes){data, sizeof(data)}), got;
	struct orm_error err;

	(void)state;
	assert_int_equal(pass(ORM_T_BYTES, ORM_T_BYTES, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_BYTES);
	assert_int_equal(got.len, sizeof(data));
	assert_memory_equal(got.p, data, sizeof(data));
	lite->finish(conn);
	in = orm_value_bytes((struct orm_bytes){"", 0}); /* empty is not NULL */
	assert_int_equal(pass(ORM_T_BYTES, ORM_T_BYTES, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_BYTES);
	assert_int_equal(got.len, 0);
	assert_non_null(got.p);
	lite->finish(conn);
	in = orm_value_uuid(&uuid);
	assert_int_equal(pass(ORM_T_UUID, ORM_T_UUID, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_UUID);
	assert_int_equal(got.len, 16);
	assert_memory_equal(got.p, uuid.b, 16);
	lite->finish(conn);
}

/* ---- arrays ---- */

static void arrays(void **state)
{
	static const int64_t ints[] = {1, INT64_MIN, INT64_MAX, 0, -1};
	static const char *const strs[] = {"", "a\"b\\c\n\x01\x7f", "Привет", "[1]"};
	struct orm_value in = orm_value_i64s((struct orm_i64s){ints, 5}), got;
	struct orm_error err;

	(void)state;
	expect_text(ORM_T_BIGINTS, &in, "[1,-9223372036854775808,9223372036854775807,0,-1]");
	assert_int_equal(pass(ORM_T_BIGINTS, ORM_T_BIGINTS, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_I64S);
	assert_int_equal(got.len, 5);
	assert_memory_equal(got.p, ints, sizeof(ints));
	lite->finish(conn);

	in = orm_value_texts((struct orm_strs){strs, 4});
	assert_int_equal(pass(ORM_T_TEXTS, ORM_T_TEXTS, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_TEXTS);
	assert_int_equal(got.len, 4);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(((const char *const *)got.p)[i], strs[i]);
	lite->finish(conn);

	in = orm_value_i64s((struct orm_i64s){ints, 0});
	expect_text(ORM_T_BIGINTS, &in, "[]");
	assert_int_equal(pass(ORM_T_TEXTS, ORM_T_TEXTS, &(struct orm_value){.kind = ORM_K_TEXTS},
			      &got, &err),
			 0);
	assert_int_equal(got.kind, ORM_K_TEXTS);
	assert_int_equal(got.len, 0);
	lite->finish(conn);
}

/* Every bit of every double, whatever the locale says about the decimal point. */
static void doubles_are_exact(void **state)
{
	static double in_v[2000];
	struct orm_value in = orm_value_f64s((struct orm_f64s){in_v, 2000}), got;
	uint64_t draw = 88172645463325252ULL;
	struct orm_error err;

	(void)state;
	setlocale(LC_ALL, "de_DE.UTF-8"); /* where it is installed */
	for (size_t i = 0; i < 2000; i++) {
		do {
			draw ^= draw << 13, draw ^= draw >> 7, draw ^= draw << 17;
			memcpy(&in_v[i], &draw, 8);
		} while (!isfinite(in_v[i]));
	}
	in_v[0] = -0.0, in_v[1] = 5e-324, in_v[2] = 0.1, in_v[3] = 1e22, in_v[4] = 3;
	assert_int_equal(pass(ORM_T_DOUBLES, ORM_T_DOUBLES, &in, &got, &err), 0);
	assert_int_equal(got.kind, ORM_K_F64S);
	assert_int_equal(got.len, 2000);
	assert_memory_equal(got.p, in_v, sizeof(in_v));
	lite->finish(conn);
	in.len = 5;
	expect_text(ORM_T_VECTOR, &in, "[-0.0,4.94065645841247e-324,0.1,1e+22,3.0]");
	setlocale(LC_ALL, "C");
}

/* As the IN lists of queries use them: the type may be the column's. */
static void arrays_in_json_each(void **state)
{
	static const uint8_t types[] = {ORM_T_BIGINT, ORM_T_INET, ORM_T_UUID};
	static const int64_t ints[] = {2, 3, 99};
	static const char *const inets[] = {"10.0.0.1/32", "2001:DB8::0"};
	static const char *const uuids[] = {"{00000000-0000-0000-0000-00000000000A}"};
	const struct orm_value values[] = {orm_value_i64s((struct orm_i64s){ints, 3}),
					   orm_value_texts((struct orm_strs){inets, 2}),
					   orm_value_texts((struct orm_strs){uuids, 1})};
	struct orm_stmt stmt = raw_stmt("SELECT (SELECT count(*) FROM t WHERE a IN "
					"(SELECT value FROM json_each(?1))), (SELECT count(*) "
					"FROM t WHERE n IN (SELECT value FROM json_each(?2))), "
					"(SELECT value FROM json_each(?3))",
					3);
	struct orm_value got;
	struct orm_error err;

	(void)state;
	script(conn,
	       "CREATE TABLE t(a INTEGER, n TEXT) STRICT; INSERT INTO t VALUES(1, '10.0.0.1'),"
	       "(2, '10.0.0.2'), (3, '2001:db8::')");
	stmt.param_type = types;
	assert_int_equal(lite->start(conn, &stmt, values, &err), 0);
	assert_int_equal(lite->step(conn, &err), 0);
	assert_int_equal(lite->value(conn, 0, &got, &err), 0);
	assert_int_equal(got.i, 2);
	assert_int_equal(lite->value(conn, 1, &got, &err), 0);
	assert_int_equal(got.i, 2);
	assert_int_equal(lite->value(conn, 2, &got, &err), 0);
	assert_string_equal((const char *)got.p, "00000000-0000-0000-0000-00000000000a");
	lite->finish(conn);
	script(conn, "DROP TABLE t");
}

/* ---- what is refused ---- */

static void bad_texts(void **state)
{
	static const struct {
		enum orm_type type;
		const char *in;
		const char *sqlstate;
	} bad[] = {
		{ORM_T_TEXT, "caf\xe9", "22021"},  {ORM_T_NONE, "\xff", "22021"},
		{ORM_T_JSON, "\"\xff\"", "22021"}, {ORM_T_JSON, "{", "22032"},
		{ORM_T_JSONB, "{'a':1}", "22032"}, {ORM_T_JSON, "", "22032"},
		{ORM_T_INET, "10.0.0", "22P02"},   {ORM_T_CIDR, "10.0.0.1/8", "22P02"},
		{ORM_T_UUID, "x", "22P02"},	   {ORM_T_NUMERIC, "1,5", "22P02"},
		{ORM_T_BIGINT, "5", "42804"},	   {ORM_T_BOOLEAN, "t", "42804"},
		{ORM_T_DOUBLE, "0.5", "42804"},	   {ORM_T_BYTES, "abc", "42804"},
		{ORM_T_BIGINTS, "[1]", "42804"},   {ORM_T_TIMESTAMP_MS, "now", "42804"},
	};
	struct orm_value in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		in = orm_value_text(bad[i].in);
		expect_refusal(bad[i].type, &in, bad[i].sqlstate);
	}
	in = orm_value_text_len("a\0b", 3);
	expect_refusal(ORM_T_TEXT, &in, "22021");
}

static void bad_numbers(void **state)
{
	static const struct {
		enum orm_type type;
		int64_t i;
		const char *sqlstate;
	} ints[] = {{ORM_T_SMALLINT, 32768, "22003"},
		    {ORM_T_SMALLINT, -32769, "22003"},
		    {ORM_T_INTEGER, INT64_C(2147483648), "22003"},
		    {ORM_T_BOOLEAN, 2, "22003"},
		    {ORM_T_TEXT, 1, "42804"},
		    {ORM_T_JSON, 1, "42804"}};
	struct orm_value in;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
		in = orm_value_i64(ints[i].i);
		expect_refusal(ints[i].type, &in, ints[i].sqlstate);
	}
	in = orm_value_f64(NAN);
	expect_refusal(ORM_T_DOUBLE, &in, "22003");
	expect_refusal(ORM_T_NONE, &in, "22003");
	expect_refusal(ORM_T_NUMERIC, &in, "22003");
	in = orm_value_f64(1e39);
	expect_refusal(ORM_T_REAL, &in, "22003");
	in = orm_value_f64(1);
	expect_refusal(ORM_T_BIGINT, &in, "42804");
	in = orm_value_bool(true);
	expect_refusal(ORM_T_BIGINT, &in, "42804");
}

static void bad_arrays(void **state)
{
	static const double nan_in[] = {1, NAN}, inf_in[] = {INFINITY};
	static const char *const bad_utf8[] = {"ok", "\xff"}, *const bad_inet[] = {"1.2.3.4", "x"};
	static const int64_t ints[] = {1};
	struct orm_value in = orm_value_f64s((struct orm_f64s){nan_in, 2});

	(void)state;
	expect_refusal(ORM_T_DOUBLES, &in, "22P02");
	in = orm_value_f64s((struct orm_f64s){inf_in, 1});
	expect_refusal(ORM_T_VECTOR, &in, "22P02");
	in = orm_value_texts((struct orm_strs){bad_utf8, 2});
	expect_refusal(ORM_T_TEXTS, &in, "22P02");
	in = orm_value_texts((struct orm_strs){bad_inet, 2});
	expect_refusal(ORM_T_INET, &in, "22P02");
	in = orm_value_i64s((struct orm_i64s){ints, 1});
	expect_refusal(ORM_T_TEXTS, &in, "22P02");
	expect_refusal(ORM_T_BYTES, &in, "22P02");
}

/* What another program may have stored, or an expression gives. */
static void stored_otherwise(void **state)
{
	static const struct {
		const char *sql; /* column c */
		enum orm_type type;
		const char *sqlstate;
		const char *says;
	} bad[] = {
		{"SELECT 'x' AS c", ORM_T_BIGINT, "42804", "holds TEXT"},
		{"SELECT 1.5 AS c", ORM_T_BIGINT, "42804", "holds REAL"},
		{"SELECT 40000 AS c", ORM_T_SMALLINT, "22003", "out of range"},
		{"SELECT 3000000000 AS c", ORM_T_INTEGER, "22003", "out of range"},
		{"SELECT 2 AS c", ORM_T_BOOLEAN, "22003", "out of range"},
		{"SELECT 'x' AS c", ORM_T_DOUBLE, "42804", "holds TEXT"},
		{"SELECT 1e300 AS c", ORM_T_REAL, "22003", "out of range"},
		{"SELECT 1 AS c", ORM_T_TEXT, "42804", "holds INTEGER"},
		{"SELECT x'00' AS c", ORM_T_TEXT, "42804", "holds BLOB"},
		{"SELECT 'x' AS c", ORM_T_BYTES, "42804", "holds TEXT"},
		{"SELECT 1.5 AS c", ORM_T_NUMERIC, "42804", "holds REAL"},
		{"SELECT 'x' AS c", ORM_T_UUID, "22P02", "no UUID"},
		{"SELECT 7 AS c", ORM_T_UUID, "42804", "holds INTEGER"},
		{"SELECT '[1' AS c", ORM_T_BIGINTS, "22P02", "no JSON array"},
		{"SELECT '{}' AS c", ORM_T_BIGINTS, "22P02", "no JSON array"},
		{"SELECT '[1.5]' AS c", ORM_T_BIGINTS, "22P02", "no JSON array"},
		{"SELECT '[1e999]' AS c", ORM_T_DOUBLES, "22P02", "no JSON array"},
		{"SELECT '[\"a\",null]' AS c", ORM_T_TEXTS, "22P02", "no JSON array"},
		{"SELECT '[\"\\u0000\"]' AS c", ORM_T_TEXTS, "22P02", "no JSON array"},
		{"SELECT CAST(x'610062' AS TEXT) AS c", ORM_T_TEXT, "22021", "NUL"},
		{"SELECT CAST(x'61ff' AS TEXT) AS c", ORM_T_TEXT, "22021", "UTF-8"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		const uint8_t type = (uint8_t)bad[i].type;
		struct orm_stmt stmt = raw_stmt(bad[i].sql, 0);
		struct orm_error err = {0};
		struct orm_value got;

		stmt.columns = 1;
		stmt.column_type = &type;
		assert_int_equal(lite->start(conn, &stmt, NULL, &err), 0);
		assert_int_equal(lite->step(conn, &err), 0);
		if (lite->value(conn, 0, &got, &err) != ORM_E_VALUE ||
		    strcmp(err.sqlstate, bad[i].sqlstate) || strcmp(err.column, "c") ||
		    !strstr(err.text, bad[i].says))
			fail_msg("%s as %s: %s %s", bad[i].sql, orm_type_name(bad[i].type),
				 err.sqlstate, err.text);
		lite->finish(conn);
	}
	assert_string_equal(ask(conn, "SELECT x'6162'"), "ab"); /* raw: as it is stored */
	assert_string_equal(ask(conn, "SELECT 1.5"), "1.5");
}

/* ---- load ---- */

#define CARGO(X)                                                                                   \
	X(i64, id, BIGINT, PK | AUTO)                                                              \
	X(str, name, TEXT, NN)                                                                     \
	X(i16, small, SMALLINT, 0)                                                                 \
	X(uuid, tag, UUID, 0)                                                                      \
	X(str, net, CIDR, 0)                                                                       \
	X(i64s, many, BIGINTS, 0)                                                                  \
	X(bytes, raw, BYTES, 0)
ORM_TABLE(cargo, CARGO)

struct rows {
	int64_t given;
	int64_t count;
	int64_t bad; /* row whose network is none, or -1 */
	int end;
	struct cargo row;
};

static int next_row(void *data, const void **ret_row)
{
	static const int64_t many[] = {1, 2};
	struct rows *rows = data;

	if (rows->given == rows->count)
		return rows->end;
	rows->row = (struct cargo){.name = "x",
				   .small = (int16_t)rows->given,
				   .tag = {{(uint8_t)rows->given}},
				   .net = rows->given == rows->bad ? "10.0.0.1/8" : "10.0.0.0/8",
				   .many = {many, 2}};
	if (rows->given % 2)
		rows->row.orm_null |= ORM_BIT(cargo, small);
	rows->given++;
	*ret_row = &rows->row;
	return 0;
}

static int load(struct rows *rows, uint64_t *ret_loaded, struct orm_error *err)
{
	const struct orm_source source = {.table = cargo_table(),
					  .mask = ((1U << 7) - 1) & ~ORM_BIT(cargo, id),
					  .next = next_row,
					  .data = rows};
	int r;

	assert_int_equal(lite->begin(conn, NULL, false, err), 0);
	r = lite->load(conn, &source, ret_loaded, err);
	if (r)
		lite->rollback(conn);
	else
		assert_int_equal(lite->commit(conn, err), 0);
	return r;
}

static void loads(void **state)
{
	struct rows rows = {.count = 5000, .bad = -1, .end = ORM_E_END};
	struct orm_error err;
	uint64_t loaded = 77;

	(void)state;
	script(conn, "CREATE TABLE cargo(id INTEGER PRIMARY KEY, name TEXT NOT NULL, small INTEGER "
		     "CHECK(small < 20000), tag TEXT, net TEXT, many TEXT, raw BLOB) STRICT");
	assert_int_equal(load(&rows, &loaded, &err), 0);
	assert_int_equal(loaded, 5000);
	assert_string_equal(ask(conn,
				"SELECT count(*) || ' ' || count(small) || ' ' || sum(small) ||"
				" ' ' || max(many) || ' ' || max(net) || ' ' || count(raw) || "
				"' ' || min(tag) FROM cargo"),
			    "5000 2500 6247500 [1,2] 10.0.0.0/8 0 "
			    "00000000-0000-0000-0000-000000000000");
	rows = (struct rows){.count = 100, .bad = 17, .end = ORM_E_END};
	assert_int_equal(load(&rows, &loaded, &err), ORM_E_VALUE);
	assert_int_equal(err.row, 17);
	assert_string_equal(err.column, "net");
	rows = (struct rows){.count = 30000, .bad = -1, .end = ORM_E_END};
	assert_int_equal(load(&rows, &loaded, &err), ORM_E_CHECK);
	assert_int_equal(err.row, 20000);
	rows = (struct rows){.count = 3, .bad = -1, .end = -EIO};
	assert_int_equal(load(&rows, &loaded, &err), -EIO);
	assert_int_equal(err.row, 3);
	assert_int_equal(loaded, 5000); /* untouched by failures */
	assert_string_equal(ask(conn, "SELECT count(*) FROM cargo"), "5000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
		cmocka_unit_test(bytes_and_uuids),
		cmocka_unit_test(arrays),
		cmocka_unit_test(doubles_are_exact),
		cmocka_unit_test(arrays_in_json_each),
		cmocka_unit_test(bad_texts),
		cmocka_unit_test(bad_numbers),
		cmocka_unit_test(bad_arrays),
		cmocka_unit_test(stored_otherwise),
		cmocka_unit_test(loads),
	};

	return cmocka_run_group_tests(tests, open_memory, close_memory);
}
