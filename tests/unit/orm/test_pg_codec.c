/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Wire formats of PostgreSQL. The bytes were written by PostgreSQL 15 (numeric_send() and kin). */
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
#include <orm/drivers/pg/oid.h>

#define BYTES_MAX 4096

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

static size_t from_hex(const char *hex, char *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		char pair[3] = {hex[i * 2], hex[i * 2 + 1], '\0'};

		to[i] = (char)strtoul(pair, NULL, 16);
	}
	return n;
}

/* The bytes in a block of exactly their size and a NUL: the sanitizer sees one read too far. */
static int decode(uint32_t oid, enum orm_type want, const char *hex, struct orm_value *ret_value)
{
	size_t n = strlen(hex) / 2;
	char *data = arena_alloc(&arena, n + 1);

	assert_non_null(data);
	from_hex(hex, data);
	data[n] = '\0';
	why = NULL;
	return pg_decode(&arena, oid, want, data, n, ret_value, &why);
}

static void assert_text(const struct orm_value *v, const char *text)
{
	assert_int_equal(v->kind, ORM_K_TEXT);
	assert_int_equal(v->len, strlen(text));
	assert_memory_equal(v->p, text, v->len);
}

static void assert_wire(struct orm_value v, enum orm_type type, enum pg_way way, uint32_t oid,
			const char *hex)
{
	char bytes[BYTES_MAX];
	size_t n = from_hex(hex, bytes);
	struct pg_cell cell;

	why = NULL;
	if (pg_encode(&arena, &v, type, way, &cell, &why))
		fail_msg("%s is refused: %s", hex, why ? why : "-");
	assert_true(cell.binary);
	if (way == PG_PARAM)
		assert_int_equal(cell.oid, oid);
	assert_int_equal(cell.len, n);
	assert_memory_equal(cell.data, bytes, n);
}

static void assert_refused(struct orm_value v, enum orm_type type, enum pg_way way)
{
	struct pg_cell cell;

	why = NULL;
	assert_int_equal(pg_encode(&arena, &v, type, way, &cell, &why), ORM_E_VALUE);
	assert_non_null(why);
}

static struct orm_value text(const char *s)
{
	return orm_value_text(s);
}

static void numbers_go_out(void **state)
{
	struct orm_value i = orm_value_i64(-3), f = orm_value_f64(1.5);

	(void)state;
	assert_wire(i, ORM_T_NONE, PG_PARAM, PG_INT8, "fffffffffffffffd");
	assert_wire(i, ORM_T_SMALLINT, PG_PARAM, PG_INT8, "fffffffffffffffd");
	assert_wire(i, ORM_T_SMALLINT, PG_FIELD, 0, "fffd");
	assert_wire(i, ORM_T_INTEGER, PG_FIELD, 0, "fffffffd");
	assert_wire(i, ORM_T_BIGINT, PG_FIELD, 0, "fffffffffffffffd");
	assert_wire(i, ORM_T_DOUBLE, PG_PARAM, PG_FLOAT8, "c008000000000000");
	assert_wire(i, ORM_T_NUMERIC, PG_PARAM, PG_NUMERIC, "00010000400000000003");
	assert_wire(f, ORM_T_NONE, PG_PARAM, PG_FLOAT8, "3ff8000000000000");
	assert_wire(f, ORM_T_REAL, PG_PARAM, PG_FLOAT8, "3ff8000000000000");
	assert_wire(f, ORM_T_REAL, PG_FIELD, 0, "3fc00000");
	assert_wire(f, ORM_T_BIGINT, PG_PARAM, PG_FLOAT8, "3ff8000000000000");
	assert_wire(f, ORM_T_NUMERIC, PG_FIELD, 0, "000200000000000100011388");
	assert_wire(orm_value_f64(2), ORM_T_BIGINT, PG_PARAM, PG_INT8, "0000000000000002");
	assert_wire(orm_value_bool(true), ORM_T_NONE, PG_PARAM, PG_BOOL, "01");
	assert_wire(orm_value_i64(0), ORM_T_BOOLEAN, PG_PARAM, PG_BOOL, "00");
	assert_wire(orm_value_i64(1), ORM_T_TIMESTAMP_MS, PG_PARAM, PG_TIMESTAMPTZ,
		    "fffca2fec4c823e8");
}

static void numbers_that_do_not_fit(void **state)
{
	(void)state;
	assert_refused(orm_value_i64(32768), ORM_T_SMALLINT, PG_FIELD);
	assert_refused(orm_value_i64(INT64_C(1) << 31), ORM_T_INTEGER, PG_FIELD);
	assert_refused(orm_value_i64(2), ORM_T_BOOLEAN, PG_PARAM);
	assert_refused(orm_value_f64(0.5), ORM_T_INTEGER, PG_FIELD);
	assert_refused(orm_value_f64(1e300), ORM_T_REAL, PG_FIELD);
	assert_refused(orm_value_f64(1e300), ORM_T_BIGINT, PG_FIELD);
	assert_refused(orm_value_i64(INT64_MAX), ORM_T_TIMESTAMP_MS, PG_PARAM);
	assert_refused(orm_value_i64(INT64_MIN), ORM_T_TIMESTAMP_MS, PG_PARAM);
	assert_refused(orm_value_i64(1), ORM_T_TEXT, PG_PARAM);
	assert_refused(orm_value_f64(1), ORM_T_UUID, PG_PARAM);
	assert_refused(orm_value_bool(true), ORM_T_BIGINT, PG_PARAM);
	assert_refused(text("1"), ORM_T_BIGINT, PG_PARAM);
	assert_refused(text("1"), ORM_T_BYTES, PG_PARAM);
	assert_refused((struct orm_value){.kind = 99}, ORM_T_NONE, PG_PARAM);
}

static void texts_go_out(void **state)
{
	static const struct orm_uuid uuid = {
		{0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8}};
	struct pg_cell cell;
	struct orm_value v = text("x");

	(void)state;
	assert_wire(text("\xc3\xbc"), ORM_T_TEXT, PG_PARAM, PG_TEXT, "c3bc");
	assert_wire(text(""), ORM_T_TEXT, PG_PARAM, PG_TEXT, "");
	assert_wire(text("{}"), ORM_T_JSON, PG_PARAM, PG_JSON, "7b7d");
	assert_wire(text("{\"a\": 1}"), ORM_T_JSONB, PG_PARAM, PG_JSONB, "017b2261223a20317d");
	assert_wire(orm_value_uuid(&uuid), ORM_T_NONE, PG_PARAM, PG_UUID,
		    "123456789abcdef00102030405060708");
	assert_wire(text("12345678-9ABC-def0-0102-030405060708"), ORM_T_UUID, PG_PARAM, PG_UUID,
		    "123456789abcdef00102030405060708");
	assert_wire(orm_value_bytes((struct orm_bytes){"\0\xff", 2}), ORM_T_BYTES, PG_PARAM,
		    PG_BYTEA, "00ff");
	/* Without a type: text format, so that the server infers it. */
	assert_int_equal(pg_encode(&arena, &v, ORM_T_NONE, PG_PARAM, &cell, &why), 0);
	assert_false(cell.binary);
	assert_int_equal(cell.oid, 0);
	assert_string_equal(cell.data, "x");
	/* A NULL has the type of the values to come. */
	v = orm_value_null();
	assert_int_equal(pg_encode(&arena, &v, ORM_T_SMALLINT, PG_PARAM, &cell, &why), 0);
	assert_null(cell.data);
	assert_int_equal(cell.oid, PG_INT8);
	assert_refused(orm_value_text_len("a\0b", 3), ORM_T_TEXT, PG_PARAM);
	assert_refused(orm_value_text_len("a\0b", 3), ORM_T_NONE, PG_PARAM);
	assert_refused(orm_value_text_len("{}\0", 3), ORM_T_JSONB, PG_FIELD);
	assert_refused(text("12345678-9abc-def0-0102-03040506070"), ORM_T_UUID, PG_PARAM);
	assert_refused(text("12345678-9abc-def0-0102-03040506070g"), ORM_T_UUID, PG_PARAM);
	assert_refused(text("123456789-abc-def0-0102-030405060708"), ORM_T_UUID, PG_PARAM);
}

static const struct {
	const char *text;
	bool cidr;
	const char *hex;
	const char *canonical;
} nets[] = {
	{"1.2.3.4", false, "0220000401020304", "1.2.3.4"},
	{"1.2.3.4/24", false, "0218000401020304", "1.2.3.4/24"},
	{"10.0.0.0/8", true, "020801040a000000", "10.0.0.0/8"},
	{"1.2.3.4", true, "0220010401020304", "1.2.3.4/32"},
	{"0.0.0.0/0", true, "0200010400000000", "0.0.0.0/0"},
	{"::1", false, "0380001000000000000000000000000000000001", "::1"},
	{"::1", true, "0380011000000000000000000000000000000001", "::1/128"},
	{"2001:DB8::/32", true, "0320011020010db8000000000000000000000000", "2001:db8::/32"},
	{"::ffff:1.2.3.4", false, "0380001000000000000000000000ffff01020304", "::ffff:1.2.3.4"},
	{"::1.2.3.4", false, "0380001000000000000000000000000001020304", "::1.2.3.4"},
	{"1:0:0:0:0:0:0:0", false, "0380001000010000000000000000000000000000", "1::"},
	{"2001:db8:0:0:1::1", false, "0380001020010db8000000000001000000000001",
	 "2001:db8::1:0:0:1"},
};

static void addresses_both_ways(void **state)
{
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++) {
		enum orm_type type = nets[i].cidr ? ORM_T_CIDR : ORM_T_INET;
		uint32_t oid = nets[i].cidr ? PG_CIDR : PG_INET;

		assert_wire(text(nets[i].text), type, PG_PARAM, oid, nets[i].hex);
		assert_int_equal(decode(oid, type, nets[i].hex, &v), 0);
		assert_text(&v, nets[i].canonical);
		assert_int_equal(v.type, type);
	}
}

static void bad_addresses(void **state)
{
	static const char *const texts[] = {"",
					    "1.2.3",
					    "1.2.3.4/33",
					    "1.2.3.4/",
					    "1.2.3.4/1x",
					    "::/129",
					    "1.2.3.256",
					    ":::",
					    "/8",
					    "1.2.3.4/0008",
					    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bb"};
	static const char *const wires[] = {"",
					    "02",
					    "0220000301020304",
					    "0221000401020304",
					    "04200004010203ff",
					    "02200004010203",
					    "022000040102030405",
					    "0320000401020304",
					    "03800010000000000000000000000000000000"};
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_refused(text(texts[i]), ORM_T_INET, PG_PARAM);
	assert_refused(text("10.0.0.1/8"), ORM_T_CIDR, PG_PARAM);
	assert_refused(text("10.128.0.0/8"), ORM_T_CIDR, PG_PARAM);
	assert_refused(text("2001:db8::/28"), ORM_T_CIDR, PG_PARAM);
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		assert_int_equal(decode(PG_INET, ORM_T_NONE, wires[i], &v), ORM_E_VALUE);
}

static const struct {
	const char *text, *hex, *canonical;
} decimals[] = {
	{"0", "0000000000000000", "0"},
	{"0.00", "0000000000000002", "0.00"},
	{"1", "00010000000000000001", "1"},
	{"-1", "00010000400000000001", "-1"},
	{"10000", "00010001000000000001", "10000"},
	{"9999.5", "0002000000000001270f1388", "9999.5"},
	{"0.0001", "0001ffff000000040001", "0.0001"},
	{"0.00012", "0002ffff00000005000107d0", "0.00012"},
	{"123456789.987654321", "0006000200000009000109291a852694153803e8", "123456789.987654321"},
	{"-.5", "0001ffff400000011388", "-0.5"},
	{"1e20", "00010005000000000001", "100000000000000000000"},
	{"+1.5E3", "000100000000000005dc", "1500"},
	{"1e-5", "0001fffe0000000503e8", "0.00001"},
	{"nan", "00000000c0000000", "NaN"},
	{"Infinity", "00000000d0000020", "Infinity"},
	{"-inf", "00000000f0000020", "-Infinity"},
	{"12345678901234567890.00", "000500040000000204d2162e23340d801ed2",
	 "12345678901234567890.00"},
};

static void decimals_both_ways(void **state)
{
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(decimals); i++) {
		const char *wire, *again;
		size_t len;

		assert_int_equal(decode(PG_NUMERIC, ORM_T_NUMERIC, decimals[i].hex, &v), 0);
		assert_text(&v, decimals[i].canonical);
		assert_int_equal(pg_numeric_parse(&arena, decimals[i].text,
						  strlen(decimals[i].text), &wire, &len, &why),
				 0);
		assert_int_equal(pg_numeric_format(&arena, wire, len, &again, &len, &why), 0);
		assert_string_equal(again, decimals[i].canonical);
	}
	assert_wire(text("9999.5"), ORM_T_NUMERIC, PG_PARAM, PG_NUMERIC,
		    "0002000000000001270f1388");
	assert_wire(text("-1"), ORM_T_NUMERIC, PG_FIELD, 0, "00010000400000000001");
}

static void bad_decimals(void **state)
{
	static const char *const texts[] = {"",		"-",  ".",    "1.2.3",	      "1e",
					    "1e+",	"1x", "e5",   "--1",	      "1e200000",
					    "1e-20000", " 1", "0x10", "1e99999999999"};
	static const char *const wires[] = {"",
					    "00000000000000",
					    "00010000000000002710",
					    "000100000000000000",
					    "00020000000000000001",
					    "00000000123400000000",
					    "0000000000004000",
					    "000000000000000000ff"};
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_refused(text(texts[i]), ORM_T_NUMERIC, PG_PARAM);
	for (size_t i = 0; i < ARRAY_LEN(wires); i++)
		assert_int_equal(decode(PG_NUMERIC, ORM_T_NONE, wires[i], &v), ORM_E_VALUE);
	/* Eight bytes that stand for 131,072 digits: as many as PostgreSQL may send, and no more
	 * than the arena allows. */
	assert_int_equal(decode(PG_NUMERIC, ORM_T_NONE, "00017fff00003fff0001", &v), 0);
	assert_int_equal(v.len, 131069 + 1 + 16383);
	arena_deinit(&arena);
	arena_init(&arena, 65536);
	assert_int_equal(decode(PG_NUMERIC, ORM_T_NONE, "00017fff00003fff0001", &v), ORM_E_TOO_BIG);
}

static void aggregates_are_wider(void **state)
{
	struct orm_value v;

	(void)state;
	assert_int_equal(decode(PG_NUMERIC, ORM_T_BIGINT, "00010001000000000001", &v), 0);
	assert_int_equal(v.i, 10000);
	assert_int_equal(decode(PG_NUMERIC, ORM_T_DOUBLE, "0002000000000001270f1388", &v), 0);
	assert_true(v.kind == ORM_K_F64 && v.f == 9999.5);
	assert_int_equal(decode(PG_NUMERIC, ORM_T_BIGINT, "0002000000000001270f1388", &v),
			 ORM_E_VALUE);
	assert_int_equal(decode(PG_NUMERIC, ORM_T_BIGINT, "00010005000000000001", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_INT8, ORM_T_DOUBLE, "0000000000000003", &v), 0);
	assert_true(v.kind == ORM_K_F64 && v.f == 3);
	assert_int_equal(decode(PG_INT8, ORM_T_NUMERIC, "0000000000000003", &v), 0);
	assert_text(&v, "3");
	assert_int_equal(decode(PG_INT8, ORM_T_INTEGER, "0000000080000000", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_INT8, ORM_T_SMALLINT, "0000000000008000", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_TEXT, ORM_T_BIGINT, "3131", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_INT4, ORM_T_TEXT, "00000001", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_BOOL, ORM_T_INTEGER, "01", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_TIMESTAMPTZ, ORM_T_DOUBLE, "fffca2fec4c823e8", &v), ORM_E_VALUE);
}

static void scalars_come_in(void **state)
{
	struct orm_value v;

	(void)state;
	assert_int_equal(decode(PG_INT2, ORM_T_SMALLINT, "fffd", &v), 0);
	assert_true(v.kind == ORM_K_I64 && v.i == -3);
	assert_int_equal(decode(PG_INT4, ORM_T_BIGINT, "fffffffd", &v), 0);
	assert_int_equal(v.i, -3);
	assert_int_equal(decode(PG_OID, ORM_T_NONE, "fffffffd", &v), 0);
	assert_int_equal(v.i, 4294967293);
	assert_int_equal(decode(PG_FLOAT4, ORM_T_REAL, "3fc00000", &v), 0);
	assert_true(v.kind == ORM_K_F64 && v.f == 1.5);
	assert_int_equal(decode(PG_BOOL, ORM_T_BOOLEAN, "01", &v), 0);
	assert_true(v.kind == ORM_K_BOOL && v.b);
	assert_int_equal(decode(PG_JSONB, ORM_T_JSONB, "017b7d", &v), 0);
	assert_text(&v, "{}");
	assert_int_equal(decode(PG_CHAR, ORM_T_NONE, "72", &v), 0);
	assert_text(&v, "r");
	assert_int_equal(decode(PG_UUID, ORM_T_TEXT, "123456789abcdef00102030405060708", &v), 0);
	assert_text(&v, "12345678-9abc-def0-0102-030405060708");
	assert_int_equal(decode(PG_VOID, ORM_T_NONE, "", &v), 0);
	assert_int_equal(v.kind, ORM_K_NULL);
	assert_int_equal(decode(PG_TEXT, ORM_T_VECTOR, "5b312c322e355d", &v), 0); /* [1,2.5] */
	assert_int_equal(v.len, 2);
	assert_true(((const double *)v.p)[1] == 2.5);
	assert_int_equal(decode(16999, ORM_T_NONE, "00", &v), ORM_E_VALUE);
	assert_non_null(why);
}

static void times_come_in(void **state)
{
	struct orm_value v;

	(void)state;
	assert_int_equal(decode(PG_TIMESTAMPTZ, ORM_T_TIMESTAMP_MS, "fffca2fec4c823e8", &v), 0);
	assert_int_equal(v.i, 1);
	/* 1969-12-31 23:59:59.9995: half a millisecond before the epoch is in the one before. */
	assert_int_equal(decode(PG_TIMESTAMPTZ, ORM_T_TIMESTAMP_MS, "fffca2fec4c81e0c", &v), 0);
	assert_int_equal(v.i, -1);
	assert_int_equal(decode(PG_TIMESTAMPTZ, ORM_T_NONE, "7fffffffffffffff", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_TIMESTAMP, ORM_T_NONE, "8000000000000000", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_TIMESTAMP, ORM_T_NONE, "8000000000000001", &v), 0);
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "00002279", &v), 0);
	assert_text(&v, "2024-02-29");
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "fff49d7b", &v), 0);
	assert_text(&v, "0044-03-15 BC");
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "fffdc6bc", &v), 0);
	assert_text(&v, "1600-12-31");
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "7fffffff", &v), ORM_E_VALUE);
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "7ffffffe", &v), 0);
	assert_int_equal(decode(PG_DATE, ORM_T_NONE, "80000001", &v), 0);
}

static void arrays_both_ways(void **state)
{
	static const int64_t ints[] = {1, 2, -3};
	static const double doubles[] = {1.5};
	static const char *const texts[] = {"a", "", "\xc3\xbc"};
	static const char ints_hex[] = "000000010000000000000014000000030000000100000008"
				       "000000000000000100000008000000000000000200000008"
				       "fffffffffffffffd";
	static const char doubles_hex[] =
		"0000000100000000000002bd0000000100000001000000083ff8000000000000";
	static const char texts_hex[] = "00000001000000000000001900000003000000010000000161"
					"0000000000000002c3bc";
	struct orm_value i = orm_value_i64s((struct orm_i64s){ints, 3}),
			 t = orm_value_texts((struct orm_strs){texts, 3}), v;

	(void)state;
	assert_wire(i, ORM_T_BIGINTS, PG_PARAM, PG_INT8S, ints_hex);
	assert_wire(i, ORM_T_SMALLINT, PG_PARAM, PG_INT8S, ints_hex); /* = ANY of a smallint */
	assert_wire(orm_value_f64s((struct orm_f64s){doubles, 1}), ORM_T_DOUBLES, PG_PARAM,
		    PG_FLOAT8S, doubles_hex);
	assert_wire(t, ORM_T_TEXTS, PG_PARAM, PG_TEXTS, texts_hex);
	assert_wire(t, ORM_T_NONE, PG_PARAM, PG_TEXTS, texts_hex);
	assert_int_equal(decode(PG_INT8S, ORM_T_BIGINTS, ints_hex, &v), 0);
	assert_int_equal(v.len, 3);
	assert_memory_equal(v.p, ints, sizeof(ints));
	assert_int_equal(decode(PG_INT8S, ORM_T_DOUBLES, ints_hex, &v), 0);
	assert_true(((const double *)v.p)[2] == -3);
	assert_int_equal(decode(PG_FLOAT8S, ORM_T_NONE, doubles_hex, &v), 0);
	assert_memory_equal(v.p, doubles, sizeof(doubles));
	assert_int_equal(decode(PG_TEXTS, ORM_T_TEXTS, texts_hex, &v), 0);
	assert_int_equal(v.len, 3);
	for (unsigned n = 0; n < 3; n++)
		assert_string_equal(((const char *const *)v.p)[n], texts[n]);
	assert_int_equal(decode(PG_TEXTS, ORM_T_TEXTS, "000000000000000000000019", &v), 0);
	assert_int_equal(v.len, 0);
}

static void lists_of_a_columns_type(void **state)
{
	static const char *const ips[] = {"1.2.3.4"}, *const bad[] = {"1.2.3.4", "x"};
	static const int64_t ms[] = {1};

	(void)state;
	assert_wire(orm_value_texts((struct orm_strs){ips, 1}), ORM_T_INET, PG_PARAM, PG_INETS,
		    "000000010000000000000365000000010000000100000008"
		    "0220000401020304");
	assert_wire(orm_value_i64s((struct orm_i64s){ms, 1}), ORM_T_TIMESTAMP_MS, PG_PARAM,
		    PG_TIMESTAMPTZS,
		    "0000000100000000000004a0000000010000000100000008fffca2fec4c823e8");
	assert_wire(orm_value_texts((struct orm_strs){NULL, 0}), ORM_T_UUID, PG_PARAM, PG_UUIDS,
		    "000000010000000000000b860000000000000001");
	assert_refused(orm_value_texts((struct orm_strs){bad, 2}), ORM_T_INET, PG_PARAM);
	assert_refused(orm_value_texts((struct orm_strs){ips, 1}), ORM_T_BIGINT, PG_PARAM);
	assert_refused(orm_value_i64s((struct orm_i64s){ms, 1}), ORM_T_BYTES, PG_PARAM);
}

static void vectors_go_out(void **state)
{
	static const double v[] = {1, -0.5};
	struct orm_value value = orm_value_f64s((struct orm_f64s){v, 2});
	struct pg_cell cell;

	(void)state;
	assert_int_equal(pg_encode(&arena, &value, ORM_T_VECTOR, PG_PARAM, &cell, &why), 0);
	assert_false(cell.binary);
	assert_string_equal(cell.data, "[1,-0.5]");
	assert_wire(value, ORM_T_VECTOR, PG_FIELD, 0, "000200003f800000bf000000");
}

static void lying_arrays(void **state)
{
	static const struct {
		uint32_t oid;
		const char *hex;
	} bad[] = {
		{PG_INT8S, ""},
		{PG_INT8S, "0000000100000000000000"},
		{PG_INT8S, "000000010000000000000014"},			/* no length */
		{PG_INT8S, "0000000100000000000000140000000300000001"}, /* 3, none there */
		{PG_INT8S, "000000010000000000000014ffffffff00000001"},
		{PG_INT8S, "000000010000000000000014400000000000000100000008"},
		{PG_INT8S, "00000001000000000000001400000001000000010000000700000000000000"},
		{PG_INT8S, "0000000100000000000000140000000100000001000000080000"},
		{PG_INT8S, "00000001000000000000001400000001000000017fffffff0000"},
		{PG_INT8S, "00000001000000010000001400000001000000"
			   "01ffffffff"}, /* NULL */
		{PG_INT8S, "0000000200000000000000140000000100000001000000010000000100000008"
			   "0000000000000001"}, /* two dimensions */
		{PG_TEXTS, "00000001000000000000001900000001000000010000000161"
			   "61"},						      /* more */
		{PG_TEXTS, "000000010000000000000019000000010000000100000003610061"}, /* a NUL */
		{PG_TEXTS, "000000010000000000003e67000000000000000100000003610061"}, /* OID */
		{PG_INT2, "00"},
		{PG_INT8, "00000000"},
		{PG_BOOL, ""},
		{PG_UUID, "00112233"},
		{PG_JSONB, ""},
		{PG_JSONB, "027b7d"},
	};
	struct orm_value v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (decode(bad[i].oid, ORM_T_NONE, bad[i].hex, &v) != ORM_E_VALUE || !why)
			fail_msg("'%s' is taken", bad[i].hex);
}

/* Whatever is cut off anywhere: refused or taken, never read beyond. The sanitizer judges. */
static void truncated_everywhere(void **state)
{
	static const uint32_t oids[] = {PG_INT8S, PG_TEXTS, PG_NUMERIC, PG_INET,
					PG_JSONB, PG_UUID,  PG_FLOAT4S, PG_TIMESTAMPTZ};
	static const char hex[] = "000000010000000000000019000000030000000100000001610000000000000"
				  "002c3bc";

	(void)state;
	for (size_t o = 0; o < ARRAY_LEN(oids); o++)
		for (size_t n = 0; n <= sizeof(hex) / 2; n++) {
			char part[sizeof(hex)];
			struct orm_value v;
			int r;

			snprintf(part, sizeof(part), "%.*s", (int)n * 2, hex);
			r = decode(oids[o], ORM_T_NONE, part, &v);
			assert_true(r == 0 || (r == ORM_E_VALUE && why));
		}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(numbers_go_out),	    TEST(numbers_that_do_not_fit),
		TEST(texts_go_out),	    TEST(addresses_both_ways),
		TEST(bad_addresses),	    TEST(decimals_both_ways),
		TEST(bad_decimals),	    TEST(aggregates_are_wider),
		TEST(scalars_come_in),	    TEST(times_come_in),
		TEST(arrays_both_ways),	    TEST(lists_of_a_columns_type),
		TEST(vectors_go_out),	    TEST(lying_arrays),
		TEST(truncated_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
